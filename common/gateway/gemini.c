#include "common/gateway/gemini.h"

#include <string.h>

#include <json-c/json.h>

#include "common/base/number.h"
#include "common/gateway/translate.h"
#include "common/gateway/unified.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

#define NO_SIGNATURE SV("skip_thought_signature_validator")

/* --- The request of a unified chat --- */

/* In generationConfig, under Google's name. */
static const struct {
    const char *ours;
    const char *theirs;
} settings[] = {
    {"temperature", "temperature"},
    {"stop", "stopSequences"},
    {"n", "candidateCount"},
    {"max_tokens", "maxOutputTokens"},
    {"top_k", "topK"},
    {"top_p", "topP"},
    {"frequency_penalty", "frequencyPenalty"},
    {"presence_penalty", "presencePenalty"},
};

static enum status check(struct provider_call *call)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(settings[i].ours, settings[i].theirs) != 0 &&
            provider_member(call->payload, settings[i].theirs))
            return provider_fail(call, 422, "Invalid parameter %s. Use %s instead.", settings[i].theirs,
                                 settings[i].ours);
    }
    return OK;
}

static void put_settings(const struct provider_call *call, struct json_writer *json)
{
    json_key(json, "generationConfig");
    json_begin_object(json);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        chat_put_as(json, call, settings[i].ours, settings[i].theirs);
    if (!provider_member(call->payload, "n"))
        json_put_int_field(json, "candidateCount", 1);
    if (!provider_member(call->payload, "max_tokens"))
        chat_put_as(json, call, "max_completion_tokens", "maxOutputTokens");
    struct json_object *schema = chat_schema(call);
    if (schema) {
        json_key(json, "responseJsonSchema");
        json_put_value(json, schema);
    }
    if (schema || chat_wants_json(call))
        json_put_string_field(json, "responseMimeType", SV("application/json"));
    json_end_object(json);
}

static void put_text_part(struct json_writer *json, struct sv text)
{
    json_begin_object(json);
    json_put_string_field(json, "text", text);
    json_end_object(json);
}

/* Google wants to be told what lies at a URL. */
static struct sv media_type_of(struct sv url)
{
    static const struct {
        struct sv ending;
        struct sv type;
    } types[] = {
        {SV(".png"), SV("image/png")},   {SV(".webp"), SV("image/webp")}, {SV(".gif"), SV("image/gif")},
        {SV(".heic"), SV("image/heic")}, {SV(".heif"), SV("image/heif")},
    };
    url = sv_first(url, sv_find(url, '?'));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct sv ending = types[i].ending;
        if (url.len >= ending.len &&
            sv_equal_ignoring_case(sv_from_offset(url, url.len - ending.len), ending))
            return types[i].type;
    }
    return SV("image/jpeg");
}

static void put_media_part(struct json_writer *json, const struct chat_part *part)
{
    json_begin_object(json);
    json_key(json, part->url.data ? "fileData" : "inlineData");
    json_begin_object(json);
    json_put_string_field(json, "mimeType", part->url.data ? media_type_of(part->url) : part->media_type);
    if (part->url.data)
        json_put_string_field(json, "fileUri", part->url);
    else
        json_put_string_field(json, "data", part->data);
    json_end_object(json);
    json_end_object(json);
}

static enum status put_parts(struct provider_call *call, struct json_writer *json,
                             struct json_object *message)
{
    size_t count = chat_part_count(message);
    if (count == 0)
        put_text_part(json, SV(""));
    for (size_t i = 0; i < count; i++) {
        struct chat_part part;
        if (chat_part_read(call, message, i, &part) != OK)
            return FAILED;
        if (part.kind == PART_TEXT)
            put_text_part(json, part.text);
        else
            put_media_part(json, &part);
    }
    return OK;
}

/* From "gemini-3" on, a model refuses its own earlier calls without the signature of the thought behind the
 * first of them. OpenAI's shape has no place for that; Google documents what to send instead. */
static bool wants_signature(struct sv model)
{
    struct sv version = sv_from_offset(model, 7);
    int64_t major = 0;
    version = sv_first(version, sv_find(version, '-'));
    version = sv_first(version, sv_find(version, '.'));
    return sv_starts_with(model, SV("gemini-")) && parse_int64(version, 3, 99, &major);
}

