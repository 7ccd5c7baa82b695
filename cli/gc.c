#include "cli/gc.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/clock.h"
#include "common/base/timestamp.h"

#define USAGE "gc [--older-than TIME] [--jobs] [OPTIONS]"

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "Remove for good what is not needed any more: deleted runs, deleted logged models, and deleted "
        "experiments\n"
        "with all that is in them, traces too; and their artifacts. A server may run meanwhile. What is "
        "broken off\n"
        "is completed by the next call. What is removed cannot be brought back.\n\n"
        "Options:\n"
        "  --older-than TIME        Only what was deleted longer ago: 7d, 8h, 2d8h5m20s, 2m4.3s.\n"
        "  --run-ids IDS            Only the runs with these ids, which commas separate. They must be "
        "deleted.\n"
        "  --experiment-ids IDS     Only these experiments, in the same way.\n"
        "  --logged-model-ids IDS   Only these logged models, in the same way.\n"
        "  --jobs                   Remove jobs that succeeded, failed, timed out or were canceled, too.\n"
        "  --job-ids IDS            Only the jobs with these ids.\n"
        "  --artifacts-destination URI  Where the server keeps artifacts: a folder or s3://bucket/prefix.\n"
        "  --keep-artifacts         Leave artifacts where they are; for those that are out of reach for "
        "good.\n"
        "  --backend-store-uri URI  Database of the server.\n"
        "  --tracking-uri URI       Accepted, as in MLflow, but not needed: this works on the database and "
        "on the\n"
        "                           artifacts themselves, not through a server.\n"
        "  --config FILE            Read settings from FILE.\n"
        "  --help                   Show this text.\n\n"
        "Call it as the server's user, and where its folders have a relative path, from its working "
        "directory. The\n"
        "settings of the server count. The exit status is 1 if something could not be removed.\n");
}

static int read_age(struct gc_call *call)
{
    int64_t age_ms;
    if (!call->older_than)
        return EXIT_OK;
    if (!age_parse(sv_from(call->older_than), &age_ms))
        return usage_error(USAGE,
                           "Could not parse any time information from '%s'. Examples of valid strings: '8h', "
                           "'2d8h5m20s', '2m4s'",
                           call->older_than);
    call->before_ms = clock_now_ms() - age_ms;
    if (call->before_ms < 1)
        call->before_ms = 1;
    return EXIT_OK;
}

static int take_value(struct gc_call *call, int argc, char **argv, int *i)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--older-than", &call->older_than},
        {"--run-ids", &call->run_ids},
        {"--experiment-ids", &call->experiment_ids},
        {"--logged-model-ids", &call->logged_model_ids},
        {"--job-ids", &call->job_ids},
        {"--artifacts-destination", &call->artifacts_destination},
        {"--tracking-uri", &call->tracking_uri},
    };
    int taken = store_call_option(&call->base, argc, argv, i);
    for (size_t option = 0; option < sizeof(options) / sizeof(options[0]) && !taken; option++)
        taken = take_option(argc, argv, i, options[option].name, options[option].value);
    return taken;
}

static int parse_arguments(struct gc_call *call, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int taken = take_value(call, argc, argv, &i);
        if (taken < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (taken)
            continue;
        if (strcmp(argv[i], "--jobs") == 0)
            call->jobs = true;
        else if (strcmp(argv[i], "--keep-artifacts") == 0)
            call->keep_artifacts = true;
        else if (strcmp(argv[i], "--help") == 0)
            call->help = true;
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
    if (call->artifacts_destination)
        call->base.config.settings.artifacts_destination = sv_from(call->artifacts_destination);
    status = gc_items(call);
    if (call->jobs || call->job_ids) {
        int jobs = gc_jobs(call);
        status = jobs != EXIT_OK ? jobs : status;
    }
    return status;
}

int gc_command(int argc, char **argv)
{
    struct gc_call call = {.base.usage = USAGE};
    int status = parse_arguments(&call, argc, argv);
    if (status == EXIT_OK && call.help) {
        print_help();
        return EXIT_OK;
    }
    if (status == EXIT_OK)
        status = read_age(&call);
    if (status != EXIT_OK)
        return status;
    status = run(&call);
    progress_clear(&call.progress);
    store_call_close(&call.base);
    return status;
}
