#include <math.h>

#include "common/search/like.h"
#include "common/store/logged_model_search_internal.h"
#include "common/store/logged_models.h"
#include "common/store/names.h"

/* The statement for one experiment. */

#define INDEXED_VALUE_MAX 256 /* code points, as the migration has it */

static const char *const number_tests[] = {
    [SEARCH_EQ] = " = ?",  [SEARCH_NE] = " <> ?", [SEARCH_LT] = " < ?",
    [SEARCH_LE] = " <= ?", [SEARCH_GT] = " > ?",  [SEARCH_GE] = " >= ?",
};

/* --- Conditions that need no database --- */

static bool text_matches(const struct search_clause *clause, struct sv text)
{
    bool listed = false;
    switch (clause->op) {
    case SEARCH_EQ:
        return sv_equal(text, clause->text);
    case SEARCH_NE:
        return !sv_equal(text, clause->text);
    case SEARCH_IN:
    case SEARCH_NOT_IN:
        for (size_t i = 0; i < clause->item_count && !listed; i++)
            listed = sv_equal(text, clause->items[i]);
        return listed == (clause->op == SEARCH_IN);
    default:
        return search_like(clause->text, text, clause->op == SEARCH_ILIKE);
    }
}

/* Each status has several names; a negated test must hold for all of them, any other for one. */
static bool status_matches(const struct search_clause *clause, int status)
{
    static const char *const names[][4] = {
        [LOGGED_MODEL_UNSPECIFIED] = {"0", "UNSPECIFIED", "LOGGED_MODEL_STATUS_UNSPECIFIED"},
        [LOGGED_MODEL_PENDING] = {"1", "PENDING", "LOGGED_MODEL_PENDING"},
        [LOGGED_MODEL_READY] = {"2", "READY", "LOGGED_MODEL_READY"},
        [LOGGED_MODEL_UPLOAD_FAILED] = {"3", "FAILED", "UPLOAD_FAILED", "LOGGED_MODEL_UPLOAD_FAILED"},
    };
    bool negated = clause->op == SEARCH_NE || clause->op == SEARCH_NOT_IN;
    for (size_t i = 0; i < sizeof(names[0]) / sizeof(names[0][0]) && names[status][i]; i++)
        if (text_matches(clause, sv_from(names[status][i])) != negated)
            return !negated;
    return negated;
}

/* --- Conditions --- */

/* " AND m.dataset IN (…)": one of these, with parts that are absent or empty open. */
static void add_datasets(struct sql_text *sql, int64_t experiment,
                         const struct logged_model_dataset *datasets, size_t count)
{
    sql_text_add(sql,
                 " AND m.dataset IN (SELECT d.id FROM logged_model_datasets d WHERE d.experiment = ? AND (");
    sql_text_bind(sql, db_int(experiment));
    for (size_t i = 0; i < count; i++) {
        const struct logged_model_dataset *dataset = &datasets[i];
        sql_text_add(sql, i ? " OR (1 = 1" : "(1 = 1");
        if (dataset->name.len) {
            sql_text_add(sql, " AND d.name = ?");
            sql_text_bind(sql, db_text(dataset->name));
        }
        if (dataset->digest.len) {
            sql_text_add(sql, " AND d.digest = ?");
            sql_text_bind(sql, db_text(dataset->digest));
        }
        sql_text_add(sql, ")");
    }
    sql_text_add(sql, "))");
}

static void add_metric_test(struct model_query *query, int64_t experiment, const struct search_clause *clause,
                            int64_t name)
{
    struct sql_text *sql = &query->sql;
    sql_text_add(sql, " AND EXISTS (SELECT 1 FROM logged_model_metrics m WHERE m.model = l.id AND m.name = ?"
                      " AND (m.value");
    sql_text_bind(sql, db_int(name));
    sql_text_add(sql, number_tests[clause->op]);
    sql_text_bind(sql, sql_text_number(clause));
    sql_text_add(sql, clause->op == SEARCH_NE ? " OR m.value IS NULL)" : ")");
    if (query->search->dataset_count)
        add_datasets(sql, experiment, query->search->datasets, query->search->dataset_count);
    sql_text_add(sql, ")");
}

static void add_value_test(struct sql_text *sql, const char *table, const struct search_clause *clause,
                           int64_t name)
{
    if (clause->op == SEARCH_EQ && clause->text.len <= INDEXED_VALUE_MAX) { /* by the index of the values */
        sql_text_printf(sql,
                        " AND l.id IN (SELECT v.model FROM %s v WHERE v.name = ? AND v.value = ? "
                        "AND length(v.value) <= %d)",
                        table, INDEXED_VALUE_MAX);
        sql_text_bind(sql, db_int(name));
        sql_text_bind(sql, db_text(clause->text));
        return;
    }
    sql_text_printf(sql, " AND %s(SELECT v.value FROM %s v WHERE v.model = l.id AND v.name = ?)",
                    sql_text_before_value(clause), table);
    sql_text_bind(sql, db_int(name));
    sql_text_add_comparison(sql, clause);
}

