#ifndef TRACKLIGHT_STORE_EXPERIMENT_SEARCH_H
#define TRACKLIGHT_STORE_EXPERIMENT_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* experiments/search. */

struct experiment_search {
    struct sv filter; /* absent or "": everything */
    const struct sv *order_by;
    size_t order_by_count;
    enum view_type view;
    int64_t max_results; /* 1..SEARCH_RESULTS_MAX, checked by the caller */
    struct sv page_token;
    const struct permission_filter *readable; /* experiments that may be shown; NULL: all */
};

struct experiment_page {
    int64_t *ids; /* in order; load each with experiment_load */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

/* Errors are MLflow's (INVALID_PARAMETER_VALUE with its texts). */
enum status experiment_search(struct store_tx *tx, const struct experiment_search *search,
                              struct experiment_page *page);

#endif
