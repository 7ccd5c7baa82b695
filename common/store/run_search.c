#include "common/store/limits.h"
#include "common/store/run_search_internal.h"
#include "common/store/search_pages.h"

static uint64_t hash_query(const struct run_search *search, const struct experiment_ids *ids)
{
    uint64_t hash = query_hash_add(0, search->filter);
    hash = query_hash_add_int(hash, search->view);
    for (size_t i = 0; i < ids->count; i++)
        hash = query_hash_add_int(hash, ids->items[i]);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    return hash;
}

static enum status search_experiment(void *context, int64_t experiment)
{
    struct run_query *query = context;
    query->limit = query->rows->limit;
    query->experiment = experiment;
    return run_query_search_experiment(query);
}

enum status run_search(struct store_tx *tx, const struct run_search *search, struct run_page *page)
{
    struct search_filter filter;
    struct search_order_by order_by;
    struct page_token token;
    struct sort_rows rows;
    struct run_query query = {.tx = tx, .forced = search->plan};
    struct search_pages pages = {
        .rows = &rows, .search = search_experiment, .query = &query, .after = &query.after};
    struct search_page found;
    *page = (struct run_page){.next_page_token = SV_ABSENT};

    if (search->max_results < 1 || search->max_results > SEARCH_RESULTS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %lld for parameter 'max_results' supplied. It must be from 1 to %d.",
                          (long long)search->max_results, SEARCH_RESULTS_MAX);
    if (experiment_ids_parse(tx, search->experiment_ids, search->experiment_count, search->readable,
                             &pages.experiments) != OK ||
        search_parse_filter(tx->arena, tx->error, &run_language, search->filter, &filter) != OK ||
        search_parse_order_by(tx->arena, tx->error, &run_language, search->order_by, search->order_by_count,
                              &order_by) != OK)
        return FAILED;
    run_query_compile(&query, &filter, &order_by);
    uint64_t hash = hash_query(search, &pages.experiments);
    if (page_token_read(tx->arena, tx->error, search->page_token, hash, query.types, query.term_count,
                        &token) != OK)
        return FAILED;
    if (query.impossible)
        return OK;

    bool descending[TERMS_MAX];
    for (size_t i = 0; i < query.term_count; i++)
        descending[i] = query.terms[i].descending;
    sort_rows_init(&rows, tx->arena, descending, query.term_count, 0);
    sql_text_init(&query.sql, tx->arena);
    query.rows = &rows;
    query.lifecycles[LIFECYCLE_ACTIVE] = search->view != VIEW_DELETED_ONLY;
    query.lifecycles[LIFECYCLE_DELETED] = search->view != VIEW_ACTIVE_ONLY;
    query.after = token.after;
    if (search_page_find(&pages, token.offset, search->max_results, &found) != OK)
        return FAILED;
    page->ids = found.ids;
    page->count = found.count;
    if (found.last)
        page->next_page_token = page_token_write(tx->arena, token.offset + search->max_results, hash,
                                                 found.last, query.term_count);
    return OK;
}
