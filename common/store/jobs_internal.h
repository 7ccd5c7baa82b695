#ifndef TRACKLIGHT_STORE_JOBS_INTERNAL_H
#define TRACKLIGHT_STORE_JOBS_INTERNAL_H

#include "common/store/jobs.h"

/* What job_read expects, in this order. */
#define JOB_COLUMNS                                                                            \
    "id, job_id, job_name, params, timeout, status, result, creation_time, last_update_time, " \
    "retry_count, attempts, start_time, progress, progress_message, status_details, worker"

void job_read(struct db_stmt *stmt, struct job *job);

#endif
