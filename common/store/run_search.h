#ifndef TRACKLIGHT_STORE_RUN_SEARCH_H
#define TRACKLIGHT_STORE_RUN_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* runs/search: the filter language of MLflow 3.8's REST API, compiled to SQL that starts at the smallest
 * index range. */

/* Where a search of one experiment begins. Every plan gives the same rows; AUTO estimates which is the
 * cheapest. A plan that does not apply to a query falls back to SCAN. */
enum run_search_plan {
    RUN_SEARCH_AUTO,
    RUN_SEARCH_SCAN,        /* the listing of the experiment, newest first */
    RUN_SEARCH_FIRST_RANGE, /* the index range of the first clause that has one */
    RUN_SEARCH_LAST_RANGE,
    RUN_SEARCH_ORDER_WALK, /* the index of the first order_by key, in its order, until the page is full */
};

struct run_search {
    const struct sv *experiment_ids; /* public ids as the client sent them */
    size_t experiment_count;
    struct sv filter; /* absent or "": everything */
    const struct sv *order_by;
    size_t order_by_count;
    enum view_type view;
    int64_t max_results; /* 1..SEARCH_RESULTS_MAX, checked by the caller */
    struct sv page_token;
    const struct permission_filter *readable; /* experiments that may be shown; NULL: all */
    enum run_search_plan plan;                /* AUTO but in tests */
};

struct run_page {
    int64_t *ids; /* the store's own, in order; load each with run_load */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

/* Errors are MLflow's (INVALID_PARAMETER_VALUE with its texts). */
enum status run_search(struct store_tx *tx, const struct run_search *search, struct run_page *page);

#endif
