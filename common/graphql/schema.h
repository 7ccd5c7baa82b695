#ifndef TRACKLIGHT_GRAPHQL_SCHEMA_H
#define TRACKLIGHT_GRAPHQL_SCHEMA_H

#include <stddef.h>

#include "common/base/arena.h"
#include "common/graphql/document.h"

/* What can be asked, as static tables. Tables of fields, arguments and directives end with a NULL name. There
 * are no interfaces and unions: what a fragment is on is the type where it stands. */

/* --- What goes in --- */

enum graphql_input_kind {
    GRAPHQL_IN_STRING,
    GRAPHQL_IN_INT,  /* of 32 bits */
    GRAPHQL_IN_LONG, /* of 64 bits, as a number or as a string */
    GRAPHQL_IN_BOOLEAN,
    GRAPHQL_IN_ENUM,
    GRAPHQL_IN_OBJECT,
};

struct graphql_input_type {
    const char *name;
    enum graphql_input_kind kind;
    const char *const *values;                /* of an enum; ends with NULL */
    const struct graphql_input_field *fields; /* of an object */
};

struct graphql_input_field {
    const char *name;
    const struct graphql_input_type *type;
    bool is_list; /* [type] */
    bool required;
};

extern const struct graphql_input_type graphql_string_type, graphql_int_type, graphql_boolean_type;

struct graphql_directive_type {
    const char *name;
    const struct graphql_input_field *arguments;
};

/* --- What comes out --- */

enum graphql_shape {
    GRAPHQL_TEXT, /* struct sv; absent is "" */
    GRAPHQL_LONG, /* int64_t, as a string */
    GRAPHQL_REAL, /* double; null unless it is finite */
    GRAPHQL_TRUTH,
    GRAPHQL_TEXTS,
    GRAPHQL_ONE,  /* an object */
    GRAPHQL_MANY, /* objects */
};

enum graphql_outcome {
    GRAPHQL_DONE,
    GRAPHQL_REFUSED, /* null, and call->message among the errors if it is set */
    GRAPHQL_STOPPED, /* nothing is answered: the context knows why */
};

struct graphql_call {
    void *context;
    struct arena *arena;
    struct graphql_value *arguments; /* checked against their types, variables replaced; those that were given
                                        only */
    struct sv message;
};

struct graphql_result;

/* The object `index` of a list; what it allocates is given up after the object is written. NULL: it is left
 * out. */
typedef enum graphql_outcome graphql_load(struct graphql_call *call, const struct graphql_result *list,
                                          size_t index, const void **object);

struct graphql_result {
    bool is_null;
    bool truth;
    struct sv text;
    int64_t number;
    double real;
    const void *object;
    const struct sv *texts;
    const void *items; /* an array with `size` bytes for each object; or what `load` takes them from */
    size_t count;
    size_t size;
    graphql_load *load; /* NULL: from the array */
};

/* What a field of `parent` is. */
typedef enum graphql_outcome graphql_resolver(struct graphql_call *call, const void *parent,
                                              struct graphql_result *result);

struct graphql_type {
    const char *name;
    const struct graphql_field *fields;
};

struct graphql_field {
    const char *name;
    enum graphql_shape shape;
    const char *scalar;                          /* the name of its type, unless it is ONE or MANY */
    const struct graphql_type *type;             /* of ONE and MANY */
    const struct graphql_input_field *arguments; /* NULL: none */
    /* One of these says what it is: a function; a text for all; a member of the parent's struct. */
    graphql_resolver *resolve;
    const char *fixed;
    size_t offset;             /* of the value itself; of ONE, the struct; of TEXTS and MANY, the pointer */
    size_t count_offset, size; /* of TEXTS and MANY: the number of items, a size_t; the size of one */
};

struct graphql_schema {
    const struct graphql_type *query;
    const struct graphql_type *mutation;
    const struct graphql_type *const *types;                   /* all but these; ends with NULL */
    const struct graphql_input_type *const *input_types;       /* what variables may be of; ends with NULL */
    const struct graphql_directive_type *operation_directives; /* accepted on operations, without effect */
};

#endif
