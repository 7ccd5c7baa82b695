#include <math.h>
#include <stdio.h>

#include "common/store/run_search_internal.h"

/* Aliases: r is the run; d the row of a range, o the row of the first term's index, kN the row of term N.
 * Join order is forced by CROSS JOIN, and `+ 0` keeps a column out of the choice of an index. */

static const char *term_table(const struct term *term)
{
    return term->kind == TERM_METRIC ? "latest_metrics" : term->kind == TERM_PARAM ? "params" : "tags";
}

static bool is_run_id_range(const struct condition *condition)
{
    return condition->kind == CONDITION_RUN_COLUMN;
}

/* --- Terms --- */

static bool is_order_stream(const struct stream *stream)
{
    return stream->kind >= STREAM_ORDER;
}

/* The class that all rows of the stream have for a term, or -1. */
static int fixed_class(const struct stream *stream, const struct term *term, size_t place)
{
    if (!term->nullable)
        return SORT_VALUE;
    if (place > 0)
        return -1;
    switch (stream->kind) {
    case STREAM_ORDER:
        return SORT_VALUE;
    case STREAM_ORDER_NAN:
        return SORT_NAN;
    case STREAM_ORDER_ABSENT:
        return SORT_ABSENT;
    default:
        return -1;
    }
}

static bool is_joined(const struct stream *stream, const struct term *term, size_t place)
{
    return term->kind != TERM_COLUMN && !(place == 0 && is_order_stream(stream));
}

static void add_class(struct run_query *query, const struct stream *stream, size_t place)
{
    const struct term *term = &query->terms[place];
    struct sql_text *sql = &query->sql;
    int fixed = fixed_class(stream, term, place);
    if (fixed >= 0)
        sql_text_printf(sql, "%d", fixed);
    else if (!is_joined(stream, term, place) && term->kind != TERM_COLUMN)
        sql_text_add(sql, "(CASE WHEN o.value IS NULL THEN 1 ELSE 0 END)");
    else if (term->kind == TERM_COLUMN)
        sql_text_add(sql, "(CASE WHEN r.end_time IS NULL THEN 2 ELSE 0 END)");
    else if (term->kind == TERM_METRIC)
        sql_text_printf(sql, "(CASE WHEN k%zu.run IS NULL THEN 2 WHEN k%zu.value IS NULL THEN 1 ELSE 0 END)",
                        place, place);
    else
        sql_text_printf(sql, "(CASE WHEN k%zu.run IS NULL THEN 2 ELSE 0 END)", place);
}

static void add_value(struct run_query *query, const struct stream *stream, size_t place)
{
    const struct term *term = &query->terms[place];
    struct sql_text *sql = &query->sql;
    if (fixed_class(stream, term, place) > SORT_VALUE) {
        sql_text_add(sql, "NULL");
        return;
    }
    if (term->kind != TERM_COLUMN) {
        if (is_joined(stream, term, place))
            sql_text_printf(sql, "k%zu.value", place);
        else
            sql_text_add(sql, "o.value");
        return;
    }
    switch (term->column) {
    case RUN_KEY_RUN_NAME:
        run_query_add_name(query);
        return;
    case RUN_KEY_STATUS: /* the place of the status's name among the names */
        sql_text_add(sql,
                     "(CASE r.status WHEN 4 THEN 0 WHEN 3 THEN 1 WHEN 5 THEN 2 WHEN 1 THEN 3 ELSE 4 END)");
        return;
    case RUN_KEY_USER_ID:
        sql_text_add(sql, "r.user_id");
        return;
    case RUN_KEY_ARTIFACT_URI:
        sql_text_add(sql, "r.artifact_uri");
        return;
    case RUN_KEY_START_TIME:
        sql_text_add(sql, "r.start_time");
        return;
    case RUN_KEY_END_TIME:
        sql_text_add(sql, "r.end_time");
        return;
    default:
        sql_text_add(sql, "r.run_id");
        return;
    }
}

