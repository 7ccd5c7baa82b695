#ifndef TRACKLIGHT_CLI_GC_H
#define TRACKLIGHT_CLI_GC_H

#include "cli/progress.h"
#include "cli/store_call.h"

/* `tracklight gc`, as it was called: what its parts share. */
struct gc_call {
    struct store_call base;
    bool jobs, keep_artifacts, help;
    const char *run_ids, *experiment_ids, *logged_model_ids, *job_ids; /* NULL: not given */
    const char *older_than, *artifacts_destination, *tracking_uri;
    int64_t before_ms; /* a time; 0: whenever */
    struct progress progress;
};

/* Runs, logged models and experiments with their files (gc_items.c); jobs with their logs (gc_jobs.c). The
 * status to exit with. */
int gc_items(struct gc_call *call);
int gc_jobs(struct gc_call *call);

#endif
