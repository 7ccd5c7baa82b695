#ifndef TRACKLIGHT_GATEWAY_GEMINI_H
#define TRACKLIGHT_GATEWAY_GEMINI_H

#include <stddef.h>

#include "common/gateway/provider.h"

/* Google's generateContent format: the Gemini API's, and Vertex AI's, which knows no ids of function calls.
 */

enum status gemini_chat_body(struct provider_call *call, struct provider_request *request, bool with_ids);

#define GEMINI_CANDIDATES_MAX 16

struct gemini_stream {
    size_t tool_counts[GEMINI_CANDIDATES_MAX]; /* function calls of each candidate so far */
};

enum status gemini_translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage);
enum provider_step gemini_event(struct provider_call *call, void *state, const struct provider_event *event,
                                struct buffer *out, struct gateway_usage *usage);
void gemini_read_usage(struct json_object *reply, struct gateway_usage *usage);
const char *gemini_path(enum gateway_route route);

#endif
