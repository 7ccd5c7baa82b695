#include "common/store/registry_events.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/json/json_write.h"
#include "common/store/outbox.h"
#include "common/store/registered_models.h"

enum { ESCAPED_MAX = 6, FIELD_BYTES = 64 };

/* What stands in a payload under "data". An item without a key is left out. */
struct field {
    const char *key;
    struct sv text;
    bool is_null;
    const struct key_value *tags; /* with `is_tags` */
    size_t tag_count;
    bool is_tags;
    bool hides_prompt_tags;
};

/* Tags that the event of a prompt says in other words. */
static bool is_prompt_tag(struct sv key)
{
    return sv_equal(key, SV(PROMPT_TAG)) || sv_equal(key, SV(PROMPT_TEXT_TAG)) ||
           sv_equal(key, SV("_mlflow_prompt_type"));
}

static size_t room_for(const struct field *fields, size_t count)
{
    size_t bytes = FIELD_BYTES;
    for (size_t i = 0; i < count; i++) {
        bytes += FIELD_BYTES + ESCAPED_MAX * fields[i].text.len;
        for (size_t j = 0; j < fields[i].tag_count; j++)
            bytes += FIELD_BYTES + ESCAPED_MAX * (fields[i].tags[j].key.len + fields[i].tags[j].value.len);
    }
    return bytes;
}

static void put_tags(struct json_writer *json, const struct field *field)
{
    json_begin_object(json);
    for (size_t i = 0; i < field->tag_count; i++) {
        if (field->hides_prompt_tags && is_prompt_tag(field->tags[i].key))
            continue;
        json_key_sv(json, field->tags[i].key);
        json_put_string(json, field->tags[i].value);
    }
    json_end_object(json);
}

/* The arena's memory is taken first: it may jump away, and the buffer would be lost. */
static struct sv payload(struct arena *arena, const struct field *fields, size_t count)
{
    size_t room = room_for(fields, count);
    char *text = arena_alloc(arena, room);
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, room);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].key)
            continue;
        json_key(&json, fields[i].key);
        if (fields[i].is_tags)
            put_tags(&json, &fields[i]);
        else if (fields[i].is_null)
            json_put_null(&json);
        else
            json_put_string(&json, fields[i].text);
    }
    json_end_object(&json);
    size_t len = out.failed ? 0 : out.len;
    if (len)
        memcpy(text, out.data, len);
    buffer_free(&out);
    return (struct sv){text, len};
}

static enum status put(struct store_tx *tx, const char *entity, const char *action,
                       const struct field *fields, size_t count)
{
    return outbox_put(tx, sv_from(entity), sv_from(action), payload(tx->arena, fields, count));
}

static struct sv number_text(struct store_tx *tx, int64_t number)
{
    return arena_printf(tx->arena, "%" PRId64, number);
}

enum status registry_event_model_created(struct store_tx *tx, int64_t id)
{
    bool is_prompt, wanted;
    struct registered_model model;
    if (registered_model_is_prompt(tx, id, &is_prompt) != OK)
        return FAILED;
    const char *entity = is_prompt ? "prompt" : "registered_model";
    if (outbox_wants(tx, sv_from(entity), SV("created"), &wanted) != OK)
        return FAILED;
    if (!wanted)
        return OK;
    if (registered_model_load_by_id(tx, id, &model) != OK)
        return FAILED;
    const struct field fields[] = {
        {.key = "name", .text = model.name},
        {.key = "tags",
         .is_tags = true,
         .tags = model.tags,
         .tag_count = model.tag_count,
         .hides_prompt_tags = is_prompt},
        {.key = "description", .text = model.description},
    };
    return put(tx, entity, "created", fields, sizeof(fields) / sizeof(fields[0]));
}

static struct sv tag_value(const struct model_version *version, struct sv key)
{
    for (size_t i = 0; i < version->tag_count; i++) {
        if (sv_equal(version->tags[i].key, key))
            return version->tags[i].value;
    }
    return SV_ABSENT;
}

enum status registry_event_version_created(struct store_tx *tx, const struct model_version *version,
                                           struct sv description)
{
    bool is_prompt = registry_tags_have_prompt(version->tags, version->tag_count), wanted;
    const char *entity = is_prompt ? "prompt_version" : "model_version";
    if (outbox_wants(tx, sv_from(entity), SV("created"), &wanted) != OK)
        return FAILED;
    if (!wanted)
        return OK;
    struct sv template = tag_value(version, SV(PROMPT_TEXT_TAG));
    const struct field fields[] = {
        {.key = "name", .text = version->name},
        {.key = "version", .text = number_text(tx, version->version)},
        {.key = is_prompt ? "template" : NULL, .text = template, .is_null = !template.data},
        {.key = is_prompt ? NULL : "source", .text = version->source},
        {.key = is_prompt ? NULL : "run_id", .text = version->run_id, .is_null = !version->run_id.len},
        {.key = "tags",
         .is_tags = true,
         .tags = version->tags,
         .tag_count = version->tag_count,
         .hides_prompt_tags = is_prompt},
        {.key = "description", .text = description, .is_null = !description.data},
    };
    return put(tx, entity, "created", fields, sizeof(fields) / sizeof(fields[0]));
}

enum status registry_event_model_tag(struct store_tx *tx, int64_t model, struct sv name, struct sv key,
                                     struct sv value)
{
    bool is_prompt;
    if (registered_model_is_prompt(tx, model, &is_prompt) != OK)
        return FAILED;
    if (!is_prompt)
        return OK;
    const struct field fields[] = {
        {.key = "name", .text = name},
        {.key = "key", .text = key},
        {.key = value.data ? "value" : NULL, .text = value},
    };
    return put(tx, "prompt_tag", value.data ? "set" : "deleted", fields, sizeof(fields) / sizeof(fields[0]));
}

enum status registry_event_version_tag(struct store_tx *tx, const struct model_version_ref *version,
                                       struct sv name, struct sv key, struct sv value)
{
    bool is_prompt;
    if (registered_model_is_prompt(tx, version->model, &is_prompt) != OK)
        return FAILED;
    const struct field fields[] = {
        {.key = "name", .text = name},
        {.key = "version", .text = number_text(tx, version->version)},
        {.key = "key", .text = key},
        {.key = value.data ? "value" : NULL, .text = value},
    };
    return put(tx, is_prompt ? "prompt_version_tag" : "model_version_tag", value.data ? "set" : "deleted",
               fields, sizeof(fields) / sizeof(fields[0]));
}

enum status registry_event_alias(struct store_tx *tx, int64_t model, struct sv name, struct sv alias,
                                 int64_t version)
{
    bool is_prompt;
    if (registered_model_is_prompt(tx, model, &is_prompt) != OK)
        return FAILED;
    const struct field fields[] = {
        {.key = "name", .text = name},
        {.key = "alias", .text = alias},
        {.key = version ? "version" : NULL, .text = number_text(tx, version)},
    };
    return put(tx, is_prompt ? "prompt_alias" : "model_version_alias", version ? "created" : "deleted",
               fields, sizeof(fields) / sizeof(fields[0]));
}
