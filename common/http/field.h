#ifndef TRACKLIGHT_HTTP_FIELD_H
#define TRACKLIGHT_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sv.h"

/* The input of an operation is a C struct, described field by field. The checker (input.h) fills the struct
 * from JSON body, query string and path parameters, or answers the error MLflow would. C types by field type:
 *
 *   FIELD_STRING   struct sv            absent: data == NULL
 *   FIELD_ID       struct sv            a string, or an integer that is taken as its decimal text
 * (experiment_id) FIELD_INT64    struct opt_int64     a number without fraction, or a string of digits
 *   FIELD_INT32    struct opt_int64
 *   FIELD_DOUBLE   struct opt_double    a number, or a string such as "NaN", "Infinity", "1e3"
 *   FIELD_BOOL     struct opt_bool
 *   FIELD_ENUM     struct opt_int64     a name of `enums` (exact case), its number, or the number as a string
 *   FIELD_STRINGS  struct list          items are struct sv
 *   FIELD_IDS      struct list          items are struct sv; a bare string or number counts as one item
 *   FIELD_INT64S   struct list          items are int64_t
 *   FIELD_OBJECT   struct opt_object    value points to a struct described by `fields`, NULL if absent
 *   FIELD_OBJECTS  struct list          items are structs of `size` bytes described by `fields`
 *   FIELD_JSON     struct json_object * any JSON value, borrowed from the parsed body; NULL if absent or null
 */
enum field_type {
    FIELD_STRING,
    FIELD_ID,
    FIELD_INT64,
    FIELD_INT32,
    FIELD_DOUBLE,
    FIELD_BOOL,
    FIELD_ENUM,
    FIELD_STRINGS,
    FIELD_IDS,
    FIELD_INT64S,
    FIELD_OBJECT,
    FIELD_OBJECTS,
    FIELD_JSON,
};

struct opt_int64 {
    bool set;
    int64_t value;
};

struct opt_double {
    bool set;
    double value;
};

struct opt_bool {
    bool set;
    bool value;
};

struct opt_object {
    void *value;
};

struct list {
    bool set; /* present and not null, even if empty */
    size_t count;
    void *items;
};

struct enum_name {
    const char *name;
    int64_t value;
};

struct field {
    const char
        *name; /* snake_case as in the proto; unless required, the lowerCamelCase spelling counts too */
    enum field_type type;
    bool required;     /* absent, null and "" are refused: "Missing value for required parameter 'P'." */
    bool in_path;      /* taken from the path parameter of this name, never from query or body */
    const char *alias; /* another accepted name, as run_uuid for run_id; NULL for none */
    size_t offset;
    const struct enum_name *enums; /* ends with a NULL name */
    const struct field *fields;    /* ends with a NULL name */
    size_t size;                   /* of one item's struct */
};

/* One row of a field table; `kind` is the enum's name without FIELD_. Further designated initialisers may
 * follow: FIELD(struct log_metric_in, run_id, STRING, .required = true, .alias = "run_uuid") */
#define FIELD(type_, member_, kind_, ...)                                                        \
    {                                                                                            \
        .name = #member_, .type = FIELD_##kind_, .offset = offsetof(type_, member_), __VA_ARGS__ \
    }
#define FIELDS_END   \
    {                \
        .name = NULL \
    }

struct input {
    const struct field *fields;
    size_t size;
};

/* INPUT(struct log_metric_in, log_metric_fields) */
#define INPUT(type_, fields_) (&(const struct input){.fields = (fields_), .size = sizeof(type_)})

/* MLflow's tail of the generic messages. */
#define API_DOCS_TAIL " See the API docs for more information about request parameters."

#endif
