#include <string.h>

#include <json-c/json.h>

#include "common/gateway/bedrock.h"
#include "common/gateway/translate.h"
#include "common/gateway/unified.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

/* --- The request --- */

static void put_text_block(struct json_writer *json, struct sv text)
{
    json_begin_object(json);
    json_put_string_field(json, "text", text);
    json_end_object(json);
}

static enum status put_image_block(struct provider_call *call, struct json_writer *json,
                                   const struct chat_part *part)
{
    struct sv format = sv_from_offset(part->media_type, 6);
    if (part->url.data || !sv_equal_ignoring_case(sv_first(part->media_type, 6), SV("image/")) || !format.len)
        return provider_fail(call, 422,
                             "The Bedrock provider takes images only as data URLs "
                             "(data:image/png;base64,...).");
    json_begin_object(json);
    json_key(json, "image");
    json_begin_object(json);
    json_put_string_field(json, "format", sv_equal(format, SV("jpg")) ? SV("jpeg") : format);
    json_key(json, "source");
    json_begin_object(json);
    json_put_string_field(json, "bytes", part->data);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* A text that is empty is refused by the models, so there is none. */
static enum status put_blocks(struct provider_call *call, struct json_writer *json,
                              struct json_object *message)
{
    for (size_t i = 0; i < chat_part_count(message); i++) {
        struct chat_part part;
        if (chat_part_read(call, message, i, &part) != OK)
            return FAILED;
        if (part.kind == PART_AUDIO)
            return provider_fail(call, 422, "The Bedrock provider takes no input_audio.");
        if (part.kind == PART_IMAGE) {
            if (put_image_block(call, json, &part) != OK)
                return FAILED;
        } else if (part.text.len) {
            put_text_block(json, part.text);
        }
    }
    return OK;
}

static void put_tool_uses(struct provider_call *call, struct json_writer *json, struct json_object *message)
{
    for (size_t i = 0; i < chat_tool_call_count(message); i++) {
        struct chat_tool_call tool = chat_tool_call_read(message, i);
        json_begin_object(json);
        json_key(json, "toolUse");
        json_begin_object(json);
        json_put_string_field(json, "toolUseId", tool.id);
        json_put_string_field(json, "name", tool.name);
        json_key(json, "input");
        unified_put_json(call->arena, json, tool.arguments, SV("{}"));
        json_end_object(json);
        json_end_object(json);
    }
}

static void put_tool_result(struct provider_call *call, struct json_writer *json, struct json_object *message)
{
    json_begin_object(json);
    json_key(json, "toolResult");
    json_begin_object(json);
    json_put_string_field(json, "toolUseId", provider_text(message, "tool_call_id"));
    json_key(json, "content");
    json_begin_array(json);
    put_text_block(json, unified_content_text(call->arena, provider_member(message, "content")));
    json_end_array(json);
    json_end_object(json);
    json_end_object(json);
}

static enum status put_message_blocks(struct provider_call *call, struct json_writer *json,
                                      struct json_object *message)
{
    if (chat_role(message) == ROLE_TOOL) {
        put_tool_result(call, json, message);
        return OK;
    }
    if (put_blocks(call, json, message) != OK)
        return FAILED;
    put_tool_uses(call, json, message);
    return OK;
}

/* "user" and "assistant" must take turns, so that neighbours of one side, such as the replies of several
 * tools, are one message. */
static enum status put_messages(struct provider_call *call, struct json_writer *json,
                                struct json_object *messages)
{
    struct sv side = SV_ABSENT;
    json_key(json, "messages");
    json_begin_array(json);
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        enum chat_role role = chat_role(message);
        if (role == ROLE_SYSTEM || role == ROLE_OTHER)
            continue;
        struct sv own = role == ROLE_ASSISTANT ? SV("assistant") : SV("user");
        if (!sv_equal(own, side)) {
            if (side.data) {
                json_end_array(json);
                json_end_object(json);
            }
            json_begin_object(json);
            json_put_string_field(json, "role", own);
            json_key(json, "content");
            json_begin_array(json);
            side = own;
        }
        if (put_message_blocks(call, json, message) != OK)
            return FAILED;
    }
    if (side.data) {
        json_end_array(json);
        json_end_object(json);
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
        struct sv text = unified_content_text(call->arena, provider_member(message, "content"));
        if (!text.len)
            continue;
        if (!begun) {
            json_key(json, "system");
            json_begin_array(json);
            begun = true;
        }
        put_text_block(json, text);
    }
    if (begun)
        json_end_array(json);
}

