#ifndef TRACKLIGHT_CLI_ROUTES_H
#define TRACKLIGHT_CLI_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

/* Which URLs go to which program, worked out from the operations that the programs answer. Program 0 gets
 * everything that no rule names. */

struct operation_path {
    struct sv path; /* "/api/2.0/mlflow-artifacts/mpu/create/{artifact_path...}" */
    size_t program;
};

struct operation_paths {
    struct operation_path *items;
    size_t count, capacity;
};

struct route_rule {
    bool is_pattern; /* `match` is a regular expression for the whole path, else a prefix of it */
    struct sv match;
    size_t specificity; /* of two rules that match, the one with more literal characters is right */
    size_t program;
};

/* Adds the paths of a program's `--operations` output (tab-separated; the path is the first field that begins
 * with a slash, "both" in the field after the method's aliases adds the /ajax-api form), each also below the
 * static prefix. False if a path makes no sense. */
bool routes_read(struct operation_paths *paths, size_t program, struct sv operations, struct sv static_prefix,
                 struct arena *arena);

/* The rules, least specific first. */
struct route_rule *routes_rules(const struct operation_paths *paths, struct arena *arena, size_t *count);

#endif
