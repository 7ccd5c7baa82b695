#ifndef TRACKLIGHT_GATEWAY_TARGETS_H
#define TRACKLIGHT_GATEWAY_TARGETS_H

#include "common/base/config.h"
#include "common/net/target.h"

/* Where calls may go. What a host was resolved to, and that it may be called, holds for some seconds, so that
 * a call need not wait for the resolver. For all threads. */
struct targets;

/* NULL, with a sentence for the administrator in *problem, if the settings make no sense. */
struct targets *targets_new(const struct settings *settings, struct arena *arena, struct sv *problem);
void targets_free(struct targets *targets);

struct checked_target {
    struct sv pinned; /* for http_call, in the arena */
    bool proxied;
};

/* As target_resolve. `trusted`: the administrator has named it, so private addresses are fine. */
enum status targets_check(struct targets *targets, struct arena *arena, struct error *error, struct sv url,
                          bool trusted, struct checked_target *target);

#endif
