#ifndef TRACKLIGHT_STORE_EVALUATION_DATASET_SEARCH_H
#define TRACKLIGHT_STORE_EVALUATION_DATASET_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* datasets/search of evaluation datasets. */

struct evaluation_dataset_search {
    const struct sv *experiment_ids; /* none: of all experiments */
    size_t experiment_count;
    struct sv filter; /* absent or "": everything */
    const struct sv *order_by;
    size_t order_by_count;
    int64_t max_results; /* 1..SEARCH_RESULTS_MAX, checked by the caller */
    struct sv page_token;
    const struct permission_filter *readable; /* experiments; a dataset is shown if all of its own are, one
                                                 without any if unlisted ones are. NULL: all */
};

struct evaluation_dataset_page {
    struct sv *dataset_ids; /* in order; load each with evaluation_dataset_load */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

/* Errors are MLflow's (INVALID_PARAMETER_VALUE with its texts). */
enum status evaluation_dataset_search(struct store_tx *tx, const struct evaluation_dataset_search *search,
                                      struct evaluation_dataset_page *page);

#endif
