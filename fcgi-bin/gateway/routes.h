#ifndef TRACKLIGHT_GATEWAY_ROUTES_H
#define TRACKLIGHT_GATEWAY_ROUTES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store/gateway_route.h"

/* Endpoints as they were loaded, kept until anything about any endpoint, model or secret changes, in whatever
 * process. For all threads. */
struct routes;

/* One endpoint: counted, and never changed. */
struct route {
    atomic_uint holders;
    struct gateway_routing routing;
    int64_t changes; /* as of which it was loaded: gateway_changes */
    _Alignas(max_align_t) char texts[];
};

/* NULL if there is no memory. */
struct routes *routes_new(void);
void routes_free(struct routes *routes);

/* By the endpoint's name; the caller drops it. One row is read if the endpoint is known. FAILED as
 * gateway_route_load. */
enum status routes_find(struct routes *routes, struct store_tx *tx, struct sv name, struct route **route);
void route_drop(struct route *route); /* NULL is allowed */

#endif
