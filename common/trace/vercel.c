#include "common/trace/vercel.h"

#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/trace/value_text.h"

bool vercel_is_chat(const struct attributes *attributes)
{
    struct sv operation = attributes_get(attributes, SV("ai.operationId"));
    return sv_equal(operation, SV("\"ai.generateText.doGenerate\"")) ||
           sv_equal(operation, SV("\"ai.streamText.doStream\""));
}

/* JSON that stands in a JSON string, perhaps more than once. */
static struct sv unwrap(struct arena *arena, struct sv text)
{
    for (int i = 0; i < 3; i++) {
        struct sv inner = value_decoded(arena, text);
        if (inner.data == text.data || !is_json(arena, inner))
            break;
        text = inner;
    }
    return text;
}

/* A list whose items are each JSON in a string. */
static struct sv unwrap_items(struct arena *arena, struct sv text)
{
    struct json_object *list = NULL;
    struct sv problem;
    if (json_parse(arena, text, &list, &problem) != JSON_OK || !json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        return text;
    }
    struct arena_text out;
    arena_text_init(&out, arena);
    arena_text_add(&out, SV("["));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct sv item = json_dump(arena, json_object_array_get_idx(list, i), false);
        if (i)
            arena_text_add(&out, SV(", "));
        arena_text_add(&out, unwrap(arena, item));
    }
    arena_text_add(&out, SV("]"));
    json_object_put(list);
    return arena_text_sv(&out);
}

struct sv vercel_gather(const struct attributes *attributes, struct sv prefix)
{
    struct arena *arena = attributes->arena;
    struct arena_text out;
    bool any = false;
    arena_text_init(&out, arena);
    arena_text_add(&out, SV("{"));
    for (size_t i = 0; i < attributes->count; i++) {
        const struct attribute *item = &attributes->items[i];
        if (!sv_starts_with(item->key, prefix) || item->key.len == prefix.len)
            continue;
        struct sv name = sv_from_offset(item->key, prefix.len);
        struct sv text = unwrap(arena, item->text);
        if (sv_equal(name, SV("tools")))
            text = unwrap_items(arena, text);
        if (any)
            arena_text_add(&out, SV(", "));
        value_add_string(&out, name);
        arena_text_add(&out, SV(": "));
        arena_text_add(&out, text);
        any = true;
    }
    arena_text_add(&out, SV("}"));
    return any ? arena_text_sv(&out) : SV_ABSENT;
}
