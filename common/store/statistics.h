#ifndef TRACKLIGHT_STORE_STATISTICS_H
#define TRACKLIGHT_STORE_STATISTICS_H

#include "common/store/store.h"

/* What is in the store, for administrators. All of it looks at whole tables. */

struct experiment_statistics {
    int64_t id;
    struct sv name;
    enum lifecycle lifecycle;
    int64_t count; /* of its runs, or traces */
};

struct store_statistics {
    int64_t runs, deleted_runs;
    int64_t oldest_run_ms, newest_run_ms; /* by start; 0: there is none */
    const struct experiment_statistics *by_runs, *by_traces;
    size_t by_runs_count, by_traces_count;
};

/* The `top` experiments with most runs, and with most traces. In the arena. */
enum status store_statistics_read(struct store_tx *tx, size_t top, struct store_statistics *statistics);

/* How many secrets of the gateway there are. */
enum status store_secret_count(struct store_tx *tx, int64_t *count);

#endif
