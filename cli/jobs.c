#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/store_call.h"
#include "common/base/job_signal.h"
#include "common/base/number.h"
#include "common/jobs/types.h"
#include "common/store/job_json.h"
#include "common/store/job_log.h"

#define USAGE            "jobs list|show|cancel|log|types|workers [OPTIONS] [ID…]"
#define LIST_DEFAULT     100
#define MAX_OPERANDS     1000
#define OUTPUT_MAX_BYTES (512UL * 1024 * 1024)

struct jobs_call {
    struct store_call base;
    bool json, follow, help;
    const char *name, *experiment, *limit, *bytes;
    enum job_status statuses[JOB_STATUSES];
    size_t status_count;
    const char *operands[MAX_OPERANDS];
    size_t operand_count;
};

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "  list        Show jobs, the newest last.\n"
        "  show ID     Show all of one job.\n"
        "  cancel ID…  Cancel jobs that wait or run.\n"
        "  log ID      Print what a job has printed.\n"
        "  types       Show which types of jobs are declared, and whether all is right with jobs.d.\n"
        "  workers     Show who runs jobs, and when each was last heard of.\n\n"
        "Options:\n"
        "  --name NAME              list: of this type only.\n"
        "  --status STATUS          list: in this status only: PENDING, RUNNING, SUCCEEDED, FAILED, TIMEOUT\n"
        "                           or CANCELED. May be given more than once.\n"
        "  --experiment ID          list: of this experiment only.\n"
        "  --limit N                list: the newest N only. Default: %d; 0: all.\n"
        "  --bytes N                log: the last N bytes only.\n"
        "  --follow                 log: go on until the job has ended.\n"
        "  --json                   list, show: as the API answers it.\n"
        "  --jobs-dir DIR           types: the directory. Default: as the settings say.\n"
        "  --backend-store-uri URI  Database of the server.\n"
        "  --config FILE            Read settings from FILE.\n"
        "  --help                   Show this text.\n",
        LIST_DEFAULT);
}

static struct sv local_time(struct arena *arena, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];
    if (!localtime_r(&seconds, &parts))
        return SV("?");
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
    return arena_copy(arena, sv_from(text));
}

/* --- list, show --- */

static int print_json(const struct job *jobs, size_t count, bool as_list)
{
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, OUTPUT_MAX_BYTES);
    json_writer_init(&json, &text);
    if (as_list)
        json_begin_array(&json);
    for (size_t i = 0; i < count; i++)
        job_write(&json, &jobs[i]);
    if (as_list)
        json_end_array(&json);
    bool done = !text.failed && fwrite(text.data, 1, text.len, stdout) == text.len;
    putchar('\n');
    buffer_free(&text);
    return done ? EXIT_OK : command_error("the output is too large");
}

static int list_jobs(struct jobs_call *call)
{
    int64_t limit = LIST_DEFAULT;
    const struct job *jobs;
    size_t count;
    if (call->limit && !parse_int64(sv_from(call->limit), 0, INT64_MAX, &limit))
        return usage_error(USAGE, "Invalid value for '--limit': '%s' is not a number.", call->limit);
    const struct job_filter filter = {
        .name = sv_from(call->name),
        .experiment_id = sv_from(call->experiment),
        .statuses = call->statuses,
        .status_count = call->status_count,
        .newest = limit,
    };
    struct store_tx *tx = store_call_begin(&call->base, DB_READ);
    if (!tx || store_call_end(&call->base, tx, job_search(tx, &filter, &jobs, &count)) != OK)
        return EXIT_FAILED;
    if (call->json)
        return print_json(jobs, count, true);
    for (size_t i = 0; i < count; i++) {
        printf("%.*s  %-9s  %.*s  %.*s", SV_ARG(jobs[i].job_id), job_status_name(jobs[i].status),
               SV_ARG(local_time(call->base.arena, jobs[i].creation_time)), SV_ARG(jobs[i].name));
        if (jobs[i].status == JOB_RUNNING && jobs[i].progress >= 0)
            printf("  %.0f%%", jobs[i].progress * 100);
        putchar('\n');
    }
    return EXIT_OK;
}

static void print_text(const char *label, struct sv text)
{
    if (text.data)
        printf("%-13s %.*s\n", label, SV_ARG(text));
}

