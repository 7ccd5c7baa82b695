#ifndef TRACKLIGHT_CLI_JOB_CGROUP_H
#define TRACKLIGHT_CLI_JOB_CGROUP_H

#include <stdbool.h>

#include "cli/job_process.h"

/* Control groups (Linux, cgroup2), one for each job, where this process may make them: below its own, or in a
 * folder that the administrator names. All of a job's processes are killed at once by them; and where the
 * controllers "pids" and "memory" are enabled there, they limit processes and memory. */

/* The folder, or -1 if there is none that works. `path` is absent for the process's own, "none"
 * for none. */
int job_cgroup_open(struct sv path);

/* A new group in it; -1 if it cannot be made. *limited: it limits the number of processes. Async-signal-safe.
 */
int job_cgroup_make(int folder, const char *name, const struct job_limits *limits, bool *limited);

#endif