static struct db_value sort_value_bind(const struct sort_value *value)
{
    if (value->class != SORT_VALUE)
        return db_null();
    switch (value->type) {
    case SORT_INT:
        return db_int(value->integer);
    case SORT_DOUBLE:
        return db_double(value->real);
    default:
        return db_text(value->text);
    }
}

/* " AND …": the row has the same value as query->after. */
static void add_same(struct run_query *query, const struct stream *stream, size_t place)
{
    struct sql_text *sql = &query->sql;
    const struct sort_value *after = &query->after[place];
    if (fixed_class(stream, &query->terms[place], place) >= 0) {
        add_value(query, stream, place);
        sql_text_add(sql, " = ? AND ");
    } else {
        add_class(query, stream, place);
        sql_text_add(sql, " = ? AND (");
        sql_text_bind(sql, db_int(after->class));
        add_class(query, stream, place);
        sql_text_add(sql, " > 0 OR ");
        add_value(query, stream, place);
        sql_text_add(sql, " = ?) AND ");
    }
    sql_text_bind(sql, sort_value_bind(after));
}

static void add_behind(struct run_query *query, const struct stream *stream, size_t place)
{
    struct sql_text *sql = &query->sql;
    const struct sort_value *after = &query->after[place];
    bool has_class = fixed_class(stream, &query->terms[place], place) < 0;
    if (has_class) {
        sql_text_add(sql, "(");
        add_class(query, stream, place);
        sql_text_add(sql, " > ? OR ");
        sql_text_bind(sql, db_int(after->class));
        add_class(query, stream, place);
        sql_text_add(sql, " = ? AND ");
        sql_text_bind(sql, db_int(after->class));
    }
    add_value(query, stream, place);
    sql_text_add(sql, query->terms[place].descending ? " < ?" : " > ?");
    sql_text_bind(sql, sort_value_bind(after));
    sql_text_add(sql, has_class ? ")" : "");
}

/* " AND (…)": the row comes behind query->after, from term `first` on. Lexicographic comparison written out,
 * flat: the depth of nesting is limited. */
static void add_after(struct run_query *query, const struct stream *stream, size_t first)
{
    sql_text_add(&query->sql, " AND (");
    for (size_t i = first; i < query->term_count; i++) {
        sql_text_add(&query->sql, i > first ? " OR " : "");
        for (size_t same = first; same < i; same++)
            add_same(query, stream, same);
        add_behind(query, stream, i);
    }
    sql_text_add(&query->sql, ")");
}

static void add_select(struct run_query *query, const struct stream *stream)
{
    sql_text_clear(&query->sql);
    sql_text_add(&query->sql, "SELECT r.id");
    for (size_t i = 0; i < query->term_count; i++) {
        sql_text_add(&query->sql, ", ");
        if (query->terms[i].nullable) {
            add_class(query, stream, i);
            sql_text_add(&query->sql, ", ");
        }
        add_value(query, stream, i);
    }
}

static void add_term_joins(struct run_query *query, const struct stream *stream)
{
    for (size_t i = 0; i < query->term_count; i++) {
        if (!is_joined(stream, &query->terms[i], i))
            continue;
        sql_text_printf(&query->sql, " LEFT JOIN %s k%zu ON k%zu.run = r.id AND k%zu.name = ?",
                        term_table(&query->terms[i]), i, i, i);
        sql_text_bind(&query->sql, db_int(query->terms[i].name));
    }
}

static void add_order_and_limit(struct run_query *query, const struct stream *stream)
{
    size_t column = 1;
    bool first = true;
    for (size_t i = 0; i < query->term_count; i++) {
        const struct term *term = &query->terms[i];
        int fixed = fixed_class(stream, term, i);
        column += term->nullable;
        if (fixed < 0) {
            sql_text_printf(&query->sql, "%s%zu", first ? " ORDER BY " : ", ", column);
            first = false;
        }
        column++;
        if (fixed > SORT_VALUE)
            continue;
        sql_text_printf(&query->sql, "%s%zu%s", first ? " ORDER BY " : ", ", column,
                        term->descending ? " DESC" : "");
        first = false;
    }
    sql_text_add(&query->sql, " LIMIT ?");
    sql_text_bind(&query->sql, db_int((int64_t)query->limit));
}

