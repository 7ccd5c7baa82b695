#ifndef TRACKLIGHT_ARTIFACTS_LOCAL_INTERNAL_H
#define TRACKLIGHT_ARTIFACTS_LOCAL_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* openat(2) of a clean path below `directory` that follows no link and never leaves it; "" is the directory.
 * O_CREAT is not for paths of several segments. -1 and errno on failure; ELOOP, EXDEV: a link is in the way.
 */
int open_beneath(struct arena *arena, int directory, struct sv path, int flags);

/* The same, segment by segment: for kernels without openat2. */
int open_beneath_by_steps(struct arena *arena, int directory, struct sv path, int flags);

#endif
