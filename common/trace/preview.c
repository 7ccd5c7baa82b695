#include "common/base/utf8.h"
#include "common/json/json_read.h"
#include "common/trace/span.h"

enum { PREVIEW_MAX = 1000 };

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

static bool is_message(struct json_object *value)
{
    return member(value, "role") && member(value, "content");
}

/* The last message of a role in a list, else the last of all. */
static struct json_object *last_message(struct json_object *list, struct sv role)
{
    struct json_object *last = NULL, *last_of_role = NULL;
    if (!json_object_is_type(list, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!is_message(item))
            continue;
        last = item;
        struct json_object *given = member(item, "role");
        if (json_object_is_type(given, json_type_string) && sv_equal(json_string_view(given), role))
            last_of_role = item;
    }
    return last_of_role ? last_of_role : last;
}

/* Where the well-known kinds of requests and responses keep their messages. */
static struct json_object *find_message(struct json_object *value, struct sv role)
{
    while (json_object_is_type(value, json_type_object)) {
        struct json_object *choices = member(value, "choices");
        struct json_object *message = last_message(member(value, "messages"), role);
        if (!message && json_object_is_type(choices, json_type_array)) {
            struct json_object *choice = json_object_array_get_idx(choices, 0);
            message = is_message(member(choice, "message")) ? member(choice, "message") : NULL;
        }
        if (!message)
            message = last_message(member(value, "input"), role);
        if (!message)
            message = last_message(member(value, "output"), role);
        if (message)
            return message;
        value = member(value, "request");
    }
    return NULL;
}

static struct sv text_of(struct json_object *value)
{
    return json_object_is_type(value, json_type_string) ? json_string_view(value) : SV("");
}

/* A message's content: a text, or a list of which the first text counts. */
static struct sv content_text(struct json_object *content)
{
    if (!json_object_is_type(content, json_type_array))
        return text_of(content);
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        if (json_object_is_type(part, json_type_string))
            return text_of(part);
        struct sv type = text_of(member(part, "type"));
        if (sv_equal(type, SV("text")) || sv_equal(type, SV("output_text")))
            return text_of(member(part, "text"));
    }
    return SV("");
}

static struct sv cut(struct arena *arena, struct sv text)
{
    if (utf8_first(text, PREVIEW_MAX).len == text.len)
        return arena_copy(arena, text);
    struct sv kept = utf8_first(text, PREVIEW_MAX - 3);
    return arena_printf(arena, "%.*s...", SV_ARG(kept));
}

struct sv span_preview(struct arena *arena, struct sv text, struct sv role)
{
    struct json_object *root = NULL;
    struct sv problem;
    struct sv found = SV("");
    if (sv_starts_with(sv_trim(text), SV("{")) && json_parse(arena, text, &root, &problem) == JSON_OK)
        found = content_text(member(find_message(root, role), "content"));
    struct sv preview = cut(arena, found.len ? found : text);
    json_object_put(root);
    return preview;
}
