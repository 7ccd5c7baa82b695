#include "common/gateway/unified.h"

#include <json-c/json.h>

#include "common/json/json_dump.h"

static void put_text(struct json_writer *json, const char *key, struct sv text)
{
    json_key(json, key);
    if (text.data)
        json_put_string(json, text);
    else
        json_put_null(json);
}

static void put_count(struct json_writer *json, const char *key, int64_t count)
{
    json_key(json, key);
    if (count < 0)
        json_put_null(json);
    else
        json_put_int(json, count);
}

static void put_usage(struct json_writer *json, const struct gateway_usage *usage, bool of_chat)
{
    static const struct gateway_usage none = {-1, -1, -1, -1};
    if (!usage)
        usage = &none;
    json_key(json, "usage");
    json_begin_object(json);
    put_count(json, "prompt_tokens", usage->input_tokens);
    if (of_chat)
        put_count(json, "completion_tokens", usage->output_tokens);
    put_count(json, "total_tokens", usage->total_tokens);
    json_end_object(json);
}

static void begin_answer(struct json_writer *json, const struct unified_answer *answer, const char *object)
{
    json_begin_object(json);
    put_text(json, "id", answer->id);
    json_put_string_field(json, "object", sv_from(object));
    json_put_int_field(json, "created", answer->created);
    put_text(json, "model", answer->model);
    json_key(json, "choices");
    json_begin_array(json);
}

static void put_function(struct json_writer *json, struct sv name, struct sv arguments)
{
    json_key(json, "function");
    json_begin_object(json);
    put_text(json, "name", name);
    put_text(json, "arguments", arguments);
    json_end_object(json);
}

static void put_tool_calls(struct json_writer *json, const struct unified_choice *choice, bool of_chunk)
{
    json_key(json, "tool_calls");
    if (!choice->tool_call_count) {
        json_put_null(json);
        return;
    }
    json_begin_array(json);
    for (size_t i = 0; i < choice->tool_call_count; i++) {
        const struct unified_tool_call *call = &choice->tool_calls[i];
        json_begin_object(json);
        if (of_chunk)
            json_put_int_field(json, "index", (int64_t)call->index);
        put_text(json, "id", call->id);
        put_text(json, "type", call->id.data || !of_chunk ? SV("function") : SV_ABSENT);
        put_function(json, call->name, call->arguments);
        json_end_object(json);
    }
    json_end_array(json);
}

void unified_reply(struct buffer *out, const struct unified_answer *answer)
{
    struct json_writer json;
    json_writer_init_utf8(&json, out);
    begin_answer(&json, answer, "chat.completion");
    for (size_t i = 0; i < answer->choice_count; i++) {
        const struct unified_choice *choice = &answer->choices[i];
        json_begin_object(&json);
        json_put_int_field(&json, "index", (int64_t)i);
        json_key(&json, "message");
        json_begin_object(&json);
        put_text(&json, "role", choice->role.data ? choice->role : SV("assistant"));
        put_text(&json, "content", choice->content);
        put_tool_calls(&json, choice, false);
        put_text(&json, "refusal", choice->refusal);
        json_end_object(&json);
        put_text(&json, "finish_reason", choice->finish_reason);
        json_end_object(&json);
    }
    json_end_array(&json);
    put_usage(&json, answer->usage, true);
    json_end_object(&json);
}

void unified_chunk(struct buffer *out, const struct unified_answer *answer)
{
    struct json_writer json;
    json_writer_init_utf8(&json, out);
    BUFFER_LITERAL(out, "data: ");
    begin_answer(&json, answer, "chat.completion.chunk");
    for (size_t i = 0; i < answer->choice_count; i++) {
        const struct unified_choice *choice = &answer->choices[i];
        json_begin_object(&json);
        json_put_int_field(&json, "index", (int64_t)choice->index);
        put_text(&json, "finish_reason", choice->finish_reason);
        json_key(&json, "delta");
        json_begin_object(&json);
        put_text(&json, "role", choice->role);
        put_text(&json, "content", choice->content);
        put_tool_calls(&json, choice, true);
        json_end_object(&json);
        json_end_object(&json);
    }
    json_end_array(&json);
    if (answer->usage)
        put_usage(&json, answer->usage, true);
    json_end_object(&json);
    BUFFER_LITERAL(out, "\n\n");
}

static void begin_embeddings(struct json_writer *json)
{
    json_begin_object(json);
    json_put_string_field(json, "object", SV("list"));
    json_key(json, "data");
    json_begin_array(json);
}

static void put_embedding(struct json_writer *json, struct json_object *vector, size_t index)
{
    json_begin_object(json);
    json_put_string_field(json, "object", SV("embedding"));
    json_key(json, "embedding");
    json_put_value(json, vector);
    json_put_int_field(json, "index", (int64_t)index);
    json_end_object(json);
}

static void end_embeddings(struct json_writer *json, struct sv model, const struct gateway_usage *usage)
{
    json_end_array(json);
    put_text(json, "model", model);
    put_usage(json, usage, false);
    json_end_object(json);
}

void unified_embeddings(struct buffer *out, struct sv model, struct json_object *const *vectors, size_t count,
                        const struct gateway_usage *usage)
{
    struct json_writer json;
    json_writer_init_utf8(&json, out);
    begin_embeddings(&json);
    for (size_t i = 0; i < count; i++)
        put_embedding(&json, vectors[i], i);
    end_embeddings(&json, model, usage);
}