/* --- Streams --- */

/* The condition on the key of the first term. */
static const struct condition *first_term_condition(const struct run_query *query)
{
    const struct term *term = &query->terms[0];
    enum condition_kind kind = term->kind == TERM_METRIC  ? CONDITION_METRIC
                               : term->kind == TERM_PARAM ? CONDITION_PARAM
                                                          : CONDITION_TAG;
    if (term->kind == TERM_COLUMN)
        return NULL;
    for (size_t i = 0; i < query->condition_count; i++)
        if (query->conditions[i].kind == kind && sv_equal(query->conditions[i].clauses[0]->key, term->key))
            return &query->conditions[i];
    return NULL;
}

/* The range of start times to scan; a page behind another begins where that ended. */
static struct time_range scan_range(const struct run_query *query, size_t first_term)
{
    struct time_range range = query->start_time;
    const struct term *term = &query->terms[first_term];
    if (!query->after || term->kind != TERM_COLUMN || term->column != RUN_KEY_START_TIME)
        return range;
    int64_t start = query->after[first_term].integer;
    if (term->descending && start < range.high)
        range.high = start;
    if (!term->descending && start > range.low)
        range.low = start;
    return range;
}

static void add_scan(struct run_query *query, const char *alias, int lifecycle, struct time_range range)
{
    sql_text_printf(&query->sql, "%s.experiment = ? AND %s.lifecycle = ? AND %s.start_time BETWEEN ? AND ?",
                    alias, alias, alias);
    sql_text_bind(&query->sql, db_int(query->experiment));
    sql_text_bind(&query->sql, db_int(lifecycle));
    sql_text_bind(&query->sql, db_int(range.low));
    sql_text_bind(&query->sql, db_int(range.high));
}

static bool compile_scan(struct run_query *query, const struct stream *stream)
{
    add_select(query, stream);
    sql_text_add(&query->sql, " FROM runs r");
    add_term_joins(query, stream);
    sql_text_add(&query->sql, " WHERE ");
    add_scan(query, "r", stream->lifecycle, scan_range(query, 0));
    run_query_add_conditions(query, &(struct place){.run = "r.id"});
    if (query->after)
        add_after(query, stream, 0);
    return true;
}

/* "d.name = ? …": the entries of a condition's index. */
static void add_range(struct run_query *query, const struct condition *condition)
{
    sql_text_add(&query->sql, "d.name = ?");
    sql_text_bind(&query->sql, db_int(condition->name));
    if (condition->kind == CONDITION_METRIC)
        sql_text_add(&query->sql, " AND d.settled = 1");
    condition_add_tests(&query->sql, "d.value", condition);
}

static void add_dataset_runs(struct run_query *query, const struct condition *condition)
{
    sql_text_add(&query->sql, "(SELECT DISTINCT i.run AS run FROM datasets x CROSS JOIN dataset_inputs i"
                              " WHERE x.experiment = ? AND ");
    sql_text_bind(&query->sql, db_int(query->experiment));
    condition_add_dataset_test(&query->sql, condition->clauses[0]);
    sql_text_add(&query->sql, " AND i.dataset = x.id) d");
}

