#ifndef TRACKLIGHT_GRAPHQL_PLAN_H
#define TRACKLIGHT_GRAPHQL_PLAN_H

#include "common/graphql/values.h"

/* What is to be written of an object: fragments spread, equal keys merged, what is skipped left out,
 * arguments ready. Linked by `next`, in the order of the answer. */
struct graphql_plan {
    struct sv key;
    const struct graphql_field *field; /* NULL: __typename */
    struct graphql_value *arguments;
    struct graphql_plan *children;
    struct graphql_plan *next;
};

/* Checks an operation of a document that is within the limits: what it selects, with which values
 * (GraphQL specification, October 2021, section 5). Marks the fragments that it uses. */
void graphql_plan_check(struct graphql_values *values, const struct graphql_document *document);

/* The plan of an operation that was checked, with values->variables. */
struct graphql_plan *graphql_plan_make(struct graphql_values *values,
                                       const struct graphql_document *document);

#endif
