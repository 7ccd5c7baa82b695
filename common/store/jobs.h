#ifndef TRACKLIGHT_STORE_JOBS_H
#define TRACKLIGHT_STORE_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/jobs/types.h"
#include "common/store/permissions.h"
#include "common/store/store.h"

/* Jobs as clients see them: in the tracking store. What workers do with them is in job_queue.h, what they
 * printed in job_log.h. Whoever makes a job that may run calls job_signal_send (common/base/job_signal.h)
 * after the commit. */

enum job_status {
    JOB_PENDING = 0,
    JOB_RUNNING = 1,
    JOB_SUCCEEDED = 2,
    JOB_FAILED = 3,
    JOB_TIMED_OUT = 4, /* TIMEOUT on the wire */
    JOB_CANCELED = 5,
};
#define JOB_STATUSES 6

const char *job_status_name(enum job_status status); /* "PENDING", … */
bool job_status_parse(struct sv name, enum job_status *status);
bool job_is_final(enum job_status status); /* nothing changes it any more */

struct job {
    int64_t id;       /* ours */
    struct sv job_id; /* public: a UUID */
    struct sv name;
    struct sv params; /* a JSON object */
    double timeout;   /* seconds, as submitted; negative: none */
    enum job_status status;
    struct sv result; /* JOB_SUCCEEDED: JSON; otherwise a text, or absent */
    int64_t creation_time;
    int64_t last_update_time;
    int64_t retry_count;
    int64_t attempts;           /* begun ones: retries, and runs whose worker was lost, too */
    int64_t start_time;         /* of the last attempt; 0: none was begun */
    double progress;            /* 0 to 1; negative: unknown */
    struct sv progress_message; /* absent: none */
    struct sv status_details;   /* a JSON object; absent: none */
    struct sv worker;           /* that runs it, or ran it last; absent: none */
};

struct job_new {
    struct sv name;
    struct sv
        params; /* a JSON object; strings in it as raw UTF-8. "experiment_id" in it decides about rights */
    double timeout; /* seconds; negative: none */
};

/* PENDING, due at once. The checks of name and parameters are the caller's (common/jobs/parameters.h). */
enum status job_create(struct store_tx *tx, const struct job_new *new, struct job *job);

/* RESOURCE_DOES_NOT_EXIST "Job with ID X not found"; so does every function here that takes an id. */
enum status job_get(struct store_tx *tx, struct sv job_id, struct job *job);

/* PENDING and RUNNING become CANCELED at once. Whoever runs it learns it from job_check or its next
 * heartbeat, so the caller signals after the commit. WRONG_STATE if the job is finalized. */
enum status job_cancel(struct store_tx *tx, struct sv job_id, struct job *job);

struct job_filter {
    struct sv name;                  /* absent: any */
    const enum job_status *statuses; /* none: any */
    size_t status_count;
    struct json_object *params; /* an object: each of its members must be there and equal; NULL: any */
    struct sv experiment_id;    /* absent: any */
    const struct permission_filter *readable; /* experiments; jobs without one are shown only with NULL */
    int64_t newest;                           /* only so many, the newest ones; 0: all */
};

/* By creation time, ascending. One consistent read. */
enum status job_search(struct store_tx *tx, const struct job_filter *filter, const struct job **jobs,
                       size_t *count);

/* The experiment whose rights decide about a job; absent: only administrators. */
enum status job_experiment(struct store_tx *tx, struct sv job_id, struct sv *experiment_id);

/* How many wait, and how many run. For all statuses it would have to look at all jobs. */
enum status job_depths(struct store_tx *tx, int64_t *pending, int64_t *running);

/* Removes a finalized job with its log; *removed is false, and nothing happens, for one that is not, that was
 * created at or after `older_than_ms` (0: whenever), or does not exist. */
enum status job_remove(struct store_tx *tx, struct sv job_id, int64_t older_than_ms, bool *removed);

/* Up to `limit` ids that job_remove would remove, in the order of their creation. */
enum status job_removable(struct store_tx *tx, int64_t older_than_ms, size_t limit, const struct sv **job_ids,
                          size_t *count);

#endif
