#include <json-c/json.h>
#include <openssl/evp.h>

#include "common/gateway/gemini.h"
#include "common/gateway/translate.h"
#include "common/gateway/unified.h"

/* --- Answers --- */

void gemini_read_usage(struct json_object *reply, struct gateway_usage *usage)
{
    struct json_object *told = provider_member(reply, "usageMetadata");
    usage->input_tokens = token_count(told, "promptTokenCount", usage->input_tokens);
    usage->output_tokens = token_count(told, "candidatesTokenCount", usage->output_tokens);
    usage->total_tokens = token_count(told, "totalTokenCount", usage->total_tokens);
    usage->cached_tokens = token_count(told, "cachedContentTokenCount", usage->cached_tokens);
}

static struct sv finish_reason(struct arena *arena, struct sv told, struct sv otherwise)
{
    if (!told.len)
        return otherwise;
    if (sv_equal(told, SV("MAX_TOKENS")))
        return SV("length");
    struct sv lower = arena_copy(arena, sv_first(told, 64));
    char *bytes = arena_cstr(arena, lower);
    for (size_t i = 0; bytes[i]; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] - 'A' + 'a');
    }
    return (struct sv){bytes, lower.len};
}

/* "call_" and the MD5 of name and arguments, for calls that have no id: clients want one. */
static struct sv made_id(struct arena *arena, struct sv name, struct sv arguments)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    struct sv text = arena_printf(arena, "%.*s/%.*s", SV_ARG(name), SV_ARG(arguments));
    if (EVP_Digest(text.data, text.len, hash, &length, EVP_md5(), NULL) != 1 || length != 16)
        return arena_printf(arena, "call_%.*s", SV_ARG(sv_first(name, 64)));
    static const char digits[] = "0123456789abcdef";
    char hex[32];
    for (size_t i = 0; i < 16; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    return arena_printf(arena, "call_%.*s", (int)sizeof(hex), hex);
}

static struct json_object *parts_of(struct json_object *candidate)
{
    struct json_object *parts = provider_member(provider_member(candidate, "content"), "parts");
    return json_object_is_type(parts, json_type_array) ? parts : NULL;
}

static bool is_thought(struct json_object *part)
{
    return json_object_get_boolean(provider_member(part, "thought"));
}

/* Text parts are pieces of one text. */
static struct sv text_of(struct arena *arena, struct json_object *parts)
{
    struct buffer text;
    buffer_init_in(&text, arena, PROVIDER_BODY_MAX);
    bool has_any = false;
    for (size_t i = 0; parts && i < json_object_array_length(parts); i++) {
        struct json_object *part = json_object_array_get_idx(parts, i);
        struct sv piece = provider_text(part, "text");
        if (!piece.data || is_thought(part))
            continue;
        buffer_append_sv(&text, piece);
        has_any = true;
    }
    if (!has_any)
        return SV_ABSENT;
    return text.len ? buffer_sv(&text) : SV("");
}

/* The function calls of a candidate, numbered from `first` on. */
static void take_calls(struct arena *arena, struct json_object *parts, size_t first,
                       struct unified_choice *choice)
{
    size_t length = parts ? json_object_array_length(parts) : 0, count = 0;
    struct unified_tool_call *calls = ARENA_ARRAY(arena, struct unified_tool_call, length + 1);
    for (size_t i = 0; i < length; i++) {
        struct json_object *part = json_object_array_get_idx(parts, i);
        struct json_object *function = provider_member(part, "functionCall");
        if (!function)
            continue;
        struct unified_tool_call *call = &calls[count];
        call->index = first + count++;
        call->name = provider_text(function, "name");
        call->arguments = unified_arguments(arena, provider_member(function, "args"));
        call->id = provider_text(function, "id");
        if (!call->id.data)
            call->id = made_id(arena, call->name, call->arguments);
    }
    choice->tool_calls = calls;
    choice->tool_call_count = count;
}

static enum status translate_embeddings(struct provider_call *call, struct json_object *reply,
                                        struct buffer *out, struct gateway_usage *usage)
{
    struct json_object *several = provider_member(reply, "embeddings");
    bool is_list = json_object_is_type(several, json_type_array);
    size_t count = is_list ? json_object_array_length(several) : 1;
    struct json_object **vectors = ARENA_ARRAY(call->arena, struct json_object *, count + 1);
    for (size_t i = 0; i < count; i++) {
        vectors[i] = provider_member(
            is_list ? json_object_array_get_idx(several, i) : provider_member(reply, "embedding"), "values");
        if (!json_object_is_type(vectors[i], json_type_array))
            return provider_fail(call, 502, "The answer of the %s model has no embeddings.",
                                 call->row->adapter->title);
    }
    unified_embeddings(out, call->model, vectors, count, usage);
    return OK;
}

