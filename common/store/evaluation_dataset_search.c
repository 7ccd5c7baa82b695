#include "common/store/evaluation_dataset_search.h"

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/sql_text.h"

#define TERMS_MAX (SEARCH_ORDER_BY_MAX + 1)

/* Bound one by one; SQLite takes 32,766 values. */
enum { EXPERIMENTS_MAX = 10000 };

struct order {
    enum evaluation_dataset_key keys[TERMS_MAX];
    bool descending[TERMS_MAX];
    enum sort_type types[TERMS_MAX];
    size_t count;
};

static const char *column_of(enum evaluation_dataset_key key)
{
    switch (key) {
    case EVALUATION_DATASET_KEY_NAME:
        return "d.name";
    case EVALUATION_DATASET_KEY_CREATED_BY:
        return "d.created_by";
    case EVALUATION_DATASET_KEY_LAST_UPDATED_BY:
        return "d.last_updated_by";
    case EVALUATION_DATASET_KEY_CREATED_TIME:
        return "d.created_time";
    case EVALUATION_DATASET_KEY_LAST_UPDATE_TIME:
        return "d.last_update_time";
    case EVALUATION_DATASET_KEY_ID:
        break;
    }
    return "d.dataset_id";
}

static void add_term(struct order *order, enum evaluation_dataset_key key, bool descending)
{
    bool is_time =
        key == EVALUATION_DATASET_KEY_CREATED_TIME || key == EVALUATION_DATASET_KEY_LAST_UPDATE_TIME;
    order->keys[order->count] = key;
    order->descending[order->count] = descending;
    order->types[order->count++] = is_time ? SORT_INT : SORT_TEXT;
}

/* Ends with the id, behind which nothing is equal. */
static void compile_order(const struct search_order_by *order_by, struct order *order)
{
    *order = (struct order){0};
    for (size_t i = 0; i < order_by->count; i++)
        add_term(order, (enum evaluation_dataset_key)order_by->items[i].fixed->id,
                 order_by->items[i].descending);
    if (!order_by->count)
        add_term(order, EVALUATION_DATASET_KEY_CREATED_TIME, true);
    add_term(order, EVALUATION_DATASET_KEY_ID, true);
}

static enum status add_experiments(struct store_tx *tx, struct sql_text *sql,
                                   const struct evaluation_dataset_search *search)
{
    if (!search->experiment_count)
        return OK;
    if (search->experiment_count > EXPERIMENTS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "`experiment_ids` may have at most %d items.",
                          EXPERIMENTS_MAX);
    sql_text_add(sql, " AND d.id IN (SELECT x.dataset FROM evaluation_dataset_experiments x "
                      "WHERE x.experiment IN (");
    for (size_t i = 0; i < search->experiment_count; i++) {
        int64_t id;
        if (experiment_parse_id(tx, search->experiment_ids[i], &id) != OK)
            return FAILED;
        sql_text_add(sql, i ? ", ?" : "?");
        sql_text_bind(sql, db_int(id));
    }
    sql_text_add(sql, "))");
    return OK;
}

static void add_readable(struct sql_text *sql, const struct permission_filter *readable)
{
    if (!readable || (readable->others && !readable->count))
        return;
    sql_text_add(sql, " AND NOT EXISTS (SELECT 1 FROM evaluation_dataset_experiments x "
                      "WHERE x.dataset = d.id AND (x.experiment IN (SELECT value FROM json_each(?))) <> ?)");
    sql_text_bind(sql, permission_filter_list(readable));
    sql_text_bind(sql, permission_filter_listed(readable));
    if (!readable->others)
        sql_text_add(sql, " AND EXISTS (SELECT 1 FROM evaluation_dataset_experiments x "
                          "WHERE x.dataset = d.id)");
}

static void add_number_test(struct sql_text *sql, const char *column, const struct search_clause *clause)
{
    static const char *const operators[] = {
        [SEARCH_EQ] = " = ?",  [SEARCH_NE] = " <> ?", [SEARCH_LT] = " < ?",
        [SEARCH_LE] = " <= ?", [SEARCH_GT] = " > ?",  [SEARCH_GE] = " >= ?",
    };
    sql_text_add(sql, column);
    sql_text_add(sql, operators[clause->op]);
    sql_text_bind(sql, sql_text_number(clause));
}

