#ifndef TRACKLIGHT_GRAPHQL_EXECUTE_H
#define TRACKLIGHT_GRAPHQL_EXECUTE_H

#include "common/graphql/limits.h"
#include "common/graphql/schema.h"
#include "common/json/json_write.h"

struct json_object;

/* Answers a GraphQL request (GraphQL specification, October 2021, section 6): reads and checks the document,
 * and writes what its fields are while it asks for them, so that long lists are never held. Errors are plain
 * texts, as in MLflow's answers. */

struct graphql_request {
    struct sv query;
    struct sv operation_name;      /* absent or "": the only one */
    struct json_object *variables; /* NULL: none */
    const struct graphql_schema *schema;
    struct graphql_limits limits;
    size_t answer_max; /* bytes */
    void *context;     /* what resolvers get */
    /* Asked before each object of a list: whether to go on. False stops all; the context knows why. */
    bool (*goes_on)(void *context);
};

enum graphql_answer {
    GRAPHQL_ANSWERED,
    GRAPHQL_UNREADABLE, /* answered, but the query was no document */
    GRAPHQL_BROKEN_OFF, /* a resolver, or goes_on, has stopped; what was written is worthless */
};

/* Writes {"data": object or null, "errors": null or [text]}. What it allocates stays in the arena. */
enum graphql_answer graphql_execute(struct arena *arena, const struct graphql_request *request,
                                    struct json_writer *json);

#endif
