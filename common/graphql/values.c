#include "common/graphql/values.h"

#include <string.h>

#include "common/base/number.h"
#include "common/graphql/values_internal.h"

#define SHOWN_MAX 200 /* bytes of a value that a message repeats */

const struct graphql_input_type graphql_string_type = {.name = "String", .kind = GRAPHQL_IN_STRING};
const struct graphql_input_type graphql_int_type = {.name = "Int", .kind = GRAPHQL_IN_INT};
const struct graphql_input_type graphql_boolean_type = {.name = "Boolean", .kind = GRAPHQL_IN_BOOLEAN};

/* --- For messages --- */

struct sv graphql_type_text(struct arena *arena, const struct graphql_input_field *field)
{
    return arena_printf(arena, "%s%s%s%s", field->is_list ? "[" : "", field->type->name,
                        field->is_list ? "]" : "", field->required ? "!" : "");
}

static struct sv show(struct arena *arena, const struct graphql_value *value)
{
    switch (value->kind) {
    case GRAPHQL_VARIABLE:
        return arena_printf(arena, "$%.*s", SV_ARG(value->text));
    case GRAPHQL_STRING: {
        struct sv text = sv_first(value->text, SHOWN_MAX);
        while (text.len < value->text.len && text.len &&
               ((unsigned char)value->text.data[text.len] & 0xc0) == 0x80)
            text.len--;
        return arena_printf(arena, "\"%.*s\"", SV_ARG(text));
    }
    case GRAPHQL_LIST:
        return SV("[...]");
    case GRAPHQL_OBJECT:
        return SV("{...}");
    default:
        return sv_first(value->text, SHOWN_MAX);
    }
}

/* --- Sameness --- */

static bool lists_equal(const struct graphql_value *a, const struct graphql_value *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!graphql_value_equal(a, b))
            return false;
    return !a && !b;
}

/* The order of fields and arguments does not matter. */
static bool named_equal(const struct graphql_value *a, const struct graphql_value *b)
{
    size_t count = 0;
    for (const struct graphql_value *other = b; other; other = other->next)
        count++;
    for (; a; a = a->next) {
        const struct graphql_value *other = graphql_item((struct graphql_value *)b, a->name);
        if (!count-- || !other || !graphql_value_equal(a, other))
            return false;
    }
    return count == 0;
}

bool graphql_value_equal(const struct graphql_value *a, const struct graphql_value *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == GRAPHQL_LIST)
        return lists_equal(a->items, b->items);
    if (a->kind == GRAPHQL_OBJECT)
        return named_equal(a->items, b->items);
    return sv_equal(a->text, b->text);
}

/* --- Values of the document --- */

static bool is_enum_value(const struct graphql_input_type *type, struct sv text)
{
    for (size_t i = 0; type->values[i]; i++)
        if (sv_equal(text, sv_from(type->values[i])))
            return true;
    return false;
}

static struct graphql_value *null_value(struct graphql_values *values)
{
    return ARENA_NEW(values->arena, struct graphql_value);
}

static struct graphql_value *copy_value(struct graphql_values *values, const struct graphql_value *value)
{
    struct graphql_value *copy = null_value(values);
    *copy = *value;
    copy->next = NULL;
    copy->name = SV_ABSENT;
    return copy;
}

static struct graphql_value *take_int(struct graphql_values *values, const struct graphql_value *value)
{
    struct graphql_value *copy = copy_value(values, value);
    struct sv shown = show(values->arena, value);
    if (value->kind != GRAPHQL_INT)
        graphql_error(values->errors, "Int cannot represent non-integer value: %.*s", SV_ARG(shown));
    else if (!parse_int64(value->text, INT32_MIN, INT32_MAX, &copy->number))
        graphql_error(values->errors, "Int cannot represent non 32-bit signed integer value: %.*s",
                      SV_ARG(shown));
    return copy;
}

