#ifndef TRACKLIGHT_GATEWAY_ANSWER_H
#define TRACKLIGHT_GATEWAY_ANSWER_H

#include "common/net/http_client.h"
#include "fcgi-bin/gateway/inference.h"

/* What the provider's side of an attempt gives. */

#define ANSWER_MAX_BYTES (64UL * 1024 * 1024)

/* Sends a request and waits for the head of the answer, which http_read continues. FAILED: nothing came, and
 * `failure` says why. `trusted`: the URL is not a user's, but the administrator's. */
enum status answer_begin(struct inference *inference, struct http_client *client,
                         const struct provider_request *request, bool stream, struct http_reply *reply);

/* Reads what is left of the answer into the client's scratch buffer. */
enum status answer_read(struct inference *inference, struct http_client *client, struct sv *body);

/* What a failed exchange means for the client of ours: 502, 504. */
enum status answer_failed(struct inference *inference, enum http_outcome outcome, const char *problem);

/* The answer as JSON: of application/json, or {"message": text} of text/plain. FAILED (502) for all else, and
 * for a status of 300 and above, with what the answer says about it. */
enum status answer_parse(struct inference *inference, struct http_client *client, int status, struct sv body,
                         struct json_object **value);

/* Whether the Content-Type has this media type in it. */
bool answer_is(const struct http_client *client, const char *media_type);

#endif
