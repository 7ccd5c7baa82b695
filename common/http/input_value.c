#include "common/http/input_value.h"

#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_read.h"

#define INT32_LIMITS INT32_MIN, INT32_MAX
#define INT64_LIMITS INT64_MIN, INT64_MAX

static bool integer_from_double(double number, int64_t *value)
{
    /* The lower end is what integers just below it round to, so it is refused as well. */
    static const double two_to_63 = 9223372036854775808.0;
    if (!(number > -two_to_63 && number < two_to_63) || trunc(number) != number)
        return false;
    *value = (int64_t)number;
    return true;
}

static bool integer_from_json(struct json_object *value, int64_t min, int64_t max, int64_t *integer)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
        *integer = json_object_get_int64(value);
        /* A uint64_t beyond the range is clamped; nothing else says so. */
        if (*integer == INT64_MAX && json_object_get_uint64(value) != INT64_MAX)
            return false;
        break;
    case json_type_double:
        if (!integer_from_double(json_object_get_double(value), integer))
            return false;
        break;
    case json_type_string:
        return parse_int64(json_string_view(value), min, max, integer);
    default:
        return false;
    }
    return *integer >= min && *integer <= max;
}

static bool double_from_json(struct json_object *value, double *number)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double:
        *number = json_object_get_double(value);
        return true;
    case json_type_string:
        return parse_double(json_string_view(value), number);
    default:
        return false;
    }
}

static bool enum_has_value(const struct enum_name *names, int64_t value)
{
    for (; names->name; names++)
        if (names->value == value)
            return true;
    return false;
}

static bool enum_from_text(const struct enum_name *names, struct sv text, int64_t *value)
{
    for (const struct enum_name *name = names; name->name; name++) {
        if (sv_equal(sv_from(name->name), text)) {
            *value = name->value;
            return true;
        }
    }
    return parse_int64(text, INT32_LIMITS, value) && enum_has_value(names, *value);
}

static bool enum_from_json(const struct enum_name *names, struct json_object *json, int64_t *value)
{
    if (json_object_is_type(json, json_type_string))
        return enum_from_text(names, json_string_view(json), value);
    return integer_from_json(json, INT32_LIMITS, value) && enum_has_value(names, *value);
}

static bool string_from_json(struct json_object *value, struct sv *text)
{
    if (!json_object_is_type(value, json_type_string))
        return false;
    *text = json_string_view(value);
    return true;
}

static bool id_from_json(struct arena *arena, struct json_object *value, struct sv *text)
{
    if (!json_object_is_type(value, json_type_int))
        return string_from_json(value, text);
    *text = arena_copy(arena, sv_from(json_object_to_json_string(value)));
    return true;
}

static bool bool_from_text(struct sv text, bool *value)
{
    *value = sv_equal_ignoring_case(text, SV("true"));
    return *value || sv_equal_ignoring_case(text, SV("false"));
}

bool input_store_json(struct arena *arena, const struct field *field, struct json_object *value, void *slot)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_STRINGS:
        return string_from_json(value, slot);
    case FIELD_ID:
    case FIELD_IDS:
        return id_from_json(arena, value, slot);
    case FIELD_INT64: {
        struct opt_int64 *number = slot;
        return number->set = integer_from_json(value, INT64_LIMITS, &number->value);
    }
    case FIELD_INT32: {
        struct opt_int64 *number = slot;
        return number->set = integer_from_json(value, INT32_LIMITS, &number->value);
    }
    case FIELD_INT64S:
        return integer_from_json(value, INT64_LIMITS, slot);
    case FIELD_DOUBLE: {
        struct opt_double *number = slot;
        return number->set = double_from_json(value, &number->value);
    }
    case FIELD_BOOL: {
        struct opt_bool *flag = slot;
        flag->value = json_object_get_boolean(value);
        return flag->set = json_object_is_type(value, json_type_boolean);
    }
    case FIELD_ENUM: {
        struct opt_int64 *number = slot;
        return number->set = enum_from_json(field->enums, value, &number->value);
    }
    case FIELD_OBJECT:
    case FIELD_OBJECTS:
    case FIELD_JSON:
        break;
    }
    return false;
}

bool input_store_text(const struct field *field, struct sv text, void *slot)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_STRINGS:
    case FIELD_ID:
    case FIELD_IDS: {
        struct sv *view = slot;
        *view = text;
        return true;
    }
    case FIELD_INT64: {
        struct opt_int64 *number = slot;
        return number->set = parse_int64(text, INT64_LIMITS, &number->value);
    }
    case FIELD_INT32: {
        struct opt_int64 *number = slot;
        return number->set = parse_int64(text, INT32_LIMITS, &number->value);
    }
    case FIELD_INT64S:
        return parse_int64(text, INT64_LIMITS, slot);
    case FIELD_DOUBLE: {
        struct opt_double *number = slot;
        return number->set = parse_double(text, &number->value);
    }
    case FIELD_BOOL: {
        struct opt_bool *flag = slot;
        return flag->set = bool_from_text(text, &flag->value);
    }
    case FIELD_ENUM: {
        struct opt_int64 *number = slot;
        return number->set = enum_from_text(field->enums, text, &number->value);
    }
    case FIELD_OBJECT:
    case FIELD_OBJECTS:
    case FIELD_JSON:
        break;
    }
    return false;
}

size_t input_element_size(enum field_type type)
{
    return type == FIELD_INT64S ? sizeof(int64_t) : sizeof(struct sv);
}

struct sv input_excerpt(struct sv text)
{
    if (text.len <= ERROR_VALUE_LIMIT)
        return text;
    size_t len = ERROR_VALUE_LIMIT;
    while (len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return sv_first(text, len);
}

static struct sv path_text(struct arena *arena, const struct input_path *path)
{
    if (!path)
        return SV("");
    struct sv parent = path_text(arena, path->parent);
    if (!path->name)
        return arena_printf(arena, "%.*s[%zu]", SV_ARG(parent), path->index);
    return arena_printf(arena, "%.*s%s%s", SV_ARG(parent), parent.len ? "." : "", path->name);
}

static enum status fail_wrong_type(struct request *request, struct sv value, struct sv path,
                                   const char *python_type)
{
    return fail(
        request, INVALID_PARAMETER_VALUE,
        "Invalid value %.*s for parameter '%.*s' supplied:  Hint: Value was of type '%s'." API_DOCS_TAIL,
        SV_ARG(value), SV_ARG(path), python_type);
}

enum status fail_invalid_value(struct request *request, struct json_object *value, const char *path)
{
    return fail_wrong_type(request, json_compact(request->arena, value, ERROR_VALUE_LIMIT), sv_from(path),
                           json_python_type(value));
}

enum status input_fail_json(struct request *request, struct json_object *value, const struct input_path *path)
{
    return fail_wrong_type(request, json_compact(request->arena, value, ERROR_VALUE_LIMIT),
                           path_text(request->arena, path), json_python_type(value));
}

enum status input_fail_text(struct request *request, struct sv text, const struct input_path *path)
{
    return fail_wrong_type(request, json_compact_string(request->arena, text, ERROR_VALUE_LIMIT),
                           path_text(request->arena, path), "str");
}

enum status input_fail_missing(struct request *request, const struct input_path *path)
{
    struct sv name = path_text(request->arena, path);
    return fail(request, INVALID_PARAMETER_VALUE,
                "Missing value for required parameter '%.*s'." API_DOCS_TAIL, SV_ARG(name));
}
