#include "fcgi-bin/permit_input.h"

#include <string.h>

#include "common/json/json_read.h"
#include "common/store/list.h"

#define HEADER_PLACE "header "

/* --- Places --- */

static const struct field *field_by_name(const struct field *fields, struct sv name)
{
    for (const struct field *field = fields; field && field->name; field++)
        if (sv_equal(name, sv_from(field->name)))
            return field;
    return NULL;
}

static bool holds_texts(enum field_type type)
{
    return type == FIELD_STRING || type == FIELD_ID || type == FIELD_STRINGS || type == FIELD_IDS;
}

static bool has_place(const struct field *fields, struct sv place)
{
    const struct field *field = field_by_name(fields, sv_cut(&place, '.'));
    if (!field || field->type == FIELD_JSON)
        return field && place.len;
    if (field->type == FIELD_OBJECT || field->type == FIELD_OBJECTS)
        return place.len && has_place(field->fields, place);
    return !place.len && holds_texts(field->type);
}

const char *permit_place(const struct operation *operation, const struct need *need)
{
    static const char *const usual[RESOURCE_COUNT][4] = {
        [RESOURCE_EXPERIMENT] = {"experiment_id", "experiment_ids"},
        [RESOURCE_EXPERIMENT_NAME] = {"experiment_name"},
        [RESOURCE_RUN] = {"run_id", "run_uuid", "run_ids"},
        [RESOURCE_LOGGED_MODEL] = {"model_id"},
        [RESOURCE_REGISTERED_MODEL] = {"name"},
        [RESOURCE_MODEL_SOURCE] = {"source"},
        [RESOURCE_TRACE] = {"trace_id", "request_id", "trace_ids"},
        [RESOURCE_SCORER] = {"scorer_name", "name"},
        [RESOURCE_SCORER_ID] = {"scorer_ids"},
        [RESOURCE_SCORER_MODEL] = {"serialized_scorer"},
        [RESOURCE_EVALUATION_DATASET] = {"dataset_id"},
        [RESOURCE_ARTIFACT_PATH] = {"artifact_path", "path"},
        [RESOURCE_LOCATION] = {"artifact_location"},
        [RESOURCE_SECRET] = {"secret_id"},
        [RESOURCE_ENDPOINT] = {"endpoint_id"},
        [RESOURCE_ENDPOINT_NAME] = {"name"},
        [RESOURCE_MODEL_DEFINITION] = {"model_definition_id"},
        [RESOURCE_JOB] = {"job_id", "params.experiment_id"},
        [RESOURCE_USER] = {"username"},
    };
    const struct field *fields = operation->input ? operation->input->fields : NULL;
    if (need->in && strncmp(need->in, HEADER_PLACE, strlen(HEADER_PLACE)) == 0)
        return need->in;
    if (need->in)
        return has_place(fields, sv_from(need->in)) ? need->in : NULL;
    for (const char *const *place = usual[need->resource]; *place; place++)
        if (has_place(fields, sv_from(*place)))
            return *place;
    return NULL;
}

/* --- Names --- */

struct collection {
    struct arena *arena;
    struct row_list texts; /* struct sv */
    bool is_list, is_junk;
};

static void add(struct collection *all, struct sv text)
{
    *ROW_LIST_ADD(&all->texts, all->arena, struct sv) = text;
}

static void add_json(struct collection *all, struct json_object *value, struct sv place);

static void add_json_list(struct collection *all, struct json_object *list, struct sv place)
{
    all->is_list = true;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        add_json(all, json_object_array_get_idx(list, i), place);
}

static void add_json(struct collection *all, struct json_object *value, struct sv place)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return;
    case json_type_array:
        add_json_list(all, value, place);
        return;
    case json_type_object:
        if (place.len) {
            const char *name = arena_cstr(all->arena, sv_cut(&place, '.'));
            add_json(all, json_object_object_get(value, name), place);
            return;
        }
        break;
    case json_type_string:
        if (!place.len) {
            add(all, json_string_view(value));
            return;
        }
        break;
    case json_type_int:
        if (!place.len) {
            add(all, arena_printf(all->arena, "%lld", (long long)json_object_get_int64(value)));
            return;
        }
        break;
    default:
        break;
    }
    all->is_junk = true;
}

static void add_place(struct collection *all, const struct field *fields, const char *in, struct sv place)
{
    const struct field *field = field_by_name(fields, sv_cut(&place, '.'));
    const char *at = in + field->offset;
    const struct list *list = (const void *)at;
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_ID: {
        struct sv text = *(const struct sv *)(const void *)at;
        if (text.len)
            add(all, text);
        break;
    }
    case FIELD_STRINGS:
    case FIELD_IDS:
        all->is_list = true;
        for (size_t i = 0; i < list->count; i++)
            add(all, ((const struct sv *)list->items)[i]);
        break;
    case FIELD_OBJECTS:
        all->is_list = true;
        for (size_t i = 0; i < list->count; i++)
            add_place(all, field->fields, (const char *)list->items + i * field->size, place);
        break;
    case FIELD_OBJECT: {
        const struct opt_object *object = (const void *)at;
        if (object->value)
            add_place(all, field->fields, object->value, place);
        break;
    }
    case FIELD_JSON:
        add_json(all, *(struct json_object *const *)(const void *)at, place);
        break;
    default:
        break;
    }
}

void permit_named(struct request *request, const void *in, const char *place, struct named *named)
{
    struct collection all = {.arena = request->arena};
    if (strncmp(place, HEADER_PLACE, strlen(HEADER_PLACE)) == 0) {
        struct sv text = sv_trim(request_header(request, place + strlen(HEADER_PLACE)));
        if (text.len)
            add(&all, text);
    } else {
        add_place(&all, request->operation->input->fields, in, sv_from(place));
    }
    *named = (struct named){all.texts.items, all.texts.count, all.is_list, all.is_junk};
}

static const struct field *text_field(const struct operation *operation, const char *name)
{
    const struct field *fields = operation->input ? operation->input->fields : NULL;
    const struct field *field = field_by_name(fields, sv_from(name));
    return field && (field->type == FIELD_STRING || field->type == FIELD_ID) ? field : NULL;
}

bool permit_text_place(const struct operation *operation, const char *field)
{
    return text_field(operation, field) != NULL;
}

struct sv permit_text(const struct operation *operation, const void *in, const char *field)
{
    const struct field *found = text_field(operation, field);
    return found ? *(const struct sv *)(const void *)((const char *)in + found->offset) : SV_ABSENT;
}
