#ifndef TRACKLIGHT_GATEWAY_WORK_H
#define TRACKLIGHT_GATEWAY_WORK_H

#include "common/gateway/event_stream.h"
#include "common/gateway/provider.h"
#include "common/gateway/sse.h"
#include "fcgi-bin/gateway/locked.h"
#include "fcgi-bin/gateway/routes.h"
#include "fcgi-bin/gateway/tokens.h"

#define TOKEN_KEY_BYTES 512

/* What the calling thread holds for its request besides the arena. An escape from the arena (request.h)
 * leaves a request at any place, so the next one on the thread lets go of what that left behind. */
struct work {
    struct json_object *payload; /* of a unified route */
    struct route *route;

    /* Of the attempt under way. */
    struct provider_call call;
    struct json_object *config;
    struct json_object *secret;
    struct json_object *reply;
    struct tokens *tokens; /* set while a token is being got, for others wait for it */
    char token_key[TOKEN_KEY_BYTES];
    size_t token_key_len;

    /* For streams: made for the thread's first one, and kept. */
    struct arena *scratch;
    struct sse_parser sse;
    struct event_stream event_stream;
};

/* The thread's, with nothing held. NULL if there is no memory. */
struct work *work_begin(void);
void work_end_attempt(struct work *work);
void work_end(struct work *work);

/* Parses the text of a secret. False if it is no JSON object. */
bool work_read_secret(struct work *work, struct arena *arena, struct sv plain);

/* Readies scratch and parsers. */
void work_ready_for_stream(struct work *work);

#endif