static void put_inference_config(struct provider_call *call, struct json_writer *json)
{
    static const char *const names[][2] = {
        {"temperature", "temperature"}, {"top_p", "topP"}, {"stop", "stopSequences"}};
    struct json_object *max_tokens = chat_max_tokens(call);
    bool has_any = max_tokens != NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        has_any |= provider_member(call->payload, names[i][0]) != NULL;
    if (!has_any)
        return;
    json_key(json, "inferenceConfig");
    json_begin_object(json);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        chat_put_as(json, call, names[i][0], names[i][1]);
    if (max_tokens) {
        json_key(json, "maxTokens");
        json_put_value(json, max_tokens);
    }
    json_end_object(json);
}

static bool has_tool_messages(struct json_object *messages)
{
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);
        if (chat_role(message) == ROLE_TOOL || chat_tool_call_count(message))
            return true;
    }
    return false;
}

/* "auto" is what is meant without. */
static void put_tool_choice(struct provider_call *call, struct json_writer *json)
{
    struct sv name = SV_ABSENT;
    enum chat_choice choice = chat_tool_choice(call, &name);
    if (choice != CHOICE_REQUIRED && choice != CHOICE_NAMED)
        return;
    json_key(json, "toolChoice");
    json_begin_object(json);
    json_key(json, choice == CHOICE_NAMED ? "tool" : "any");
    json_begin_object(json);
    json_put_string_field_if_set(json, "name", name);
    json_end_object(json);
    json_end_object(json);
}

static enum status put_tool_spec(struct provider_call *call, struct json_writer *json, size_t at)
{
    struct chat_tool tool;
    if (chat_tool_read(call, at, &tool) != OK)
        return FAILED;
    json_begin_object(json);
    json_key(json, "toolSpec");
    json_begin_object(json);
    json_put_string_field(json, "name", tool.name);
    json_put_string_field_if_set(json, "description", tool.description.len ? tool.description : SV_ABSENT);
    json_key(json, "inputSchema");
    json_begin_object(json);
    json_key(json, "json");
    if (tool.parameters)
        json_put_value(json, tool.parameters);
    else
        json_put_raw(json, SV("{\"type\":\"object\",\"properties\":{}}"));
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* There is no way to say "none"; without tools the model has none to call, but where messages tell of calls
 * they must be there. */
static enum status put_tool_config(struct provider_call *call, struct json_writer *json,
                                   struct json_object *messages)
{
    struct sv name;
    size_t count = chat_tool_count(call);
    bool may_leave_out = chat_tool_choice(call, &name) == CHOICE_NONE && !has_tool_messages(messages);
    if (count == 0 || may_leave_out)
        return OK;
    json_key(json, "toolConfig");
    json_begin_object(json);
    json_key(json, "tools");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        if (put_tool_spec(call, json, i) != OK)
            return FAILED;
    }
    json_end_array(json);
    put_tool_choice(call, json);
    json_end_object(json);
    return OK;
}

enum status bedrock_converse_body(struct provider_call *call, struct provider_request *request)
{
    struct json_object *messages = provider_member(call->payload, "messages");
    struct provider_body body;
    if (provider_int(call->payload, "n", 1) != 1)
        return provider_fail(call, 422, "'n' must be '1' for the Bedrock provider.");
    provider_body_begin(call, &body);
    json_begin_object(&body.json);
    if (put_messages(call, &body.json, messages) != OK)
        return FAILED;
    put_system(call, &body.json, messages);
    put_inference_config(call, &body.json);
    if (put_tool_config(call, &body.json, messages) != OK)
        return FAILED;
    json_end_object(&body.json);
    return provider_body_end(call, request, &body);
}

/* --- Answers --- */

/* Tokens that were read from or written to a cache are not among "inputTokens". */
static void take_usage(struct json_object *told, struct gateway_usage *usage)
{
    int64_t input = token_count(told, "inputTokens", -1);
    int64_t cached = token_count(told, "cacheReadInputTokens", -1);
    int64_t written = token_count(told, "cacheWriteInputTokens", -1);
    if (input >= 0)
        usage->input_tokens = input + (cached > 0 ? cached : 0) + (written > 0 ? written : 0);
    usage->output_tokens = token_count(told, "outputTokens", usage->output_tokens);
    usage->total_tokens = token_count(told, "totalTokens", usage->total_tokens);
    if (cached >= 0)
        usage->cached_tokens = cached;
}

