/* Answers of OpenAI's shape, or nearly, with exactly our keys. */

#include <string.h>

#include <json-c/json.h>

#include "common/base/arena_text.h"
#include "common/gateway/unified.h"
#include "common/json/json_check.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

struct sv unified_content_text(struct arena *arena, struct json_object *content)
{
    if (json_object_is_type(content, json_type_string))
        return json_string_view(content);
    if (!json_object_is_type(content, json_type_array))
        return SV_ABSENT;
    struct arena_text text;
    arena_text_init(&text, arena);
    bool found = false;
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        struct sv piece = SV_ABSENT;
        if (json_object_is_type(part, json_type_string))
            piece = json_string_view(part);
        else if (sv_equal(provider_text(part, "type"), SV("text")))
            piece = provider_text(part, "text");
        arena_text_add(&text, piece);
        found |= piece.data != NULL;
    }
    return found ? arena_text_sv(&text) : SV_ABSENT;
}

struct sv unified_arguments(struct arena *arena, struct json_object *value)
{
    return value ? json_dump(arena, value, false) : SV("{}");
}

void unified_put_json(struct arena *arena, struct json_writer *writer, struct sv text, struct sv otherwise)
{
    struct json_check check;
    bool sound = text.data && json_check(arena, text, &check) == JSON_OK;
    json_put_raw(writer, sound ? sv_trim(check.document) : otherwise);
}

struct sv unified_error_text(struct json_object *body)
{
    struct json_object *error = provider_member(body, "error");
    if (json_object_is_type(error, json_type_string))
        return json_string_view(error);
    struct sv message = provider_text(error, "message");
    return message.data || error ? message : provider_text(body, "message");
}

static void take(int64_t *count, struct json_object *object, const char *name)
{
    int64_t told = provider_int(object, name, -1);
    if (told >= 0)
        *count = told;
}

void unified_read_usage(struct json_object *reply, struct gateway_usage *usage)
{
    struct json_object *told = provider_member(reply, "usage");
    if (!told)
        told = provider_member(provider_member(reply, "response"), "usage"); /* events of Responses */
    take(&usage->input_tokens, told, "prompt_tokens");
    take(&usage->input_tokens, told, "input_tokens");
    take(&usage->output_tokens, told, "completion_tokens");
    take(&usage->output_tokens, told, "output_tokens");
    take(&usage->total_tokens, told, "total_tokens");
    take(&usage->cached_tokens, told, "prompt_cache_hit_tokens"); /* DeepSeek */
    take(&usage->cached_tokens, provider_member(told, "prompt_tokens_details"), "cached_tokens");
    take(&usage->cached_tokens, provider_member(told, "input_tokens_details"), "cached_tokens");
}

/* --- Choices --- */

static struct sv arguments_of(struct arena *arena, struct json_object *function)
{
    struct json_object *arguments = provider_member(function, "arguments");
    if (!arguments)
        return SV_ABSENT;
    if (json_object_is_type(arguments, json_type_string))
        return json_string_view(arguments);
    return json_dump(arena, arguments, false);
}

static void read_tool_calls(struct arena *arena, struct json_object *list, struct unified_choice *choice)
{
    if (!json_object_is_type(list, json_type_array))
        return;
    size_t count = json_object_array_length(list);
    struct unified_tool_call *calls = ARENA_ARRAY(arena, struct unified_tool_call, count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *call = json_object_array_get_idx(list, i);
        struct json_object *function = provider_member(call, "function");
        int64_t index = provider_int(call, "index", (int64_t)i);
        calls[i] = (struct unified_tool_call){
            .index = index < 0 ? i : (size_t)index,
            .id = provider_text(call, "id"),
            .name = provider_text(function, "name"),
            .arguments = arguments_of(arena, function),
        };
    }
    choice->tool_calls = calls;
    choice->tool_call_count = count;
}

/* `part` is what holds the text: "message", or "delta" in chunks. */
static void read_choice(struct arena *arena, struct json_object *from, const char *part, size_t place,
                        struct unified_choice *choice)
{
    struct json_object *message = provider_member(from, part);
    int64_t index = provider_int(from, "index", (int64_t)place);
    *choice = (struct unified_choice){
        .index = index < 0 ? place : (size_t)index,
        .role = provider_text(message, "role"),
        .content = unified_content_text(arena, provider_member(message, "content")),
        .refusal = provider_text(message, "refusal"),
        .finish_reason = provider_text(from, "finish_reason"),
    };
    read_tool_calls(arena, provider_member(message, "tool_calls"), choice);
}

/* Everything but the usage. False if there is no list of choices. */
static bool read_answer(struct provider_call *call, struct arena *arena, struct json_object *from,
                        const char *part, struct unified_answer *answer)
{
    struct json_object *list = provider_member(from, "choices");
    if (!json_object_is_type(list, json_type_array))
        return false;
    size_t count = json_object_array_length(list);
    struct unified_choice *choices = ARENA_ARRAY(arena, struct unified_choice, count);
    for (size_t i = 0; i < count; i++)
        read_choice(arena, json_object_array_get_idx(list, i), part, i, &choices[i]);
    struct sv model = provider_text(from, "model");
    *answer = (struct unified_answer){
        .id = provider_text(from, "id"),
        .created = provider_int(from, "created", call->now_ms / 1000),
        .model = model.data ? model : call->model,
        .choices = choices,
        .choice_count = count,
    };
    return true;
}

