#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/job_run.h"
#include "common/json/json_check.h"

static void end(struct job_run *run, enum job_end how, struct sv text)
{
    run->ending = (struct job_ending){.end = how, .text = text, .type = run->taken.type};
}

static void fail_because(struct job_run *run, const char *sentence)
{
    end(run, JOB_END_FAILED, job_text(run->arena, sv_from(sentence)));
}

/* --- MLflow's result file --- */

static struct sv read_result(struct job_run *run)
{
    struct stat file;
    int64_t limit = run->taken.type->output_bytes;
    if (run->exit.result < 0 || fstat(run->exit.result, &file) != 0 || !S_ISREG(file.st_mode) ||
        file.st_size > limit)
        return SV_ABSENT;
    char *text = arena_alloc(run->arena, (size_t)file.st_size + 1);
    size_t len = 0;
    while (len < (size_t)file.st_size) {
        ssize_t got = pread(run->exit.result, text + len, (size_t)file.st_size - len, (off_t)len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    return (struct sv){text, len};
}

static struct sv member(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string)
               ? json_string_view(value)
               : SV_ABSENT;
}

static bool is_true(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_boolean) &&
           json_object_get_boolean(value);
}

/* {"succeeded": bool, "result": text of JSON, "is_transient_error": bool, "error": text} */
static void judge_file(struct job_run *run)
{
    struct json_object *object = NULL;
    struct sv problem, text = read_result(run);
    struct json_check check = {0};
    if (!text.data || json_parse(run->arena, text, &object, &problem) != JSON_OK ||
        !json_object_is_type(object, json_type_object)) {
        fail_because(run, run->exit.result < 0
                              ? "The job ended without a result file."
                              : "The job's result file cannot be read, is not a JSON object, "
                                "or is larger than output_bytes allows.");
        json_object_put(object);
        return;
    }
    struct sv result = arena_copy(run->arena, member(object, "result"));
    struct sv error = member(object, "error");
    if (!is_true(object, "succeeded"))
        end(run, is_true(object, "is_transient_error") ? JOB_END_TRANSIENT : JOB_END_FAILED,
            error.data ? job_text(run->arena, error) : SV("The job failed without saying why."));
    else if (!result.data)
        end(run, JOB_END_SUCCEEDED, SV("null"));
    else if (json_check(run->arena, result, &check) == JSON_OK)
        end(run, JOB_END_SUCCEEDED, result);
    else
        fail_because(run, "The job's result is not JSON.");
    json_object_put(object);
}

/* --- */

static void judge_output(struct job_run *run)
{
    struct sv result = job_output_result(&run->output, run->arena);
    if (result.data)
        end(run, JOB_END_SUCCEEDED, result);
    else
        fail_because(run, "The job's result is larger than output_bytes allows.");
}

static struct sv how_it_ended(struct job_run *run)
{
    const struct job_type *type = run->taken.type;
    int status = run->exit.status;
    if (WIFSIGNALED(status))
        return arena_printf(run->arena, "The job was killed by signal %d (SIG%s).", WTERMSIG(status),
                            sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    /* MLflow's words, spelt as there. */
    if (type->result == JOB_RESULT_FILE)
        return arena_printf(
            run->arena,
            "RuntimeError('The subprocess that executes job function %.*s exists with error code %d')",
            SV_ARG(type->function), WEXITSTATUS(status));
    return arena_printf(run->arena, "The job ended with exit status %d.", WEXITSTATUS(status));
}

static void judge_failure(struct job_run *run)
{
    int status = run->exit.status;
    bool transient = WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL;
    struct sv said = job_output_error(&run->output, run->arena), text = how_it_ended(run);
    if (said.len > 0 && WIFSIGNALED(status))
        text = arena_printf(run->arena, "%.*s\n%.*s", SV_ARG(text), SV_ARG(said));
    else if (said.len > 0 && run->taken.type->result != JOB_RESULT_FILE)
        text = said;
    end(run, transient ? JOB_END_TRANSIENT : JOB_END_FAILED, text);
}

void job_run_judge(struct job_run *run)
{
    bool good = WIFEXITED(run->exit.status) && WEXITSTATUS(run->exit.status) == 0;
    if (run->exit.problem[0])
        fail_because(run, run->exit.problem);
    else if (run->exit.lost)
        fail_because(run, "The process that looks after the job was killed.");
    else if (run->exit.timed_out)
        end(run, JOB_END_TIMEOUT, SV_ABSENT);
    else if (good && run->taken.type->result == JOB_RESULT_FILE)
        judge_file(run);
    else if (good)
        judge_output(run);
    else if (run->stopped)
        end(run, JOB_END_RETURNED, SV_ABSENT);
    else
        judge_failure(run);
}
