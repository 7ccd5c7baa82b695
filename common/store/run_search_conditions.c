#include "common/store/run_search_internal.h"

const char *condition_table(const struct condition *condition)
{
    switch (condition->kind) {
    case CONDITION_METRIC:
        return "latest_metrics";
    case CONDITION_PARAM:
        return "params";
    case CONDITION_TAG:
        return "tags";
    default: /* a param or tag that must exist or must not */
        return condition->clauses[0]->entity->id == RUN_PARAM ? "params" : "tags";
    }
}

bool condition_has_range(const struct condition *condition)
{
    switch (condition->kind) {
    case CONDITION_METRIC:
    case CONDITION_PARAM:
    case CONDITION_TAG:
        return true;
    case CONDITION_DATASET:
        return condition->clauses[0]->fixed->id != RUN_KEY_DATASET_CONTEXT;
    case CONDITION_RUN_COLUMN:
        return condition->clauses[0]->fixed->id == RUN_KEY_RUN_ID &&
               (condition->clauses[0]->op == SEARCH_EQ || condition->clauses[0]->op == SEARCH_IN);
    default:
        return false;
    }
}

void run_query_add_name(struct run_query *query)
{
    sql_text_add(&query->sql, "(CASE WHEN r.name <> '' THEN r.name ELSE coalesce((SELECT g.value FROM tags g"
                              " WHERE g.run = r.id AND g.name = ?), '') END)");
    sql_text_bind(&query->sql, db_int(query->run_name));
}

/* " AND …" for a metric's value in this column; NaN is NULL and passes != only. */
void condition_add_metric_tests(struct sql_text *sql, const char *column, const struct condition *condition,
                                double low, double high)
{
    if (condition->has_range) {
        sql_text_printf(sql, " AND %s BETWEEN ? AND ?", column);
        sql_text_bind(sql, db_double(low));
        sql_text_bind(sql, db_double(high));
    }
    for (size_t i = 0; i < condition->clause_count; i++) {
        if (condition->clauses[i]->op != SEARCH_NE)
            continue;
        sql_text_printf(sql, " AND (%s IS NULL OR %s <> ?)", column, column);
        sql_text_bind(sql, db_double(condition->clauses[i]->number.real));
    }
}

/* " AND …" for the condition's value in this column. */
void condition_add_tests(struct sql_text *sql, const char *column, const struct condition *condition)
{
    if (condition->kind == CONDITION_METRIC) {
        condition_add_metric_tests(sql, column, condition, condition->low, condition->high);
        return;
    }
    for (size_t i = 0; i < condition->clause_count; i++) {
        sql_text_add(sql, " AND ");
        sql_text_add_test(sql, column, condition->clauses[i]);
    }
}

void condition_add_dataset_test(struct sql_text *sql, const struct search_clause *clause)
{
    const char *column = clause->fixed->id == RUN_KEY_DATASET_NAME     ? "x.name"
                         : clause->fixed->id == RUN_KEY_DATASET_DIGEST ? "x.digest"
                                                                       : "x.value";
    sql_text_add_test(sql, column, clause);
}

static void add_run_column_test(struct run_query *query, const struct search_clause *clause)
{
    struct sql_text *sql = &query->sql;
    switch ((enum run_key)clause->fixed->id) {
    case RUN_KEY_START_TIME:
    case RUN_KEY_END_TIME:
        sql_text_add(sql, clause->fixed->id == RUN_KEY_START_TIME ? "r.start_time <> ?" : "r.end_time <> ?");
        sql_text_bind(sql, sql_text_number(clause));
        return;
    case RUN_KEY_RUN_NAME:
        sql_text_add(sql, sql_text_before_value(clause));
        run_query_add_name(query);
        sql_text_add_comparison(sql, clause);
        return;
    case RUN_KEY_RUN_ID:
        sql_text_add_test(sql, "r.run_id", clause);
        return;
    case RUN_KEY_USER_ID:
        sql_text_add_test(sql, "r.user_id", clause);
        return;
    default:
        sql_text_add_test(sql, "r.artifact_uri", clause);
        return;
    }
}

