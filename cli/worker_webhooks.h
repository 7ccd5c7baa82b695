#ifndef TRACKLIGHT_CLI_WORKER_WEBHOOKS_H
#define TRACKLIGHT_CLI_WORKER_WEBHOOKS_H

#include <stdbool.h>

#include "common/base/config.h"
#include "common/store/store.h"
#include "common/webhooks/rules.h"

/* The part of the worker that makes the deliveries of webhooks: threads that take them from the outbox, as
 * many as there is work for. Several processes may do so on one database. */
struct webhook_worker;

struct webhook_worker_options {
    struct store *store;
    const struct webhook_rules *rules;
    const struct settings *settings;
    struct sv key_path; /* where the key of the secrets is, if the settings name none */
    bool once;          /* ends when nothing is due any more */
};

/* Both the options' pointers must outlive it. NULL if no thread can be started. */
struct webhook_worker *webhook_worker_start(const struct webhook_worker_options *options);

/* A descriptor that is readable once the worker has ended of itself. */
int webhook_worker_ended(const struct webhook_worker *worker);

/* Takes nothing new; what is under way may go on for `grace_ms`. */
void webhook_worker_stop(struct webhook_worker *worker, int64_t grace_ms);

struct webhook_worker_sums {
    int64_t delivered, postponed, given_up; /* attempts by how they ended */
    bool trouble;                           /* the database could not be used */
};

/* Waits for the threads, and frees everything. */
struct webhook_worker_sums webhook_worker_join(struct webhook_worker *worker);

#endif
