#ifndef TRACKLIGHT_CLI_WORKER_JOBS_H
#define TRACKLIGHT_CLI_WORKER_JOBS_H

#include <stdbool.h>

#include "cli/job_source.h"
#include "common/base/config.h"

/* The part of the worker that runs jobs: one thread, which takes them from a source, and whose children the
 * supervisors of the jobs are (job_process.h). */
struct jobs_worker;

struct jobs_worker_options {
    struct job_source *source; /* closed by the worker, also if it cannot be started */
    const struct settings *settings;
    struct sv config_file;    /* beside which jobs.d is */
    const char *tracking_uri; /* where jobs find the server */
    bool once;                /* ends when nothing is due any more */
};

/* All that the options point at must outlive it. NULL with a sentence in *problem (in the arena). */
struct jobs_worker *jobs_worker_start(const struct jobs_worker_options *options, struct arena *arena,
                                      struct sv *problem);

/* A descriptor that is readable once the worker has ended of itself. */
int jobs_worker_ended(const struct jobs_worker *worker);

/* Reads the types of jobs again. */
void jobs_worker_reload(struct jobs_worker *worker);

/* Takes nothing new. What runs may go on for jobs_stop_timeout; then it is ended and given back. */
void jobs_worker_stop(struct jobs_worker *worker);

struct jobs_worker_sums {
    int64_t succeeded, failed, again; /* attempts by how they ended */
    bool trouble;                     /* the source could not be used */
};

/* Waits for the thread, and frees everything. */
struct jobs_worker_sums jobs_worker_join(struct jobs_worker *worker);

#endif
