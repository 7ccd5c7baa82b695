#include <stdio.h>

#include "common/json/json_read.h"
#include "fcgi-bin/tracking/tracking.h"

/* Input and output that several operations have in common. */

const struct field tag_fields[] = {
    FIELD(struct key_value, key, STRING, .required = true),
    FIELD(struct key_value, value, STRING),
    FIELDS_END,
};

const struct enum_name view_type_names[] = {
    {"ACTIVE_ONLY", VIEW_ACTIVE_ONLY},
    {"DELETED_ONLY", VIEW_DELETED_ONLY},
    {"ALL", VIEW_ALL},
    {NULL, 0},
};

enum status take_max_results(struct request *request, struct opt_int64 given, int64_t fallback,
                             int64_t *value)
{
    *value = given.set ? given.value : fallback;
    if (*value > 0)
        return OK;
    return fail(request, INVALID_PARAMETER_VALUE,
                "Invalid value %lld for parameter 'max_results' supplied. It must be a positive integer",
                (long long)*value);
}

enum status take_json_text(struct request *request, struct sv text, const char *name,
                           struct json_object **value)
{
    struct sv problem;
    enum json_outcome outcome = json_parse(request->arena, text, value, &problem);
    if (outcome == JSON_EMPTY)
        return fail(request, INVALID_PARAMETER_VALUE, "'%s' must hold JSON, but is empty.", name);
    if (outcome != JSON_OK)
        return fail(request, INVALID_PARAMETER_VALUE, "'%s' does not hold valid JSON: %.*s.", name,
                    SV_ARG(problem));
    /* What was parsed before holds other input, so both are kept. */
    struct json_object *both = json_object_new_array();
    if (both && json_object_array_add(both, *value) == 0) {
        if (json_object_array_add(both, request->json) == 0) {
            request->json = both;
            return OK;
        }
        json_object_put(both);
    } else {
        json_object_put(both);
        json_object_put(*value);
    }
    *value = NULL;
    return fail(request, TEMPORARILY_UNAVAILABLE, "There is no memory for '%s'. Try again.", name);
}

void put_id_field(struct json_writer *json, const char *key, int64_t id)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)id);
    json_put_string_field(json, key, (struct sv){text, (size_t)len});
}

void put_key_values(struct json_writer *json, const char *name, const struct key_value *items, size_t count)
{
    if (count == 0)
        return;
    json_key(json, name);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "key", items[i].key);
        json_put_string_field(json, "value", items[i].value);
        json_end_object(json);
    }
    json_end_array(json);
}
