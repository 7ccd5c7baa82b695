#ifndef TRACKLIGHT_HTTP_INPUT_VALUE_H
#define TRACKLIGHT_HTTP_INPUT_VALUE_H

#include <json-c/json.h>

#include "common/http/field.h"
#include "common/http/input.h"
#include "common/http/request.h"

/* The parts of the input checker: where a value stands, its errors, and its conversion. */

/* Where in the input a value stands: "metrics[0].key" is {parent: {parent: {name "metrics"}, index 0},
 * name "key"}. Lives on the stack; rendered only for a message. */
struct input_path {
    const struct input_path *parent;
    const char *name; /* NULL: the element `index` of the parent */
    size_t index;
};

enum status input_fail_missing(struct request *request, const struct input_path *path);
enum status input_fail_json(struct request *request, struct json_object *value,
                            const struct input_path *path);
enum status input_fail_text(struct request *request, struct sv text, const struct input_path *path);

/* At most ERROR_VALUE_LIMIT bytes of UTF-8, whole code points. */
struct sv input_excerpt(struct sv text);

/* Stores one value (an element, for lists) in the C type of the field; false if it is of a wrong type or out
 * of range. For the scalar types and the elements of their lists. */
bool input_store_json(struct arena *arena, const struct field *field, struct json_object *value, void *slot);
bool input_store_text(const struct field *field, struct sv text, void *slot);

/* The size of one element of a list of scalars. */
size_t input_element_size(enum field_type type);

/* The source of an input: fills the struct field by field, in the order of the table. */
enum status input_fill_json(struct request *request, const struct field *fields, struct json_object *object,
                            void *out, const struct input_path *parent);
enum status input_fill_query(struct request *request, const struct field *fields, void *out);

/* Fills a field that is `in_path`. */
enum status input_fill_path_parameter(struct request *request, const struct field *field, void *slot);

#endif
