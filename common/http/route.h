#ifndef TRACKLIGHT_HTTP_ROUTE_H
#define TRACKLIGHT_HTTP_ROUTE_H

#include "common/http/request.h"

/* All rows of a program, expanded to the paths they answer and sorted once. */
struct router;

/* Aborts for a row without a need or with a path that makes no sense (a programming error). */
struct router *router_new(const struct program *program, struct sv static_prefix);
void router_free(struct router *router);

enum route_outcome { ROUTE_FOUND, ROUTE_UNKNOWN, ROUTE_WRONG_METHOD, ROUTE_BAD_PATH };

/* Finds the row for request->method and the raw path `path` (mount point already taken off), and fills
 * operation and parameters. HEAD takes the row of GET. `allow` (in the request's arena) lists the methods of
 * a path that exists, as an Allow header has them. */
enum route_outcome router_find(const struct router *router, struct request *request, struct sv path,
                               struct sv *allow);

/* Every (method, full path) of the table, for `--operations` and the lighttpd configuration. */
void router_each(const struct program *program, struct sv static_prefix,
                 void (*visit)(void *context, const struct operation *operation, struct sv full_path),
                 void *context);

#endif
