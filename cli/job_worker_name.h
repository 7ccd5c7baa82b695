#ifndef TRACKLIGHT_CLI_JOB_WORKER_NAME_H
#define TRACKLIGHT_CLI_JOB_WORKER_NAME_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Workers of one machine can tell whether another one is dead: as long as a worker, or the supervisor of one
 * of its jobs, is alive, a socket with the worker's name is open (unix(7), abstract; the kernel removes it).
 * A name tells the machine, its start, and the network namespace, in which such names are unique. */

/* A new name, in the arena, and its socket in *alive; -1 if there can be none. */
struct sv job_worker_name_new(struct arena *arena, struct sv host, int *alive);

/* This host's name, in the arena. */
struct sv job_worker_host(struct arena *arena);

/* True if it is certain that the worker is dead, and all of its jobs' processes too. */
bool job_worker_is_dead(struct arena *arena, struct sv name);

#endif
