#ifndef TRACKLIGHT_WEBHOOKS_MESSAGE_H
#define TRACKLIGHT_WEBHOOKS_MESSAGE_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* What is sent to a webhook. Everything returned is in the arena. */

struct webhook_message {
    const char *entity, *action; /* "model_version", "created" */
    int64_t event_time_ms;
    struct sv data; /* a JSON object */
};

/* The body: JSON spaced as Python's json.dumps spaces it, which the signature covers. */
struct sv webhook_body(struct arena *arena, const struct webhook_message *message);

/* X-MLflow-Signature: "v1," and the base64 of the HMAC-SHA256 under `secret` of "<id>.<time>.<body>". */
struct sv webhook_signature(struct arena *arena, struct sv secret, struct sv delivery_id, int64_t time_s,
                            struct sv body);

/* The data of an event as a test sends it; absent if there is no such event. */
struct sv webhook_sample(struct sv entity, struct sv action);

#endif