static void put_function_calls(struct provider_call *call, struct json_writer *json,
                               struct json_object *message, bool with_ids)
{
    struct sv text = unified_content_text(call->arena, provider_member(message, "content"));
    if (text.len)
        put_text_part(json, text);
    for (size_t i = 0; i < chat_tool_call_count(message); i++) {
        struct chat_tool_call tool = chat_tool_call_read(message, i);
        json_begin_object(json);
        json_key(json, "functionCall");
        json_begin_object(json);
        if (with_ids)
            json_put_string_field_if_set(json, "id", tool.id);
        json_put_string_field(json, "name", tool.name);
        json_key(json, "args");
        unified_put_json(call->arena, json, tool.arguments, SV("{}"));
        json_end_object(json);
        if (i == 0 && wants_signature(call->model))
            json_put_string_field(json, "thoughtSignature", NO_SIGNATURE);
        json_end_object(json);
    }
}

/* The name of the function that a message before this one called by this id. */
static struct sv called_name(struct json_object *messages, size_t before, struct sv id)
{
    for (size_t i = before; i-- > 0;) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        for (size_t at = 0; at < chat_tool_call_count(message); at++) {
            struct chat_tool_call tool = chat_tool_call_read(message, at);
            if (sv_equal(tool.id, id))
                return tool.name;
        }
    }
    return SV_ABSENT;
}

/* A reply must be an object: one that is an object stays, anything else is wrapped. */
static void put_response(struct provider_call *call, struct json_writer *json, struct json_object *message)
{
    struct sv text = unified_content_text(call->arena, provider_member(message, "content"));
    struct json_object *value = NULL;
    bool is_json = provider_parse(call, text.data ? text : SV(""), &value);
    json_key(json, "response");
    if (is_json && json_object_is_type(value, json_type_object)) {
        json_put_value(json, value);
    } else {
        json_begin_object(json);
        json_key(json, "result");
        if (is_json)
            json_put_value(json, value);
        else
            json_put_string(json, text);
        json_end_object(json);
    }
    provider_end(call);
}

static enum status put_function_response(struct provider_call *call, struct json_writer *json,
                                         struct json_object *messages, size_t at, bool with_ids)
{
    struct json_object *message = json_object_array_get_idx(messages, at);
    struct sv id = provider_text(message, "tool_call_id");
    struct sv name = called_name(messages, at, id);
    if (!name.data)
        return provider_fail(call, 422,
                             "No message before the tool's reply has a tool call with the id '%.*s'.",
                             SV_ARG(sv_first(id, 200)));
    json_begin_object(json);
    json_key(json, "functionResponse");
    json_begin_object(json);
    if (with_ids)
        json_put_string_field(json, "id", id);
    json_put_string_field(json, "name", name);
    put_response(call, json, message);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* One message; the replies of several tools in a row are one, for Google wants as many replies in it as there
 * were calls. Moves *at behind what is written. */
static enum status put_content(struct provider_call *call, struct json_writer *json,
                               struct json_object *messages, size_t *at, bool with_ids)
{
    size_t count = json_object_array_length(messages);
    struct json_object *message = json_object_array_get_idx(messages, *at);
    enum chat_role role = chat_role(message);
    enum status status = OK;
    json_begin_object(json);
    json_put_string_field(json, "role", role == ROLE_ASSISTANT ? SV("model") : SV("user"));
    json_key(json, "parts");
    json_begin_array(json);
    if (role == ROLE_TOOL) {
        do
            status = put_function_response(call, json, messages, *at, with_ids);
        while (status == OK && ++*at < count &&
               chat_role(json_object_array_get_idx(messages, *at)) == ROLE_TOOL);
    } else {
        ++*at;
        if (role == ROLE_ASSISTANT && chat_tool_call_count(message))
            put_function_calls(call, json, message, with_ids);
        else
            status = put_parts(call, json, message);
    }
    if (status != OK)
        return status;
    json_end_array(json);
    json_end_object(json);
    return OK;
}

static enum status put_contents(struct provider_call *call, struct json_writer *json,
                                struct json_object *messages, bool with_ids)
{
    json_key(json, "contents");
    json_begin_array(json);
    for (size_t i = 0; i < json_object_array_length(messages);) {
        enum chat_role role = chat_role(json_object_array_get_idx(messages, i));
        if (role == ROLE_SYSTEM || role == ROLE_OTHER)
            i++;
        else if (put_content(call, json, messages, &i, with_ids) != OK)
            return FAILED;
    }
    json_end_array(json);
    return OK;
}

static void put_system(struct provider_call *call, struct json_writer *json, struct json_object *messages)
{
    bool begun = false;
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        if (chat_role(message) != ROLE_SYSTEM)
            continue;
        if (!begun) {
            json_key(json, "system_instruction");
            json_begin_object(json);
            json_key(json, "parts");
            json_begin_array(json);
            begun = true;
        }
        put_text_part(json, unified_content_text(call->arena, provider_member(message, "content")));
    }
    if (begun) {
        json_end_array(json);
        json_end_object(json);
    }
}

