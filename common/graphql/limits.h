#ifndef TRACKLIGHT_GRAPHQL_LIMITS_H
#define TRACKLIGHT_GRAPHQL_LIMITS_H

#include "common/graphql/document.h"
#include "common/graphql/errors.h"

/* What one document may ask for, as MLflow limits it; the selections of fragments count where they are
 * spread. */
#define GRAPHQL_DEPTH_MAX      10
#define GRAPHQL_SELECTIONS_MAX 1000

struct graphql_limits {
    int64_t root_fields; /* of all operations */
    int64_t aliases;     /* in one selection set */
};

/* Adds the error of what is beyond the limits, or of fragments that contain themselves. */
void graphql_limits_check(const struct graphql_document *document, const struct graphql_limits *limits,
                          struct graphql_errors *errors);

#endif