static bool compile_range(struct run_query *query, const struct stream *stream)
{
    const struct condition *condition = stream->condition;
    struct sql_text *sql = &query->sql;
    struct place place = {.run = "d.run", .own = condition};
    add_select(query, stream);
    sql_text_add(sql, " FROM ");
    if (is_run_id_range(condition)) {
        sql_text_add(sql, "runs r");
        add_term_joins(query, stream);
        sql_text_add(sql, " WHERE ");
        sql_text_add_test(sql, "r.run_id", condition->clauses[0]);
        sql_text_add(sql, " AND r.experiment + 0 = ?");
        sql_text_bind(sql, db_int(query->experiment));
        run_query_add_lifecycle(query, stream->lifecycle, "r.lifecycle + 0");
        place.run = "r.id";
    } else {
        if (condition->kind == CONDITION_DATASET)
            add_dataset_runs(query, condition);
        else
            sql_text_printf(sql, "%s d", condition_table(condition));
        sql_text_add(sql, " CROSS JOIN runs r");
        add_term_joins(query, stream);
        sql_text_add(sql, " WHERE r.id = d.run");
        if (condition->kind != CONDITION_DATASET) {
            sql_text_add(sql, " AND ");
            add_range(query, condition);
        }
        run_query_add_lifecycle(query, stream->lifecycle, "r.lifecycle");
    }
    run_query_add_start_time(query);
    run_query_add_conditions(query, &place);
    if (query->after)
        add_after(query, stream, 0);
    return true;
}

static void add_unsettled(struct run_query *query, int lifecycle)
{
    sql_text_add(&query->sql, "r.experiment = ? AND r.status IN (1, 2)");
    sql_text_bind(&query->sql, db_int(query->experiment));
    run_query_add_lifecycle(query, lifecycle, "r.lifecycle + 0");
}

static bool compile_unsettled(struct run_query *query, const struct stream *stream)
{
    add_select(query, stream);
    sql_text_add(&query->sql, " FROM runs r");
    add_term_joins(query, stream);
    sql_text_add(&query->sql, " WHERE ");
    add_unsettled(query, stream->lifecycle);
    run_query_add_start_time(query);
    run_query_add_conditions(query, &(struct place){.run = "r.id"});
    if (query->after)
        add_after(query, stream, 0);
    return true;
}

/* Runs that have not ended, each with its row of the metric. */
static bool compile_unsettled_metric(struct run_query *query, const struct stream *stream)
{
    bool is_order = stream->kind == STREAM_ORDER_UNSETTLED;
    const char *alias = is_order ? "o" : "d";
    const char *column = is_order ? "o.value" : "d.value";
    const struct condition *own = is_order ? first_term_condition(query) : stream->condition;
    int64_t name = own ? own->name : query->terms[0].name;
    struct sql_text *sql = &query->sql;
    add_select(query, stream);
    sql_text_printf(sql, " FROM runs r CROSS JOIN latest_metrics %s", alias);
    add_term_joins(query, stream);
    sql_text_add(sql, " WHERE ");
    add_unsettled(query, stream->lifecycle);
    sql_text_printf(sql, " AND %s.run = r.id AND %s.name = ? AND %s.settled = 0", alias, alias, alias);
    sql_text_bind(sql, db_int(name));
    if (own)
        condition_add_tests(sql, column, own);
    run_query_add_start_time(query);
    run_query_add_conditions(query, &(struct place){.run = "r.id", .own = own});
    if (query->after)
        add_after(query, stream, 0);
    return true;
}

/* "o.name = ? …": the entries of the first term's index that the filter and the page before leave. */
static void add_order_range(struct run_query *query, const char *alias, const struct condition *own)
{
    const struct term *term = &query->terms[0];
    const struct sort_value *after = query->after;
    struct sql_text *sql = &query->sql;
    char column[32];
    snprintf(column, sizeof(column), "%s.value", alias);
    sql_text_printf(sql, "%s.name = ?", alias);
    sql_text_bind(sql, db_int(term->name));
    if (term->kind == TERM_METRIC) {
        double low = own ? own->low : -INFINITY;
        double high = own ? own->high : INFINITY;
        if (after && term->descending)
            high = fmin(high, after->real);
        if (after && !term->descending)
            low = fmax(low, after->real);
        sql_text_printf(sql, " AND %s.settled = 1", alias);
        condition_add_metric_tests(sql, column,
                                   &(struct condition){.has_range = true,
                                                       .clauses = own ? own->clauses : NULL,
                                                       .clause_count = own ? own->clause_count : 0},
                                   low, high);
        return;
    }
    if (after) {
        sql_text_printf(sql, " AND %s %s ?", column, term->descending ? "<=" : ">=");
        sql_text_bind(sql, db_text(after->text));
    }
    if (own)
        condition_add_tests(sql, column, own);
}