static enum status put_tools(struct provider_call *call, struct json_writer *json)
{
    size_t count = chat_tool_count(call);
    if (count == 0)
        return OK;
    json_key(json, "tools");
    json_begin_array(json);
    json_begin_object(json);
    json_key(json, "functionDeclarations");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        struct chat_tool tool;
        if (chat_tool_read(call, i, &tool) != OK)
            return FAILED;
        json_begin_object(json);
        json_put_string_field(json, "name", tool.name);
        json_put_string_field_if_set(json, "description", tool.description);
        if (tool.parameters) {
            json_key(json, "parametersJsonSchema");
            json_put_value(json, tool.parameters);
        }
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    json_end_array(json);
    return OK;
}

enum status gemini_chat_body(struct provider_call *call, struct provider_request *request, bool with_ids)
{
    struct json_object *messages = provider_member(call->payload, "messages");
    if (check(call) != OK)
        return FAILED;
    struct provider_body body;
    provider_body_begin(call, &body);
    json_begin_object(&body.json);
    if (put_contents(call, &body.json, messages, with_ids) != OK)
        return FAILED;
    put_system(call, &body.json, messages);
    put_settings(call, &body.json);
    if (put_tools(call, &body.json) != OK)
        return FAILED;
    json_end_object(&body.json);
    return provider_body_end(call, request, &body);
}

/* --- Embeddings --- */

static enum status put_embedding_content(struct provider_call *call, struct json_writer *json, size_t at)
{
    struct sv text;
    if (embeddings_input(call, at, &text) != OK)
        return FAILED;
    json_key(json, "content");
    json_begin_object(json);
    json_key(json, "parts");
    json_begin_array(json);
    put_text_part(json, text);
    json_end_array(json);
    json_end_object(json);
    return OK;
}

static enum status embeddings_body(struct provider_call *call, struct provider_request *request)
{
    struct provider_body body;
    struct json_writer *json = &body.json;
    size_t count = embeddings_input_count(call);
    provider_body_begin(call, &body);
    json_begin_object(json);
    if (count == 1) {
        if (put_embedding_content(call, json, 0) != OK)
            return FAILED;
    } else {
        json_key(json, "requests");
        json_begin_array(json);
        for (size_t i = 0; i < count; i++) {
            json_begin_object(json);
            json_put_string_field(json, "model",
                                  arena_printf(call->arena, "models/%.*s", SV_ARG(call->model)));
            if (put_embedding_content(call, json, i) != OK)
                return FAILED;
            json_end_object(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
    return provider_body_end(call, request, &body);
}

/* --- Requests --- */

static bool is_streamed(const struct provider_call *call)
{
    return call->route == GATEWAY_GEMINI_STREAM || (call->route == GATEWAY_CHAT && call->stream);
}

static const char *method_of(const struct provider_call *call)
{
    if (call->route == GATEWAY_EMBEDDINGS)
        return embeddings_input_count(call) == 1 ? "embedContent" : "batchEmbedContents";
    return is_streamed(call) ? "streamGenerateContent" : "generateContent";
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base, key, model;
    if (provider_base(call, &base) != OK || provider_api_key(call, &key) != OK ||
        model_in_path(call, &model) != OK || provider_header(call, request, SV("x-goog-api-key"), key) != OK)
        return FAILED;
    const char *method = method_of(call);
    request->url = provider_url(call, base, arena_printf(call->arena, "%.*s:%s", SV_ARG(model), method));
    if (is_streamed(call))
        request->url = provider_url_parameter(call, request->url, SV("alt"), SV("sse"));
    if (call->route == GATEWAY_CHAT)
        return gemini_chat_body(call, request, true);
    if (call->route == GATEWAY_EMBEDDINGS)
        return embeddings_body(call, request);
    if (provider_payload_body(call, request, SV_ABSENT, false) != OK)
        return FAILED;
    return provider_client_headers(call, request);
}

const char *gemini_path(enum gateway_route route)
{
    if (route == GATEWAY_GEMINI_GENERATE)
        return "{model}:generateContent";
    return route == GATEWAY_GEMINI_STREAM ? "{model}:streamGenerateContent?alt=sse" : NULL;
}

const struct provider provider_gemini = {
    .title = "Gemini",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_GEMINI_GENERATE) | GATEWAY_ROUTE_BIT(GATEWAY_GEMINI_STREAM),
    .framing = FRAMING_SSE,
    .build = build,
    .translate = gemini_translate,
    .event = gemini_event,
    .state_size = sizeof(struct gemini_stream),
    .read_usage = gemini_read_usage,
    .path = gemini_path,
};
