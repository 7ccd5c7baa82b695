#include "common/gateway/anthropic.h"

#include <string.h>

#include <json-c/json.h>

#include "common/gateway/translate.h"
#include "common/gateway/unified.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

#define DEFAULT_VERSION    SV("2023-06-01")
#define DEFAULT_MAX_TOKENS 8192
#define MAX_TOKENS_MAX     1000000
#define ANSWER_IN_JSON     SV("Answer with one JSON object and with nothing else.")

/* --- The request of a unified chat --- */

static enum status check(struct provider_call *call)
{
    struct json_object *max_tokens = chat_max_tokens(call);
    if (max_tokens && json_object_get_double(max_tokens) > MAX_TOKENS_MAX)
        return provider_fail(call, 422, "Invalid value for max_tokens: cannot exceed %d.", MAX_TOKENS_MAX);
    if (provider_member(call->payload, "temperature") && provider_member(call->payload, "top_p"))
        return provider_fail(call, 422, "Cannot set both 'temperature' and 'top_p' parameters.");
    if (provider_int(call->payload, "n", 1) != 1)
        return provider_fail(call, 422, "'n' must be '1' for the Anthropic provider. Received value: '{n}'.");
    return OK;
}

static void put_text_block(struct json_writer *json, struct sv text)
{
    json_begin_object(json);
    json_put_string_field(json, "type", SV("text"));
    json_put_string_field(json, "text", text);
    json_end_object(json);
}

static void put_image_block(struct json_writer *json, const struct chat_part *part)
{
    json_begin_object(json);
    json_put_string_field(json, "type", SV("image"));
    json_key(json, "source");
    json_begin_object(json);
    json_put_string_field(json, "type", part->url.data ? SV("url") : SV("base64"));
    json_put_string_field_if_set(json, "media_type", part->media_type);
    json_put_string_field_if_set(json, "data", part->data);
    json_put_string_field_if_set(json, "url", part->url);
    json_end_object(json);
    json_end_object(json);
}

/* A text stays one; parts become blocks. */
static enum status put_content(struct provider_call *call, struct json_writer *json,
                               struct json_object *message)
{
    struct json_object *content = provider_member(message, "content");
    if (!json_object_is_type(content, json_type_array)) {
        json_put_string(json, json_object_is_type(content, json_type_string) ? json_string_view(content)
                                                                             : SV_ABSENT);
        return OK;
    }
    json_begin_array(json);
    for (size_t i = 0; i < chat_part_count(message); i++) {
        struct chat_part part;
        if (chat_part_read(call, message, i, &part) != OK)
            return FAILED;
        if (part.kind == PART_AUDIO)
            return provider_fail(call, 422, "The Anthropic provider takes no input_audio.");
        if (part.kind == PART_IMAGE)
            put_image_block(json, &part);
        else
            put_text_block(json, part.text);
    }
    json_end_array(json);
    return OK;
}

static void put_tool_uses(struct provider_call *call, struct json_writer *json, struct json_object *message)
{
    json_begin_array(json);
    struct sv text = unified_content_text(call->arena, provider_member(message, "content"));
    if (text.len)
        put_text_block(json, text);
    for (size_t i = 0; i < chat_tool_call_count(message); i++) {
        struct chat_tool_call tool = chat_tool_call_read(message, i);
        json_begin_object(json);
        json_put_string_field(json, "type", SV("tool_use"));
        json_put_string_field(json, "id", tool.id);
        json_put_string_field(json, "name", tool.name);
        json_key(json, "input");
        unified_put_json(call->arena, json, tool.arguments, SV("{}"));
        json_end_object(json);
    }
    json_end_array(json);
}

static enum status put_tool_result(struct provider_call *call, struct json_writer *json,
                                   struct json_object *message)
{
    json_begin_array(json);
    json_begin_object(json);
    json_put_string_field(json, "type", SV("tool_result"));
    json_put_string_field(json, "tool_use_id", provider_text(message, "tool_call_id"));
    json_key(json, "content");
    enum status status = put_content(call, json, message);
    if (status == OK) {
        json_end_object(json);
        json_end_array(json);
    }
    return status;
}

