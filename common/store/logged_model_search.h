#ifndef TRACKLIGHT_STORE_LOGGED_MODEL_SEARCH_H
#define TRACKLIGHT_STORE_LOGGED_MODEL_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* logged-models/search. */

struct logged_model_dataset {
    struct sv name;
    struct sv digest; /* absent or "": any */
};

struct logged_model_order {
    struct sv field_name; /* an attribute, or metrics.<name> */
    bool ascending;
    struct logged_model_dataset dataset; /* of a metric; where a part is absent or "", any will do */
};

struct logged_model_search {
    const struct sv *experiment_ids;
    size_t experiment_count;
    struct sv filter;                            /* absent or "": everything */
    const struct logged_model_dataset *datasets; /* metrics in the filter are those on one of these */
    size_t dataset_count;
    const struct logged_model_order *order_by;
    size_t order_by_count;
    int64_t max_results;
    struct sv page_token;
    const struct permission_filter *readable; /* experiments that may be shown; NULL: all */
};

struct logged_model_page {
    int64_t *ids; /* in order; load each with logged_model_load */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

/* Errors are MLflow's (INVALID_PARAMETER_VALUE with its texts). Deleted models are never found. */
enum status logged_model_search(struct store_tx *tx, const struct logged_model_search *search,
                                struct logged_model_page *page);

#endif
