#include <stdlib.h>

#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/run_search_internal.h"

/* Rows that are skipped at a time where only an offset is known. */
enum { SKIP_ROWS = 10000 };

struct ids {
    int64_t *items;
    size_t count;
};

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Each experiment once. */
static enum status read_experiment_ids(struct store_tx *tx, const struct run_search *search, struct ids *ids)
{
    ids->items = ARENA_ARRAY(tx->arena, int64_t, search->experiment_count);
    for (size_t i = 0; i < search->experiment_count; i++)
        if (experiment_parse_id(tx, search->experiment_ids[i], &ids->items[i]) != OK)
            return FAILED;
    if (search->experiment_count)
        qsort(ids->items, search->experiment_count, sizeof(int64_t), compare_ids);
    for (size_t i = 0; i < search->experiment_count; i++)
        if (!i || ids->items[i] != ids->items[i - 1])
            ids->items[ids->count++] = ids->items[i];
    return OK;
}

static uint64_t hash_query(const struct run_search *search, const struct ids *ids)
{
    uint64_t hash = query_hash_add(0, search->filter);
    hash = query_hash_add_int(hash, search->view);
    for (size_t i = 0; i < ids->count; i++)
        hash = query_hash_add_int(hash, ids->items[i]);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    return hash;
}

static enum status find_rows(struct run_query *query, const struct ids *ids, size_t limit)
{
    query->limit = limit;
    sort_rows_restart(query->rows, limit);
    for (size_t i = 0; i < ids->count; i++) {
        query->experiment = ids->items[i];
        if (run_query_search_experiment(query) != OK)
            return FAILED;
    }
    return OK;
}

/* Goes to a row that is known by its number only. *ended: there are not that many. */
static enum status skip(struct run_query *query, const struct ids *ids, int64_t offset, bool *ended)
{
    *ended = false;
    while (offset > 0 && !*ended) {
        size_t step = offset < SKIP_ROWS ? (size_t)offset : SKIP_ROWS;
        if (find_rows(query, ids, step) != OK)
            return FAILED;
        *ended = query->rows->count < step;
        if (!*ended)
            query->after = sort_rows_copy_values(query->rows, step - 1);
        offset -= (int64_t)step;
    }
    return OK;
}

enum status run_search(struct store_tx *tx, const struct run_search *search, struct run_page *page)
{
    struct search_filter filter;
    struct search_order_by order_by;
    struct page_token token;
    struct ids ids = {0};
    struct run_query query = {.tx = tx, .forced = search->plan};
    *page = (struct run_page){.next_page_token = SV_ABSENT};

    if (search->max_results < 1 || search->max_results > SEARCH_RESULTS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %lld for parameter 'max_results' supplied. It must be from 1 to %d.",
                          (long long)search->max_results, SEARCH_RESULTS_MAX);
    if (read_experiment_ids(tx, search, &ids) != OK ||
        search_parse_filter(tx->arena, tx->error, &run_language, search->filter, &filter) != OK ||
        search_parse_order_by(tx->arena, tx->error, &run_language, search->order_by, search->order_by_count,
                              &order_by) != OK)
        return FAILED;
    run_query_compile(&query, &filter, &order_by);
    uint64_t hash = hash_query(search, &ids);
    if (page_token_read(tx->arena, tx->error, search->page_token, hash, query.types, query.term_count,
                        &token) != OK)
        return FAILED;
    if (query.impossible)
        return OK;

    bool descending[TERMS_MAX];
    struct sort_rows rows;
    for (size_t i = 0; i < query.term_count; i++)
        descending[i] = query.terms[i].descending;
    sort_rows_init(&rows, tx->arena, descending, query.term_count, 0);
    sql_text_init(&query.sql, tx->arena);
    query.rows = &rows;
    query.lifecycles[LIFECYCLE_ACTIVE] = search->view != VIEW_DELETED_ONLY;
    query.lifecycles[LIFECYCLE_DELETED] = search->view != VIEW_ACTIVE_ONLY;
    query.after = token.after;

    bool ended = false;
    if (!token.after && skip(&query, &ids, token.offset, &ended) != OK)
        return FAILED;
    size_t max_results = (size_t)search->max_results;
    if (ended)
        return OK;
    /* One more than asked for tells whether there is a next page. */
    if (find_rows(&query, &ids, max_results + 1) != OK)
        return FAILED;
    page->count = rows.count < max_results ? rows.count : max_results;
    page->ids = ARENA_ARRAY(tx->arena, int64_t, page->count);
    for (size_t i = 0; i < page->count; i++)
        page->ids[i] = rows.rows[i]->id;
    if (rows.count > max_results)
        page->next_page_token = page_token_write(tx->arena, token.offset + search->max_results, hash,
                                                 rows.rows[max_results - 1]->values, query.term_count);
    return OK;
}