static void print_job(struct arena *arena, const struct job *job)
{
    print_text("id:", job->job_id);
    print_text("name:", job->name);
    print_text("status:", sv_from(job_status_name(job->status)));
    print_text("params:", job->params);
    print_text("created:", local_time(arena, job->creation_time));
    print_text("changed:", local_time(arena, job->last_update_time));
    if (job->start_time)
        print_text("started:", local_time(arena, job->start_time));
    if (job->timeout >= 0)
        printf("%-13s %g s\n", "timeout:", job->timeout);
    printf("%-13s %" PRId64 "\n%-13s %" PRId64 "\n", "attempts:", job->attempts,
           "retries:", job->retry_count);
    print_text("worker:", job->worker);
    if (job->progress >= 0)
        printf("%-13s %.1f%%\n", "progress:", job->progress * 100);
    print_text("message:", job->progress_message);
    print_text("details:", job->status_details);
    print_text(job->status == JOB_SUCCEEDED ? "result:" : "error:", job->result);
}

static int show_job(struct jobs_call *call)
{
    struct job job;
    struct store_tx *tx = store_call_begin(&call->base, DB_READ);
    if (!tx || store_call_end(&call->base, tx, job_get(tx, sv_from(call->operands[0]), &job)) != OK)
        return EXIT_FAILED;
    if (call->json)
        return print_json(&job, 1, false);
    print_job(call->base.arena, &job);
    return EXIT_OK;
}

/* --- cancel --- */

/* Each by itself, so that one that has ended already keeps no other. */
static int cancel_jobs(struct jobs_call *call)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < call->operand_count; i++) {
        struct job job;
        error_clear(&call->base.error);
        struct store_tx *tx = store_call_begin(&call->base, DB_WRITE);
        if (!tx)
            return EXIT_FAILED;
        if (store_call_end(&call->base, tx, job_cancel(tx, sv_from(call->operands[i]), &job)) != OK)
            status = EXIT_FAILED;
        else
            printf("Job with ID %s has been canceled.\n", call->operands[i]);
    }
    job_signal_send(call->base.database);
    return status;
}

/* --- log --- */

static int print_log(struct jobs_call *call)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    int64_t bytes = 0, offset = 0;
    if (call->bytes && !parse_int64(sv_from(call->bytes), 1, INT64_MAX, &bytes))
        return usage_error(USAGE, "Invalid value for '--bytes': '%s' is not a number.", call->bytes);
    offset = -bytes;
    for (;;) {
        struct job_log_part part;
        struct arena_mark mark = arena_mark(call->base.arena);
        struct store_tx *tx = store_call_begin(&call->base, DB_READ);
        if (!tx || store_call_end(&call->base, tx,
                                  job_log_read(tx, sv_from(call->operands[0]), offset, 0, &part)) != OK)
            return EXIT_FAILED;
        if (fwrite(part.bytes.data, 1, part.bytes.len, stdout) != part.bytes.len || fflush(stdout) != 0)
            return EXIT_FAILED;
        arena_rewind(call->base.arena, mark);
        offset = part.end;
        if (part.complete || (part.end == part.size && !call->follow))
            return EXIT_OK;
        if (part.end == part.size)
            nanosleep(&pause, NULL);
    }
}

/* --- types, workers --- */

static int list_types(struct jobs_call *call)
{
    struct job_types types;
    struct sv problem;
    if (!job_types_from_settings(&types, call->base.arena, &call->base.config.settings,
                                 call->base.config.file, &problem))
        return command_error("%.*s", SV_ARG(problem));
    for (size_t i = 0; i < types.count; i++) {
        const struct job_type *type = &types.items[i];
        printf("%.*s  (%.*s)%s\n   ", SV_ARG(type->name), SV_ARG(type->place),
               type->enabled ? "" : "  not enabled");
        for (size_t n = 0; n < type->argc; n++)
            printf(" %.*s", SV_ARG(type->argv[n]));
        putchar('\n');
    }
    if (types.count == 0)
        printf("There are no types of jobs.\n");
    return EXIT_OK;
}