static struct sv finish_reason(struct sv stop_reason)
{
    if (sv_equal(stop_reason, SV("tool_use")))
        return SV("tool_calls");
    if (sv_equal(stop_reason, SV("max_tokens")))
        return SV("length");
    bool is_filtered =
        sv_equal(stop_reason, SV("content_filtered")) || sv_equal(stop_reason, SV("guardrail_intervened"));
    return is_filtered ? SV("content_filter") : SV("stop");
}

static struct sv join_texts(struct arena *arena, struct json_object *content)
{
    struct buffer text;
    bool has_any = false;
    buffer_init_in(&text, arena, PROVIDER_BODY_MAX);
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct sv piece = provider_text(json_object_array_get_idx(content, i), "text");
        if (!piece.data)
            continue;
        if (has_any)
            buffer_append_byte(&text, '\n');
        buffer_append_sv(&text, piece);
        has_any = true;
    }
    if (!has_any)
        return SV_ABSENT;
    return text.len ? buffer_sv(&text) : SV("");
}

enum status bedrock_converse_translate(struct provider_call *call, struct json_object *reply,
                                       struct buffer *out, struct gateway_usage *usage)
{
    struct json_object *message = provider_member(provider_member(reply, "output"), "message");
    struct json_object *content = provider_member(message, "content");
    if (!json_object_is_type(content, json_type_array))
        return provider_fail(call, 502, "The answer of the Bedrock model has no content.");
    size_t count = json_object_array_length(content), tools = 0;
    struct unified_tool_call *calls = ARENA_ARRAY(call->arena, struct unified_tool_call, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct json_object *use = provider_member(json_object_array_get_idx(content, i), "toolUse");
        if (!use)
            continue;
        calls[tools].id = provider_text(use, "toolUseId");
        calls[tools].name = provider_text(use, "name");
        calls[tools++].arguments = unified_arguments(call->arena, provider_member(use, "input"));
    }
    take_usage(provider_member(reply, "usage"), usage);
    const struct unified_choice choice = {
        .content = join_texts(call->arena, content),
        .tool_calls = calls,
        .tool_call_count = tools,
        .finish_reason = finish_reason(provider_text(reply, "stopReason")),
    };
    const struct unified_answer answer = {
        .created = call->now_ms / 1000,
        .model = call->model,
        .choices = &choice,
        .choice_count = 1,
        .usage = usage,
    };
    unified_reply(out, &answer);
    return OK;
}

/* --- Streams --- */

static void put_chunk(const struct provider_call *call, const struct unified_choice *choice,
                      const struct gateway_usage *usage, struct buffer *out)
{
    const struct unified_answer answer = {
        .created = call->now_ms / 1000,
        .model = call->model,
        .choices = choice,
        .choice_count = choice ? 1 : 0,
        .usage = usage,
    };
    unified_chunk(out, &answer);
}

static void put_tool_piece(const struct provider_call *call, const struct unified_tool_call *piece,
                           struct buffer *out)
{
    const struct unified_choice choice = {.tool_calls = piece, .tool_call_count = 1};
    put_chunk(call, &choice, NULL, out);
}

/* Which of the tools a content block is; tool_count if it is none. */
static size_t tool_of(const struct bedrock_stream *stream, int64_t index)
{
    size_t at = stream->tool_count < BEDROCK_TOOLS_MAX ? stream->tool_count : BEDROCK_TOOLS_MAX;
    while (at-- > 0) {
        if (stream->tool_blocks[at] == index)
            return at;
    }
    return stream->tool_count;
}

static void on_block_start(const struct provider_call *call, struct bedrock_stream *stream,
                           struct json_object *event, struct buffer *out)
{
    struct json_object *use = provider_member(provider_member(event, "start"), "toolUse");
    if (!use)
        return;
    const struct unified_tool_call piece = {
        .index = stream->tool_count,
        .id = provider_text(use, "toolUseId"),
        .name = provider_text(use, "name"),
    };
    if (stream->tool_count < BEDROCK_TOOLS_MAX)
        stream->tool_blocks[stream->tool_count] = provider_int(event, "contentBlockIndex", -1);
    stream->tool_count++;
    put_tool_piece(call, &piece, out);
}

