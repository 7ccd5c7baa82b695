#include <string.h>

#include "common/http/input_value.h"
#include "common/json/json_read.h"

#define NAME_MAX_BYTES 64

/* protobuf's JSON name: run_id -> runId. False if it is the same as `name`. */
static bool lower_camel_case(const char *name, char camel[NAME_MAX_BYTES])
{
    size_t len = 0;
    bool differs = false;
    bool upper = false;
    for (; *name && len < NAME_MAX_BYTES - 1; name++) {
        if (*name == '_') {
            upper = differs = true;
            continue;
        }
        camel[len++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    camel[len] = '\0';
    return differs;
}

/* The value under the name, or under its other spelling where that counts; NULL if it is absent or null. */
static struct json_object *find_spelling(struct json_object *object, const char *name, bool camel_too)
{
    char camel[NAME_MAX_BYTES];
    struct json_object *value = json_object_object_get(object, name);
    if (!value && camel_too && lower_camel_case(name, camel))
        value = json_object_object_get(object, camel);
    return value;
}

/* MLflow looks for required fields under their own spelling only. */
static struct json_object *find(struct json_object *object, const struct field *field)
{
    struct json_object *value = find_spelling(object, field->name, !field->required);
    if (!value && field->alias)
        value = find_spelling(object, field->alias, !field->required);
    return value;
}

static bool is_empty_string(struct json_object *value)
{
    return json_object_is_type(value, json_type_string) && !json_object_get_string_len(value);
}

static enum status fill_struct(struct request *request, const struct field *field, struct json_object *value,
                               void *out, const struct input_path *path)
{
    if (!json_object_is_type(value, json_type_object))
        return input_fail_json(request, value, path);
    return input_fill_json(request, field->fields, value, out, path);
}

static enum status fill_objects(struct request *request, const struct field *field, struct json_object *array,
                                struct list *list, const struct input_path *path)
{
    if (!json_object_is_type(array, json_type_array))
        return input_fail_json(request, array, path);
    size_t count = json_object_array_length(array);
    char *items = arena_alloc_array(request->arena, count, field->size);
    for (size_t i = 0; i < count; i++) {
        struct input_path element = {.parent = path, .index = i};
        if (fill_struct(request, field, json_object_array_get_idx(array, i), items + i * field->size,
                        &element) != OK)
            return FAILED;
    }
    *list = (struct list){.set = true, .count = count, .items = items};
    return OK;
}

static enum status fill_scalars(struct request *request, const struct field *field, struct json_object *array,
                                struct list *list, const struct input_path *path)
{
    if (!json_object_is_type(array, json_type_array))
        return input_fail_json(request, array, path);
    size_t count = json_object_array_length(array);
    size_t size = input_element_size(field->type);
    char *items = arena_alloc_array(request->arena, count, size);
    for (size_t i = 0; i < count; i++) {
        struct json_object *value = json_object_array_get_idx(array, i);
        struct input_path element = {.parent = path, .index = i};
        if (!input_store_json(request->arena, field, value, items + i * size))
            return input_fail_json(request, value, &element);
    }
    *list = (struct list){.set = true, .count = count, .items = items};
    return OK;
}

/* A bare id counts as a list of one; a bare "" as an empty list. */
static enum status fill_ids(struct request *request, const struct field *field, struct json_object *value,
                            struct list *list, const struct input_path *path)
{
    if (json_object_is_type(value, json_type_array))
        return fill_scalars(request, field, value, list, path);
    struct sv *item = ARENA_NEW(request->arena, struct sv);
    if (!input_store_json(request->arena, field, value, item))
        return input_fail_json(request, value, path);
    *list = (struct list){.set = true, .count = item->len ? 1 : 0, .items = item};
    return OK;
}

static enum status fill_field(struct request *request, const struct field *field, struct json_object *value,
                              void *slot, const struct input_path *path)
{
    if (field->required && (!value || is_empty_string(value)))
        return input_fail_missing(request, path);
    if (!value)
        return OK;
    switch (field->type) {
    case FIELD_IDS:
        return fill_ids(request, field, value, slot, path);
    case FIELD_STRINGS:
    case FIELD_INT64S:
        return fill_scalars(request, field, value, slot, path);
    case FIELD_OBJECTS:
        return fill_objects(request, field, value, slot, path);
    case FIELD_OBJECT: {
        struct opt_object *object = slot;
        object->value = arena_alloc(request->arena, field->size);
        return fill_struct(request, field, value, object->value, path);
    }
    case FIELD_JSON: {
        struct json_object **json = slot;
        *json = value;
        return OK;
    }
    default:
        if (!input_store_json(request->arena, field, value, slot))
            return input_fail_json(request, value, path);
        return OK;
    }
}

enum status input_fill_json(struct request *request, const struct field *fields, struct json_object *object,
                            void *out, const struct input_path *parent)
{
    for (const struct field *field = fields; field->name; field++) {
        void *slot = (char *)out + field->offset;
        struct input_path path = {.parent = parent, .name = field->name};
        enum status status =
            field->in_path ? input_fill_path_parameter(request, field, slot)
                           : fill_field(request, field, object ? find(object, field) : NULL, slot, &path);
        if (status != OK)
            return status;
    }
    return OK;
}
