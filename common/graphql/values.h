#ifndef TRACKLIGHT_GRAPHQL_VALUES_H
#define TRACKLIGHT_GRAPHQL_VALUES_H

#include "common/graphql/errors.h"
#include "common/graphql/schema.h"

struct json_object;

/* Values that come in, against their types. What comes out holds: STRING text; INT number (of Int and
 * LongString); BOOLEAN truth; ENUM text; LIST items; OBJECT items with names; NULL. */

struct graphql_values {
    struct arena *arena;
    struct graphql_errors *errors;
    const struct graphql_schema *schema;
    const struct graphql_operation *operation; /* whose variables are meant */
    struct graphql_value *variables;           /* what they are; those that were given only */
    bool checking;                             /* before that is known: variables are left as they are */
};

/* A value of the document, for a field or an argument. NULL: it is a variable that was not given. */
struct graphql_value *graphql_value_take(struct graphql_values *values,
                                         const struct graphql_input_field *field,
                                         const struct graphql_value *value);

/* All arguments, as they were given: those that are not declared, twice there or missing are errors. `where`
 * is what they are arguments of. */
struct graphql_value *graphql_arguments_take(struct graphql_values *values,
                                             const struct graphql_input_field *declared,
                                             const struct graphql_value *given, struct sv where);

/* What the operation says about its variables: unique, of types that exist, defaults of these types. */
void graphql_variables_check(struct graphql_values *values);

/* Sets values->variables from JSON (NULL: none). */
void graphql_variables_take(struct graphql_values *values, struct json_object *given);

/* Whether both mean the same. */
bool graphql_value_equal(const struct graphql_value *a, const struct graphql_value *b);

#endif
