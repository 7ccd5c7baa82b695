#ifndef TRACKLIGHT_GATEWAY_TRANSLATE_H
#define TRACKLIGHT_GATEWAY_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/gateway/provider.h"

/* Reading the payloads of unified routes, which chat_request.h has checked, for adapters whose providers have
 * formats of their own. Texts are the payload's own unless an arena is named. */

enum chat_role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_OTHER };

/* "developer" is OpenAI's newer word for "system". */
enum chat_role chat_role(struct json_object *message);

/* What a message consists of: a text, or a list of parts. */
enum chat_part_kind { PART_TEXT, PART_IMAGE, PART_AUDIO };

struct chat_part {
    enum chat_part_kind kind;
    struct sv text;
    struct sv media_type; /* of images and sound that come along: "image/png" */
    struct sv data;       /* these, as base64 */
    struct sv url;        /* of an image that lies elsewhere; http or https */
};

size_t chat_part_count(struct json_object *message);

/* FAILED (422) for an image whose URL is neither http(s) nor a data URL (RFC 2397) in base64. */
enum status chat_part_read(struct provider_call *call, struct json_object *message, size_t at,
                           struct chat_part *part);

/* The calls of tools in a message of the assistant; absent texts for what is not there. */
struct chat_tool_call {
    struct sv id;
    struct sv name;
    struct sv arguments; /* JSON, unless the client sends rubbish */
};
size_t chat_tool_call_count(struct json_object *message);
struct chat_tool_call chat_tool_call_read(struct json_object *message, size_t at);

/* payload.tools. FAILED (422) for a tool that is no function. */
struct chat_tool {
    struct sv name;
    struct sv description;          /* may be absent */
    struct json_object *parameters; /* may be NULL */
};
size_t chat_tool_count(const struct provider_call *call);
enum status chat_tool_read(struct provider_call *call, size_t at, struct chat_tool *tool);

enum chat_choice { CHOICE_NOT_GIVEN, CHOICE_NONE, CHOICE_AUTO, CHOICE_REQUIRED, CHOICE_NAMED };
enum chat_choice chat_tool_choice(const struct provider_call *call, struct sv *name);

/* payload.response_format: the schema of "json_schema", or NULL. */
struct json_object *chat_schema(const struct provider_call *call);
bool chat_wants_json(const struct provider_call *call); /* "json_object" */

/* max_tokens, else max_completion_tokens, else NULL. */
struct json_object *chat_max_tokens(const struct provider_call *call);

/* Writes payload[key] under another name, if it is there. */
void chat_put_as(struct json_writer *json, const struct provider_call *call, const char *key,
                 const char *name);

/* payload.input: one text or several. FAILED (422) for one that is no text. */
size_t embeddings_input_count(const struct provider_call *call);
enum status embeddings_input(struct provider_call *call, size_t at, struct sv *text);

/* A count of tokens that a provider tells; `otherwise` if it tells none, or nonsense. Sums of a few do not
 * overflow. */
int64_t token_count(struct json_object *told, const char *name, int64_t otherwise);

/* The model's name as a part of a path: percent-encoded but for slashes. FAILED (400) if it has "." or ".."
 * for a segment. In the call's arena. */
enum status model_in_path(struct provider_call *call, struct sv *path);

#endif
