#ifndef TRACKLIGHT_GATEWAY_UNIFIED_H
#define TRACKLIGHT_GATEWAY_UNIFIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/gateway/provider.h"

/* The gateway's own shape of answers, that of OpenAI's Chat Completions and Embeddings with a fixed set of
 * keys: what is not known is null. Everything is written as compact JSON in UTF-8. */

struct unified_tool_call {
    size_t index;        /* chunks: which of the answer's calls this is a piece of */
    struct sv id;        /* absent: null, and so is `type` */
    struct sv name;      /* absent: null */
    struct sv arguments; /* a JSON text, or in chunks a piece of one; absent: null */
};

struct unified_choice {
    size_t index;      /* chunks; choices of replies are numbered by their place */
    struct sv role;    /* absent: "assistant" in a reply, null in a chunk */
    struct sv content; /* absent: null */
    struct sv refusal; /* replies; absent: null */
    const struct unified_tool_call *tool_calls;
    size_t tool_call_count;  /* 0: null */
    struct sv finish_reason; /* absent: null */
};

struct unified_answer {
    struct sv id;    /* absent: null */
    int64_t created; /* seconds since 1970 UTC */
    struct sv model;
    const struct unified_choice *choices;
    size_t choice_count;
    const struct gateway_usage *usage; /* replies: counts of -1, and all without one, are null.
                                          chunks: left out without one */
};

/* {"id", "object": "chat.completion", "created", "model", "choices", "usage"}. */
void unified_reply(struct buffer *out, const struct unified_answer *answer);

/* "data: {...}" and a blank line: one frame of a unified stream. */
void unified_chunk(struct buffer *out, const struct unified_answer *answer);

/* {"object": "list", "data", "model", "usage"}. Each vector is a JSON array of numbers, or a string of
 * base64. */
void unified_embeddings(struct buffer *out, struct sv model, struct json_object *const *vectors, size_t count,
                        const struct gateway_usage *usage);

/* What a unified route makes of a reply and of an event: the adapter's own way, or the cleaning below. */
enum status unified_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                              struct gateway_usage *usage);
enum provider_step unified_event(struct provider_call *call, void *state, const struct provider_event *event,
                                 struct buffer *out, struct gateway_usage *usage);

/* An answer of OpenAI's shape, or nearly, with exactly our keys. Content that is a list of parts becomes the
 * text of its text parts. FAILED (502) if it is nothing of the kind. *usage is filled. */
enum status unified_clean_chat(struct provider_call *call, struct json_object *reply, struct buffer *out,
                               struct gateway_usage *usage);
enum status unified_clean_embeddings(struct provider_call *call, struct json_object *reply,
                                     struct buffer *out, struct gateway_usage *usage);
/* The same under another name of the model. */
enum status unified_clean_embeddings_as(struct provider_call *call, struct sv model,
                                        struct json_object *reply, struct buffer *out,
                                        struct gateway_usage *usage);
/* One event of a stream of that shape. "[DONE]" is the end; what is no JSON object or no chunk is skipped. */
enum provider_step unified_clean_event(struct provider_call *call, void *state,
                                       const struct provider_event *event, struct buffer *out,
                                       struct gateway_usage *usage);

/* Tokens of a reply, a chunk or a Responses event of OpenAI's shape: what is told replaces what is there. */
void unified_read_usage(struct json_object *reply, struct gateway_usage *usage);

/* An error that a provider sends within a stream, or as the "error" of a body: {"error": {"message"}},
 * {"error": "text"}, {"message"}. Absent if it is none of these. */
struct sv unified_error_text(struct json_object *body);

/* The text of a message's content: a string, or the joined text parts of a list. Absent for null and for a
 * list without any. In `arena` or the value's own. */
struct sv unified_content_text(struct arena *arena, struct json_object *content);

/* A value as Python's json.dumps writes it (", ", ": ", ASCII): the arguments of tool calls that a provider
 * sends as objects. NULL: "{}". */
struct sv unified_arguments(struct arena *arena, struct json_object *value);

/* Adds a text that should be JSON (the arguments of a tool call) as that JSON; `otherwise`, which is JSON, if
 * it is none. */
void unified_put_json(struct arena *arena, struct json_writer *writer, struct sv text, struct sv otherwise);

#endif