static void add_condition(struct run_query *query, const struct condition *condition,
                          const struct place *place)
{
    struct sql_text *sql = &query->sql;
    const char *table;
    switch (condition->kind) {
    case CONDITION_METRIC:
        sql_text_printf(sql, " AND EXISTS (SELECT 1 FROM latest_metrics m WHERE m.run = %s AND m.name = ?",
                        place->run);
        sql_text_bind(sql, db_int(condition->name));
        condition_add_tests(sql, "m.value", condition);
        sql_text_add(sql, ")");
        return;
    case CONDITION_PARAM:
    case CONDITION_TAG:
        /* Scalar, so that the value takes no part in the choice of an index: the key of the table finds it.
         */
        table = condition_table(condition);
        for (size_t i = 0; i < condition->clause_count; i++) {
            sql_text_printf(sql, " AND %s(SELECT m.value FROM %s m WHERE m.run = %s AND m.name = ?)",
                            sql_text_before_value(condition->clauses[i]), table, place->run);
            sql_text_bind(sql, db_int(condition->name));
            sql_text_add_comparison(sql, condition->clauses[i]);
        }
        return;
    case CONDITION_ABSENT:
    case CONDITION_PRESENT:
        sql_text_printf(sql, " AND %sEXISTS (SELECT 1 FROM %s m WHERE m.run = %s AND m.name = ?)",
                        condition->kind == CONDITION_ABSENT ? "NOT " : "", condition_table(condition),
                        place->run);
        sql_text_bind(sql, db_int(condition->name));
        return;
    case CONDITION_RUN_COLUMN:
        sql_text_add(sql, " AND ");
        add_run_column_test(query, condition->clauses[0]);
        return;
    case CONDITION_DATASET:
        sql_text_printf(
            sql, " AND EXISTS (SELECT 1 FROM dataset_inputs i CROSS JOIN %s WHERE i.run = %s AND %s AND ",
            condition->clauses[0]->fixed->id == RUN_KEY_DATASET_CONTEXT ? "dataset_input_tags x"
                                                                        : "datasets x",
            place->run,
            condition->clauses[0]->fixed->id == RUN_KEY_DATASET_CONTEXT
                ? "x.input = i.id AND x.key = 'mlflow.data.context'"
                : "x.id = i.dataset");
        condition_add_dataset_test(sql, condition->clauses[0]);
        sql_text_add(sql, ")");
        return;
    }
}

/* " AND …" for everything that the filter asks beside the times of a scan. */
void run_query_add_conditions(struct run_query *query, const struct place *place)
{
    struct sql_text *sql = &query->sql;
    if (query->statuses != ALL_STATUSES) {
        sql_text_add(sql, " AND ((? >> r.status) & 1) = 1");
        sql_text_bind(sql, db_int(query->statuses));
    }
    if (query->end_time.is_set) {
        sql_text_add(sql, " AND r.end_time BETWEEN ? AND ?");
        sql_text_bind(sql, db_int(query->end_time.low));
        sql_text_bind(sql, db_int(query->end_time.high));
    }
    for (size_t i = 0; i < query->condition_count; i++)
        if (&query->conditions[i] != place->own)
            add_condition(query, &query->conditions[i], place);
}

void run_query_add_start_time(struct run_query *query)
{
    if (!query->start_time.is_set)
        return;
    sql_text_add(&query->sql, " AND r.start_time BETWEEN ? AND ?");
    sql_text_bind(&query->sql, db_int(query->start_time.low));
    sql_text_bind(&query->sql, db_int(query->start_time.high));
}

void run_query_add_lifecycle(struct run_query *query, int lifecycle, const char *column)
{
    if (lifecycle == BOTH_LIFECYCLES)
        return;
    sql_text_printf(&query->sql, " AND %s = ?", column);
    sql_text_bind(&query->sql, db_int(lifecycle));
}
