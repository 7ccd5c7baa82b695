#ifndef TRACKLIGHT_CLI_JOB_EXEC_H
#define TRACKLIGHT_CLI_JOB_EXEC_H

#include "cli/job_supervisor.h"

/* What a job's process does to become the job. Returns only what could not be done, with errno.
 * Async-signal-safe. */
enum job_step job_exec(const struct job_supervision *what, pid_t supervisor);

#endif
