#include "common/gateway/translate.h"

#include <string.h>

#include <json-c/json.h>

#include "common/json/json_dump.h"
#include "common/json/json_read.h"

#define TOKENS_MAX (1LL << 40)

static struct json_object *item(struct json_object *list, size_t at)
{
    return json_object_is_type(list, json_type_array) && at < json_object_array_length(list)
               ? json_object_array_get_idx(list, at)
               : NULL;
}

static size_t length(struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* --- Messages --- */

enum chat_role chat_role(struct json_object *message)
{
    static const struct {
        struct sv name;
        enum chat_role role;
    } roles[] = {
        {SV("system"), ROLE_SYSTEM},       {SV("developer"), ROLE_SYSTEM}, {SV("user"), ROLE_USER},
        {SV("assistant"), ROLE_ASSISTANT}, {SV("tool"), ROLE_TOOL},
    };
    struct sv name = provider_text(message, "role");
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (sv_equal(name, roles[i].name))
            return roles[i].role;
    }
    return ROLE_OTHER;
}

size_t chat_part_count(struct json_object *message)
{
    struct json_object *content = provider_member(message, "content");
    return json_object_is_type(content, json_type_string) ? 1 : length(content);
}

static enum status bad_image(struct provider_call *call)
{
    return provider_fail(call, 422,
                         "Invalid image_url: it must be an http or https URL, or look like "
                         "data:image/png;base64,...");
}

/* "data:" media type *(";" parameter) ";base64," data (RFC 2397). */
static enum status read_data_url(struct provider_call *call, struct sv url, struct chat_part *part)
{
    size_t comma = sv_find(url, ',');
    struct sv head = sv_from_offset(sv_first(url, comma), 5);
    if (comma == url.len || !sv_ends_with(head, SV(";base64")))
        return bad_image(call);
    part->media_type = sv_first(head, sv_find(head, ';'));
    part->data = sv_from_offset(url, comma + 1);
    return part->media_type.len && part->data.len ? OK : bad_image(call);
}

static enum status read_image(struct provider_call *call, struct json_object *image, struct chat_part *part)
{
    struct sv url =
        json_object_is_type(image, json_type_string) ? json_string_view(image) : provider_text(image, "url");
    part->kind = PART_IMAGE;
    if (sv_equal_ignoring_case(sv_first(url, 5), SV("data:")))
        return read_data_url(call, url, part);
    if (!sv_equal_ignoring_case(sv_first(url, 7), SV("http://")) &&
        !sv_equal_ignoring_case(sv_first(url, 8), SV("https://")))
        return bad_image(call);
    part->url = url;
    return OK;
}

enum status chat_part_read(struct provider_call *call, struct json_object *message, size_t at,
                           struct chat_part *part)
{
    struct json_object *content = provider_member(message, "content");
    *part = (struct chat_part){.kind = PART_TEXT};
    if (json_object_is_type(content, json_type_string)) {
        part->text = json_string_view(content);
        return OK;
    }
    struct json_object *value = item(content, at);
    struct sv type = provider_text(value, "type");
    if (sv_equal(type, SV("image_url")))
        return read_image(call, provider_member(value, "image_url"), part);
    if (sv_equal(type, SV("input_audio"))) {
        struct json_object *audio = provider_member(value, "input_audio");
        part->kind = PART_AUDIO;
        part->data = provider_text(audio, "data");
        part->media_type = arena_printf(call->arena, "audio/%.*s", SV_ARG(provider_text(audio, "format")));
        return OK;
    }
    part->text = provider_text(value, "text");
    return OK;
}

/* --- Tools --- */

size_t chat_tool_call_count(struct json_object *message)
{
    return length(provider_member(message, "tool_calls"));
}

struct chat_tool_call chat_tool_call_read(struct json_object *message, size_t at)
{
    struct json_object *call = item(provider_member(message, "tool_calls"), at);
    struct json_object *function = provider_member(call, "function");
    return (struct chat_tool_call){
        .id = provider_text(call, "id"),
        .name = provider_text(function, "name"),
        .arguments = provider_text(function, "arguments"),
    };
}

