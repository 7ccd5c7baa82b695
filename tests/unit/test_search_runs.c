#include "tests/unit/search_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/number.h"

/* Random queries are answered by the database and by the memory, and must agree. */

static int set_up(void **state)
{
    (void)state;
    if (world_open() != 0)
        return -1;
    world_fill(11, 400);
    world_fill(12, 150);
    world_fill(13, 5);
    world_fill(14, 2600);
    world_fill(15, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close();
    return 0;
}

/* --- Queries --- */

struct query {
    struct model_clause clauses[5];
    size_t clause_count;
    struct sv filter;
    struct sv order_by[8];
    struct sv experiment_ids[5];
    int64_t experiments[5];
    size_t experiment_count;
    enum view_type view;
};

static const char *const operation_texts[] = {
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ilike", "IN", "not in", "IS NULL", "IS NOT NULL"};

static void draw_text_value(struct model_clause *clause, const char *const *values, unsigned count)
{
    const char *value = values[world_draw(count)];
    copy_text(clause->text, value);
    if (clause->operation == LIKE || clause->operation == ILIKE) {
        static const char *const patterns[] = {"%",  "a%",  "A%",   "%d%", "_d_m",
                                               "%2", "1_%", "100%", "%_%", "f%D"};
        if (world_draw(4))
            copy_text(clause->text, patterns[world_draw(10)]);
    }
    clause->item_count = 1 + (int)world_draw(3);
    for (int i = 0; i < clause->item_count; i++)
        copy_text(clause->items[i], values[world_draw(count)]);
}

static enum operation draw_text_operation(bool lists)
{
    static const enum operation operations[] = {EQ, NE, LIKE, ILIKE, IN, NOT_IN};
    return operations[world_draw(lists ? 6 : 4)];
}

static struct model_clause draw_clause(const struct query *query)
{
    static const char *const dataset_names[] = {"ds0", "ds1", "ds5", "none"};
    static const char *const digests[] = {"D0", "D1", "d1"};
    static const char *const contexts[] = {"train", "test", "Train"};
    static const char *const uris[] = {"s3://b/1", "s3://b/2"};
    struct model_clause clause = {.what = (enum what)world_draw(5)};
    const struct model_run *run = &world.runs[world_draw((unsigned)world.run_count)];
    const char *run_ids[] = {run->run_id, world.runs[world_draw((unsigned)world.run_count)].run_id, "F%"};
    const char *names[] = {world_name_of(run), "adam-1", "zz"};
    (void)query;
    switch (clause.what) {
    case IS_METRIC:
        clause.which = (int)world_draw(METRICS);
        clause.operation = (enum operation)world_draw(6);
        clause.number = clause.which == 0 ? world_draw(5) * 0.25 : world_draw(1000) / 100.0 - 5;
        break;
    case IS_PARAM:
    case IS_TAG:
        clause.which = (int)world_draw(clause.what == IS_PARAM ? PARAMS : TAGS);
        clause.operation = world_draw(6) ? draw_text_operation(false) : world_draw(2) ? IS_NULL : IS_NOT_NULL;
        draw_text_value(&clause, words, WORDS);
        break;
    case IS_COLUMN:
        clause.which = (int)world_draw(7);
        clause.operation = draw_text_operation(clause.which == RUN_ID);
        if (clause.which == START || clause.which == END) {
            clause.operation = (enum operation)world_draw(6);
            clause.number = 1000 + world_draw(60) + (world_draw(4) ? 0 : 0.5);
        } else {
            draw_text_value(&clause,
                            clause.which == RUN_ID     ? run_ids
                            : clause.which == RUN_NAME ? names
                            : clause.which == STATUS   ? status_names + 1
                            : clause.which == URI      ? uris
                                                       : words,
                            clause.which == STATUS ? 5
                            : clause.which == URI  ? 2
                                                   : 3);
        }
        break;
    case IS_DATASET:
        clause.which = (int)world_draw(3);
        clause.operation = draw_text_operation(true);
        draw_text_value(&clause,
                        clause.which == 0   ? dataset_names
                        : clause.which == 1 ? digests
                                            : contexts,
                        clause.which == 0 ? 4 : 3);
        break;
    }
    return clause;
}

static const char *const column_names[] = {"run_id",       "run_name",   "user_id", "status",
                                           "artifact_uri", "start_time", "end_time"};

static struct sv identifier(enum what what, int which)
{
    static const char *const datasets[] = {"name", "digest", "context"};
    switch (what) {
    case IS_METRIC:
        return arena_printf(world.arena, "metrics.`%s`", metric_keys[which]);
    case IS_PARAM:
        return arena_printf(world.arena, "params.\"%s\"", param_keys[which]);
    case IS_TAG:
        return arena_printf(world.arena, "tags.%s", tag_keys[which]);
    case IS_DATASET:
        return arena_printf(world.arena, "dataset.%s", datasets[which]);
    case IS_COLUMN:
        break;
    }
    return arena_printf(world.arena, "%s%s", world_draw(2) ? "attributes." : "", column_names[which]);
}

static struct sv clause_text(const struct model_clause *clause)
{
    struct sv left = identifier(clause->what, clause->which);
    const char *operation = operation_texts[clause->operation];
    bool number = clause->what == IS_METRIC ||
                  (clause->what == IS_COLUMN && (clause->which == START || clause->which == END));
    if (number)
        return arena_printf(world.arena, "%.*s %s %.17g", SV_ARG(left), operation, clause->number);
    if (clause->operation == IS_NULL || clause->operation == IS_NOT_NULL)
        return arena_printf(world.arena, "%.*s %s", SV_ARG(left), operation);
    if (clause->operation != IN && clause->operation != NOT_IN)
        return arena_printf(world.arena, "%.*s %s \"%s\"", SV_ARG(left), operation, clause->text);
    struct sv list = arena_printf(world.arena, "\"%s\",", clause->items[0]);
    for (int i = 1; i < clause->item_count; i++)
        list = arena_printf(world.arena, "%.*s \"%s\"%s", SV_ARG(list), clause->items[i],
                            i + 1 < clause->item_count ? "," : "");
    return arena_printf(world.arena, "%.*s %s (%.*s)", SV_ARG(left), operation, SV_ARG(list));
}

static void draw_order(struct query *query)
{
    world.term_count = 0;
    for (unsigned i = world_draw(4); i > 0; i--) {
        struct model_term term = {.what = (enum what)world_draw(4), .descending = world_draw(2)};
        term.which = (int)world_draw(term.what == IS_METRIC  ? METRICS
                                     : term.what == IS_PARAM ? PARAMS
                                     : term.what == IS_TAG   ? TAGS
                                                             : 7);
        bool duplicate = false;
        for (size_t j = 0; j < world.term_count; j++)
            duplicate |= world.terms[j].what == term.what && world.terms[j].which == term.which;
        if (duplicate)
            continue;
        struct sv key = identifier(term.what, term.which);
        query->order_by[world.term_count] = arena_printf(world.arena, "%.*s%s", SV_ARG(key),
                                                         term.descending ? " DESC"
                                                         : world_draw(2) ? " asc"
                                                                         : "");
        world.terms[world.term_count++] = term;
    }
}

static void add_experiment(struct query *query, int64_t experiment)
{
    query->experiments[query->experiment_count] = experiment;
    query->experiment_ids[query->experiment_count++] = arena_printf(world.arena, "%d", (int)experiment);
}

static void draw_query(struct query *query)
{
    *query = (struct query){.view = (enum view_type)(1 + world_draw(3))};
    query->clause_count = world_draw(4);
    query->filter = SV("");
    for (size_t i = 0; i < query->clause_count; i++) {
        query->clauses[i] = draw_clause(query);
        struct sv text = clause_text(&query->clauses[i]);
        query->filter =
            arena_printf(world.arena, "%.*s%s%.*s", SV_ARG(query->filter), i ? " AND " : "", SV_ARG(text));
    }
    draw_order(query);
    if (world_draw(3) == 0) {
        add_experiment(query, 14);
    } else if (world_draw(2)) {
        add_experiment(query, 11);
    } else {
        for (int64_t experiment = 15; experiment >= 11; experiment--)
            if (world_draw(2))
                add_experiment(query, experiment);
    }
}

/* The answer of the memory: ids in order. */
static size_t expect(const struct query *query, int64_t *ids)
{
    static struct model_run *found[RUNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < world.run_count; i++) {
        bool holds = query->view == VIEW_ALL || world.runs[i].lifecycle == (query->view == VIEW_DELETED_ONLY);
        bool asked = false;
        for (size_t j = 0; j < query->experiment_count; j++)
            asked |= query->experiments[j] == world.runs[i].experiment;
        for (size_t j = 0; j < query->clause_count; j++)
            holds = holds && world_clause_holds(&world.runs[i], &query->clauses[j]);
        if (holds && asked)
            found[count++] = &world.runs[i];
    }
    qsort(found, count, sizeof(found[0]), world_compare);
    for (size_t i = 0; i < count; i++)
        ids[i] = found[i]->id;
    return count;
}

static void explain(const struct query *query, int plan, const char *what)
{
    print_error("%s: plan %d, view %d, filter: %.*s\n", what, plan, (int)query->view, SV_ARG(query->filter));
    for (size_t i = 0; i < world.term_count; i++)
        print_error("  order by %.*s\n", SV_ARG(query->order_by[i]));
    for (size_t i = 0; i < query->experiment_count; i++)
        print_error("  experiment %d\n", (int)query->experiments[i]);
}

static struct run_page search(const struct query *query, int plan, int64_t max_results, struct sv token)
{
    struct db_conn *conn = world_begin(DB_READ);
    struct store_tx tx = {.store = &world.store, .db = conn, .arena = world.arena, .error = &world.error};
    struct run_search input = {.experiment_ids = query->experiment_ids,
                               .experiment_count = query->experiment_count,
                               .filter = query->filter,
                               .order_by = query->order_by,
                               .order_by_count = world.term_count,
                               .view = query->view,
                               .max_results = max_results,
                               .page_token = token,
                               .plan = (enum run_search_plan)plan};
    struct run_page page;
    enum status status = run_search(&tx, &input, &page);
    if (status != OK) {
        explain(query, plan, "failed");
        print_error("  %.*s %.*s\n", SV_ARG(world.error.message), SV_ARG(world.error.detail));
    }
    assert_int_equal(status, OK);
    assert_int_equal(db_commit(conn), OK);
    return page;
}

/* Goes through all pages; the last one has no token, and no page but it is short. */
static void assert_pages(const struct query *query, int plan, int64_t max_results, bool plain_offsets,
                         const int64_t *expected, size_t expected_count)
{
    size_t at = 0;
    struct sv token = SV_ABSENT;
    for (;;) {
        struct run_page page = search(query, plan, max_results, token);
        size_t left = expected_count - at;
        bool right = page.count == (left < (size_t)max_results ? left : (size_t)max_results) &&
                     (page.next_page_token.data != NULL) == (left > (size_t)max_results);
        for (size_t i = 0; right && i < page.count; i++)
            right = page.ids[i] == expected[at + i];
        if (!right) {
            explain(query, plan, "wrong");
            print_error("  page at %zu: %zu rows of %zu left\n", at, page.count, left);
        }
        assert_true(right);
        at += page.count;
        if (!page.next_page_token.data)
            break;
        token = page.next_page_token;
        if (plain_offsets)
            token = base64_encode(world.arena, arena_printf(world.arena, "{\"offset\": %zu}", at));
    }
    assert_int_equal(at, expected_count);
}

/* Few, unless the whole run of the tests asks for more. */
static int rounds_wanted(void)
{
    const char *wanted = getenv("SEARCH_ROUNDS");
    int64_t count = 200;
    if (wanted && !parse_int64(sv_from(wanted), 1, 100000, &count))
        fail_msg("SEARCH_ROUNDS=%s", wanted);
    return (int)count;
}

static void every_plan_finds_what_the_definition_says(void **state)
{
    (void)state;
    static int64_t expected[RUNS_MAX];
    size_t rows = 0;
    int rounds = rounds_wanted();
    for (int round = 0; round < rounds; round++) {
        struct query query;
        arena_reset(world.arena);
        draw_query(&query);
        size_t count = expect(&query, expected);
        rows += count;
        int64_t size = 1 + (int64_t)count / (1 + (int64_t)world_draw(6)) + world_draw(3);
        for (int plan = RUN_SEARCH_AUTO; plan <= RUN_SEARCH_ORDER_WALK; plan++)
            assert_pages(&query, plan, size, round % 16 == 0, expected, count);
    }
    assert_true(rows > 10000); /* the queries are not all empty */
}

/* Without clauses or with few: the orders themselves, page by page. */
static void every_order_pages_through_every_run(void **state)
{
    (void)state;
    static int64_t expected[RUNS_MAX];
    static const struct {
        enum what what;
        int count;
    } kinds[] = {{IS_METRIC, METRICS}, {IS_PARAM, PARAMS}, {IS_TAG, TAGS}, {IS_COLUMN, 7}};
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        for (int which = 0; which < kinds[kind].count * 2; which++) {
            struct query query = {.view = which % 4 == 3 ? VIEW_ALL : VIEW_ACTIVE_ONLY, .filter = SV("")};
            arena_reset(world.arena);
            world.terms[0] = (struct model_term){kinds[kind].what, which / 2, which % 2};
            world.term_count = 1;
            struct sv key = identifier(world.terms[0].what, which / 2);
            query.order_by[0] = arena_printf(world.arena, "%.*s%s", SV_ARG(key), which % 2 ? " DESC" : "");
            add_experiment(&query, 11);
            add_experiment(&query, 12);
            size_t count = expect(&query, expected);
            assert_pages(&query, RUN_SEARCH_AUTO, 23, false, expected, count);
            assert_pages(&query, RUN_SEARCH_ORDER_WALK, 23, false, expected, count);
            assert_pages(&query, RUN_SEARCH_SCAN, 23, false, expected, count);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_finds_what_the_definition_says),
        cmocka_unit_test(every_order_pages_through_every_run),
    };
    return cmocka_run_group_tests_name("runs/search", tests, set_up, tear_down);
}
