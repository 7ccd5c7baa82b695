#ifndef TRACKLIGHT_STORE_JOB_QUEUE_H
#define TRACKLIGHT_STORE_JOB_QUEUE_H

#include "common/store/jobs.h"

/* The queue that workers take jobs from. A worker holds a job by a lease, which it extends by heartbeats; a
 * lease that ran out is a worker that died. Every lease has a random text that proves it, so what a worker
 * says that has lost its lease changes nothing. A worker that cannot extend a lease in time must end the
 * job's processes before it runs out. All functions are for write transactions, unless they say otherwise.
 *
 * A worker's round, in one transaction each:
 *   jobs_requeue_lost + job_take until nothing is taken  -> run them
 *   at every signal: job_check of each                   -> end those that are not held any more
 *   every third of a lease: job_heartbeat of each        -> the same
 *   job_log_append, job_progress, job_finish             -> job_signal_send after job_finish
 * and between: poll job_signal's descriptor until jobs_next_due. */

struct job_lease {
    int64_t id;       /* of the job, ours */
    struct sv job_id; /* public */
    struct sv lease;  /* the proof */
    int64_t attempt;  /* 1, 2, … */
    int64_t until_ms; /* as it was when taken */
};

/* Whether a worker still has what it took. */
enum job_hold {
    JOB_HELD,
    JOB_HOLD_CANCELED, /* by a client */
    JOB_HOLD_LOST,     /* the lease ran out and the job went to somebody else, has ended, or is gone */
};

struct job_taken {
    struct job job; /* RUNNING */
    struct job_lease lease;
    const struct job_type *type;
    int64_t timeout_ms; /* of this attempt: the job's own, else its type's; 0: none */
};

/* Takes the job that is due longest, of the types that are listed: first come, first served within a type,
 * never more than max_parallel of one type at a time. A job whose exclusive lock is held becomes CANCELED,
 * and the next is looked at. *taken is false if there is nothing to be had now. */
enum status job_take(struct store_tx *tx, struct sv worker, int64_t lease_ms, const struct job_types *types,
                     struct job_taken *taken_job, bool *taken);

/* When job_take may have something for these types, as far as it is known now: the time of the next retry or
 * of the next lease that runs out; in the past: at once; INT64_MAX: not before somebody signals. For read
 * transactions, too. */
enum status jobs_next_due(struct store_tx *tx, const struct job_types *types, int64_t *due_ms);

/* Whether it is still ours; for read transactions, too. A signal may mean that something was cancelled. */
enum status job_check(struct store_tx *tx, const struct job_lease *lease, enum job_hold *hold);

/* The same, and the job, if the lease has not been lost. */
enum status job_of_lease(struct store_tx *tx, const struct job_lease *lease, struct job *job,
                         enum job_hold *hold);

/* Moves the end of the lease to now + lease_ms. That of a cancelled job goes on as well, until the worker has
 * ended its processes and says so with job_finish: its exclusive lock is held as long. */
enum status job_heartbeat(struct store_tx *tx, const struct job_lease *lease, int64_t lease_ms,
                          enum job_hold *hold);

enum job_end {
    JOB_END_SUCCEEDED, /* `text` is the JSON result */
    JOB_END_FAILED,    /* `text` is the error */
    JOB_END_TIMEOUT,   /* no text */
    JOB_END_TRANSIENT, /* `text` is the error: PENDING again after a delay, or FAILED if all retries are used
                        */
    JOB_END_RETURNED,  /* the worker stops: PENDING again at once, as if this attempt had not been */
};

struct job_ending {
    enum job_end end;
    struct sv text;
    const struct job_type *type; /* its retry rules; NULL: no retries. Of JOB_END_TRANSIENT only */
};

/* Enters how an attempt ended, and gives up the lease. Of a job that was cancelled meanwhile
 * (JOB_HOLD_CANCELED) only the lease is given up; a lease that was lost changes nothing.
 * *status (may be NULL) is what the job has become. */
enum status job_finish(struct store_tx *tx, const struct job_lease *lease, const struct job_ending *ending,
                       enum job_hold *hold, enum job_status *status);

/* What a running job says of itself: `progress` is clamped to 0..1, negative leaves it; absent texts leave
 * what was there. Messages are cut at
 * JOB_MESSAGE_MAX, and dropped if they are no UTF-8. `details` is a JSON object. */
#define JOB_MESSAGE_MAX 1000        /* code points */
#define JOB_DETAILS_MAX (64 * 1024) /* bytes; more is refused with INVALID_PARAMETER_VALUE */
enum status job_progress(struct store_tx *tx, const struct job_lease *lease, double progress,
                         struct sv message, struct sv details, enum job_hold *hold);

/* Jobs whose lease ran out are PENDING again, with retry_count as it was; one that has lost its worker
 * max_crashes times is FAILED. *count (may be NULL) says how many jobs changed. */
#define JOB_MAX_CRASHES 3
enum status jobs_requeue_lost(struct store_tx *tx, int64_t max_crashes, int64_t *count);

/* The same for everything that this worker holds, whatever its leases say: when it starts, and nobody else
 * goes by its name. */
enum status jobs_requeue_of_worker(struct store_tx *tx, struct sv worker, int64_t max_crashes,
                                   int64_t *count);

/* --- Who works --- */

struct job_worker {
    struct sv worker; /* its name, at most 200 bytes: host and a number, for instance */
    struct sv host;
    bool remote; /* works over HTTP */
    int64_t start_time;
    int64_t last_seen;
    int64_t running; /* jobs */
};

/* At the start of a worker, and with its heartbeats at most once a second or so. */
enum status job_worker_seen(struct store_tx *tx, struct sv worker, struct sv host, bool remote);
enum status job_worker_gone(struct store_tx *tx, struct sv worker);
/* Most recently seen first; for read transactions. */
enum status job_workers(struct store_tx *tx, const struct job_worker **workers, size_t *count);

#endif