enum status gemini_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage)
{
    if (call->route == GATEWAY_EMBEDDINGS)
        return translate_embeddings(call, reply, out, usage);
    struct json_object *candidates = provider_member(reply, "candidates");
    size_t length =
        json_object_is_type(candidates, json_type_array) ? json_object_array_length(candidates) : 0;
    struct unified_choice *choices = ARENA_ARRAY(call->arena, struct unified_choice, length + 1);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        struct json_object *candidate = json_object_array_get_idx(candidates, i);
        struct json_object *parts = parts_of(candidate);
        struct unified_choice *choice = &choices[count];
        choice->content = text_of(call->arena, parts);
        take_calls(call->arena, parts, 0, choice);
        if (!choice->content.len)
            choice->content = SV_ABSENT;
        if (!choice->content.data && !choice->tool_call_count)
            continue;
        choice->finish_reason =
            finish_reason(call->arena, provider_text(candidate, "finishReason"), SV("stop"));
        count++;
    }
    gemini_read_usage(reply, usage);
    int64_t now_s = call->now_ms / 1000;
    const struct unified_answer answer = {
        .id = arena_printf(call->arena, "gemini-chat-%lld", (long long)now_s),
        .created = now_s,
        .model = call->model,
        .choices = choices,
        .choice_count = count,
        .usage = usage,
    };
    unified_reply(out, &answer);
    return OK;
}

/* --- Streams --- */

static void take_candidate(struct provider_call *call, struct gemini_stream *stream,
                           struct json_object *candidate, size_t at, struct unified_choice *choice)
{
    int64_t told = provider_int(candidate, "index", (int64_t)at);
    choice->index = told >= 0 && told < GEMINI_CANDIDATES_MAX ? (size_t)told : at;
    struct json_object *parts = parts_of(candidate);
    size_t *tools = choice->index < GEMINI_CANDIDATES_MAX ? &stream->tool_counts[choice->index] : NULL;
    choice->role = SV("assistant");
    choice->content = text_of(call->scratch, parts);
    take_calls(call->scratch, parts, tools ? *tools : 0, choice);
    if (tools)
        *tools += choice->tool_call_count;
    if (!choice->content.data && !choice->tool_call_count)
        choice->content = SV("");
    choice->finish_reason = finish_reason(call->scratch, provider_text(candidate, "finishReason"), SV_ABSENT);
}

static enum provider_step on_error(struct provider_call *call, struct json_object *value)
{
    int64_t code = provider_int(provider_member(value, "error"), "code", 502);
    struct sv text = unified_error_text(value);
    provider_fail(call, code >= 400 && code < 600 ? (int)code : 502, "%.*s",
                  SV_ARG(text.len ? text : SV("The model's stream ended in an error.")));
    return STEP_ERROR;
}

enum provider_step gemini_event(struct provider_call *call, void *state, const struct provider_event *event,
                                struct buffer *out, struct gateway_usage *usage)
{
    struct gemini_stream *stream = state;
    struct json_object *value;
    if (!provider_parse(call, event->data, &value) || !json_object_is_type(value, json_type_object))
        return STEP_OK;
    if (provider_member(value, "error"))
        return on_error(call, value);
    gemini_read_usage(value, usage);
    struct json_object *candidates = provider_member(value, "candidates");
    size_t count =
        json_object_is_type(candidates, json_type_array) ? json_object_array_length(candidates) : 0;
    struct unified_choice *choices = ARENA_ARRAY(call->scratch, struct unified_choice, count + 1);
    bool has_ended = count == 0;
    for (size_t i = 0; i < count; i++) {
        take_candidate(call, stream, json_object_array_get_idx(candidates, i), i, &choices[i]);
        has_ended |= choices[i].finish_reason.data != NULL;
    }
    int64_t now_s = call->now_ms / 1000;
    const struct unified_answer answer = {
        .id = arena_printf(call->scratch, "gemini-chat-stream-%lld", (long long)now_s),
        .created = now_s,
        .model = call->model,
        .choices = choices,
        .choice_count = count,
        .usage = has_ended && provider_member(value, "usageMetadata") ? usage : NULL,
    };
    unified_chunk(out, &answer);
    return STEP_OK;
}
