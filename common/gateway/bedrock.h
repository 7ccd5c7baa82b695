#ifndef TRACKLIGHT_GATEWAY_BEDROCK_H
#define TRACKLIGHT_GATEWAY_BEDROCK_H

#include "common/gateway/provider.h"

/* The parts of the adapter for Amazon Bedrock: as whom it is called, and the format of its Converse API. */

enum bedrock_mode { BEDROCK_API_KEY, BEDROCK_ACCESS_KEYS, BEDROCK_ROLE, BEDROCK_DEFAULT_CHAIN };

/* auth_config.auth_mode; without one, by what the secret has. */
enum bedrock_mode bedrock_mode(const struct provider_call *call);

/* auth_config.aws_region_name, else that of the server's own environment. FAILED (400) if there is none. */
enum status bedrock_region(struct provider_call *call, struct sv *region);

/* See struct provider. */
enum status bedrock_prepare(struct provider_call *call);
enum status bedrock_token(struct provider_call *call, struct provider_request *request, struct sv *key);
enum status bedrock_read_token(struct provider_call *call, struct sv body, struct gateway_token *token);

/* Adds what shows who calls, when URL and body stand: a bearer token, or a signature over all of it. */
enum status bedrock_authorize(struct provider_call *call, struct provider_request *request);

enum status bedrock_converse_body(struct provider_call *call, struct provider_request *request);
enum status bedrock_converse_translate(struct provider_call *call, struct json_object *reply,
                                       struct buffer *out, struct gateway_usage *usage);

#define BEDROCK_TOOLS_MAX 128

struct bedrock_stream {
    size_t tool_count;
    int64_t tool_blocks[BEDROCK_TOOLS_MAX]; /* index of the content block of each tool */
    bool has_arguments[BEDROCK_TOOLS_MAX];
};

enum provider_step bedrock_converse_event(struct provider_call *call, void *state,
                                          const struct provider_event *event, struct buffer *out,
                                          struct gateway_usage *usage);

#endif
