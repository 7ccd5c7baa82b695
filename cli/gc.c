#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/store_call.h"
#include "common/base/clock.h"
#include "common/base/number.h"
#include "common/store/jobs.h"

#define USAGE      "gc [--jobs] [--job-ids IDS] [--older-than TIME] [OPTIONS]"
#define AT_A_TIME  500 /* jobs in one transaction */
#define MAX_AGE_MS 1e15

struct gc_call {
    struct store_call base;
    bool jobs, help;
    const char *job_ids, *older_than;
    int64_t older_than_ms; /* a time; 0: whenever */
};

static void print_help(void)
{
    printf("Usage: tracklight " USAGE "\n\n"
           "Remove for good what is not needed any more. So far that is jobs that have ended, with their "
           "logs.\n\n"
           "Options:\n"
           "  --jobs                   Remove jobs that succeeded, failed, timed out or were canceled.\n"
           "  --job-ids IDS            Only the jobs with these ids, which commas separate. Implies --jobs.\n"
           "  --older-than TIME        Only what was made longer ago: 7d, 8h, 2d8h5m20s, 2m4.3s.\n"
           "  --backend-store-uri URI  Database of the server.\n"
           "  --config FILE            Read settings from FILE.\n"
           "  --help                   Show this text.\n");
}

/* "2d8h5m20s": each part at most once, in this order, with fractions. */
static bool parse_age(struct sv text, double *age_ms)
{
    static const struct {
        char unit;
        double ms;
    } units[] = {{'d', 86400e3}, {'h', 3600e3}, {'m', 60e3}, {'s', 1e3}};
    size_t unit = 0, len = 0;
    *age_ms = 0;
    if (!text.len)
        return false;
    while (text.len) {
        double number;
        for (len = 0;
             len < text.len && ((text.data[len] >= '0' && text.data[len] <= '9') || text.data[len] == '.');)
            len++;
        while (unit < 4 && len < text.len && units[unit].unit != text.data[len])
            unit++;
        if (unit == 4 || len == text.len || !parse_double(sv_first(text, len), &number))
            return false;
        *age_ms += number * units[unit++].ms;
        text = sv_from_offset(text, len + 1);
    }
    return isfinite(*age_ms) && *age_ms <= MAX_AGE_MS;
}

static int read_age(struct gc_call *call)
{
    double age_ms;
    if (!call->older_than)
        return EXIT_OK;
    if (!parse_age(sv_from(call->older_than), &age_ms))
        return usage_error(USAGE,
                           "Could not parse any time information from '%s'. Examples of valid strings: '8h', "
                           "'2d8h5m20s', '2m4.3s'",
                           call->older_than);
    call->older_than_ms = clock_now_ms() - (int64_t)age_ms;
    if (call->older_than_ms < 1)
        call->older_than_ms = 1;
    return EXIT_OK;
}

/* --- Jobs --- */

static enum status remove_jobs(struct gc_call *call, const struct sv *ids, size_t count)
{
    bool removed[AT_A_TIME];
    struct store_tx *tx = store_call_begin(&call->base, DB_WRITE);
    enum status status = OK;
    if (!tx)
        return FAILED;
    for (size_t i = 0; i < count && status == OK; i++)
        status = job_remove(tx, ids[i], call->older_than_ms, &removed[i]);
    if (store_call_end(&call->base, tx, status) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++)
        if (removed[i])
            printf("Job with ID %.*s has been permanently deleted.\n", SV_ARG(ids[i]));
    return OK;
}

static enum status remove_named_jobs(struct gc_call *call)
{
    struct sv rest = sv_from(call->job_ids);
    while (rest.data) {
        struct sv ids[AT_A_TIME];
        size_t count = 0;
        while (rest.data && count < AT_A_TIME)
            ids[count++] = sv_trim(sv_cut(&rest, ','));
        if (remove_jobs(call, ids, count) != OK)
            return FAILED;
    }
    return OK;
}

static enum status remove_all_jobs(struct gc_call *call)
{
    size_t count = AT_A_TIME;
    while (count == AT_A_TIME) {
        const struct sv *ids;
        struct arena_mark mark = arena_mark(call->base.arena);
        struct store_tx *tx = store_call_begin(&call->base, DB_READ);
        if (!tx ||
            store_call_end(&call->base, tx,
                           job_removable(tx, call->older_than_ms, AT_A_TIME, &ids, &count)) != OK ||
            remove_jobs(call, ids, count) != OK)
            return FAILED;
        arena_rewind(call->base.arena, mark);
    }
    return OK;
}

/* --- The call --- */

/* Of the reference's command; what is refused by name is not taken for a slip of the pen. */
static bool is_for_later(const char *argument)
{
    static const char *const names[] = {"--run-ids", "--experiment-ids", "--logged-model-ids",
                                        "--artifacts-destination", "--tracking-uri"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(argument, names[i], len) == 0 && (argument[len] == '\0' || argument[len] == '='))
            return true;
    }
    return false;
}

static int parse_arguments(struct gc_call *call, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int taken = store_call_option(&call->base, argc, argv, &i);
        if (!taken)
            taken = take_option(argc, argv, &i, "--job-ids", &call->job_ids);
        if (!taken)
            taken = take_option(argc, argv, &i, "--older-than", &call->older_than);
        if (taken < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (taken)
            continue;
        if (strcmp(argv[i], "--jobs") == 0)
            call->jobs = true;
        else if (strcmp(argv[i], "--help") == 0)
            call->help = true;
        else if (is_for_later(argv[i]))
            return usage_error(USAGE, "Option '%s' is not in this version: only jobs can be removed.",
                               argv[i]);
        else if (argv[i][0] == '-')
            return usage_error(USAGE, "No such option: %s", argv[i]);
        else
            return usage_error(USAGE, "Got unexpected extra argument (%s)", argv[i]);
    }
    return EXIT_OK;
}

static int run(struct gc_call *call)
{
    int status = store_call_configure(&call->base);
    if (status == EXIT_OK)
        status = store_call_open(&call->base);
    if (status != EXIT_OK)
        return status;
    enum status done = call->job_ids ? remove_named_jobs(call) : remove_all_jobs(call);
    return done == OK ? EXIT_OK : EXIT_FAILED;
}

int gc_command(int argc, char **argv)
{
    struct gc_call call = {.base.usage = USAGE};
    int status = parse_arguments(&call, argc, argv);
    if (status == EXIT_OK && call.help) {
        print_help();
        return EXIT_OK;
    }
    if (status == EXIT_OK && !call.jobs && !call.job_ids)
        status = usage_error(USAGE, "Only jobs can be removed in this version: give --jobs or --job-ids.");
    if (status == EXIT_OK)
        status = read_age(&call);
    if (status != EXIT_OK)
        return status;
    status = run(&call);
    store_call_close(&call.base);
    return status;
}
