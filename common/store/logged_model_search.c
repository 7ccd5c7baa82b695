#include "common/store/logged_model_search.h"

#include "common/store/limits.h"
#include "common/store/logged_model_search_internal.h"
#include "common/store/search_pages.h"
#include "common/store/text.h"

static enum status check(struct store_tx *tx, const struct logged_model_search *search)
{
    if (search->max_results < 1)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %lld for parameter 'max_results' supplied. It must be a positive "
                          "integer",
                          (long long)search->max_results);
    if (search->max_results > LOGGED_MODELS_RESULTS_MAX)
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Invalid value %lld for parameter 'max_results' supplied. It must be at most %d. Use the "
            "next_page_token to get more.",
            (long long)search->max_results, LOGGED_MODELS_RESULTS_MAX);
    if (search->order_by_count > SEARCH_ORDER_BY_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "`order_by` has too many fields. It may have at most %d.", SEARCH_ORDER_BY_MAX);
    if (search->dataset_count > LOGGED_MODELS_DATASETS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "`datasets` has too many items. It may have at most %d.",
                          LOGGED_MODELS_DATASETS_MAX);
    for (size_t i = 0; i < search->dataset_count; i++)
        if (!search->datasets[i].name.len)
            return store_fail(tx, INVALID_PARAMETER_VALUE,
                              "`dataset_name` in the `datasets` clause must be specified.");
    return OK;
}

/* --- Order --- */

static void add_term(struct model_query *query, struct model_term term, enum sort_type type, bool descending)
{
    query->terms[query->term_count] = term;
    query->types[query->term_count] = type;
    query->descending[query->term_count++] = descending;
}

static void add_column(struct model_query *query, enum logged_model_key key, bool descending)
{
    static const struct {
        const char *column;
        enum sort_type type;
        bool nullable;
    } columns[] = {
        [LOGGED_MODEL_KEY_NAME] = {"l.name", SORT_TEXT, false},
        [LOGGED_MODEL_KEY_MODEL_ID] = {"l.model_id", SORT_TEXT, false},
        [LOGGED_MODEL_KEY_MODEL_TYPE] = {"l.model_type", SORT_TEXT, false},
        [LOGGED_MODEL_KEY_SOURCE_RUN_ID] = {"l.source_run_id", SORT_TEXT, false},
        [LOGGED_MODEL_KEY_STATUS] = {"l.status", SORT_INT, false},
        [LOGGED_MODEL_KEY_STATUS_MESSAGE] = {"l.status_message", SORT_TEXT, true},
        [LOGGED_MODEL_KEY_ARTIFACT_LOCATION] = {"l.artifact_uri", SORT_TEXT, false},
        [LOGGED_MODEL_KEY_EXPERIMENT_ID] = {"l.experiment", SORT_INT, false},
        [LOGGED_MODEL_KEY_LIFECYCLE_STAGE] = {"l.lifecycle", SORT_INT, false},
        [LOGGED_MODEL_KEY_CREATION_TIME] = {"l.creation_time", SORT_INT, false},
        [LOGGED_MODEL_KEY_LAST_UPDATE_TIME] = {"l.last_update_time", SORT_INT, false},
    };
    struct model_term term = {.column = columns[key].column, .nullable = columns[key].nullable};
    add_term(query, term, columns[key].type, descending);
}

static enum status compile_order(struct model_query *query)
{
    const struct logged_model_search *search = query->search;
    bool has_creation_time = false;
    for (size_t i = 0; i < search->order_by_count; i++) {
        const struct logged_model_order *order = &search->order_by[i];
        struct sv shown = search_clip(order->field_name);
        size_t dot = sv_find(order->field_name, '.');
        if (dot < order->field_name.len) {
            if (!sv_equal(sv_first(order->field_name, dot), SV("metrics")))
                return store_fail(query->tx, INVALID_PARAMETER_VALUE,
                                  "Invalid order by field name: %.*s. Only metrics are supported.",
                                  SV_ARG(shown));
            struct model_term term = {.is_metric = true,
                                      .nullable = true,
                                      .metric = sv_from_offset(order->field_name, dot + 1),
                                      .dataset = order->dataset};
            add_term(query, term, SORT_DOUBLE, !order->ascending);
            continue;
        }
        const struct search_key *key = logged_model_attribute(order->field_name);
        if (!key)
            return store_fail(query->tx, INVALID_PARAMETER_VALUE, "Invalid order by field name: %.*s",
                              SV_ARG(shown));
        has_creation_time |= key->id == LOGGED_MODEL_KEY_CREATION_TIME;
        add_column(query, (enum logged_model_key)key->id, !order->ascending);
    }
    if (!has_creation_time)
        add_column(query, LOGGED_MODEL_KEY_CREATION_TIME, true);
    add_term(query, (struct model_term){.column = "l.id"}, SORT_INT, true);
    return OK;
}

/* --- Rows --- */

static enum status search_experiment(void *context, int64_t experiment)
{
    struct model_query *query = context;
    query->limit = query->rows->limit;
    return model_query_search_experiment(query, experiment);
}

enum status logged_model_search(struct store_tx *tx, const struct logged_model_search *search,
                                struct logged_model_page *page)
{
    struct model_query query = {.tx = tx, .search = search};
    struct sort_rows rows;
    struct search_pages pages = {
        .rows = &rows, .search = search_experiment, .query = &query, .after = &query.after};
    struct search_page found;
    int64_t offset;
    *page = (struct logged_model_page){.next_page_token = SV_ABSENT};
    if (check(tx, search) != OK ||
        experiment_ids_parse(tx, search->experiment_ids, search->experiment_count, search->readable,
                             &pages.experiments) != OK ||
        search_parse_filter(tx->arena, tx->error, &logged_model_language, search->filter, &query.filter) !=
            OK ||
        compile_order(&query) != OK || logged_model_token_read(&query, &offset, &query.after) != OK)
        return FAILED;

    sort_rows_init(&rows, tx->arena, query.descending, query.term_count, 0);
    sql_text_init(&query.sql, tx->arena);
    query.rows = &rows;
    if (search_page_find(&pages, offset, search->max_results, &found) != OK)
        return FAILED;
    page->ids = found.ids;
    page->count = found.count;
    if (!found.last)
        return OK;
    return logged_model_token_write(&query, offset + search->max_results, found.last, &page->next_page_token);
}