static enum status put_message(struct provider_call *call, struct json_writer *json,
                               struct json_object *message)
{
    enum chat_role role = chat_role(message);
    if (role == ROLE_SYSTEM || role == ROLE_OTHER)
        return OK;
    enum status status = OK;
    json_begin_object(json);
    json_put_string_field(json, "role", role == ROLE_ASSISTANT ? SV("assistant") : SV("user"));
    json_key(json, "content");
    if (role == ROLE_TOOL)
        status = put_tool_result(call, json, message);
    else if (role == ROLE_ASSISTANT && chat_tool_call_count(message))
        put_tool_uses(call, json, message);
    else
        status = put_content(call, json, message);
    if (status == OK)
        json_end_object(json);
    return status;
}

/* The texts of all system messages, one to a line. There is no mode for JSON without a schema: it is said in
 * words. */
static bool put_system(struct provider_call *call, struct json_writer *json, struct json_object *messages)
{
    struct buffer system;
    buffer_init_in(&system, call->arena, PROVIDER_BODY_MAX);
    bool has_any = false;
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        if (chat_role(message) != ROLE_SYSTEM)
            continue;
        if (has_any)
            buffer_append_byte(&system, '\n');
        buffer_append_sv(&system, unified_content_text(call->arena, provider_member(message, "content")));
        has_any = true;
    }
    if (chat_wants_json(call)) {
        if (has_any)
            buffer_append_byte(&system, '\n');
        buffer_append_sv(&system, ANSWER_IN_JSON);
        has_any = true;
    }
    if (has_any)
        json_put_string_field(json, "system", buffer_sv(&system));
    return has_any;
}

static enum status put_tools(struct provider_call *call, struct json_writer *json)
{
    size_t count = chat_tool_count(call);
    if (count == 0)
        return OK;
    json_key(json, "tools");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        struct chat_tool tool;
        if (chat_tool_read(call, i, &tool) != OK)
            return FAILED;
        json_begin_object(json);
        json_put_string_field(json, "name", tool.name);
        json_put_string_field_if_set(json, "description", tool.description);
        json_key(json, "input_schema");
        if (tool.parameters)
            json_put_value(json, tool.parameters);
        else
            json_put_raw(json, SV("{\"type\":\"object\",\"properties\":{}}"));
        json_end_object(json);
    }
    json_end_array(json);
    return OK;
}

static void put_tool_choice(struct provider_call *call, struct json_writer *json)
{
    static const char *const types[] = {
        [CHOICE_NONE] = "none", [CHOICE_AUTO] = "auto", [CHOICE_REQUIRED] = "any", [CHOICE_NAMED] = "tool"};
    struct sv name = SV_ABSENT;
    enum chat_choice choice = chat_tool_choice(call, &name);
    struct json_object *parallel = provider_member(call->payload, "parallel_tool_calls");
    bool one_at_a_time =
        json_object_is_type(parallel, json_type_boolean) && !json_object_get_boolean(parallel);
    if (choice == CHOICE_NOT_GIVEN) {
        if (!one_at_a_time || chat_tool_count(call) == 0)
            return;
        choice = CHOICE_AUTO;
    }
    json_key(json, "tool_choice");
    json_begin_object(json);
    json_put_string_field(json, "type", sv_from(types[choice]));
    json_put_string_field_if_set(json, "name", name);
    if (one_at_a_time && choice != CHOICE_NONE)
        json_put_bool_field(json, "disable_parallel_tool_use", true);
    json_end_object(json);
}

static void put_output_config(struct provider_call *call, struct json_writer *json)
{
    struct json_object *schema = chat_schema(call);
    if (!schema)
        return;
    json_key(json, "output_config");
    json_begin_object(json);
    json_key(json, "format");
    json_begin_object(json);
    json_put_string_field(json, "type", SV("json_schema"));
    json_key(json, "schema");
    json_put_value(json, schema);
    json_end_object(json);
    json_end_object(json);
}

