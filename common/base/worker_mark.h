#ifndef TRACKLIGHT_BASE_WORKER_MARK_H
#define TRACKLIGHT_BASE_WORKER_MARK_H

#include <stdbool.h>

#include "common/base/sv.h"

/* How others see that a worker works on a database: each one holds a shared lock on a file beside it,
 * "<database>-worker" (open-file-description locks, fcntl(2)), which the kernel drops with the process. The
 * file itself stays, and means nothing. */

/* A descriptor that holds it until it is closed; -1 with errno. */
int worker_mark_hold(struct sv database);

/* Whether anybody does. */
bool worker_mark_is_held(struct sv database);

#endif
