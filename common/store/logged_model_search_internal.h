#ifndef TRACKLIGHT_STORE_LOGGED_MODEL_SEARCH_INTERNAL_H
#define TRACKLIGHT_STORE_LOGGED_MODEL_SEARCH_INTERNAL_H

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/logged_model_search.h"
#include "common/store/sort_rows.h"
#include "common/store/sql_text.h"

/* What a client orders by, and behind it the time of creation and the id, so that no two rows are equal. */
#define LOGGED_MODEL_TERMS_MAX (SEARCH_ORDER_BY_MAX + 2)

struct model_term {
    bool is_metric;
    const char *column; /* of an attribute */
    bool nullable;
    struct sv metric;
    struct logged_model_dataset dataset; /* of a metric */
    int64_t name;                        /* of a metric, in the experiment at hand */
};

struct model_query {
    struct store_tx *tx;
    const struct logged_model_search *search;
    struct search_filter filter;
    struct model_term terms[LOGGED_MODEL_TERMS_MAX];
    bool descending[LOGGED_MODEL_TERMS_MAX];
    enum sort_type types[LOGGED_MODEL_TERMS_MAX];
    size_t term_count;
    const struct sort_value *after; /* NULL: from the start */
    size_t limit;
    struct sql_text sql;
    struct sort_rows *rows;
};

/* Adds the first `limit` models of one experiment behind `after` to the rows. */
enum status model_query_search_experiment(struct model_query *query, int64_t experiment);

/* The token of MLflow, which repeats the query, and besides after which row to go on. One that belongs to
 * another query is refused. *after is NULL if it is not known. */
enum status logged_model_token_read(const struct model_query *query, int64_t *offset,
                                    const struct sort_value **after);
enum status logged_model_token_write(const struct model_query *query, int64_t offset,
                                     const struct sort_value *after, struct sv *token);

#endif
