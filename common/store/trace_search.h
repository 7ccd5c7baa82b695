#ifndef TRACKLIGHT_STORE_TRACE_SEARCH_H
#define TRACKLIGHT_STORE_TRACE_SEARCH_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* traces/search, and what else counts the traces that a filter finds. Errors are MLflow's
 * (INVALID_PARAMETER_VALUE with its texts). What spans say is looked through span by span, in the experiments
 * that are asked for and in nothing else; the time that a read transaction may take bounds it. */

#define TRACE_SEARCH_RESULTS_DEFAULT 100
#define TRACE_SEARCH_RESULTS_MAX     500

/* Whether a filter can be read: FAILED with the language's error else. */
enum status trace_filter_check(struct store_tx *tx, struct sv filter);

struct trace_search {
    const struct sv *experiment_ids; /* unknown ones hold no traces; traces of deleted ones are found */
    size_t experiment_count;
    struct sv filter; /* absent or "": everything */
    const struct sv *order_by;
    size_t order_by_count;
    int64_t max_results; /* from 1 to TRACE_SEARCH_RESULTS_MAX */
    struct sv page_token;
    const struct permission_filter *readable; /* experiments that may be shown; NULL: all */
};

struct trace_page {
    int64_t *ids; /* in order; load each with trace_load */
    size_t count;
    struct sv next_page_token; /* absent on the last page */
};

enum status trace_search(struct store_tx *tx, const struct trace_search *search, struct trace_page *page);

/* How often two filters find the same traces, among those that a base filter finds. */
struct trace_correlation_search {
    const struct sv *experiment_ids;
    size_t experiment_count;
    const struct permission_filter *readable; /* experiments that may be shown; NULL: all */
    struct sv filters[2];
    struct sv base_filter; /* absent or "": all traces */
};

struct trace_correlation {
    int64_t filter_counts[2];
    int64_t joint_count;
    int64_t total_count;
    /* Normalized pointwise mutual information, from -1 (never together) to 1 (always); NAN where that says
     * nothing. */
    double npmi;
    double npmi_smoothed; /* as if every combination had been seen half a time more */
};

enum status trace_correlate(struct store_tx *tx, const struct trace_correlation_search *search,
                            struct trace_correlation *correlation);

#endif
