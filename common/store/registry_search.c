#include "common/store/registry_search.h"

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/list.h"
#include "common/store/registered_models.h"
#include "common/store/sql_text.h"

#define TERMS_MAX (SEARCH_ORDER_BY_MAX + 2)

/* The index of tags by value holds no longer ones, and is used only by a statement that says so. */
#define INDEXED_VALUE_MAX 256
#define IN_INDEX          "length(t.value) <= 256"

/* A tag that no more rows than this have is where a search starts; any other is tested row by row. */
#define RARE_MAX 1000

/* What differs between the two searches. */
struct subject {
    const struct search_language *language;
    const char *tags;  /* table */
    const char *owner; /* its column that says whose the tag is */
    const char *row;   /* whose id a page has: "m" or "v" */
    const char *(*column)(int key);
    bool has_versions;
};

static const char *model_column(int key)
{
    return key == REGISTRY_KEY_LAST_UPDATE_TIME ? "m.last_update_time" : "m.name";
}

static const char *version_column(int key)
{
    switch ((enum registry_key)key) {
    case REGISTRY_KEY_VERSION:
        return "v.version";
    case REGISTRY_KEY_CREATION_TIME:
        return "v.creation_time";
    case REGISTRY_KEY_LAST_UPDATE_TIME:
        return "v.last_update_time";
    case REGISTRY_KEY_RUN_ID:
        return "v.run_id";
    case REGISTRY_KEY_SOURCE:
        return "v.source";
    case REGISTRY_KEY_NAME:
        break;
    }
    return "m.name";
}

static const struct subject models = {
    .language = &model_language,
    .tags = "registered_model_tags",
    .owner = "model",
    .row = "m",
    .column = model_column,
};

static const struct subject versions = {
    .language = &model_version_language,
    .tags = "model_version_tags",
    .owner = "version",
    .row = "v",
    .column = version_column,
    .has_versions = true,
};

struct query {
    struct store_tx *tx;
    const struct subject *subject;
    const struct registry_search *search;
    struct search_filter filter;
    enum registry_key keys[TERMS_MAX];
    bool descending[TERMS_MAX];
    enum sort_type types[TERMS_MAX];
    size_t term_count;
    bool hides_prompts;
    const struct search_clause *driver; /* the rare tag to start at; NULL: none */
    struct page_token token;
    uint64_t hash;
    struct sql_text sql;
};

/* --- Order --- */

static bool is_ordered_by(const struct query *query, enum registry_key key)
{
    for (size_t i = 0; i < query->term_count; i++) {
        if (query->keys[i] == key)
            return true;
    }
    return false;
}

static void add_term(struct query *query, enum registry_key key, bool descending)
{
    if (is_ordered_by(query, key))
        return;
    query->keys[query->term_count] = key;
    query->descending[query->term_count] = descending;
    query->types[query->term_count++] = key == REGISTRY_KEY_NAME ? SORT_TEXT : SORT_INT;
}

/* Ends with what no two rows have in common. */
static enum status compile_order(struct query *query)
{
    const struct registry_search *search = query->search;
    struct search_order_by order_by;
    if (search_parse_order_by(query->tx->arena, query->tx->error, query->subject->language, search->order_by,
                              search->order_by_count, &order_by) != OK)
        return FAILED;
    for (size_t i = 0; i < order_by.count; i++)
        add_term(query, (enum registry_key)order_by.items[i].fixed->id, order_by.items[i].descending);
    if (query->subject->has_versions && !order_by.count)
        add_term(query, REGISTRY_KEY_LAST_UPDATE_TIME, true);
    add_term(query, REGISTRY_KEY_NAME, false);
    if (query->subject->has_versions)
        add_term(query, REGISTRY_KEY_VERSION, true);
    return OK;
}

/* --- Filter --- */

static bool is_prompt_clause(const struct search_clause *clause)
{
    return clause->entity->id == REGISTRY_TAG && sv_equal(clause->key, SV(PROMPT_TAG));
}