/* What is written in another way, and what would be refused without being of use. */
static bool is_translated(const char *key)
{
    static const char *const keys[] = {
        "model",  "messages",        "max_tokens",     "max_completion_tokens", "n",
        "stop",   "temperature",     "tools",          "tool_choice",           "parallel_tool_calls",
        "stream", "response_format", "stream_options",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

static void put_others(struct provider_call *call, struct json_writer *json, bool has_system)
{
    bool has_config = chat_schema(call) != NULL;
    json_object_object_foreach(call->payload, key, value)
    {
        if (is_translated(key) || (has_system && strcmp(key, "system") == 0) ||
            (has_config && strcmp(key, "output_config") == 0))
            continue;
        json_key(json, key);
        json_put_value(json, value);
    }
}

static void put_head(struct json_writer *json, const struct anthropic_body *body)
{
    json_begin_object(json);
    json_put_string_field_if_set(json, "anthropic_version", body->version);
    json_put_string_field_if_set(json, "model", body->model);
}

static enum status put_messages(struct provider_call *call, struct json_writer *json,
                                struct json_object *messages)
{
    json_key(json, "messages");
    json_begin_array(json);
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        if (put_message(call, json, json_object_array_get_idx(messages, i)) != OK)
            return FAILED;
    }
    json_end_array(json);
    return OK;
}

enum status anthropic_chat_body(struct provider_call *call, struct provider_request *request,
                                const struct anthropic_body *body)
{
    struct json_object *messages = provider_member(call->payload, "messages");
    if (check(call) != OK)
        return FAILED;
    struct provider_body text;
    provider_body_begin(call, &text);
    struct json_writer *json = &text.json;
    put_head(json, body);
    if (put_messages(call, json, messages) != OK)
        return FAILED;
    bool has_system = put_system(call, json, messages);
    struct json_object *max_tokens = chat_max_tokens(call);
    json_key(json, "max_tokens");
    if (max_tokens)
        json_put_value(json, max_tokens);
    else
        json_put_int(json, DEFAULT_MAX_TOKENS);
    chat_put_as(json, call, "stop", "stop_sequences");
    /* Anthropic's go from 0 to 1, ours from 0 to 2. */
    struct json_object *temperature = provider_member(call->payload, "temperature");
    if (temperature)
        json_put_double_field(json, "temperature", 0.5 * json_object_get_double(temperature));
    if (put_tools(call, json) != OK)
        return FAILED;
    put_tool_choice(call, json);
    put_output_config(call, json);
    if (call->stream)
        json_put_bool_field(json, "stream", true);
    put_others(call, json, has_system);
    json_end_object(json);
    return provider_body_end(call, request, &text);
}

/* --- Requests --- */

enum status anthropic_messages_body(struct provider_call *call, struct provider_request *request,
                                    const struct anthropic_body *body)
{
    if (!body->version.data)
        return provider_payload_body(call, request, body->model, false);
    struct provider_body text;
    provider_body_begin(call, &text);
    put_head(&text.json, body);
    json_object_object_foreach(call->payload, key, value)
    {
        if (strcmp(key, "model") == 0 || strcmp(key, "anthropic_version") == 0)
            continue;
        json_key(&text.json, key);
        json_put_value(&text.json, value);
    }
    json_end_object(&text.json);
    return provider_body_end(call, request, &text);
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base, key, version = provider_config(call, "version");
    const struct anthropic_body body = {.model = call->model};
    if (call->route == GATEWAY_EMBEDDINGS)
        return provider_fail(call, 501, "The embeddings route is not implemented for Anthropic models.");
    if (provider_base(call, &base) != OK || provider_api_key(call, &key) != OK ||
        provider_header(call, request, SV("x-api-key"), key) != OK ||
        provider_header(call, request, SV("anthropic-version"), version.data ? version : DEFAULT_VERSION) !=
            OK)
        return FAILED;
    request->url = provider_url(call, base, SV("messages"));
    if (call->route == GATEWAY_CHAT)
        return anthropic_chat_body(call, request, &body);
    if (anthropic_messages_body(call, request, &body) != OK)
        return FAILED;
    return provider_client_headers(call, request);
}

/* --- Answers --- */

/* Tokens that were read from or written to a cache are not among "input_tokens". */
static void take_usage(struct json_object *told, struct gateway_usage *usage)
{
    int64_t input = token_count(told, "input_tokens", -1);
    int64_t output = token_count(told, "output_tokens", -1);
    int64_t cached = token_count(told, "cache_read_input_tokens", -1);
    int64_t written = token_count(told, "cache_creation_input_tokens", -1);
    if (input >= 0)
        usage->input_tokens = input + (cached > 0 ? cached : 0) + (written > 0 ? written : 0);
    if (output >= 0)
        usage->output_tokens = output;
    if (cached >= 0)
        usage->cached_tokens = cached;
    if (usage->input_tokens >= 0 && usage->output_tokens >= 0)
        usage->total_tokens = usage->input_tokens + usage->output_tokens;
}

void anthropic_read_usage(struct json_object *reply, struct gateway_usage *usage)
{
    take_usage(provider_member(provider_member(reply, "message"), "usage"), usage); /* message_start */
    take_usage(provider_member(reply, "usage"), usage);
}

static struct sv finish_reason(struct sv stop_reason)
{
    if (sv_equal(stop_reason, SV("max_tokens")))
        return SV("length");
    return sv_equal(stop_reason, SV("tool_use")) ? SV("tool_calls") : SV("stop");
}

enum status anthropic_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                                struct gateway_usage *usage)
{
    struct json_object *content = provider_member(reply, "content");
    if (!json_object_is_type(content, json_type_array))
        return provider_fail(call, 502, "The answer of the Anthropic model has no content.");
    size_t count = json_object_array_length(content), tools = 0;
    struct unified_tool_call *calls = ARENA_ARRAY(call->arena, struct unified_tool_call, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct json_object *block = json_object_array_get_idx(content, i);
        if (!sv_equal(provider_text(block, "type"), SV("tool_use")))
            continue;
        calls[tools].id = provider_text(block, "id");
        calls[tools].name = provider_text(block, "name");
        calls[tools++].arguments = unified_arguments(call->arena, provider_member(block, "input"));
    }
    anthropic_read_usage(reply, usage);
    const struct unified_choice choice = {
        .content = unified_content_text(call->arena, content),
        .tool_calls = calls,
        .tool_call_count = tools,
        .finish_reason = finish_reason(provider_text(reply, "stop_reason")),
    };
    const struct unified_answer answer = {
        .id = provider_text(reply, "id"),
        .created = call->now_ms / 1000,
        .model = provider_text(reply, "model"),
        .choices = &choice,
        .choice_count = 1,
        .usage = usage,
    };
    unified_reply(out, &answer);
    return OK;
}

