#ifndef TRACKLIGHT_GATEWAY_LOCKED_H
#define TRACKLIGHT_GATEWAY_LOCKED_H

#include <stdatomic.h>
#include <stddef.h>

#include "common/base/sv.h"

/* A secret text in pages of its own, which are left out of core dumps and, as far as the system's limits
 * allow, never swapped. It is counted, and wiped when the last holder lets go of it. */
struct locked {
    atomic_uint holders;
    size_t mapped;
    size_t len;
    char bytes[];
};

/* A copy with one holder; NULL if there is no memory. */
struct locked *locked_new(struct sv text);
/* The same with `len` zeros, to be filled. */
struct locked *locked_new_sized(size_t len);
struct locked *locked_hold(struct locked *locked);
void locked_drop(struct locked *locked); /* NULL is allowed */

struct sv locked_sv(const struct locked *locked);

#endif
