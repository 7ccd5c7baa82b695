#ifndef TRACKLIGHT_STORE_REGISTRY_SEARCH_H
#define TRACKLIGHT_STORE_REGISTRY_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* registered-models/search and model-versions/search. Prompts are found only by a filter that asks for them,
 * models only by one that does not. */

struct registry_search {
    struct sv filter; /* absent or "": everything */
    const struct sv *order_by;
    size_t order_by_count;
    int64_t max_results; /* positive, checked by the caller */
    struct sv page_token;
    const struct permission_filter *readable; /* registered models that may be shown; NULL: all */
};

struct registry_page {
    int64_t *ids; /* in order; load each with registered_model_load_by_id or model_version_load_by_id */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

/* Errors are MLflow's (INVALID_PARAMETER_VALUE with its texts). */
enum status registered_model_search(struct store_tx *tx, const struct registry_search *search,
                                    struct registry_page *page);
enum status model_version_search(struct store_tx *tx, const struct registry_search *search,
                                 struct registry_page *page);

#endif