static bool asks_for_prompts(const struct search_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        const struct search_clause *clause = &filter->clauses[i];
        if (is_prompt_clause(clause))
            return (clause->op == SEARCH_EQ && sv_equal_ignoring_case(clause->text, SV("true"))) ||
                   (clause->op == SEARCH_NE && sv_equal_ignoring_case(clause->text, SV("false")));
    }
    return false;
}

/* Unless the filter asks for prompts they are left out, and what it says about the tag is not looked at. */
static void choose_prompts(struct query *query)
{
    struct search_filter *filter = &query->filter;
    query->hides_prompts = !asks_for_prompts(filter);
    if (!query->hides_prompts)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < filter->count; i++) {
        if (!is_prompt_clause(&filter->clauses[i]))
            filter->clauses[kept++] = filter->clauses[i];
    }
    filter->count = kept;
}

static bool is_indexed(const struct search_clause *clause)
{
    return clause->entity->id == REGISTRY_TAG && clause->op == SEARCH_EQ &&
           clause->text.len <= INDEXED_VALUE_MAX;
}

static enum status count_tagged(struct query *query, const struct search_clause *clause, int64_t limit,
                                int64_t *count)
{
    struct sql_text *sql = &query->sql;
    sql_text_clear(sql);
    sql_text_printf(sql,
                    "SELECT count(*) FROM (SELECT 1 FROM %s t WHERE t.key = ? AND t.value = ? AND " IN_INDEX
                    " LIMIT ?) c",
                    query->subject->tags);
    sql_text_bind(sql, db_text(clause->key));
    sql_text_bind(sql, db_text(clause->text));
    sql_text_bind(sql, db_int(limit));
    struct db_stmt *stmt = sql_text_query(sql, query->tx->db);
    if (stmt && db_step(stmt) == DB_ROW)
        *count = db_column_int(stmt, 0);
    return db_done(stmt);
}

static bool has_key(const struct query *query, enum registry_key key, enum search_operator op)
{
    for (size_t i = 0; i < query->filter.count; i++) {
        const struct search_clause *clause = &query->filter.clauses[i];
        if (clause->fixed && clause->fixed->id == (int)key && clause->op == op)
            return true;
    }
    return false;
}

/* A name, a run or a source leads to few rows by itself. */
static enum status choose_driver(struct query *query)
{
    int64_t best = RARE_MAX + 1;
    if (has_key(query, REGISTRY_KEY_NAME, SEARCH_EQ) || has_key(query, REGISTRY_KEY_RUN_ID, SEARCH_EQ) ||
        has_key(query, REGISTRY_KEY_SOURCE, SEARCH_EQ))
        return OK;
    for (size_t i = 0; i < query->filter.count; i++) {
        const struct search_clause *clause = &query->filter.clauses[i];
        int64_t count = best;
        if (is_indexed(clause) && count_tagged(query, clause, best, &count) != OK)
            return FAILED;
        if (count < best) {
            best = count;
            query->driver = clause;
        }
    }
    return OK;
}

static void add_number_test(struct query *query, const struct search_clause *clause)
{
    static const char *const operators[] = {
        [SEARCH_EQ] = " = ?",  [SEARCH_NE] = " <> ?", [SEARCH_LT] = " < ?",
        [SEARCH_LE] = " <= ?", [SEARCH_GT] = " > ?",  [SEARCH_GE] = " >= ?",
    };
    sql_text_add(&query->sql, query->subject->column(clause->fixed->id));
    sql_text_add(&query->sql, operators[clause->op]);
    sql_text_bind(&query->sql, sql_text_number(clause));
}

/* A row without the tag passes no test, because NULL does not. */
static void add_tag_test(struct query *query, const struct search_clause *clause)
{
    const struct subject *subject = query->subject;
    struct sql_text *sql = &query->sql;
    sql_text_printf(sql, "%s(SELECT t.value FROM %s t WHERE t.%s = %s.id AND t.key = ?)",
                    sql_text_before_value(clause), subject->tags, subject->owner, subject->row);
    sql_text_bind(sql, db_text(clause->key));
    sql_text_add_comparison(sql, clause);
}

