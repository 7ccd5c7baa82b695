#ifndef TRACKLIGHT_STORE_OUTBOX_H
#define TRACKLIGHT_STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Events on their way to webhooks. What causes an event puts it here in its own transaction; a worker takes
 * the deliveries out and makes them, later and elsewhere. So an event is sent if and only if its cause was
 * committed, and a receiver that is slow or dead costs no request anything. */

/* One delivery for each active webhook that wants the event; next to nothing if there is none. `entity` and
 * `action` are as on the wire, in lower case: "model_version", "created" (webhook_event.h lists them);
 * anything else is a fault of ours. `payload_json` is the event's "data": a JSON object, copied. */
enum status outbox_put(struct store_tx *tx, struct sv entity, struct sv action, struct sv payload_json);

/* Whether anybody wants the event: for callers whose payload is expensive to put together. */
enum status outbox_wants(struct store_tx *tx, struct sv entity, struct sv action, bool *wanted);

/* --- For workers --- */

/* A delivery that this worker alone makes until `lease_until_ms`. */
struct outbox_delivery {
    int64_t id;
    struct sv lease; /* proves that it is still ours */
    int64_t lease_until_ms;
    int64_t attempt;      /* this one: 1, 2, … */
    struct sv webhook_id; /* public */
    struct sv url;
    struct sv secret;      /* encrypted; absent: unsigned */
    struct sv delivery_id; /* stays the same in all attempts, and so does signed_time_s */
    int64_t signed_time_s;
    const char *entity, *action;
    int64_t event_time_ms;
    struct sv data; /* JSON */
};

/* Whether a delivery may be taken now. `per_webhook` is the most that may be under way for one webhook, so
 * that one slow receiver does not occupy all workers. */
enum status outbox_is_due(struct store_tx *tx, int64_t per_webhook, bool *due);

/* Takes the delivery that is due longest, if there is any, for `lease_ms`. A worker that dies leaves it to
 * the next once that time is over. In a write transaction. */
enum status outbox_take(struct store_tx *tx, int64_t per_webhook, int64_t lease_ms,
                        struct outbox_delivery *delivery, bool *taken);

/* What came of an attempt. */
struct outbox_result {
    bool delivered;
    bool again;          /* not delivered, but worth another attempt, after `delay_ms` */
    int64_t delay_ms;    /* not negative */
    int64_t http_status; /* 0: no answer */
    struct sv problem;   /* absent if delivered */
};

/* Enters it, unless the lease has been lost or the webhook is gone. In a write transaction. */
enum status outbox_finish(struct store_tx *tx, const struct outbox_delivery *delivery,
                          const struct outbox_result *result);

/* Gives up what has waited since before `expired_ms`, and forgets what ended before `forgotten_ms`, some rows
 * of each; *more if there may be others. In a write transaction. */
enum status outbox_tidy(struct store_tx *tx, int64_t expired_ms, int64_t forgotten_ms, bool *more);

/* The state of the outbox by webhook. */
struct outbox_summary {
    struct sv webhook_id, name, url;
    bool active;
    int64_t waiting, delivered, given_up; /* the latter two as far as they are remembered */
    int64_t oldest_waiting_ms;            /* time of the event; 0: none waits */
    struct sv last_problem;               /* absent: none is remembered */
    int64_t last_problem_ms;
};
enum status outbox_summarize(struct store_tx *tx, const struct outbox_summary **rows, size_t *count);

#endif
