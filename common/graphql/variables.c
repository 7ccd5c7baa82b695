#include <json-c/json.h>
#include <string.h>

#include "common/base/number.h"
#include "common/graphql/values.h"
#include "common/graphql/values_internal.h"
#include "common/json/json_read.h"

#define SHOWN_MAX 200

const struct graphql_input_type *graphql_named_input(const struct graphql_schema *schema, struct sv name)
{
    for (size_t i = 0; schema->input_types[i]; i++)
        if (sv_equal(name, sv_from(schema->input_types[i]->name)))
            return schema->input_types[i];
    return NULL;
}

const struct graphql_type_name *graphql_innermost(const struct graphql_type_name *type)
{
    while (type->item)
        type = type->item;
    return type;
}

/* --- What the operation says --- */

/* The variable as a place for values. False if its type is none that values can come in of. */
static bool place_of(const struct graphql_values *values, const struct graphql_variable *variable,
                     struct graphql_input_field *field)
{
    const struct graphql_type_name *inner = graphql_innermost(variable->type);
    bool is_deep = variable->type->item && variable->type->item->item;
    *field = (struct graphql_input_field){
        .name = "",
        .type = graphql_named_input(values->schema, inner->name),
        .is_list = variable->type->item != NULL,
        .required = variable->type->required,
    };
    return field->type && !is_deep;
}

static void check_variable(struct graphql_values *values, const struct graphql_variable *variable)
{
    struct graphql_input_field field;
    struct sv name = graphql_innermost(variable->type)->name;
    for (const struct graphql_variable *other = variable->next; other; other = other->next)
        if (sv_equal(other->name, variable->name))
            graphql_error(values->errors, "There can be only one variable named '$%.*s'.",
                          SV_ARG(variable->name));
    if (variable->directives)
        graphql_error(values->errors, "Directive '@%.*s' may not be used on VARIABLE_DEFINITION.",
                      SV_ARG(variable->directives->name));
    if (!place_of(values, variable, &field))
        graphql_error(values->errors, "Unknown type '%.*s' of the variable '$%.*s'.", SV_ARG(name),
                      SV_ARG(variable->name));
    else if (variable->fallback)
        graphql_value_take(values, &field, variable->fallback);
}

void graphql_variables_check(struct graphql_values *values)
{
    for (const struct graphql_variable *variable = values->operation->variables; variable;
         variable = variable->next)
        check_variable(values, variable);
}

/* --- What is given --- */

/* A JSON value on its way to its type; `path` is where it stands, "data.runIds[0]". */
struct incoming {
    struct graphql_values *values;
    struct sv variable;
    struct json_object *whole;
    struct sv path;
};

