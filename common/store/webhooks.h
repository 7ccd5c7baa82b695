#ifndef TRACKLIGHT_STORE_WEBHOOKS_H
#define TRACKLIGHT_STORE_WEBHOOKS_H

#include "common/store/store.h"
#include "common/store/webhook_event.h"

/* Who wants to hear of which events. The URLs were checked by whoever calls; secrets come and go encrypted.
 */

enum webhook_status { WEBHOOK_ACTIVE = 1, WEBHOOK_DISABLED = 2 };

struct webhook {
    int64_t id;
    struct sv webhook_id; /* public: a UUID */
    struct sv name;
    struct sv description; /* absent or "": none */
    struct sv url;
    struct sv secret; /* encrypted; absent: none */
    enum webhook_status status;
    int64_t creation_time;
    int64_t last_update_time;
    const struct webhook_event *events; /* in the order of their names */
    size_t event_count;
};

/* What a client sends: absent texts, no events and a status of 0 mean "not sent". */
struct webhook_change {
    struct sv name;
    struct sv description;
    struct sv url;
    struct sv secret; /* encrypted */
    int64_t status;
    const struct webhook_event *events;
    size_t event_count;
};

#define WEBHOOK_SECRET_MAX        1000 /* bytes, before encryption */
#define WEBHOOK_RESULTS_DEFAULT   100
#define WEBHOOK_RESULTS_MAX       1000
#define WEBHOOK_EVENTS_LISTED_MAX 1000 /* that one request may name, repetitions included */

/* Where the key of the secrets is kept if the settings name none: beside the database of this store URI. */
enum status webhook_key_path(struct arena *arena, struct error *error, struct sv store_uri, struct sv *path);

/* INVALID_PARAMETER_VALUE with MLflow's text for an event that does not exist. */
enum status webhook_check_event(struct store_tx *tx, struct webhook_event event);

/* The status is WEBHOOK_ACTIVE unless sent. Names need not be unique; an event that is named twice counts
 * once. */
enum status webhook_create(struct store_tx *tx, const struct webhook_change *change, struct sv *webhook_id);

/* RESOURCE_DOES_NOT_EXIST if there is none; so do the next two. */
enum status webhook_load(struct store_tx *tx, struct sv webhook_id, struct webhook *webhook);

/* Changes what was sent; the time of the last update in any case. Disabling a webhook gives up the deliveries
 * that wait. */
enum status webhook_update(struct store_tx *tx, struct sv webhook_id, const struct webhook_change *change);

/* With its secret and all of its deliveries. */
enum status webhook_delete(struct store_tx *tx, struct sv webhook_id);

struct webhook_page {
    const struct webhook *webhooks;
    size_t count;
    struct sv next_page_token; /* absent: the last page */
};

/* Newest first. `max_results` from 1 to WEBHOOK_RESULTS_MAX; 0 is WEBHOOK_RESULTS_DEFAULT. */
enum status webhook_list(struct store_tx *tx, int64_t max_results, struct sv page_token,
                         struct webhook_page *page);

#endif
