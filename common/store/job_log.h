#ifndef TRACKLIGHT_STORE_JOB_LOG_H
#define TRACKLIGHT_STORE_JOB_LOG_H

#include "common/store/job_queue.h"

/* What a job prints, over all of its attempts. Positions count from the first byte that was ever appended;
 * of a log that is longer than its limit the oldest part is dropped. */

#define JOB_LOG_APPEND_MAX \
    ((size_t)256 * 1024) /* bytes in one call: the rest is the caller's to append next */
#define JOB_LOG_READ_MAX ((size_t)256 * 1024)

/* Appends any bytes and keeps about the last `limit_bytes` of all. Many small pieces are stored as few. In a
 * write transaction. */
enum status job_log_append(struct store_tx *tx, const struct job_lease *lease, struct sv bytes,
                           int64_t limit_bytes, enum job_hold *hold);

struct job_log_part {
    int64_t begin; /* position of `bytes`: as asked for, or later, where the log begins now */
    int64_t end;   /* position behind `bytes`: ask for this next */
    int64_t size;  /* of everything that was appended so far */
    struct sv bytes;
    bool complete; /* the job has ended, and the log with `bytes` */
};

/* At most `max` bytes (0: JOB_LOG_READ_MAX) from `offset` on; a negative offset counts from the end. */
enum status job_log_read(struct store_tx *tx, struct sv job_id, int64_t offset, size_t max,
                         struct job_log_part *part);

#endif