static bool compile_order(struct run_query *query, const struct stream *stream)
{
    const struct condition *own = first_term_condition(query);
    struct sql_text *sql = &query->sql;
    bool is_nan = stream->kind == STREAM_ORDER_NAN;
    enum sort_class class = is_nan ? SORT_NAN : SORT_VALUE;
    if (query->after && query->after[0].class > class)
        return false;
    if (is_nan && own && own->has_range)
        return false;
    add_select(query, stream);
    sql_text_printf(sql, " FROM %s o CROSS JOIN runs r", term_table(&query->terms[0]));
    add_term_joins(query, stream);
    sql_text_add(sql, " WHERE r.id = o.run AND ");
    if (is_nan) {
        sql_text_add(sql, "o.name = ? AND o.settled = 1 AND o.value IS NULL");
        sql_text_bind(sql, db_int(query->terms[0].name));
    } else {
        add_order_range(query, "o", own);
    }
    run_query_add_lifecycle(query, stream->lifecycle, "r.lifecycle");
    run_query_add_start_time(query);
    run_query_add_conditions(query, &(struct place){.run = "o.run", .own = own});
    if (query->after && query->after[0].class == class)
        add_after(query, stream, is_nan ? 1 : 0);
    return true;
}

static void add_absence(struct run_query *query, const char *run)
{
    sql_text_printf(&query->sql, " AND NOT EXISTS (SELECT 1 FROM %s m WHERE m.run = %s AND m.name = ?)",
                    term_table(&query->terms[0]), run);
    sql_text_bind(&query->sql, db_int(query->terms[0].name));
}

static bool compile_absent(struct run_query *query, const struct stream *stream)
{
    struct sql_text *sql = &query->sql;
    if (first_term_condition(query))
        return false;
    bool is_behind = query->after && query->after[0].class == SORT_ABSENT;
    add_select(query, stream);
    sql_text_add(sql, " FROM runs r");
    add_term_joins(query, stream);
    sql_text_add(sql, " WHERE ");
    add_scan(query, "r", stream->lifecycle, is_behind ? scan_range(query, 1) : query->start_time);
    add_absence(query, "r.id");
    run_query_add_conditions(query, &(struct place){.run = "r.id"});
    if (is_behind)
        add_after(query, stream, 1);
    return true;
}

bool stream_compile(struct run_query *query, const struct stream *stream)
{
    bool has_rows = false;
    switch (stream->kind) {
    case STREAM_SCAN:
        has_rows = compile_scan(query, stream);
        break;
    case STREAM_RANGE:
        has_rows = compile_range(query, stream);
        break;
    case STREAM_UNSETTLED:
        has_rows = compile_unsettled(query, stream);
        break;
    case STREAM_RANGE_UNSETTLED:
    case STREAM_ORDER_UNSETTLED:
        has_rows = compile_unsettled_metric(query, stream);
        break;
    case STREAM_ORDER:
    case STREAM_ORDER_NAN:
        has_rows = compile_order(query, stream);
        break;
    case STREAM_ORDER_ABSENT:
        has_rows = compile_absent(query, stream);
        break;
    }
    if (has_rows)
        add_order_and_limit(query, stream);
    return has_rows;
}

/* --- Counting and sampling --- */

