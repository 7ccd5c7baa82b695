#include "common/store/model_links.h"

#include <inttypes.h>
#include <json-c/json.h>

#include "common/json/json_read.h"
#include "common/store/limits.h"
#include "common/store/logged_models.h"

#define VERSIONS_TAG "mlflow.modelVersions"

static struct sv tag_value(const struct logged_model *model)
{
    for (size_t i = 0; i < model->tag_count; i++) {
        if (sv_equal(model->tags[i].key, SV(VERSIONS_TAG)))
            return model->tags[i].value;
    }
    return SV_ABSENT;
}

/* Of a JSON list with items, all but its closing bracket, and a comma; of anything else "[". */
static struct sv open_list(struct arena *arena, struct sv text)
{
    struct json_object *list = NULL;
    struct sv problem;
    text = sv_trim(text);
    bool has_items = text.len && json_parse(arena, text, &list, &problem) == JSON_OK &&
                     json_object_is_type(list, json_type_array) && json_object_array_length(list) > 0;
    json_object_put(list);
    if (!has_items)
        return SV("[");
    text = sv_trim(sv_first(text, text.len - 1));
    return arena_printf(arena, "%.*s, ", SV_ARG(text));
}

enum status model_link_logged_model(struct store_tx *tracking, struct sv model_id, struct sv name,
                                    int64_t version)
{
    struct arena *arena = tracking->arena;
    struct logged_model_ref ref;
    struct logged_model model;
    if (logged_model_find_existing(tracking, model_id, &ref) != OK ||
        logged_model_load(tracking, ref.id, &model) != OK)
        return FAILED;
    struct sv before = open_list(arena, tag_value(&model));
    struct sv quoted = json_compact_string(arena, name, (size_t)MODEL_NAME_MAX * 12 + 2);
    struct key_value tag = {
        .key = SV(VERSIONS_TAG),
        .value = arena_printf(arena, "%.*s{\"name\": %.*s, \"version\": %" PRId64 "}]", SV_ARG(before),
                              SV_ARG(quoted), version),
    };
    return logged_model_set_tags(tracking, model_id, &tag, 1);
}
