#include "tests/unit/search_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/run_search_internal.h"

static int set_up(void **state)
{
    (void)state;
    if (world_open() != 0)
        return -1;
    world_fill(11, 400);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close();
    return 0;
}

/* --- What SQLite makes of the statements --- */

static const char *query_plan(struct run_query *query)
{
    struct sv sql =
        arena_printf(world.arena, "EXPLAIN QUERY PLAN %.*s", (int)query->sql.len, query->sql.data);
    struct db_stmt *stmt = db_query_text(query->tx->db, sql, query->sql.values, query->sql.value_count);
    const char *plan = "";
    assert_non_null(stmt);
    while (db_step(stmt) == DB_ROW)
        plan = arena_printf(world.arena, "%s%.*s\n", plan, SV_ARG(db_column_text(stmt, 3))).data;
    assert_int_equal(db_done(stmt), OK);
    return plan;
}

static void assert_plan(struct run_query *query, const struct stream *stream, const char *const *steps)
{
    assert_true(stream_compile(query, stream));
    const char *plan = query_plan(query);
    const char *at = plan;
    for (; *steps; steps++) {
        bool forbidden = **steps == '!';
        const char *found = strstr(forbidden ? plan : at, *steps + forbidden);
        if (forbidden == (found != NULL))
            fail_msg("'%s' in the plan:\n%s", *steps, plan);
        if (!forbidden && found)
            at = found;
    }
}

static void compile(struct run_query *query, struct store_tx *tx, const char *filter, const char *order,
                    const struct sort_value *after)
{
    struct search_filter parsed;
    struct search_order_by order_by;
    struct sv text = sv_from(order);
    *query = (struct run_query){.tx = tx, .limit = 101, .experiment = 11, .after = after};
    assert_int_equal(search_parse_filter(world.arena, &world.error, &run_language, sv_from(filter), &parsed),
                     OK);
    assert_int_equal(
        search_parse_order_by(world.arena, &world.error, &run_language, &text, order ? 1 : 0, &order_by), OK);
    run_query_compile(query, &parsed, &order_by);
    sql_text_init(&query->sql, world.arena);
    for (size_t i = 0; i < query->condition_count; i++)
        query->conditions[i].name = 1;
    query->terms[0].name = 2;
}

static void statements_run_on_the_indexes_they_are_made_for(void **state)
{
    (void)state;
    static const struct sort_value after_metric[] = {{.type = SORT_DOUBLE, .real = 1},
                                                     {.type = SORT_INT, .integer = 1},
                                                     {.type = SORT_TEXT, .text = {"x", 1}}};
    static const char filter[] = "metrics.acc > 0.5 AND metrics.acc < 1 AND params.lr = 'adam'";
    struct db_conn *conn = world_begin(DB_READ);
    struct store_tx tx = {.store = &world.store, .db = conn, .arena = world.arena, .error = &world.error};
    struct run_query query;

    compile(&query, &tx, "", NULL, NULL);
    assert_plan(
        &query, &(struct stream){.kind = STREAM_SCAN},
        (const char *const[]){
            "SEARCH r USING COVERING INDEX runs_listing (experiment=? AND lifecycle=? AND start_time>? AND "
            "start_time<?)",
            "!TEMP B-TREE", NULL});
    compile(&query, &tx, "", NULL, after_metric + 1);
    assert_plan(&query, &(struct stream){.kind = STREAM_SCAN},
                (const char *const[]){"SEARCH r USING COVERING INDEX runs_listing", "!TEMP B-TREE", NULL});

    compile(&query, &tx, filter, "metrics.loss", NULL);
    assert_plan(&query,
                &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[0], .lifecycle = -1},
                (const char *const[]){
                    "SEARCH d USING COVERING INDEX latest_metrics_by_value (name=? AND value>? AND value<?)",
                    "SEARCH m USING PRIMARY KEY (run=? AND name=?)", "SEARCH r USING INTEGER PRIMARY KEY",
                    "SEARCH k0 USING PRIMARY KEY (run=? AND name=?)", NULL});
    assert_plan(&query,
                &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[1], .lifecycle = -1},
                (const char *const[]){"SEARCH d USING COVERING INDEX params_by_value (name=? AND value=?)",
                                      "SEARCH m USING PRIMARY KEY (run=? AND name=?)",
                                      "SEARCH r USING INTEGER PRIMARY KEY", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE_UNSETTLED, .condition = &query.conditions[0]},
                (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)",
                                      "SEARCH d USING PRIMARY KEY (run=? AND name=?)", NULL});

    static const struct sort_value *const starts[] = {NULL, after_metric};
    for (size_t i = 0; i < 2; i++) {
        compile(&query, &tx, filter, "metrics.loss DESC", starts[i]);
        assert_plan(
            &query, &(struct stream){.kind = STREAM_ORDER},
            (const char *const[]){
                "SEARCH o USING COVERING INDEX latest_metrics_by_value (name=? AND value>? AND value<?)",
                "SEARCH m USING PRIMARY KEY (run=? AND name=?)", "SEARCH r USING INTEGER PRIMARY KEY",
                "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", NULL});
        assert_plan(&query, &(struct stream){.kind = STREAM_ORDER_UNSETTLED},
                    (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)",
                                          "SEARCH o USING PRIMARY KEY (run=? AND name=?)", NULL});
        assert_plan(&query, &(struct stream){.kind = STREAM_ORDER_NAN},
                    (const char *const[]){
                        "SEARCH o USING COVERING INDEX latest_metrics_by_value (name=? AND value=?)", NULL});
        assert_plan(
            &query, &(struct stream){.kind = STREAM_ORDER_ABSENT},
            (const char *const[]){"SEARCH r USING COVERING INDEX runs_listing", "!TEMP B-TREE", NULL});
    }
    compile(&query, &tx, filter, "params.opt", NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_ORDER},
                (const char *const[]){"SEARCH o USING COVERING INDEX params_by_value (name=?)",
                                      "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", NULL});

    compile(&query, &tx, "status = 'RUNNING'", NULL, NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_UNSETTLED, .lifecycle = -1},
                (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)", NULL});

    compile(&query, &tx, "run_id IN ('a', 'b') AND dataset.name = 'd' AND params.lr LIKE 'ad%'", NULL, NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[0]},
                (const char *const[]){"SEARCH r USING INDEX sqlite_autoindex_runs_1 (run_id=?)", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[1]},
                (const char *const[]){
                    "SEARCH x USING COVERING INDEX sqlite_autoindex_datasets_1 (experiment=? AND name=?)",
                    "SEARCH i USING COVERING INDEX dataset_inputs_by_dataset (dataset=?)",
                    "SEARCH r USING INTEGER PRIMARY KEY", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[2]},
                (const char *const[]){"SEARCH d USING COVERING INDEX params_by_value (name=?", NULL});
    db_rollback(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_run_on_the_indexes_they_are_made_for),
    };
    return cmocka_run_group_tests_name("runs/search: statements", tests, set_up, tear_down);
}