static int list_workers(struct jobs_call *call)
{
    const struct job_worker *workers;
    size_t count;
    struct store_tx *tx = store_call_begin(&call->base, DB_READ);
    if (!tx || store_call_end(&call->base, tx, job_workers(tx, &workers, &count)) != OK)
        return EXIT_FAILED;
    for (size_t i = 0; i < count; i++)
        printf("%.*s  %.*s%s  seen %.*s  runs %" PRId64 "\n", SV_ARG(workers[i].worker),
               SV_ARG(workers[i].host), workers[i].remote ? " (over HTTP)" : "",
               SV_ARG(local_time(call->base.arena, workers[i].last_seen)), workers[i].running);
    return EXIT_OK;
}

/* --- The call --- */

static const struct subcommand {
    const char *name;
    int (*run)(struct jobs_call *call);
    size_t least, most; /* operands */
    bool without_store;
} subcommands[] = {
    {"list", list_jobs, 0, 0, false},
    {"show", show_job, 1, 1, false},
    {"cancel", cancel_jobs, 1, MAX_OPERANDS, false},
    {"log", print_log, 1, 1, false},
    {"types", list_types, 0, 0, true},
    {"workers", list_workers, 0, 0, false},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static int take_status(struct jobs_call *call, const char *text)
{
    enum job_status status;
    if (!job_status_parse(sv_from(text), &status))
        return usage_error(USAGE,
                           "Invalid value for '--status': '%s' is not PENDING, RUNNING, SUCCEEDED, FAILED, "
                           "TIMEOUT or CANCELED.",
                           text);
    if (call->status_count < JOB_STATUSES)
        call->statuses[call->status_count++] = status;
    return EXIT_OK;
}

static bool take_flag(struct jobs_call *call, const char *argument)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--json", &call->json}, {"--follow", &call->follow}, {"--help", &call->help}};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(argument, flags[i].name) == 0)
            return *flags[i].flag = true;
    return false;
}

static int parse_arguments(struct jobs_call *call, int argc, char **argv, const char **directory)
{
    for (int i = 1; i < argc; i++) {
        const char *status = NULL;
        const struct {
            const char *name, **value;
        } options[] = {{"--name", &call->name},   {"--experiment", &call->experiment},
                       {"--limit", &call->limit}, {"--bytes", &call->bytes},
                       {"--status", &status},     {"--jobs-dir", directory}};
        int taken = store_call_option(&call->base, argc, argv, &i);
        for (size_t n = 0; n < sizeof(options) / sizeof(options[0]) && !taken; n++)
            taken = take_option(argc, argv, &i, options[n].name, options[n].value);
        if (taken < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (status && take_status(call, status) != EXIT_OK)
            return EXIT_USAGE;
        if (taken > 0 || take_flag(call, argv[i]))
            continue;
        if (argv[i][0] == '-')
            return usage_error(USAGE, "No such option: %s", argv[i]);
        if (call->operand_count == MAX_OPERANDS)
            return usage_error(USAGE, "Too many arguments.");
        call->operands[call->operand_count++] = argv[i];
    }
    return EXIT_OK;
}

static int run(struct jobs_call *call, const struct subcommand *subcommand, const char *directory)
{
    int status = store_call_configure(&call->base);
    if (status != EXIT_OK)
        return status;
    if (directory)
        call->base.config.settings.jobs_dir = arena_copy(call->base.arena, sv_from(directory));
    if (!subcommand->without_store)
        status = store_call_open(&call->base);
    return status == EXIT_OK ? subcommand->run(call) : status;
}

int jobs_command(int argc, char **argv)
{
    static struct jobs_call call;
    const char *directory = NULL;
    call = (struct jobs_call){.base.usage = USAGE};
    int status = parse_arguments(&call, argc, argv, &directory);
    if (status != EXIT_OK)
        return status;
    if (call.help) {
        print_help();
        return EXIT_OK;
    }
    if (call.operand_count == 0)
        return usage_error(USAGE, "Missing command.");
    const struct subcommand *subcommand = find_subcommand(call.operands[0]);
    if (!subcommand)
        return usage_error(USAGE, "No such command '%s'.", call.operands[0]);
    call.operand_count--;
    memmove(call.operands, call.operands + 1, call.operand_count * sizeof(call.operands[0]));
    if (call.operand_count < subcommand->least || call.operand_count > subcommand->most)
        return usage_error(USAGE, "'%s' takes %s.", subcommand->name,
                           subcommand->most ? "the id of a job" : "no arguments");
    status = run(&call, subcommand, directory);
    store_call_close(&call.base);
    return status;
}