/* --- Streams --- */

/* The first one says whose words they are: OpenAI's own readers want to know. */
static void put_chunk(const struct provider_call *call, struct anthropic_stream *stream,
                      const struct unified_choice *choice, const struct gateway_usage *usage,
                      struct buffer *out)
{
    struct unified_choice first = *choice;
    first.role = stream->begun ? SV_ABSENT : SV("assistant");
    stream->begun = true;
    const struct unified_answer answer = {
        .id = stream->id,
        .created = call->now_ms / 1000,
        .model = stream->model,
        .choices = &first,
        .choice_count = 1,
        .usage = usage,
    };
    unified_chunk(out, &answer);
}

static void put_tool_piece(const struct provider_call *call, struct anthropic_stream *stream,
                           const struct unified_tool_call *piece, struct buffer *out)
{
    const struct unified_choice choice = {.tool_calls = piece, .tool_call_count = 1};
    put_chunk(call, stream, &choice, NULL, out);
}

static void start_tool(struct provider_call *call, struct anthropic_stream *stream, int64_t index,
                       struct json_object *block, struct buffer *out)
{
    size_t at = stream->tool_count++;
    struct json_object *input = provider_member(block, "input");
    struct unified_tool_call piece = {
        .index = at, .id = provider_text(block, "id"), .name = provider_text(block, "name")};
    if (at < ANTHROPIC_TOOLS_MAX) {
        stream->tool_blocks[at] = index;
        if (json_object_is_type(input, json_type_object) && json_object_object_length(input) > 0) {
            piece.arguments = unified_arguments(call->scratch, input);
            stream->has_arguments[at] = true;
        }
    }
    put_tool_piece(call, stream, &piece, out);
}

/* Which of the tools a content block is; tool_count if it is none. */
static size_t tool_of(const struct anthropic_stream *stream, int64_t index)
{
    size_t at = stream->tool_count < ANTHROPIC_TOOLS_MAX ? stream->tool_count : ANTHROPIC_TOOLS_MAX;
    while (at-- > 0) {
        if (stream->tool_blocks[at] == index)
            return at;
    }
    return stream->tool_count;
}

static void on_block_start(struct provider_call *call, struct anthropic_stream *stream,
                           struct json_object *event, struct buffer *out)
{
    struct json_object *block = provider_member(event, "content_block");
    struct sv type = provider_text(block, "type");
    if (sv_equal(type, SV("tool_use"))) {
        start_tool(call, stream, provider_int(event, "index", -1), block, out);
    } else if (sv_equal(type, SV("text"))) {
        const struct unified_choice choice = {.content = provider_text(block, "text")};
        put_chunk(call, stream, &choice, NULL, out);
    }
}

