#include "common/store/trace_search.h"

#include "common/store/search_pages.h"
#include "common/store/text.h"
#include "common/store/trace_search_internal.h"

/* --- What both searches read --- */

/* "name/version" */
static bool is_prompt(struct sv text)
{
    size_t slash = sv_find(text, '/');
    if (slash == 0 || slash + 1 >= text.len)
        return false;
    struct sv version = sv_from_offset(text, slash + 1);
    return sv_find(version, '/') == version.len;
}

enum status trace_filter_parse(struct store_tx *tx, struct sv text, struct search_filter *filter)
{
    if (search_parse_filter(tx->arena, tx->error, &trace_language, text, filter) != OK)
        return FAILED;
    for (size_t i = 0; i < filter->count; i++) {
        const struct search_clause *clause = &filter->clauses[i];
        if (clause->entity->id != TRACE_ATTRIBUTE || clause->fixed->id != TRACE_KEY_PROMPT)
            continue;
        struct sv shown = search_clip(clause->text);
        if (!is_prompt(clause->text))
            return store_fail(
                tx, INVALID_PARAMETER_VALUE,
                "Invalid prompts filter value '%.*s'. Expected format: prompt = \"name/version\"",
                SV_ARG(shown));
    }
    return OK;
}

enum status trace_filter_check(struct store_tx *tx, struct sv filter)
{
    struct search_filter parsed;
    return trace_filter_parse(tx, filter, &parsed);
}

/* --- Order --- */

static void add_term(struct trace_query *query, struct trace_term term, enum sort_type type, bool descending)
{
    query->terms[query->term_count] = term;
    query->types[query->term_count] = type;
    query->descending[query->term_count++] = descending;
}

static void add_value(struct trace_query *query, enum trace_name_kind kind, struct sv key, bool descending)
{
    struct trace_term term = {.nullable = true, .kind = kind, .key = key};
    add_term(query, term, SORT_TEXT, descending);
}

static void add_column(struct trace_query *query, const char *column, enum sort_type type, bool descending)
{
    add_term(query, (struct trace_term){.column = column}, type, descending);
}

static void add_attribute(struct trace_query *query, enum trace_key key, bool descending)
{
    switch (key) {
    case TRACE_KEY_EXPERIMENT_ID:
        add_column(query, "t.experiment", SORT_INT, descending);
        return;
    case TRACE_KEY_TIMESTAMP:
        add_column(query, "t.request_time", SORT_INT, descending);
        return;
    case TRACE_KEY_EXECUTION_TIME:
        add_term(query, (struct trace_term){.column = "t.duration", .nullable = true}, SORT_INT, descending);
        return;
    case TRACE_KEY_END_TIME:
        add_column(query, "(t.request_time + coalesce(t.duration, 0))", SORT_INT, descending);
        return;
    case TRACE_KEY_STATUS:
        add_column(query, TRACE_STATUS_SQL, SORT_TEXT, descending);
        return;
    case TRACE_KEY_NAME:
        add_value(query, TRACE_NAME_TAG, SV(TRACE_TAG_NAME), descending);
        return;
    case TRACE_KEY_RUN_ID:
        add_value(query, TRACE_NAME_METADATA, SV(TRACE_METADATA_SOURCE_RUN), descending);
        return;
    default:
        add_column(query, "t.trace_id", SORT_TEXT, descending);
        return;
    }
}

static enum status compile_order(struct trace_query *query, const struct trace_search *search)
{
    struct search_order_by order_by;
    bool by_time = false;
    if (search_parse_order_by(query->tx->arena, query->tx->error, &trace_language, search->order_by,
                              search->order_by_count, &order_by) != OK)
        return FAILED;
    for (size_t i = 0; i < order_by.count; i++) {
        const struct search_order *order = &order_by.items[i];
        if (order->entity->id == TRACE_TAG) {
            add_value(query, TRACE_NAME_TAG, order->key, order->descending);
        } else if (order->entity->id == TRACE_METADATA) {
            add_value(query, TRACE_NAME_METADATA, order->key, order->descending);
        } else {
            by_time = by_time || order->fixed->id == TRACE_KEY_TIMESTAMP;
            add_attribute(query, (enum trace_key)order->fixed->id, order->descending);
        }
    }
    if (!by_time)
        add_attribute(query, TRACE_KEY_TIMESTAMP, true);
    add_attribute(query, TRACE_KEY_REQUEST_ID, false);
    return OK;
}

/* --- Rows --- */

static enum status search_experiment(void *context, int64_t experiment)
{
    struct trace_query *query = context;
    query->limit = query->rows->limit;
    return trace_query_search_experiment(query, experiment);
}

static uint64_t hash_query(const struct trace_search *search, const struct experiment_ids *ids)
{
    uint64_t hash = query_hash_add(0, search->filter.data ? search->filter : SV(""));
    hash = query_hash_add_int(hash, (int64_t)search->order_by_count);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    for (size_t i = 0; i < ids->count; i++)
        hash = query_hash_add_int(hash, ids->items[i]);
    return hash;
}

enum status trace_search(struct store_tx *tx, const struct trace_search *search, struct trace_page *page)
{
    struct trace_query query = {.tx = tx};
    struct sort_rows rows;
    struct search_pages pages = {
        .rows = &rows, .search = search_experiment, .query = &query, .after = &query.after};
    struct search_page found;
    struct page_token token;
    *page = (struct trace_page){.next_page_token = SV_ABSENT};
    if (experiment_ids_parse(tx, search->experiment_ids, search->experiment_count, search->readable,
                             &pages.experiments) != OK ||
        trace_filter_parse(tx, search->filter, &query.filter) != OK || compile_order(&query, search) != OK)
        return FAILED;
    uint64_t hash = hash_query(search, &pages.experiments);
    if (page_token_read(tx->arena, tx->error, search->page_token, hash, query.types, query.term_count,
                        &token) != OK)
        return FAILED;
    query.after = token.after;

    sort_rows_init(&rows, tx->arena, query.descending, query.term_count, 0);
    sql_text_init(&query.sql, tx->arena);
    query.rows = &rows;
    if (search_page_find(&pages, token.offset, search->max_results, &found) != OK)
        return FAILED;
    page->ids = found.ids;
    page->count = found.count;
    if (found.last)
        page->next_page_token = page_token_write(tx->arena, token.offset + search->max_results, hash,
                                                 found.last, query.term_count);
    return OK;
}