static void add_clause(struct query *query, const struct search_clause *clause)
{
    if (clause == query->driver)
        return;
    sql_text_add(&query->sql, " AND ");
    if (clause->entity->id == REGISTRY_TAG) {
        add_tag_test(query, clause);
    } else if (clause->fixed->type == SEARCH_NUMBER) {
        add_number_test(query, clause);
    } else {
        sql_text_add_test(&query->sql, query->subject->column(clause->fixed->id), clause);
        /* So that the indexes count, which leave versions without a run and long sources out. */
        if (clause->fixed->id == REGISTRY_KEY_RUN_ID && clause->op == SEARCH_EQ && clause->text.len)
            sql_text_add(&query->sql, " AND v.run_id <> ''");
        if (clause->fixed->id == REGISTRY_KEY_SOURCE && clause->op == SEARCH_EQ &&
            clause->text.len <= INDEXED_VALUE_MAX)
            sql_text_add(&query->sql, " AND length(v.source) <= 256");
    }
}

/* --- The statement --- */

/* The order of the tables decides the plan: CROSS JOIN leaves it as it stands. */
static void add_tables(struct query *query)
{
    const struct subject *subject = query->subject;
    struct sql_text *sql = &query->sql;
    if (query->driver) {
        sql_text_printf(sql, " FROM %s t CROSS JOIN ", subject->tags);
        sql_text_add(sql, subject->has_versions ? "model_versions v CROSS JOIN registered_models m"
                                                : "registered_models m");
        sql_text_printf(sql, " WHERE t.key = ? AND t.value = ? AND " IN_INDEX " AND %s.id = t.%s",
                        subject->row, subject->owner);
        sql_text_bind(sql, db_text(query->driver->key));
        sql_text_bind(sql, db_text(query->driver->text));
    } else if (!subject->has_versions) {
        sql_text_add(sql, " FROM registered_models m WHERE 1 = 1");
    } else {
        bool by_model = query->keys[0] == REGISTRY_KEY_NAME || has_key(query, REGISTRY_KEY_NAME, SEARCH_EQ) ||
                        has_key(query, REGISTRY_KEY_NAME, SEARCH_LIKE) ||
                        has_key(query, REGISTRY_KEY_NAME, SEARCH_ILIKE);
        bool by_run =
            has_key(query, REGISTRY_KEY_RUN_ID, SEARCH_EQ) || has_key(query, REGISTRY_KEY_SOURCE, SEARCH_EQ);
        sql_text_add(sql, by_model && !by_run
                              ? " FROM registered_models m CROSS JOIN model_versions v WHERE 1 = 1"
                              : " FROM model_versions v CROSS JOIN registered_models m WHERE 1 = 1");
    }
    if (subject->has_versions)
        sql_text_add(sql, " AND m.id = v.model");
}

static struct db_value sort_value_bind(const struct sort_value *value)
{
    return value->type == SORT_INT ? db_int(value->integer) : db_text(value->text);
}

/* Behind the last row of the page before: the lexicographic comparison written out. */
static void add_after(struct query *query, const struct sort_value *after)
{
    struct sql_text *sql = &query->sql;
    const char *(*column)(int key) = query->subject->column;
    /* Redundant, but it lets the walk of an index begin where the page before ended. */
    sql_text_printf(sql, " AND %s %s ?", column((int)query->keys[0]), query->descending[0] ? "<=" : ">=");
    sql_text_bind(sql, sort_value_bind(&after[0]));
    sql_text_add(sql, " AND ");
    for (size_t i = 0; i < query->term_count; i++) {
        sql_text_printf(sql, "(%s %s ?", column((int)query->keys[i]), query->descending[i] ? "<" : ">");
        sql_text_bind(sql, sort_value_bind(&after[i]));
        if (i + 1 == query->term_count)
            break;
        sql_text_printf(sql, " OR (%s = ? AND ", column((int)query->keys[i]));
        sql_text_bind(sql, sort_value_bind(&after[i]));
    }
    for (size_t i = 0; i < 2 * query->term_count - 1; i++)
        sql_text_add(sql, ")");
}