size_t chat_tool_count(const struct provider_call *call)
{
    return length(provider_member(call->payload, "tools"));
}

enum status chat_tool_read(struct provider_call *call, size_t at, struct chat_tool *tool)
{
    struct json_object *value = item(provider_member(call->payload, "tools"), at);
    struct json_object *function = provider_member(value, "function");
    struct sv type = provider_text(value, "type");
    if (!sv_equal(type, SV("function")))
        return provider_fail(call, 422,
                             "Only function calling tool is supported, but received tool type %.*s",
                             SV_ARG(sv_first(type, 100)));
    *tool = (struct chat_tool){
        .name = provider_text(function, "name"),
        .description = provider_text(function, "description"),
        .parameters = provider_member(function, "parameters"),
    };
    return OK;
}

enum chat_choice chat_tool_choice(const struct provider_call *call, struct sv *name)
{
    static const struct {
        struct sv name;
        enum chat_choice choice;
    } choices[] = {{SV("none"), CHOICE_NONE}, {SV("auto"), CHOICE_AUTO}, {SV("required"), CHOICE_REQUIRED}};
    struct sv text = provider_text(call->payload, "tool_choice");
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (sv_equal(text, choices[i].name))
            return choices[i].choice;
    }
    *name = provider_text(provider_member(provider_member(call->payload, "tool_choice"), "function"), "name");
    return name->len ? CHOICE_NAMED : CHOICE_NOT_GIVEN;
}

/* --- The rest of a chat --- */

static bool has_format(const struct provider_call *call, struct sv type)
{
    return sv_equal(provider_text(provider_member(call->payload, "response_format"), "type"), type);
}

struct json_object *chat_schema(const struct provider_call *call)
{
    struct json_object *format = provider_member(call->payload, "response_format");
    return has_format(call, SV("json_schema"))
               ? provider_member(provider_member(format, "json_schema"), "schema")
               : NULL;
}

bool chat_wants_json(const struct provider_call *call)
{
    return has_format(call, SV("json_object"));
}

struct json_object *chat_max_tokens(const struct provider_call *call)
{
    struct json_object *limit = provider_member(call->payload, "max_tokens");
    return limit ? limit : provider_member(call->payload, "max_completion_tokens");
}

void chat_put_as(struct json_writer *json, const struct provider_call *call, const char *key,
                 const char *name)
{
    struct json_object *value = provider_member(call->payload, key);
    if (!value)
        return;
    json_key(json, name);
    json_put_value(json, value);
}

/* --- Embeddings --- */

size_t embeddings_input_count(const struct provider_call *call)
{
    struct json_object *input = provider_member(call->payload, "input");
    return json_object_is_type(input, json_type_array) ? length(input) : 1;
}

enum status embeddings_input(struct provider_call *call, size_t at, struct sv *text)
{
    struct json_object *input = provider_member(call->payload, "input");
    if (json_object_is_type(input, json_type_array))
        input = item(input, at);
    if (!json_object_is_type(input, json_type_string))
        return provider_fail(call, 422,
                             "Embeddings of %s models take texts: 'input' must be a string or a "
                             "list of strings.",
                             call->row->adapter->title);
    *text = json_string_view(input);
    return OK;
}

/* --- Tokens --- */

int64_t token_count(struct json_object *told, const char *name, int64_t otherwise)
{
    int64_t count = provider_int(told, name, -1);
    return count >= 0 && count <= TOKENS_MAX ? count : otherwise;
}

/* --- Paths --- */

enum status model_in_path(struct provider_call *call, struct sv *path)
{
    struct sv rest = call->model;
    *path = SV_ABSENT;
    while (rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        if (segment.len == 0 || sv_equal(segment, SV(".")) || sv_equal(segment, SV("..")))
            return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                      "The model name '%.*s' cannot be part of a URL. Change it in the model "
                                      "definition.",
                                      SV_ARG(sv_first(call->model, 256)));
        segment = provider_encode(call->arena, segment);
        *path = path->data ? arena_printf(call->arena, "%.*s/%.*s", SV_ARG(*path), SV_ARG(segment)) : segment;
    }
    return OK;
}