static void add_test(struct sql_text *sql, const struct search_clause *clause)
{
    sql_text_add(sql, " AND ");
    if (clause->entity->id == EVALUATION_DATASET_TAG) {
        sql_text_printf(
            sql, "%s(SELECT t.value FROM evaluation_dataset_tags t WHERE t.dataset = d.id AND t.key = ?)",
            sql_text_before_value(clause));
        sql_text_bind(sql, db_text(clause->key));
        sql_text_add_comparison(sql, clause);
        return;
    }
    const char *column = column_of((enum evaluation_dataset_key)clause->fixed->id);
    if (clause->fixed->type == SEARCH_NUMBER)
        add_number_test(sql, column, clause);
    else
        sql_text_add_test(sql, column, clause);
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
    sql_text_printf(sql, " AND %s %s ?", column_of(order->keys[0]), order->descending[0] ? "<=" : ">=");
    sql_text_bind(sql, sort_value_bind(&after[0]));
    sql_text_add(sql, " AND ");
    for (size_t i = 0; i < order->count; i++) {
        const char *column = column_of(order->keys[i]);
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

static enum status compile(struct store_tx *tx, struct sql_text *sql,
                           const struct evaluation_dataset_search *search, const struct search_filter *filter,
                           const struct order *order, const struct page_token *token)
{
    sql_text_add(sql, "SELECT d.dataset_id");
    for (size_t i = 0; i < order->count; i++)
        sql_text_printf(sql, ", %s", column_of(order->keys[i]));
    sql_text_add(sql, " FROM evaluation_datasets d WHERE 1 = 1");
    if (add_experiments(tx, sql, search) != OK)
        return FAILED;
    add_readable(sql, search->readable);
    for (size_t i = 0; i < filter->count; i++)
        add_test(sql, &filter->clauses[i]);
    if (token->after)
        add_after(sql, order, token->after);
    for (size_t i = 0; i < order->count; i++)
        sql_text_printf(sql, "%s%zu%s", i ? ", " : " ORDER BY ", i + 2, order->descending[i] ? " DESC" : "");
    /* One more than asked for tells whether there is a next page. */
    sql_text_add(sql, " LIMIT ? OFFSET ?");
    sql_text_bind(sql, db_int(search->max_results + 1));
    sql_text_bind(sql, db_int(token->after ? 0 : token->offset));
    return OK;
}

static enum status read_page(struct store_tx *tx, struct db_stmt *stmt, const struct order *order,
                             int64_t max_results, struct evaluation_dataset_page *page,
                             struct sort_value *last, bool *more)
{
    struct row_list ids = {0};
    *more = false;
    while (stmt && db_step(stmt) == DB_ROW) {
        if ((int64_t)ids.count == max_results) {
            *more = true;
            break;
        }
        *ROW_LIST_ADD(&ids, tx->arena, struct sv) = db_column_text_copy(stmt, 0);
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
    page->dataset_ids = ids.items;
    page->count = ids.count;
    return db_done(stmt);
}

static uint64_t hash_query(const struct evaluation_dataset_search *search)
{
    uint64_t hash = query_hash_add_int(query_hash_add(0, search->filter), (int64_t)search->experiment_count);
    for (size_t i = 0; i < search->experiment_count; i++)
        hash = query_hash_add(hash, search->experiment_ids[i]);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    return hash;
}

enum status evaluation_dataset_search(struct store_tx *tx, const struct evaluation_dataset_search *search,
                                      struct evaluation_dataset_page *page)
{
    struct search_filter filter;
    struct search_order_by order_by;
    struct order order;
    struct page_token token;
    struct sort_value last[TERMS_MAX];
    bool more;
    *page = (struct evaluation_dataset_page){.next_page_token = SV_ABSENT};

    if (search_parse_filter(tx->arena, tx->error, &evaluation_dataset_language, search->filter, &filter) !=
            OK ||
        search_parse_order_by(tx->arena, tx->error, &evaluation_dataset_language, search->order_by,
                              search->order_by_count, &order_by) != OK)
        return FAILED;
    compile_order(&order_by, &order);
    uint64_t hash = hash_query(search);
    if (page_token_read(tx->arena, tx->error, search->page_token, hash, order.types, order.count, &token) !=
        OK)
        return FAILED;

    struct sql_text sql;
    sql_text_init(&sql, tx->arena);
    if (compile(tx, &sql, search, &filter, &order, &token) != OK ||
        read_page(tx, sql_text_query(&sql, tx->db), &order, search->max_results, page, last, &more) != OK)
        return FAILED;
    if (more)
        page->next_page_token =
            page_token_write(tx->arena, token.offset + search->max_results, hash, last, order.count);
    return OK;
}
