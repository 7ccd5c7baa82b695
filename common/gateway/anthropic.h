#ifndef TRACKLIGHT_GATEWAY_ANTHROPIC_H
#define TRACKLIGHT_GATEWAY_ANTHROPIC_H

#include <stddef.h>
#include <stdint.h>

#include "common/gateway/provider.h"

/* Anthropic's Messages API, wherever it is served: Vertex AI has it, too. */

/* Where it is not Anthropic that serves it: the body's "anthropic_version", and no "model". */
struct anthropic_body {
    struct sv model;   /* absent: without */
    struct sv version; /* absent: without; then it is a header */
};

/* Bodies of a unified chat and of the passthrough. */
enum status anthropic_chat_body(struct provider_call *call, struct provider_request *request,
                                const struct anthropic_body *body);
enum status anthropic_messages_body(struct provider_call *call, struct provider_request *request,
                                    const struct anthropic_body *body);

#define ANTHROPIC_TOOLS_MAX 128

struct anthropic_stream {
    struct sv id; /* in the call's arena */
    struct sv model;
    bool begun; /* a chunk has gone out */
    size_t tool_count;
    int64_t tool_blocks[ANTHROPIC_TOOLS_MAX]; /* index of the content block of each tool */
    bool has_arguments[ANTHROPIC_TOOLS_MAX];
};

enum status anthropic_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                                struct gateway_usage *usage);
enum provider_step anthropic_event(struct provider_call *call, void *state,
                                   const struct provider_event *event, struct buffer *out,
                                   struct gateway_usage *usage);
void anthropic_read_usage(struct json_object *reply, struct gateway_usage *usage);

#endif