void stream_compile_count(struct run_query *query, const struct stream *stream, int64_t cap)
{
    struct sql_text *sql = &query->sql;
    sql_text_clear(sql);
    sql_text_add(sql, "SELECT count(*) FROM (SELECT 1 FROM ");
    if (stream->kind == STREAM_SCAN) {
        sql_text_add(sql, "runs r WHERE ");
        add_scan(query, "r", stream->lifecycle, query->start_time);
    } else if (stream->kind == STREAM_RANGE && stream->condition->kind == CONDITION_DATASET) {
        add_dataset_runs(query, stream->condition);
    } else if (stream->kind == STREAM_RANGE) {
        sql_text_printf(sql, "%s d WHERE ", condition_table(stream->condition));
        add_range(query, stream->condition);
    } else if (stream->kind == STREAM_ORDER) {
        /* How many share the first value of the walk. */
        const char *table = term_table(&query->terms[0]);
        bool is_metric = query->terms[0].kind == TERM_METRIC;
        sql_text_printf(sql, "%s t WHERE t.name = ?%s AND t.value = (SELECT o.value FROM %s o WHERE ", table,
                        is_metric ? " AND t.settled = 1" : "", table);
        sql_text_bind(sql, db_int(query->terms[0].name));
        add_order_range(query, "o", first_term_condition(query));
        sql_text_printf(sql, " ORDER BY o.value%s LIMIT 1)", query->terms[0].descending ? " DESC" : "");
    } else {
        sql_text_add(sql, "runs r WHERE ");
        add_unsettled(query, BOTH_LIFECYCLES);
    }
    sql_text_add(sql, " LIMIT ?) AS c");
    sql_text_bind(sql, db_int(cap));
}

void stream_compile_missing(struct run_query *query)
{
    struct sql_text *sql = &query->sql;
    const struct term *term = &query->terms[0];
    sql_text_clear(sql);
    sql_text_add(sql, "SELECT (SELECT count(*) FROM runs r WHERE r.experiment = ?)");
    sql_text_bind(sql, db_int(query->experiment));
    sql_text_printf(sql, " - (SELECT count(*) FROM %s t WHERE t.name = ?%s)", term_table(term),
                    term->kind == TERM_METRIC ? " AND t.settled = 1" : "");
    sql_text_bind(sql, db_int(term->name));
    if (term->kind != TERM_METRIC)
        return;
    sql_text_add(sql, " - (SELECT count(*) FROM runs r CROSS JOIN latest_metrics t WHERE r.experiment = ?"
                      " AND r.status IN (1, 2) AND t.run = r.id AND t.name = ? AND t.settled = 0)");
    sql_text_bind(sql, db_int(query->experiment));
    sql_text_bind(sql, db_int(term->name));
}

void stream_compile_sample(struct run_query *query, const struct stream *stream, int64_t size)
{
    struct sql_text *sql = &query->sql;
    const struct term *term = &query->terms[0];
    struct place place = {.run = "o.run"};
    sql_text_clear(sql);
    sql_text_add(sql, "SELECT count(*), count(CASE WHEN 1 = 1");
    if (stream->kind == STREAM_ORDER) {
        place.own = first_term_condition(query);
        run_query_add_start_time(query);
    }
    run_query_add_lifecycle(query, stream->lifecycle, "r.lifecycle");
    if (stream->kind == STREAM_ORDER_ABSENT)
        add_absence(query, "o.run");
    run_query_add_conditions(query, &place);
    sql_text_add(sql, " THEN 1 END), CASE WHEN min(o.value) = max(o.value) THEN 1 ELSE 0 END FROM (SELECT ");
    if (stream->kind == STREAM_ORDER) {
        sql_text_printf(sql, "s.run AS run, s.value AS value FROM %s s WHERE ", term_table(term));
        add_order_range(query, "s", place.own);
        sql_text_printf(sql, " ORDER BY s.value%s", term->descending ? " DESC" : "");
    } else {
        bool ascending = term->kind == TERM_COLUMN && !term->descending;
        size_t place_of_time = stream->kind == STREAM_ORDER_ABSENT ? 1 : 0;
        sql_text_add(sql, "s.id AS run, s.start_time AS value FROM runs s WHERE ");
        add_scan(query, "s", stream->lifecycle, scan_range(query, place_of_time));
        sql_text_add(sql, ascending ? " ORDER BY s.start_time" : " ORDER BY s.start_time DESC");
    }
    sql_text_add(sql, " LIMIT ?) o CROSS JOIN runs r WHERE r.id = o.run");
    sql_text_bind(sql, db_int(size));
}