static const char *text_column(enum logged_model_key key)
{
    switch (key) {
    case LOGGED_MODEL_KEY_NAME:
        return "l.name";
    case LOGGED_MODEL_KEY_MODEL_ID:
        return "l.model_id";
    case LOGGED_MODEL_KEY_MODEL_TYPE:
        return "l.model_type";
    case LOGGED_MODEL_KEY_SOURCE_RUN_ID:
        return "l.source_run_id";
    case LOGGED_MODEL_KEY_ARTIFACT_LOCATION:
        return "l.artifact_uri";
    default:
        return "l.status_message";
    }
}

/* False if no model of the experiment can fulfil the clause. */
static bool add_attribute_test(struct model_query *query, int64_t experiment,
                               const struct search_clause *clause)
{
    struct sql_text *sql = &query->sql;
    enum logged_model_key key = (enum logged_model_key)clause->fixed->id;
    switch (key) {
    case LOGGED_MODEL_KEY_EXPERIMENT_ID:
        return text_matches(clause, arena_printf(query->tx->arena, "%lld", (long long)experiment));
    case LOGGED_MODEL_KEY_LIFECYCLE_STAGE:
        return text_matches(clause, SV("active"));
    case LOGGED_MODEL_KEY_STATUS:
        sql_text_add(sql, " AND l.status IN (-1");
        for (int status = LOGGED_MODEL_UNSPECIFIED; status <= LOGGED_MODEL_UPLOAD_FAILED; status++)
            if (status_matches(clause, status))
                sql_text_printf(sql, ", %d", status);
        sql_text_add(sql, ")");
        return true;
    case LOGGED_MODEL_KEY_CREATION_TIME:
    case LOGGED_MODEL_KEY_LAST_UPDATE_TIME:
        sql_text_add(sql, key == LOGGED_MODEL_KEY_CREATION_TIME ? " AND l.creation_time"
                                                                : " AND l.last_update_time");
        sql_text_add(sql, number_tests[clause->op]);
        sql_text_bind(sql, sql_text_number(clause));
        return true;
    default:
        sql_text_add(sql, " AND ");
        sql_text_add_test(sql, text_column(key), clause);
        return true;
    }
}

static enum status add_clause(struct model_query *query, int64_t experiment,
                              const struct search_clause *clause, bool *possible)
{
    int64_t name = 0;
    enum name_kind kind = NAME_METRIC;
    switch ((enum logged_model_entity)clause->entity->id) {
    case LOGGED_MODEL_ATTRIBUTE:
        *possible = add_attribute_test(query, experiment, clause);
        return OK;
    case LOGGED_MODEL_METRIC:
        break;
    case LOGGED_MODEL_PARAM:
        kind = NAME_PARAM;
        break;
    case LOGGED_MODEL_TAG:
        kind = NAME_TAG;
        break;
    }
    if (name_find(query->tx, experiment, kind, clause->key, &name) != OK)
        return FAILED;
    *possible = name != 0;
    if (kind == NAME_METRIC)
        add_metric_test(query, experiment, clause, name);
    else
        add_value_test(&query->sql, kind == NAME_PARAM ? "logged_model_params" : "logged_model_tags", clause,
                       name);
    return OK;
}

static bool has_metric_clause(const struct model_query *query)
{
    for (size_t i = 0; i < query->filter.count; i++)
        if (query->filter.clauses[i].entity->id == LOGGED_MODEL_METRIC)
            return true;
    return false;
}

/* --- Order --- */

/* In a metric's value, NaN is the infinity at the end of its order: values are never infinite. */
static double nan_of(const struct model_query *query, size_t term)
{
    return query->descending[term] ? -(double)INFINITY : (double)INFINITY;
}

static void add_term(struct model_query *query, size_t index, int64_t experiment)
{
    struct sql_text *sql = &query->sql;
    const struct model_term *term = &query->terms[index];
    if (!term->is_metric) {
        sql_text_add(sql, term->column);
        return;
    }
    sql_text_add(
        sql, "(SELECT coalesce(m.value, ?) FROM logged_model_metrics m WHERE m.model = l.id AND m.name = ?");
    sql_text_bind(sql, db_double(nan_of(query, index)));
    sql_text_bind(sql, db_int(term->name));
    if (term->dataset.name.len || term->dataset.digest.len)
        add_datasets(sql, experiment, &term->dataset, 1);
    sql_text_add(sql, " ORDER BY m.timestamp DESC, m.step DESC, m.run DESC LIMIT 1)");
}