static struct graphql_value *take_scalar(struct graphql_values *values, const struct graphql_input_type *type,
                                         const struct graphql_value *value)
{
    struct graphql_value *copy = copy_value(values, value);
    struct sv shown = show(values->arena, value);
    switch (type->kind) {
    case GRAPHQL_IN_INT:
        return take_int(values, value);
    case GRAPHQL_IN_STRING:
        if (value->kind != GRAPHQL_STRING)
            graphql_error(values->errors, "String cannot represent a non string value: %.*s", SV_ARG(shown));
        break;
    case GRAPHQL_IN_BOOLEAN:
        if (value->kind != GRAPHQL_BOOLEAN)
            graphql_error(values->errors, "Boolean cannot represent a non boolean value: %.*s",
                          SV_ARG(shown));
        break;
    case GRAPHQL_IN_ENUM:
        if (value->kind != GRAPHQL_ENUM)
            graphql_error(values->errors, "Enum '%s' cannot represent non-enum value: %.*s.", type->name,
                          SV_ARG(shown));
        else if (!is_enum_value(type, value->text))
            graphql_error(values->errors, "Value '%.*s' does not exist in '%s' enum.", SV_ARG(shown),
                          type->name);
        break;
    default:
        if ((value->kind != GRAPHQL_INT && value->kind != GRAPHQL_STRING) ||
            !parse_int64(value->text, INT64_MIN, INT64_MAX, &copy->number))
            graphql_error(values->errors, "Expected value of type '%s', found %.*s.", type->name,
                          SV_ARG(shown));
        copy->kind = GRAPHQL_INT;
    }
    return copy;
}

static const struct graphql_input_field *find_field(const struct graphql_input_field *fields, struct sv name)
{
    for (; fields && fields->name; fields++)
        if (sv_equal(name, sv_from(fields->name)))
            return fields;
    return NULL;
}

static bool is_repeated(const struct graphql_value *items, const char *name)
{
    size_t count = 0;
    for (; items; items = items->next)
        count += sv_equal(items->name, sv_from(name));
    return count > 1;
}

static struct graphql_value *take_object(struct graphql_values *values, const struct graphql_input_type *type,
                                         const struct graphql_value *value)
{
    struct graphql_value *object = copy_value(values, value);
    struct graphql_value **last = &object->items;
    *last = NULL;
    if (value->kind != GRAPHQL_OBJECT) {
        struct sv shown = show(values->arena, value);
        graphql_error(values->errors, "Expected value of type '%s', found %.*s.", type->name, SV_ARG(shown));
        return object;
    }
    for (const struct graphql_value *item = value->items; item; item = item->next)
        if (!find_field(type->fields, item->name))
            graphql_error(values->errors, "Field '%.*s' is not defined by type '%s'.", SV_ARG(item->name),
                          type->name);
    for (const struct graphql_input_field *field = type->fields; field->name; field++) {
        const struct graphql_value *item = graphql_item(value->items, sv_from(field->name));
        if (is_repeated(value->items, field->name))
            graphql_error(values->errors, "There can be only one input field named '%s'.", field->name);
        struct graphql_value *taken = item ? graphql_value_take(values, field, item) : NULL;
        if (!taken)
            continue;
        taken->name = item->name;
        *last = taken;
        last = &taken->next;
    }
    return object;
}

static struct graphql_value *take_list(struct graphql_values *values, const struct graphql_input_field *field,
                                       const struct graphql_value *value)
{
    struct graphql_input_field item = {.name = field->name, .type = field->type};
    struct graphql_value *list = ARENA_NEW(values->arena, struct graphql_value);
    struct graphql_value **last = &list->items;
    list->kind = GRAPHQL_LIST;
    if (value->kind != GRAPHQL_LIST) {
        *last = graphql_value_take(values, &item, value);
        return list;
    }
    for (const struct graphql_value *each = value->items; each; each = each->next) {
        struct graphql_value *taken = graphql_value_take(values, &item, each);
        *last = taken ? taken : null_value(values);
        last = &(*last)->next;
    }
    return list;
}

/* Whether a variable of this type may stand where the field's type is wanted (section 5.8.5). */
static bool fits(const struct graphql_variable *variable, const struct graphql_input_field *field)
{
    const struct graphql_type_name *type = variable->type;
    bool has_default = variable->fallback && variable->fallback->kind != GRAPHQL_NULL;
    if (field->required && !type->required && !has_default)
        return false;
    if (field->is_list != (type->item != NULL))
        return false;
    if (type->item)
        type = type->item;
    return !type->item && sv_equal(type->name, sv_from(field->type->name));
}