static void refuse(const struct incoming *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void refuse(const struct incoming *in, const char *format, ...)
{
    struct arena *arena = in->values->arena;
    if (in->values->errors->count == GRAPHQL_ERRORS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct sv why = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    struct sv whole = json_compact(arena, in->whole, SHOWN_MAX);
    if (in->path.len)
        graphql_error(in->values->errors, "Variable '$%.*s' got invalid value %.*s at '%.*s%.*s'; %.*s",
                      SV_ARG(in->variable), SV_ARG(whole), SV_ARG(in->variable), SV_ARG(in->path),
                      SV_ARG(why));
    else
        graphql_error(in->values->errors, "Variable '$%.*s' got invalid value %.*s; %.*s",
                      SV_ARG(in->variable), SV_ARG(whole), SV_ARG(why));
}

static struct graphql_value *take_json(const struct incoming *in, const struct graphql_input_field *field,
                                       struct json_object *json);

static struct graphql_value *new_value(const struct incoming *in, enum graphql_value_kind kind)
{
    struct graphql_value *value = ARENA_NEW(in->values->arena, struct graphql_value);
    value->kind = kind;
    return value;
}

static bool take_number(struct json_object *json, bool is_long, int64_t *number)
{
    if (json_object_is_type(json, json_type_string))
        return is_long && parse_int64(json_string_view(json), INT64_MIN, INT64_MAX, number);
    if (!json_object_is_type(json, json_type_int) || json_object_get_uint64(json) > INT64_MAX)
        return false;
    *number = json_object_get_int64(json);
    return is_long || (*number >= INT32_MIN && *number <= INT32_MAX);
}

static const char *show(const struct incoming *in, struct json_object *json)
{
    return json_compact(in->values->arena, json, SHOWN_MAX).data;
}

static bool names_enum(const struct graphql_input_type *type, struct json_object *json)
{
    for (size_t i = 0; type->values[i]; i++)
        if (sv_equal(json_string_view(json), sv_from(type->values[i])))
            return true;
    return false;
}

static struct graphql_value *take_scalar(const struct incoming *in, const struct graphql_input_type *type,
                                         struct json_object *json)
{
    bool is_string = json_object_is_type(json, json_type_string);
    struct graphql_value *value = new_value(in, GRAPHQL_STRING);
    if (is_string)
        value->text = json_string_view(json);
    switch (type->kind) {
    case GRAPHQL_IN_STRING:
        if (!is_string)
            refuse(in, "String cannot represent a non string value: %s", show(in, json));
        break;
    case GRAPHQL_IN_BOOLEAN:
        value->kind = GRAPHQL_BOOLEAN;
        value->truth = json_object_get_boolean(json);
        if (!json_object_is_type(json, json_type_boolean))
            refuse(in, "Boolean cannot represent a non boolean value: %s", show(in, json));
        break;
    case GRAPHQL_IN_ENUM:
        value->kind = GRAPHQL_ENUM;
        if (!is_string)
            refuse(in, "Enum '%s' cannot represent non-string value: %s.", type->name, show(in, json));
        else if (!names_enum(type, json))
            refuse(in, "Value %s does not exist in '%s' enum.", show(in, json), type->name);
        break;
    default:
        value->kind = GRAPHQL_INT;
        if (!take_number(json, type->kind == GRAPHQL_IN_LONG, &value->number))
            refuse(in, "%s cannot represent value: %s", type->name, show(in, json));
    }
    return value;
}

static struct graphql_value *take_object(const struct incoming *in, const struct graphql_input_type *type,
                                         struct json_object *json)
{
    struct arena *arena = in->values->arena;
    struct graphql_value *object = new_value(in, GRAPHQL_OBJECT), **last = &object->items;
    size_t known = 0;
    if (!json_object_is_type(json, json_type_object)) {
        refuse(in, "Expected type '%s' to be a mapping.", type->name);
        return object;
    }
    for (const struct graphql_input_field *field = type->fields; field->name; field++) {
        struct json_object *item;
        if (!json_object_object_get_ex(json, field->name, &item))
            continue;
        struct incoming inner = *in;
        known++;
        inner.path = arena_printf(arena, "%.*s.%s", SV_ARG(in->path), field->name);
        *last = take_json(&inner, field, item);
        (*last)->name = sv_from(field->name);
        last = &(*last)->next;
    }
    if (known == (size_t)json_object_object_length(json))
        return object;
    json_object_object_foreach(json, key, unused)
    {
        const struct graphql_input_field *field = type->fields;
        (void)unused;
        while (field->name && strcmp(field->name, key) != 0)
            field++;
        if (!field->name)
            refuse(in, "Field '%.*s' is not defined by type '%s'.", SV_ARG(sv_first(sv_from(key), SHOWN_MAX)),
                   type->name);
    }
    return object;
}

static struct graphql_value *take_list(const struct incoming *in, const struct graphql_input_field *field,
                                       struct json_object *json)
{
    const struct graphql_input_field item = {.name = field->name, .type = field->type};
    struct graphql_value *list = new_value(in, GRAPHQL_LIST), **last = &list->items;
    if (!json_object_is_type(json, json_type_array)) {
        *last = take_json(in, &item, json);
        return list;
    }
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        struct incoming inner = *in;
        inner.path = arena_printf(in->values->arena, "%.*s[%zu]", SV_ARG(in->path), i);
        *last = take_json(&inner, &item, json_object_array_get_idx(json, i));
        last = &(*last)->next;
    }
    return list;
}

static struct graphql_value *take_json(const struct incoming *in, const struct graphql_input_field *field,
                                       struct json_object *json)
{
    if (!json) {
        struct sv type = graphql_type_text(in->values->arena, field);
        if (field->required)
            refuse(in, "Expected non-nullable type '%.*s' not to be None.", SV_ARG(type));
        return new_value(in, GRAPHQL_NULL);
    }
    if (field->is_list)
        return take_list(in, field, json);
    if (field->type->kind == GRAPHQL_IN_OBJECT)
        return take_object(in, field->type, json);
    return take_scalar(in, field->type, json);
}

static struct graphql_value *take_variable(struct graphql_values *values,
                                           const struct graphql_variable *variable,
                                           const struct graphql_input_field *field, struct json_object *given)
{
    char *key = arena_cstr(values->arena, variable->name);
    struct json_object *json;
    if (given && json_object_object_get_ex(given, key, &json)) {
        const struct incoming in = {
            .values = values, .variable = variable->name, .whole = json, .path = SV("")};
        return take_json(&in, field, json);
    }
    if (variable->fallback)
        return graphql_value_take(values, field, variable->fallback);
    if (field->required) {
        struct sv type = graphql_type_text(values->arena, field);
        graphql_error(values->errors, "Variable '$%.*s' of required type '%.*s' was not provided.",
                      SV_ARG(variable->name), SV_ARG(type));
    }
    return NULL;
}

void graphql_variables_take(struct graphql_values *values, struct json_object *given)
{
    struct graphql_value **last = &values->variables;
    if (given && !json_object_is_type(given, json_type_object)) {
        graphql_error(values->errors, "Variables must be provided as an object.");
        return;
    }
    for (const struct graphql_variable *variable = values->operation->variables; variable;
         variable = variable->next) {
        struct graphql_input_field field;
        if (!place_of(values, variable, &field))
            continue;
        struct graphql_value *value = take_variable(values, variable, &field, given);
        if (!value)
            continue;
        value->name = variable->name;
        *last = value;
        last = &value->next;
    }
}