static void compile(struct query *query)
{
    struct sql_text *sql = &query->sql;
    sql_text_clear(sql);
    sql_text_printf(sql, "SELECT %s.id", query->subject->row);
    for (size_t i = 0; i < query->term_count; i++)
        sql_text_printf(sql, ", %s", query->subject->column((int)query->keys[i]));
    add_tables(query);
    for (size_t i = 0; i < query->filter.count; i++)
        add_clause(query, &query->filter.clauses[i]);
    if (query->hides_prompts)
        sql_text_printf(sql,
                        " AND NOT EXISTS (SELECT 1 FROM %s p WHERE p.key = '" PROMPT_TAG
                        "' AND p.value = 'true' AND length(p.value) <= 256 AND p.model = m.id)",
                        query->subject->tags);
    permission_filter_add(sql, query->search->readable, "m.name");
    if (query->token.after)
        add_after(query, query->token.after);
    for (size_t i = 0; i < query->term_count; i++)
        sql_text_printf(sql, "%s%zu%s", i ? ", " : " ORDER BY ", i + 2, query->descending[i] ? " DESC" : "");
    /* One more than asked for tells whether there is a next page. */
    sql_text_add(sql, " LIMIT ? OFFSET ?");
    sql_text_bind(sql, db_int(query->search->max_results + 1));
    sql_text_bind(sql, db_int(query->token.after ? 0 : query->token.offset));
}

/* --- The page --- */

static enum status read_page(struct query *query, struct registry_page *page)
{
    struct store_tx *tx = query->tx;
    struct db_stmt *stmt = sql_text_query(&query->sql, tx->db);
    struct row_list ids = {0};
    struct sort_value last[TERMS_MAX];
    int64_t max_results = query->search->max_results;
    bool more = false;
    while (stmt && db_step(stmt) == DB_ROW) {
        if ((int64_t)ids.count == max_results) {
            more = true;
            break;
        }
        *ROW_LIST_ADD(&ids, tx->arena, int64_t) = db_column_int(stmt, 0);
        if ((int64_t)ids.count < max_results)
            continue;
        for (size_t i = 0; i < query->term_count; i++) {
            int column = (int)i + 1;
            last[i] = (struct sort_value){.type = query->types[i]};
            if (query->types[i] == SORT_INT)
                last[i].integer = db_column_int(stmt, column);
            else
                last[i].text = db_column_text_copy(stmt, column);
        }
    }
    page->ids = ids.items;
    page->count = ids.count;
    if (db_done(stmt) != OK)
        return FAILED;
    if (more)
        page->next_page_token = page_token_write(tx->arena, query->token.offset + max_results, query->hash,
                                                 last, query->term_count);
    return OK;
}

static uint64_t hash_query(const struct query *query)
{
    const struct registry_search *search = query->search;
    uint64_t hash = query_hash_add_int(query_hash_add(0, search->filter), query->subject->has_versions);
    for (size_t i = 0; i < search->order_by_count; i++)
        hash = query_hash_add(hash, search->order_by[i]);
    return hash;
}

static enum status search_in(struct store_tx *tx, const struct subject *subject,
                             const struct registry_search *search, struct registry_page *page)
{
    struct query query = {.tx = tx, .subject = subject, .search = search};
    *page = (struct registry_page){.next_page_token = SV_ABSENT};
    if (search_parse_filter(tx->arena, tx->error, subject->language, search->filter, &query.filter) != OK ||
        compile_order(&query) != OK)
        return FAILED;
    query.hash = hash_query(&query);
    if (page_token_read(tx->arena, tx->error, search->page_token, query.hash, query.types, query.term_count,
                        &query.token) != OK)
        return FAILED;
    sql_text_init(&query.sql, tx->arena);
    choose_prompts(&query);
    if (choose_driver(&query) != OK)
        return FAILED;
    compile(&query);
    return read_page(&query, page);
}

enum status registered_model_search(struct store_tx *tx, const struct registry_search *search,
                                    struct registry_page *page)
{
    return search_in(tx, &models, search, page);
}

enum status model_version_search(struct store_tx *tx, const struct registry_search *search,
                                 struct registry_page *page)
{
    return search_in(tx, &versions, search, page);
}