static enum status is_no_answer(struct provider_call *call, const char *what)
{
    return provider_fail(call, 502,
                         "The answer of the provider '%s' has no '%s': it is not what was asked for.",
                         call->row->name, what);
}

enum status unified_clean_chat(struct provider_call *call, struct json_object *reply, struct buffer *out,
                               struct gateway_usage *usage)
{
    struct unified_answer answer;
    if (!read_answer(call, call->arena, reply, "message", &answer))
        return is_no_answer(call, "choices");
    unified_read_usage(reply, usage);
    answer.usage = usage;
    unified_reply(out, &answer);
    return OK;
}

/* In the order of their "index", if these are a permutation of the places; else as they came. False if one
 * has no vector. */
static bool order_vectors(struct json_object *data, struct json_object **vectors, size_t count)
{
    bool numbered = true;
    for (size_t i = 0; i < count && numbered; i++) {
        struct json_object *item = json_object_array_get_idx(data, i);
        int64_t index = provider_int(item, "index", -1);
        numbered = index >= 0 && (uint64_t)index < count && !vectors[index];
        if (numbered)
            vectors[index] = provider_member(item, "embedding");
    }
    for (size_t i = 0; i < count; i++) {
        if (!numbered)
            vectors[i] = provider_member(json_object_array_get_idx(data, i), "embedding");
        if (!json_object_is_type(vectors[i], json_type_array) &&
            !json_object_is_type(vectors[i], json_type_string))
            return false;
    }
    return true;
}

enum status unified_clean_embeddings(struct provider_call *call, struct json_object *reply,
                                     struct buffer *out, struct gateway_usage *usage)
{
    struct sv model = provider_text(reply, "model");
    return unified_clean_embeddings_as(call, model.data ? model : call->model, reply, out, usage);
}

enum status unified_clean_embeddings_as(struct provider_call *call, struct sv model,
                                        struct json_object *reply, struct buffer *out,
                                        struct gateway_usage *usage)
{
    struct json_object *data = provider_member(reply, "data");
    if (!json_object_is_type(data, json_type_array))
        return is_no_answer(call, "data");
    size_t count = json_object_array_length(data);
    struct json_object **vectors = ARENA_ARRAY(call->arena, struct json_object *, count);
    if (!order_vectors(data, vectors, count))
        return is_no_answer(call, "embedding");
    unified_read_usage(reply, usage);
    if (usage->input_tokens < 0)
        usage->input_tokens = usage->total_tokens; /* there are no others */
    unified_embeddings(out, model, vectors, count, usage);
    return OK;
}

/* --- Streams --- */

static enum provider_step fail_in_stream(struct provider_call *call, struct json_object *body)
{
    struct sv text = unified_error_text(body);
    struct json_object *error = provider_member(body, "error");
    int64_t status = provider_int(error, "code", provider_int(body, "code", 502));
    if (!text.data)
        text = json_dump(call->arena, error ? error : body, false);
    provider_fail(call, status >= 400 && status < 600 ? (int)status : 502, "%.*s", SV_ARG(text));
    return STEP_ERROR;
}

enum provider_step unified_clean_event(struct provider_call *call, void *state,
                                       const struct provider_event *event, struct buffer *out,
                                       struct gateway_usage *usage)
{
    (void)state;
    struct sv data = sv_trim(event->data);
    if (sv_equal(data, SV("[DONE]")))
        return STEP_DONE;
    struct json_object *chunk;
    if (!provider_parse(call, data, &chunk) || !json_object_is_type(chunk, json_type_object))
        return STEP_OK;
    if (provider_member(chunk, "error") || sv_equal(event->type, SV("error")))
        return fail_in_stream(call, chunk);
    struct unified_answer answer;
    bool tells_usage = json_object_is_type(provider_member(chunk, "usage"), json_type_object);
    if (!read_answer(call, call->scratch, chunk, "delta", &answer))
        return STEP_OK;
    unified_read_usage(chunk, usage);
    if (tells_usage)
        answer.usage = usage;
    unified_chunk(out, &answer);
    return STEP_OK;
}

/* --- Adapters --- */

enum status unified_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                              struct gateway_usage *usage)
{
    const struct provider *adapter = call->row->adapter;
    if (adapter->translate)
        return adapter->translate(call, reply, out, usage);
    if (call->route == GATEWAY_EMBEDDINGS)
        return unified_clean_embeddings(call, reply, out, usage);
    return unified_clean_chat(call, reply, out, usage);
}

enum provider_step unified_event(struct provider_call *call, void *state, const struct provider_event *event,
                                 struct buffer *out, struct gateway_usage *usage)
{
    const struct provider *adapter = call->row->adapter;
    if (adapter->event)
        return adapter->event(call, state, event, out, usage);
    return unified_clean_event(call, state, event, out, usage);
}
