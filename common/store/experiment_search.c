#include "common/store/experiment_search.h"

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/sql_text.h"

#define TERMS_MAX (SEARCH_ORDER_BY_MAX + 1)

struct order {
    enum experiment_key keys[TERMS_MAX];
    bool descending[TERMS_MAX];
    enum sort_type types[TERMS_MAX];
    size_t count;
};

static const char *column_of(int key)
{
    switch ((enum experiment_key)key) {
    case EXPERIMENT_KEY_NAME:
        return "e.name";
    case EXPERIMENT_KEY_CREATION_TIME:
        return "e.creation_time";
    case EXPERIMENT_KEY_LAST_UPDATE_TIME:
        return "e.last_update_time";
    case EXPERIMENT_KEY_ID:
        break;
    }
    return "e.id";
}

static void add_term(struct order *order, enum experiment_key key, bool descending)
{
    order->keys[order->count] = key;
    order->descending[order->count] = descending;
    order->types[order->count++] = key == EXPERIMENT_KEY_NAME ? SORT_TEXT : SORT_INT;
}

/* Ends with the id, behind which nothing is equal. */
static void compile_order(const struct search_order_by *order_by, struct order *order)
{
    *order = (struct order){0};
    if (!order_by->count) {
        add_term(order, EXPERIMENT_KEY_CREATION_TIME, true);
        add_term(order, EXPERIMENT_KEY_ID, false);
        return;
    }
    for (size_t i = 0; i < order_by->count; i++) {
        add_term(order, (enum experiment_key)order_by->items[i].fixed->id, order_by->items[i].descending);
        if (order->keys[i] == EXPERIMENT_KEY_ID)
            return;
    }
    add_term(order, EXPERIMENT_KEY_ID, true);
}

static void add_number_test(struct sql_text *sql, const struct search_clause *clause)
{
    static const char *const operators[] = {
        [SEARCH_EQ] = " = ?",  [SEARCH_NE] = " <> ?", [SEARCH_LT] = " < ?",
        [SEARCH_LE] = " <= ?", [SEARCH_GT] = " > ?",  [SEARCH_GE] = " >= ?",
    };
    sql_text_add(sql, column_of(clause->fixed->id));
    sql_text_add(sql, operators[clause->op]);
    sql_text_bind(sql, sql_text_number(clause));
}

static void add_tag_test(struct sql_text *sql, const struct search_clause *clause)
{
    switch (clause->op) {
    case SEARCH_IS_NULL:
    case SEARCH_IS_NOT_NULL:
        sql_text_printf(sql,
                        "%sEXISTS (SELECT 1 FROM experiment_tags t WHERE t.experiment = e.id AND t.key = ?)",
                        clause->op == SEARCH_IS_NULL ? "NOT " : "");
        sql_text_bind(sql, db_text(clause->key));
        return;
    case SEARCH_EQ: /* by the index of the values */
        sql_text_add(sql,
                     "e.id IN (SELECT t.experiment FROM experiment_tags t WHERE t.key = ? AND t.value = ?)");
        sql_text_bind(sql, db_text(clause->key));
        sql_text_bind(sql, db_text(clause->text));
        return;
    default:
        sql_text_printf(sql,
                        "%s(SELECT t.value FROM experiment_tags t WHERE t.experiment = e.id AND t.key = ?)",
                        sql_text_before_value(clause));
        sql_text_bind(sql, db_text(clause->key));
        sql_text_add_comparison(sql, clause);
        return;
    }
}

static struct db_value sort_value_bind(const struct sort_value *value)
{
    return value->type == SORT_INT ? db_int(value->integer) : db_text(value->text);
}

/* " AND (…)": behind this row, the lexicographic comparison written out. */
static void add_after(struct sql_text *sql, const struct order *order, const struct sort_value *after)
{
    size_t open = 0;
    /* Redundant, but it lets the walk of an index begin where the page before ended. */
    sql_text_printf(sql, " AND %s %s ?", column_of((int)order->keys[0]), order->descending[0] ? "<=" : ">=");
    sql_text_bind(sql, sort_value_bind(&after[0]));
    sql_text_add(sql, " AND ");
    for (size_t i = 0; i < order->count; i++) {
        const char *column = column_of((int)order->keys[i]);
        sql_text_printf(sql, "(%s %s ?", column, order->descending[i] ? "<" : ">");
        sql_text_bind(sql, sort_value_bind(&after[i]));
        open++;
        if (i + 1 == order->count)
            break;
        sql_text_printf(sql, " OR (%s = ? AND ", column);
        sql_text_bind(sql, sort_value_bind(&after[i]));
        open++;
    }
    while (open--)
        sql_text_add(sql, ")");
}

