#include "common/store/trace_search_internal.h"

/* The statement for one experiment. */

static void add_term(struct trace_query *query, size_t index)
{
    struct sql_text *sql = &query->sql;
    const struct trace_term *term = &query->terms[index];
    if (term->column) {
        sql_text_add(sql, term->column);
        return;
    }
    sql_text_printf(sql, "(SELECT o.value FROM %s o WHERE o.trace = t.id AND o.name = ?)",
                    term->kind == TRACE_NAME_TAG ? "trace_tags" : "trace_metadata");
    sql_text_bind(sql, db_int(term->name));
}

static void bind_after(struct trace_query *query, size_t index)
{
    const struct sort_value *value = &query->after[index];
    sql_text_bind(&query->sql, value->type == SORT_INT ? db_int(value->integer) : db_text(value->text));
}

static void add_behind(struct trace_query *query, size_t index)
{
    struct sql_text *sql = &query->sql;
    if (query->after[index].class == SORT_ABSENT) {
        sql_text_add(sql, "1 = 0");
        return;
    }
    add_term(query, index);
    sql_text_add(sql, query->descending[index] ? " < ?" : " > ?");
    bind_after(query, index);
    if (!query->terms[index].nullable)
        return;
    sql_text_add(sql, " OR ");
    add_term(query, index);
    sql_text_add(sql, " IS NULL");
}

static void add_equal(struct trace_query *query, size_t index)
{
    add_term(query, index);
    if (query->after[index].class == SORT_ABSENT) {
        sql_text_add(&query->sql, " IS NULL");
        return;
    }
    sql_text_add(&query->sql, " = ?");
    bind_after(query, index);
}

/* " AND (…)": behind this row, the lexicographic comparison written out. */
static void add_after(struct trace_query *query)
{
    struct sql_text *sql = &query->sql;
    size_t open = 0;
    if (!query->terms[0].nullable) {
        /* Redundant, but it lets the walk of an index begin where the page before ended. */
        sql_text_printf(sql, " AND %s %s ?", query->terms[0].column, query->descending[0] ? "<=" : ">=");
        bind_after(query, 0);
    }
    sql_text_add(sql, " AND ");
    for (size_t i = 0; i < query->term_count; i++) {
        sql_text_add(sql, "(");
        open++;
        add_behind(query, i);
        if (i + 1 == query->term_count)
            break;
        sql_text_add(sql, " OR (");
        open++;
        add_equal(query, i);
        sql_text_add(sql, " AND ");
    }
    while (open--)
        sql_text_add(sql, ")");
}

static enum status find_names(struct trace_query *query, int64_t experiment)
{
    for (size_t i = 0; i < query->term_count; i++) {
        struct trace_term *term = &query->terms[i];
        if (!term->column && trace_name_find(query->tx, experiment, term->kind, term->key, &term->name) != OK)
            return FAILED;
    }
    return OK;
}

static enum status compile(struct trace_query *query, int64_t experiment)
{
    struct sql_text *sql = &query->sql;
    sql_text_clear(sql);
    sql_text_add(sql, "SELECT t.id");
    for (size_t i = 0; i < query->term_count; i++) {
        sql_text_add(sql, ", ");
        add_term(query, i);
    }
    sql_text_add(sql, " FROM traces t WHERE t.experiment = ?");
    sql_text_bind(sql, db_int(experiment));
    if (trace_conditions_add(query->tx, sql, experiment, &query->filter) != OK)
        return FAILED;
    if (query->after)
        add_after(query);
    for (size_t i = 0; i < query->term_count; i++)
        sql_text_printf(sql, "%s%zu%s%s", i ? ", " : " ORDER BY ", i + 2, query->descending[i] ? " DESC" : "",
                        query->terms[i].nullable ? " NULLS LAST" : "");
    sql_text_add(sql, " LIMIT ?");
    sql_text_bind(sql, db_int((int64_t)query->limit));
    return OK;
}

static void read_values(const struct trace_query *query, struct db_stmt *stmt, struct sort_value *values)
{
    for (size_t i = 0; i < query->term_count; i++) {
        int column = (int)i + 1;
        values[i] = (struct sort_value){.type = query->types[i]};
        if (db_column_is_null(stmt, column))
            values[i].class = SORT_ABSENT;
        else if (values[i].type == SORT_INT)
            values[i].integer = db_column_int(stmt, column);
        else
            values[i].text = db_column_text(stmt, column);
    }
}

enum status trace_query_search_experiment(struct trace_query *query, int64_t experiment)
{
    struct sort_value values[TRACE_TERMS_MAX];
    if (find_names(query, experiment) != OK || compile(query, experiment) != OK)
        return FAILED;
    struct db_stmt *stmt = sql_text_query(&query->sql, query->tx->db);
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        read_values(query, stmt, values);
        if (!sort_rows_add(query->rows, db_column_int(stmt, 0), values))
            break;
    }
    if (db_done(stmt) != OK)
        return FAILED;
    sort_rows_end_stream(query->rows);
    return OK;
}
