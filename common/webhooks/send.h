#ifndef TRACKLIGHT_WEBHOOKS_SEND_H
#define TRACKLIGHT_WEBHOOKS_SEND_H

#include "common/webhooks/message.h"
#include "common/webhooks/rules.h"

struct webhook_call {
    struct sv url;
    struct sv secret; /* absent: unsigned */
    struct sv delivery_id;
    int64_t time_s; /* X-MLflow-Timestamp */
    struct sv body;
    int64_t timeout_ms;               /* as in webhook_rules */
    size_t answer_max;                /* bytes of the answer's body that are kept */
    bool (*cancelled)(void *context); /* NULL: never */
    void *context;
};

enum webhook_outcome {
    WEBHOOK_ANSWERED,  /* with `status` */
    WEBHOOK_UNREACHED, /* no answer; `problem` says why. Another time may go better */
    WEBHOOK_REFUSED,   /* by our own rules: nothing was sent, and nothing will be */
    WEBHOOK_CANCELLED,
};

struct webhook_answer {
    enum webhook_outcome outcome;
    int status;
    struct sv body;         /* its first bytes, whole characters if it is UTF-8 */
    int64_t retry_after_ms; /* -1: the receiver did not say */
    struct sv problem;      /* absent if there was an answer */
};

/* One attempt, on the calling thread's own HTTP client. Redirects are not followed: they are answers. */
void webhook_send(const struct webhook_rules *rules, struct arena *arena, const struct webhook_call *call,
                  struct webhook_answer *answer);

/* What is to follow the attempt number `attempt` (1, 2, …). */
struct webhook_verdict {
    bool delivered; /* 2xx */
    bool again;     /* after delay_ms */
    int64_t delay_ms;
    struct sv problem; /* absent if delivered */
};

/* MLflow's rule: no answer and the statuses 429, 500, 502, 503, 504 are worth another attempt, `max_retries`
 * times: at once, after 2 s, 4 s, … 60 s at most, each with up to a second more so that many do not come at
 * once; or when the receiver says (Retry-After, RFC 9110 section 10.2.3), within an hour. */
struct webhook_verdict webhook_judge(const struct webhook_rules *rules, struct arena *arena,
                                     const struct webhook_answer *answer, int64_t attempt);

#endif