static void on_block_delta(struct provider_call *call, struct anthropic_stream *stream,
                           struct json_object *event, struct buffer *out)
{
    struct json_object *delta = provider_member(event, "delta");
    struct sv type = provider_text(delta, "type");
    if (sv_equal(type, SV("text_delta"))) {
        const struct unified_choice choice = {.content = provider_text(delta, "text")};
        put_chunk(call, stream, &choice, NULL, out);
    } else if (sv_equal(type, SV("input_json_delta"))) {
        size_t at = tool_of(stream, provider_int(event, "index", -1));
        struct unified_tool_call piece = {.index = at, .arguments = provider_text(delta, "partial_json")};
        if (at == stream->tool_count || piece.arguments.len == 0)
            return;
        stream->has_arguments[at] = true;
        put_tool_piece(call, stream, &piece, out);
    }
}

/* A tool without arguments: their pieces must make up a JSON text nevertheless. */
static void on_block_stop(struct provider_call *call, struct anthropic_stream *stream,
                          struct json_object *event, struct buffer *out)
{
    size_t at = tool_of(stream, provider_int(event, "index", -1));
    if (at == stream->tool_count || stream->has_arguments[at])
        return;
    const struct unified_tool_call piece = {.index = at, .arguments = SV("{}")};
    stream->has_arguments[at] = true;
    put_tool_piece(call, stream, &piece, out);
}

static void on_message_delta(struct provider_call *call, struct anthropic_stream *stream,
                             struct json_object *event, const struct gateway_usage *usage, struct buffer *out)
{
    struct sv reason = provider_text(provider_member(event, "delta"), "stop_reason");
    if (!reason.data)
        return;
    const struct unified_choice choice = {.finish_reason = finish_reason(reason)};
    put_chunk(call, stream, &choice, usage, out);
}

static enum provider_step on_error(struct provider_call *call, struct json_object *event)
{
    static const struct {
        struct sv type;
        int status;
    } types[] = {
        {SV("invalid_request_error"), 400}, {SV("authentication_error"), 401}, {SV("permission_error"), 403},
        {SV("not_found_error"), 404},       {SV("request_too_large"), 413},    {SV("rate_limit_error"), 429},
        {SV("overloaded_error"), 503},
    };
    struct sv type = provider_text(provider_member(event, "error"), "type");
    struct sv text = unified_error_text(event);
    int status = 502;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (sv_equal(type, types[i].type))
            status = types[i].status;
    }
    provider_fail(call, status, "%.*s",
                  SV_ARG(text.len ? text : SV("The model's stream ended in an error.")));
    return STEP_ERROR;
}

enum provider_step anthropic_event(struct provider_call *call, void *state,
                                   const struct provider_event *event, struct buffer *out,
                                   struct gateway_usage *usage)
{
    struct anthropic_stream *stream = state;
    struct json_object *value;
    if (!provider_parse(call, event->data, &value))
        return STEP_OK;
    struct sv type = provider_text(value, "type");
    if (sv_equal(type, SV("error")))
        return on_error(call, value);
    anthropic_read_usage(value, usage);
    if (sv_equal(type, SV("message_start"))) {
        struct json_object *message = provider_member(value, "message");
        stream->id = arena_copy(call->arena, provider_text(message, "id"));
        stream->model = arena_copy(call->arena, provider_text(message, "model"));
    } else if (sv_equal(type, SV("content_block_start"))) {
        on_block_start(call, stream, value, out);
    } else if (sv_equal(type, SV("content_block_delta"))) {
        on_block_delta(call, stream, value, out);
    } else if (sv_equal(type, SV("content_block_stop"))) {
        on_block_stop(call, stream, value, out);
    } else if (sv_equal(type, SV("message_delta"))) {
        on_message_delta(call, stream, value, usage, out);
    }
    return sv_equal(type, SV("message_stop")) ? STEP_DONE : STEP_OK;
}

static const char *path(enum gateway_route route)
{
    return route == GATEWAY_ANTHROPIC_MESSAGES ? "messages" : NULL;
}

const struct provider provider_anthropic = {
    .title = "Anthropic",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_ANTHROPIC_MESSAGES),
    .framing = FRAMING_SSE,
    .build = build,
    .translate = anthropic_translate,
    .event = anthropic_event,
    .state_size = sizeof(struct anthropic_stream),
    .read_usage = anthropic_read_usage,
    .path = path,
};