static struct sv type_name_text(struct arena *arena, const struct graphql_type_name *type)
{
    const char *mark = type->required ? "!" : "";
    if (!type->item)
        return arena_printf(arena, "%.*s%s", SV_ARG(type->name), mark);
    struct sv item = type_name_text(arena, type->item);
    return arena_printf(arena, "[%.*s]%s", SV_ARG(item), mark);
}

static struct graphql_variable *find_variable(const struct graphql_operation *operation, struct sv name)
{
    struct graphql_variable *variable = operation->variables;
    while (variable && !sv_equal(variable->name, name))
        variable = variable->next;
    return variable;
}

static struct graphql_value *check_variable(struct graphql_values *values,
                                            const struct graphql_input_field *field,
                                            const struct graphql_value *value)
{
    struct graphql_variable *variable = find_variable(values->operation, value->text);
    struct sv operation = values->operation->name;
    if (variable)
        variable->used = true;
    if (!variable) {
        if (operation.data)
            graphql_error(values->errors, "Variable '$%.*s' is not defined by operation '%.*s'.",
                          SV_ARG(value->text), SV_ARG(operation));
        else
            graphql_error(values->errors, "Variable '$%.*s' is not defined.", SV_ARG(value->text));
    } else if (graphql_named_input(values->schema, graphql_innermost(variable->type)->name) &&
               !fits(variable, field)) {
        struct sv type = type_name_text(values->arena, variable->type);
        struct sv wanted = graphql_type_text(values->arena, field);
        graphql_error(values->errors,
                      "Variable '$%.*s' of type '%.*s' used in position expecting type '%.*s'.",
                      SV_ARG(value->text), SV_ARG(type), SV_ARG(wanted));
    }
    return copy_value(values, value);
}

struct graphql_value *graphql_value_take(struct graphql_values *values,
                                         const struct graphql_input_field *field,
                                         const struct graphql_value *value)
{
    if (value->kind == GRAPHQL_VARIABLE && values->checking)
        return check_variable(values, field, value);
    if (value->kind == GRAPHQL_VARIABLE) {
        const struct graphql_value *given = graphql_item(values->variables, value->text);
        if (given && given->kind == GRAPHQL_NULL && field->required)
            graphql_error(values->errors, "Expected value of type '%s!', found null.", field->type->name);
        return given ? copy_value(values, given) : NULL;
    }
    if (value->kind == GRAPHQL_NULL) {
        struct sv wanted = graphql_type_text(values->arena, field);
        if (field->required)
            graphql_error(values->errors, "Expected value of type '%.*s', found null.", SV_ARG(wanted));
        return null_value(values);
    }
    if (field->is_list)
        return take_list(values, field, value);
    if (field->type->kind == GRAPHQL_IN_OBJECT)
        return take_object(values, field->type, value);
    return take_scalar(values, field->type, value);
}

/* --- Arguments --- */

static void check_arguments(struct graphql_values *values, const struct graphql_input_field *declared,
                            const struct graphql_value *given, struct sv where)
{
    for (const struct graphql_value *each = given; each; each = each->next)
        if (!find_field(declared, each->name))
            graphql_error(values->errors, "Unknown argument '%.*s' on %.*s.", SV_ARG(each->name),
                          SV_ARG(where));
    for (; declared && declared->name; declared++) {
        struct sv name = sv_from(declared->name);
        if (is_repeated(given, declared->name))
            graphql_error(values->errors, "There can be only one argument named '%s'.", declared->name);
        if (declared->required && !graphql_item((struct graphql_value *)given, name)) {
            struct sv type = graphql_type_text(values->arena, declared);
            graphql_error(values->errors,
                          "Argument '%s' of type '%.*s' on %.*s is required, but it was not provided.",
                          declared->name, SV_ARG(type), SV_ARG(where));
        }
    }
}

struct graphql_value *graphql_arguments_take(struct graphql_values *values,
                                             const struct graphql_input_field *declared,
                                             const struct graphql_value *given, struct sv where)
{
    struct graphql_value *arguments = NULL, **last = &arguments;
    if (values->checking)
        check_arguments(values, declared, given, where);
    for (; given; given = given->next) {
        const struct graphql_input_field *field = find_field(declared, given->name);
        struct graphql_value *taken = field ? graphql_value_take(values, field, given) : NULL;
        if (!taken)
            continue;
        taken->name = given->name;
        *last = taken;
        last = &taken->next;
    }
    return arguments;
}
