#ifndef TRACKLIGHT_CLI_WORKER_SPAN_INDEX_H
#define TRACKLIGHT_CLI_WORKER_SPAN_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* The part of the worker that fills the index over what spans say (common/store/span_index.h): one thread,
 * which works in steps of a few milliseconds, and leaves most of the time to others while spans pour in.
 * Several processes may do so on one database. */
struct span_index_worker;

/* `once`: ends when all is indexed. The store must outlive it. NULL if no thread can be started. */
struct span_index_worker *span_index_worker_start(struct store *store, bool once);

/* A descriptor that is readable once it has ended of itself. */
int span_index_worker_ended(const struct span_index_worker *worker);

/* It ends after the step at hand. */
void span_index_worker_stop(struct span_index_worker *worker);

struct span_index_worker_sums {
    int64_t spans;
    bool trouble; /* the database could not be used */
};

/* Waits for the thread, and frees everything. */
struct span_index_worker_sums span_index_worker_join(struct span_index_worker *worker);

#endif