static void compile(struct sql_text *sql, const struct experiment_search *search,
                    const struct search_filter *filter, const struct order *order,
                    const struct page_token *token)
{
    sql_text_add(sql, "SELECT e.id");
    for (size_t i = 0; i < order->count; i++)
        sql_text_printf(sql, ", %s", column_of((int)order->keys[i]));
    sql_text_add(sql, " FROM experiments e WHERE 1 = 1");
    if (search->view != VIEW_ALL) {
        sql_text_add(sql, " AND e.lifecycle = ?");
        sql_text_bind(sql, db_int(search->view == VIEW_DELETED_ONLY ? LIFECYCLE_DELETED : LIFECYCLE_ACTIVE));
    }
    for (size_t i = 0; i < filter->count; i++) {
        const struct search_clause *clause = &filter->clauses[i];
        sql_text_add(sql, " AND ");
        if (clause->entity->id == EXPERIMENT_TAG)
            add_tag_test(sql, clause);
        else if (clause->fixed->type == SEARCH_NUMBER)
            add_number_test(sql, clause);
        else
            sql_text_add_test(sql, column_of(clause->fixed->id), clause);
    }
    permission_filter_add(sql, search->readable, "e.id");
    if (token->after)
        add_after(sql, order, token->after);
    for (size_t i = 0; i < order->count; i++)
        sql_text_printf(sql, "%s%zu%s", i ? ", " : " ORDER BY ", i + 2, order->descending[i] ? " DESC" : "");
    /* One more than asked for tells whether there is a next page. */
    sql_text_add(sql, " LIMIT ? OFFSET ?");
    sql_text_bind(sql, db_int(search->max_results + 1));
    sql_text_bind(sql, db_int(token->after ? 0 : token->offset));
}

static enum status read_page(struct store_tx *tx, struct db_stmt *stmt, const struct order *order,
                             int64_t max_results, struct experiment_page *page, struct sort_value *last,
                             bool *more)
{
    struct row_list ids = {0};
    *more = false;
    while (stmt && db_step(stmt) == DB_ROW) {
        if ((int64_t)ids.count == max_results) {
            *more = true;
            break;
        }
        *ROW_LIST_ADD(&ids, tx->arena, int64_t) = db_column_int(stmt, 0);
        if ((int64_t)ids.count < max_results)
            continue;
        for (size_t i = 0; i < order->count; i++) {
            int column = (int)i + 1;
            last[i] = (struct sort_value){.type = order->types[i]};
            if (order->types[i] == SORT_INT)
                last[i].integer = db_column_int(stmt, column);
            else
                last[i].text = db_column_text_copy(stmt, column);
        }
    }
    page->ids = ids.items;
    page->count = ids.count;
    return db_done(stmt);
}

static uint64_t hash_query(const struct experiment_search *search)
{
    uint64_t hash = query_hash_add_int(query_hash_add(0, search->filter), search->view);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    return hash;
}

enum status experiment_search(struct store_tx *tx, const struct experiment_search *search,
                              struct experiment_page *page)
{
    struct search_filter filter;
    struct search_order_by order_by;
    struct order order;
    struct page_token token;
    struct sort_value last[TERMS_MAX];
    bool more;
    *page = (struct experiment_page){.next_page_token = SV_ABSENT};

    if (search->max_results < 1 || search->max_results > SEARCH_RESULTS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid value %lld for parameter 'max_results' supplied. It must be from 1 to %d.",
                          (long long)search->max_results, SEARCH_RESULTS_MAX);
    if (search_parse_filter(tx->arena, tx->error, &experiment_language, search->filter, &filter) != OK ||
        search_parse_order_by(tx->arena, tx->error, &experiment_language, search->order_by,
                              search->order_by_count, &order_by) != OK)
        return FAILED;
    compile_order(&order_by, &order);
    uint64_t hash = hash_query(search);
    if (page_token_read(tx->arena, tx->error, search->page_token, hash, order.types, order.count, &token) !=
        OK)
        return FAILED;

    struct sql_text sql;
    sql_text_init(&sql, tx->arena);
    compile(&sql, search, &filter, &order, &token);
    if (read_page(tx, sql_text_query(&sql, tx->db), &order, search->max_results, page, last, &more) != OK)
        return FAILED;
    if (more)
        page->next_page_token =
            page_token_write(tx->arena, token.offset + search->max_results, hash, last, order.count);
    return OK;
}
