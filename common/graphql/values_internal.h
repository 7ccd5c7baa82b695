#ifndef TRACKLIGHT_GRAPHQL_VALUES_INTERNAL_H
#define TRACKLIGHT_GRAPHQL_VALUES_INTERNAL_H

#include "common/graphql/schema.h"

/* A type that variables may be of; NULL: there is none of the name. */
const struct graphql_input_type *graphql_named_input(const struct graphql_schema *schema, struct sv name);

/* Of [[T!]!]!, T!. */
const struct graphql_type_name *graphql_innermost(const struct graphql_type_name *type);

struct sv graphql_type_text(struct arena *arena, const struct graphql_input_field *field);

#endif
