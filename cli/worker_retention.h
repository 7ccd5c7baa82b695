#ifndef TRACKLIGHT_CLI_WORKER_RETENTION_H
#define TRACKLIGHT_CLI_WORKER_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/config.h"
#include "common/store/store.h"

/* The part of the worker that removes what the rules of retention (retention_deleted_runs, retention_traces)
 * do not keep any longer: one thread, which looks every few minutes and works in small slices with pauses
 * between them, so that nobody notices. Several processes may do so on one database. */
struct retention_worker;

struct retention_rules {
    int64_t deleted_runs_ms; /* 0: kept for ever */
    int64_t traces_ms;
};

/* False with a sentence in *problem for a setting that is no time. */
bool retention_rules_from(const struct settings *settings, struct arena *arena, struct retention_rules *rules,
                          struct sv *problem);

/* `once`: ends after one look. Store and settings must outlive it. NULL if no thread can be started. */
struct retention_worker *retention_worker_start(struct store *store, const struct settings *settings,
                                                const struct retention_rules *rules, bool once);

/* A descriptor that is readable once it has ended of itself. */
int retention_worker_ended(const struct retention_worker *worker);

/* It ends after the slice at hand. */
void retention_worker_stop(struct retention_worker *worker);

struct retention_worker_sums {
    int64_t runs, traces;
    bool trouble; /* something could not be removed */
};

/* Waits for the thread, and frees everything. */
struct retention_worker_sums retention_worker_join(struct retention_worker *worker);

#endif
