#ifndef TRACKLIGHT_GATEWAY_STREAM_H
#define TRACKLIGHT_GATEWAY_STREAM_H

#include "common/net/http_client.h"
#include "fcgi-bin/gateway/inference.h"

/* Whether the answer is a stream as the adapter expects it. */
bool stream_is_one(const struct inference *inference, const struct http_client *client);

/* Sends the answer on, event by event on unified routes and byte by byte on the others, and not faster than
 * the client takes it. OK once the client's reply has begun: what goes wrong after that is told within the
 * stream, and `failure` has it. FAILED before that. */
enum status stream_relay(struct inference *inference, struct http_client *client);

#endif