static void bind_after(struct model_query *query, size_t index)
{
    const struct sort_value *value = &query->after[index];
    if (value->class == SORT_NAN)
        sql_text_bind(&query->sql, db_double(nan_of(query, index)));
    else if (value->type == SORT_INT)
        sql_text_bind(&query->sql, db_int(value->integer));
    else if (value->type == SORT_DOUBLE)
        sql_text_bind(&query->sql, db_double(value->real));
    else
        sql_text_bind(&query->sql, db_text(value->text));
}

static void add_behind(struct model_query *query, size_t index, int64_t experiment)
{
    struct sql_text *sql = &query->sql;
    if (query->after[index].class == SORT_ABSENT) {
        sql_text_add(sql, "1 = 0");
        return;
    }
    add_term(query, index, experiment);
    sql_text_add(sql, query->descending[index] ? " < ?" : " > ?");
    bind_after(query, index);
    if (!query->terms[index].nullable)
        return;
    sql_text_add(sql, " OR ");
    add_term(query, index, experiment);
    sql_text_add(sql, " IS NULL");
}

static void add_equal(struct model_query *query, size_t index, int64_t experiment)
{
    add_term(query, index, experiment);
    if (query->after[index].class == SORT_ABSENT) {
        sql_text_add(&query->sql, " IS NULL");
        return;
    }
    sql_text_add(&query->sql, " = ?");
    bind_after(query, index);
}

/* " AND (…)": behind this row, the lexicographic comparison written out. */
static void add_after(struct model_query *query, int64_t experiment)
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
        add_behind(query, i, experiment);
        if (i + 1 == query->term_count)
            break;
        sql_text_add(sql, " OR (");
        open++;
        add_equal(query, i, experiment);
        sql_text_add(sql, " AND ");
    }
    while (open--)
        sql_text_add(sql, ")");
}

/* --- The whole --- */

static enum status find_metric_names(struct model_query *query, int64_t experiment)
{
    for (size_t i = 0; i < query->term_count; i++) {
        struct model_term *term = &query->terms[i];
        if (term->is_metric && name_find(query->tx, experiment, NAME_METRIC, term->metric, &term->name) != OK)
            return FAILED;
    }
    return OK;
}

static enum status compile(struct model_query *query, int64_t experiment, bool *possible)
{
    struct sql_text *sql = &query->sql;
    sql_text_clear(sql);
    sql_text_add(sql, "SELECT l.id");
    for (size_t i = 0; i < query->term_count; i++) {
        sql_text_add(sql, ", ");
        add_term(query, i, experiment);
    }
    sql_text_add(sql, " FROM logged_models l WHERE l.experiment = ? AND l.lifecycle = 0");
    sql_text_bind(sql, db_int(experiment));
    *possible = true;
    for (size_t i = 0; i < query->filter.count && *possible; i++)
        if (add_clause(query, experiment, &query->filter.clauses[i], possible) != OK)
            return FAILED;
    if (query->search->dataset_count && !has_metric_clause(query)) {
        sql_text_add(sql, " AND EXISTS (SELECT 1 FROM logged_model_metrics m WHERE m.model = l.id");
        add_datasets(sql, experiment, query->search->datasets, query->search->dataset_count);
        sql_text_add(sql, ")");
    }
    if (query->after)
        add_after(query, experiment);
    for (size_t i = 0; i < query->term_count; i++)
        sql_text_printf(sql, "%s%zu%s%s", i ? ", " : " ORDER BY ", i + 2, query->descending[i] ? " DESC" : "",
                        query->terms[i].nullable ? " NULLS LAST" : "");
    sql_text_add(sql, " LIMIT ?");
    sql_text_bind(sql, db_int((int64_t)query->limit));
    return OK;
}

static void read_values(const struct model_query *query, struct db_stmt *stmt, struct sort_value *values)
{
    for (size_t i = 0; i < query->term_count; i++) {
        int column = (int)i + 1;
        struct sort_value *value = &values[i];
        *value = (struct sort_value){.type = query->types[i]};
        if (db_column_is_null(stmt, column))
            value->class = SORT_ABSENT;
        else if (value->type == SORT_INT)
            value->integer = db_column_int(stmt, column);
        else if (value->type == SORT_TEXT)
            value->text = db_column_text(stmt, column);
        else if (isinf(value->real = db_column_double(stmt, column)))
            value->class = SORT_NAN;
    }
}

enum status model_query_search_experiment(struct model_query *query, int64_t experiment)
{
    struct sort_value values[LOGGED_MODEL_TERMS_MAX];
    bool possible;
    if (find_metric_names(query, experiment) != OK || compile(query, experiment, &possible) != OK)
        return FAILED;
    if (!possible)
        return OK;
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