static void on_block_delta(const struct provider_call *call, struct bedrock_stream *stream,
                           struct json_object *event, struct buffer *out)
{
    struct json_object *delta = provider_member(event, "delta");
    struct sv text = provider_text(delta, "text");
    if (text.data) {
        const struct unified_choice choice = {.content = text};
        put_chunk(call, &choice, NULL, out);
        return;
    }
    struct sv piece = provider_text(provider_member(delta, "toolUse"), "input");
    size_t at = tool_of(stream, provider_int(event, "contentBlockIndex", -1));
    if (!piece.len || at == stream->tool_count)
        return;
    const struct unified_tool_call tool = {.index = at, .arguments = piece};
    stream->has_arguments[at] = true;
    put_tool_piece(call, &tool, out);
}

/* A tool without arguments: their pieces must make up a JSON text nevertheless. */
static void on_block_stop(const struct provider_call *call, struct bedrock_stream *stream,
                          struct json_object *event, struct buffer *out)
{
    size_t at = tool_of(stream, provider_int(event, "contentBlockIndex", -1));
    if (at == stream->tool_count || stream->has_arguments[at])
        return;
    const struct unified_tool_call tool = {.index = at, .arguments = SV("{}")};
    stream->has_arguments[at] = true;
    put_tool_piece(call, &tool, out);
}

/* Tokens come behind the end of the answer: a chunk without choices, for those who asked for it. */
static void on_metadata(const struct provider_call *call, struct json_object *event,
                        struct gateway_usage *usage, struct buffer *out)
{
    struct json_object *told = provider_member(event, "usage");
    struct json_object *options = provider_member(call->payload, "stream_options");
    take_usage(told, usage);
    if (told && json_object_get_boolean(provider_member(options, "include_usage")))
        put_chunk(call, NULL, usage, out);
}

static enum provider_step on_exception(struct provider_call *call, const struct provider_event *event)
{
    static const struct {
        struct sv type;
        int status;
    } types[] = {
        {SV("validationException"), 400},           {SV("accessDeniedException"), 403},
        {SV("resourceNotFoundException"), 404},     {SV("throttlingException"), 429},
        {SV("serviceQuotaExceededException"), 429}, {SV("serviceUnavailableException"), 503},
        {SV("modelTimeoutException"), 504},
    };
    struct json_object *value;
    int status = 502;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (sv_equal_ignoring_case(event->type, types[i].type))
            status = types[i].status;
    }
    struct sv text = SV_ABSENT;
    if (provider_parse(call, event->data, &value))
        text = unified_error_text(value);
    if (!text.len)
        text = event->data.len ? event->data : event->type;
    provider_fail(call, status, "%.*s",
                  SV_ARG(text.len ? sv_first(text, 4096) : SV("The model's stream ended in an error.")));
    return STEP_ERROR;
}

enum provider_step bedrock_converse_event(struct provider_call *call, void *state,
                                          const struct provider_event *event, struct buffer *out,
                                          struct gateway_usage *usage)
{
    struct bedrock_stream *stream = state;
    struct json_object *value;
    if (event->is_exception)
        return on_exception(call, event);
    if (!provider_parse(call, event->data, &value))
        return STEP_OK;
    if (sv_equal(event->type, SV("messageStart"))) {
        const struct unified_choice choice = {.role = SV("assistant"), .content = SV("")};
        put_chunk(call, &choice, NULL, out);
    } else if (sv_equal(event->type, SV("contentBlockStart"))) {
        on_block_start(call, stream, value, out);
    } else if (sv_equal(event->type, SV("contentBlockDelta"))) {
        on_block_delta(call, stream, value, out);
    } else if (sv_equal(event->type, SV("contentBlockStop"))) {
        on_block_stop(call, stream, value, out);
    } else if (sv_equal(event->type, SV("messageStop"))) {
        const struct unified_choice choice = {.finish_reason =
                                                  finish_reason(provider_text(value, "stopReason"))};
        put_chunk(call, &choice, NULL, out);
    } else if (sv_equal(event->type, SV("metadata"))) {
        on_metadata(call, value, usage, out);
        return STEP_DONE;
    }
    return STEP_OK;
}
