#ifndef TRACKLIGHT_STORE_SEARCH_PAGES_H
#define TRACKLIGHT_STORE_SEARCH_PAGES_H

#include "common/store/permissions.h"
#include "common/store/sort_rows.h"
#include "common/store/store.h"

/* Pages of a search over several experiments: a statement for each, and the first rows of all in one order.
 */

/* The experiments of a search that may be read, each once, in order. In the arena. */
struct experiment_ids {
    int64_t *items;
    size_t count;
};
enum status experiment_ids_parse(struct store_tx *tx, const struct sv *texts, size_t count,
                                 const struct permission_filter *readable, struct experiment_ids *ids);

struct search_pages {
    struct experiment_ids experiments;
    struct sort_rows *rows;
    /* Adds the first `rows->limit` rows of one experiment behind *after (NULL: from the start). */
    enum status (*search)(void *query, int64_t experiment);
    void *query;
    const struct sort_value **after; /* of the query */
};

struct search_page {
    int64_t *ids; /* in order */
    size_t count;
    const struct sort_value *last; /* the values of the last row if more follow, else NULL */
};

/* The next `max_results` rows behind *after; where that is NULL, behind as many as `offset` says. In the
 * rows' arena, what is last in the rows. */
enum status search_page_find(struct search_pages *pages, int64_t offset, int64_t max_results,
                             struct search_page *page);

#endif
