#ifndef TRACKLIGHT_STORE_REMOVAL_H
#define TRACKLIGHT_STORE_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Taking things out of the database for good, that clients have deleted (which only marks them), and traces
 * that are old. All is done in slices of a few milliseconds, each of which is a transaction of its own, so
 * that others who write need not wait. The files of what is removed are the caller's business, and come
 * first: what is broken off is found again. */

enum removal_kind { REMOVAL_RUN, REMOVAL_LOGGED_MODEL, REMOVAL_EXPERIMENT };

struct removal {
    enum removal_kind kind;
    int64_t id; /* the store's own */
    struct sv public_id;
    bool is_deleted;
    int64_t since_ms;       /* when it was deleted; of models and experiments: last changed; 0: unknown */
    struct sv artifact_uri; /* of an experiment: its location */
};

/* By the public id, whatever its lifecycle. RESOURCE_DOES_NOT_EXIST if there is none. */
enum status removal_find(struct store_tx *tx, enum removal_kind kind, struct sv public_id,
                         struct removal *item);

/* What is deleted, and has been since `before_ms` or earlier: up to `limit` of the kind, by the store's own
 * ids, from above `after` on. In the arena. */
enum status removal_list(struct store_tx *tx, enum removal_kind kind, int64_t before_ms, int64_t after,
                         size_t limit, const struct removal **items, size_t *count);
enum status removal_count(struct store_tx *tx, enum removal_kind kind, int64_t before_ms, int64_t *count);

/* The same for the runs or logged models of one experiment, whatever their lifecycle and age. */
enum status removal_list_of(struct store_tx *tx, int64_t experiment, enum removal_kind kind, int64_t after,
                            size_t limit, const struct removal **items, size_t *count);

/* What stands against removing an experiment: a run of it that is active, or was deleted after `before_ms`;
 * absent: nothing. */
enum status removal_obstacle(struct store_tx *tx, int64_t experiment, int64_t before_ms, struct sv *run_id);

enum removal_state {
    REMOVAL_MORE, /* call again, in another transaction */
    REMOVAL_DONE, /* it is gone, with all that belongs to it */
    REMOVAL_KEPT, /* it was restored meanwhile; what the slices before took is gone */
};

/* One slice. An experiment must have neither runs nor logged models any more: INVALID_STATE otherwise. Rows
 * about it in other databases stay. */
enum status removal_slice(struct store_tx *tx, const struct removal *item, enum removal_state *state);

/* --- Old traces --- */

/* The experiments that have traces, for those who go through them. In the arena. */
struct removal_traces {
    int64_t experiment;
    struct sv retention; /* the value of its tag tracklight.retention.traces; absent: it has none */
};
#define REMOVAL_TAG_TRACES "tracklight.retention.traces"
enum status removal_trace_experiments(struct store_tx *tx, const struct removal_traces **experiments,
                                      size_t *count);

/* Up to `limit` traces of an experiment that began before `before_ms`, the oldest first. */
struct removal_trace {
    struct sv trace_id;
    struct sv artifact_uri; /* absent: its spans are in the store, so it has no files */
};
enum status removal_old_traces(struct store_tx *tx, int64_t experiment, int64_t before_ms, size_t limit,
                               const struct removal_trace **traces, size_t *count);

#endif
