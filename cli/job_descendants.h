#ifndef TRACKLIGHT_CLI_JOB_DESCENDANTS_H
#define TRACKLIGHT_CLI_JOB_DESCENDANTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Kills all descendants of a process, but for those in `spared` and theirs. First everything is stopped,
 * since a stopped process cannot fork, so that a fork bomb has an end. Async-signal-safe, but not to be
 * called by two threads. Dead children are left for the caller to reap. */
void job_kill_descendants(pid_t ancestor, const pid_t *spared, size_t spared_count);

/* How many threads the processes of a user have, which is what RLIMIT_NPROC counts. */
int64_t job_count_threads(uid_t uid);

#endif
