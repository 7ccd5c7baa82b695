#include "tests/unit/search_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/search/parser.h"

static int set_up(void **state)
{
    (void)state;
    if (world_open() != 0)
        return -1;
    world_fill(11, 400);
    world_fill(13, 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close();
    return 0;
}

static void client_errors_have_mlflows_texts(void **state)
{
    (void)state;
    struct sv good = SV("11");
    struct sv bad = SV("abc");
    struct sv twice[] = {SV("metrics.a"), SV("metrics.a DESC")};
    struct run_search inputs[] = {
        {.experiment_ids = &bad, .experiment_count = 1, .view = VIEW_ACTIVE_ONLY, .max_results = 1},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .filter = SV("a")},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .order_by = twice,
         .order_by_count = 2},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .page_token = SV("!!!!a")},
    };
    static const char *const messages[] = {
        "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.",
        "Invalid clause(s) in filter string: 'a'",
        "`order_by` contains duplicate fields: ['metrics.a DESC']",
        "Invalid page token, could not base64-decode",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct run_page page;
        assert_int_equal(world_search(&inputs[i], &page), FAILED);
        assert_int_equal(world.error.code, INVALID_PARAMETER_VALUE);
        if (!sv_equal(world.error.message, sv_from(messages[i])))
            fail_msg("'%.*s' is not '%s'", SV_ARG(world.error.message), messages[i]);
    }
}

static void no_experiments_or_unknown_ones_give_nothing(void **state)
{
    (void)state;
    struct sv unknown[] = {SV("999"), SV("-3")};
    struct run_search input = {.view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    assert_int_equal(world_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    input.experiment_ids = unknown;
    input.experiment_count = 2;
    assert_int_equal(world_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    assert_null(page.next_page_token.data);
}

static void an_experiment_named_twice_gives_its_runs_once(void **state)
{
    (void)state;
    struct sv ids[] = {SV("13"), SV("13"), SV("013")};
    struct run_search input = {
        .experiment_ids = ids, .experiment_count = 3, .view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    assert_int_equal(world_search(&input, &page), OK);
    assert_int_equal(page.count, 5);
}

static void an_offset_beyond_the_end_gives_nothing(void **state)
{
    (void)state;
    struct sv id = SV("11");
    struct run_search input = {
        .experiment_ids = &id, .experiment_count = 1, .view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    input.page_token = base64_encode(world.arena, SV("{\"offset\": 1000000000000}"));
    assert_int_equal(world_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    assert_null(page.next_page_token.data);
}

static const char *other_id(int number)
{
    static char id[33];
    snprintf(id, sizeof(id), "%032d", number);
    return id;
}

static void the_largest_lists_and_filters_are_served(void **state)
{
    (void)state;
    struct sv id = SV("11");
    char *list = arena_alloc(world.arena, 64 * SEARCH_LIST_ITEMS_MAX);
    size_t len = 0;
    for (int i = 0; i < SEARCH_LIST_ITEMS_MAX; i++)
        len += (size_t)snprintf(list + len, 64, "'%s',", i == 0 ? world.runs[0].run_id : other_id(i));
    struct sv filters[] = {
        arena_printf(world.arena, "run_id IN (%.*s)", (int)len, list),
        arena_printf(world.arena, "run_id NOT IN (%.*s)", (int)len, list),
    };
    size_t counts[2];
    for (size_t i = 0; i < 2; i++) {
        struct run_search input = {.experiment_ids = &id,
                                   .experiment_count = 1,
                                   .filter = filters[i],
                                   .view = VIEW_ALL,
                                   .max_results = 50000};
        struct run_page page;
        assert_int_equal(world_search(&input, &page), OK);
        counts[i] = page.count;
    }
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 399);
}

static void the_most_clauses_and_order_keys_are_served(void **state)
{
    (void)state;
    struct sv id = SV("11");
    struct sv order_by[SEARCH_ORDER_BY_MAX];
    struct sv filter = SV("");
    for (int i = 0; i < SEARCH_CLAUSES_MAX; i++) {
        static const char *const forms[] = {"metrics.acc != 1%d", "params.p%d IS NULL",
                                            "dataset.name != 'x%d'", "attributes.run_id != 'x%d'",
                                            "tags.team != 'x%d'"};
        char clause[64];
        snprintf(clause, sizeof(clause), "%s", forms[i % 5]);
        char *number = strstr(clause, "%d");
        snprintf(number, 3, "%02d", i);
        memmove(number + 2, strstr(forms[i % 5], "%d") + 2, strlen(strstr(forms[i % 5], "%d") + 2) + 1);
        filter = arena_printf(world.arena, "%.*s%s%s", SV_ARG(filter), i ? " AND " : "", clause);
    }
    for (int i = 0; i < SEARCH_ORDER_BY_MAX; i++)
        order_by[i] = arena_printf(world.arena, "metrics.%s%d", i ? "m" : "acc", i);
    struct run_search input = {.experiment_ids = &id,
                               .experiment_count = 1,
                               .filter = filter,
                               .order_by = order_by,
                               .order_by_count = SEARCH_ORDER_BY_MAX,
                               .view = VIEW_ALL,
                               .max_results = 10};
    size_t expected = 0;
    for (size_t i = 0; i < world.run_count; i++)
        expected += world.runs[i].experiment == 11 && world.runs[i].metric_states[0] != ABSENT &&
                    world.runs[i].tags[0][0] && world.runs[i].dataset_count;
    size_t count = 0;
    do {
        struct run_page page;
        if (world_search(&input, &page) != OK)
            fail_msg("%.*s %.*s", SV_ARG(world.error.message), SV_ARG(world.error.detail));
        count += page.count;
        input.page_token = page.next_page_token;
    } while (input.page_token.data);
    assert_true(expected > 50);
    assert_int_equal(count, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_errors_have_mlflows_texts),
        cmocka_unit_test(no_experiments_or_unknown_ones_give_nothing),
        cmocka_unit_test(an_experiment_named_twice_gives_its_runs_once),
        cmocka_unit_test(an_offset_beyond_the_end_gives_nothing),
        cmocka_unit_test(the_largest_lists_and_filters_are_served),
        cmocka_unit_test(the_most_clauses_and_order_keys_are_served),
    };
    return cmocka_run_group_tests_name("runs/search: input", tests, set_up, tear_down);
}
