#include "cli/job_run.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/job_supervisor.h"
#include "common/base/arena_text.h"
#include "common/base/id.h"

#define ARENA_LIMIT_BYTES (256UL * 1024 * 1024)
#define READ_BYTES        (64 * 1024)
#define READS_AT_ONCE     4
#define LAST_READS        8 /* as much as a pipe can hold */

/* --- What is taken, in memory of its own --- */

static void copy(struct arena *arena, struct sv *text)
{
    *text = arena_copy(arena, *text);
}

static void copy_taken(struct job_run *run, const struct job_taken *taken)
{
    struct arena *arena = run->arena;
    run->taken = *taken;
    copy(arena, &run->taken.job.job_id);
    copy(arena, &run->taken.job.name);
    copy(arena, &run->taken.job.params);
    copy(arena, &run->taken.lease.job_id);
    copy(arena, &run->taken.lease.lease);
    run->taken.job.result = run->taken.job.progress_message = run->taken.job.status_details =
        run->taken.job.worker = SV_ABSENT;
    run->lease = run->taken.lease;
}

/* --- Starting --- */

static void cannot_start(struct job_run *run, struct sv problem)
{
    run->ended = run->gone = true;
    run->ending = (struct job_ending){.end = JOB_END_FAILED, .text = problem, .type = run->taken.type};
}

static struct sv transient_classes(struct arena *arena, const struct job_type *type)
{
    struct arena_text text;
    arena_text_init(&text, arena);
    for (size_t i = 0; i < type->transient_error_count; i++) {
        arena_text_add(&text, type->transient_errors[i]);
        arena_text_add(&text, SV("\n"));
    }
    return arena_text_sv(&text);
}

static const char *text_or_null(struct sv text)
{
    return text.len ? text.data : NULL;
}

static struct job_command command_of(struct job_run *run, const struct job_surroundings *surroundings,
                                     const struct job_user *user, const char *folder)
{
    const struct job_type *type = run->taken.type;
    struct arena *arena = run->arena;
    const char **argv = ARENA_ARRAY(arena, const char *, type->argc + 1);
    for (size_t i = 0; i < type->argc; i++)
        argv[i] = type->argv[i].data;
    struct job_command command = {
        .argv = argv,
        .environment = job_environment(arena, &run->taken, user, surroundings, folder),
        .directory = text_or_null(type->directory),
        .temporary = folder,
        .input = run->taken.job.params,
        .user = user,
        .limits = {type->cpu_seconds, type->memory_bytes, type->open_files, type->processes},
        .timeout_ms = run->taken.timeout_ms > 0 ? run->taken.timeout_ms : -1,
        .grace_ms = surroundings->grace_ms,
        .name = arena_printf(arena, "tracklight-job-%.*s-%lld", SV_ARG(run->lease.job_id),
                             (long long)run->lease.attempt)
                    .data,
        .cgroups = surroundings->cgroups,
        .alive = surroundings->alive,
    };
    if (type->result == JOB_RESULT_FILE) {
        command.result_file = arena_printf(arena, "%s/" JOB_RESULT_FILE_NAME, folder).data;
        command.given_file = arena_printf(arena, "%s/" JOB_TRANSIENT_FILE_NAME, folder).data;
        command.given = transient_classes(arena, type);
    }
    return command;
}

static bool find_user(struct job_run *run, struct job_user **user, struct sv *problem)
{
    if (!run->taken.type->user.len)
        return true;
    struct job_user *found = ARENA_NEW(run->arena, struct job_user);
    if (!job_user_find(run->taken.type->user, run->arena, found, problem))
        return false;
    if (found->uid != geteuid() || found->gid != getegid())
        *user = found;
    return true;
}

static void start(struct job_run *run, const struct job_surroundings *surroundings)
{
    struct sv problem = SV_ABSENT;
    struct job_user *user = NULL;
    if (!find_user(run, &user, &problem)) {
        cannot_start(run, problem);
        return;
    }
    const char *folder = arena_printf(run->arena, "%s/tracklight-job-%.*s", surroundings->temporary,
                                      SV_ARG(id_new(run->arena)))
                             .data;
    struct job_command command = command_of(run, surroundings, user, folder);
    run->folder = folder;
    run->group = command.name;
    run->running = job_process_start(&command, run->arena, &run->process, &problem);
    if (!run->running)
        cannot_start(run, problem);
}

struct job_run *job_run_start(const struct job_taken *taken, const struct job_surroundings *surroundings)
{
    struct job_run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->arena = arena_new(ARENA_LIMIT_BYTES);
    run->exit.result = run->process.control = run->process.output = run->process.errors = -1;
    copy_taken(run, taken);
    job_output_init(&run->output, (size_t)taken->type->output_bytes);
    start(run, surroundings);
    return run;
}

/* --- While it runs, and at its end --- */

/* Some at a time, so that one that writes without end does not keep the others waiting. */
void job_run_read(struct job_run *run, enum job_stream stream, struct arena *scratch)
{
    char bytes[READ_BYTES];
    int *fd = stream == JOB_STDOUT ? &run->process.output : &run->process.errors;
    for (int i = 0; i < READS_AT_ONCE && *fd >= 0; i++) {
        ssize_t len = read(*fd, bytes, sizeof(bytes));
        if (len < 0)
            return;
        if (len == 0) {
            close(*fd);
            *fd = -1;
        } else {
            job_output_add(&run->output, stream, (struct sv){bytes, (size_t)len}, scratch);
        }
        if (len < (ssize_t)sizeof(bytes))
            return;
    }
}

/* What is still in the pipes: all writers are dead. */
static void end_run(struct job_run *run, struct arena *scratch)
{
    for (int i = 0; i < LAST_READS; i++) {
        job_run_read(run, JOB_STDOUT, scratch);
        job_run_read(run, JOB_STDERR, scratch);
    }
    job_process_close_output(&run->process);
    job_run_judge(run);
    if (run->exit.result >= 0)
        close(run->exit.result);
    run->exit.result = -1;
    run->running = false;
    run->ended = true;
}

void job_run_event(struct job_run *run, struct arena *scratch)
{
    enum job_event event;
    while (!run->gone && (event = job_process_event(&run->process, &run->exit)) != JOB_NOTHING) {
        if (!run->ended)
            end_run(run, scratch);
        run->gone = event == JOB_GONE;
    }
}

void job_run_clear_up(const struct job_run *run, const struct job_surroundings *surroundings)
{
    if (run->folder)
        job_remove_folder(run->folder);
    if (run->group && surroundings->cgroups >= 0)
        unlinkat(surroundings->cgroups, run->group, AT_REMOVEDIR);
}

void job_run_free(struct job_run *run)
{
    job_process_close_output(&run->process);
    if (run->process.control >= 0)
        close(run->process.control);
    if (run->exit.result >= 0)
        close(run->exit.result);
    job_output_free(&run->output);
    arena_free(run->arena);
    free(run);
}
