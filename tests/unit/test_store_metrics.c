#include "tests/unit/store_fixture.h"

#include <float.h>
#include <math.h>

#include "common/store/metrics.h"
#include "common/store/names.h"
#include "common/store/run_data.h"

static void log_point(struct store_fixture *fixture, const char *key, double value, int64_t timestamp,
                      int64_t step)
{
    struct metric_input input = {
        .metric = {.key = sv_from(key), .value = value, .timestamp = timestamp, .step = step}};
    assert_int_equal(metric_log(fixture->tx, fixture->run_id, &input), OK);
}

static struct metric latest(struct store_fixture *fixture, const char *key)
{
    struct run run = load_run(fixture, fixture->run_id);
    for (size_t i = 0; i < run.metric_count; i++) {
        if (sv_equal(run.metrics[i].key, sv_from(key)))
            return run.metrics[i];
    }
    fail_msg("no metric %s", key);
    return (struct metric){.key = SV_ABSENT};
}

static size_t history(struct store_fixture *fixture, const char *key, struct metric_point *points,
                      size_t capacity)
{
    struct history_cursor cursor = {0};
    size_t count;
    assert_int_equal(
        metric_history(fixture->tx, fixture->run_id, sv_from(key), &cursor, points, capacity, &count), OK);
    return count;
}

static void the_greatest_step_is_the_latest_whatever_its_time(void **state)
{
    log_point(*state, "m", 1.0, 100, 5);
    log_point(*state, "m", 2.0, 900, 4);
    assert_true(latest(*state, "m").value == 1.0);
    log_point(*state, "m", 3.0, 1, 6);
    assert_true(latest(*state, "m").value == 3.0);
}

static void at_equal_steps_the_time_decides_then_the_value(void **state)
{
    log_point(*state, "m", 5.0, 100, 1);
    log_point(*state, "m", 1.0, 101, 1);
    assert_true(latest(*state, "m").value == 1.0);
    log_point(*state, "m", 0.5, 101, 1);
    assert_true(latest(*state, "m").value == 1.0);
    log_point(*state, "m", 1.5, 101, 1);
    assert_true(latest(*state, "m").value == 1.5);
    assert_int_equal(latest(*state, "m").timestamp, 101);
}

static void nan_counts_as_zero_among_equals(void **state)
{
    log_point(*state, "up", NAN, 1, 1);
    log_point(*state, "up", 0.5, 1, 1);
    assert_true(latest(*state, "up").value == 0.5);
    log_point(*state, "up", NAN, 1, 1);
    assert_true(latest(*state, "up").value == 0.5);

    log_point(*state, "down", -0.5, 1, 1);
    log_point(*state, "down", NAN, 1, 1);
    assert_true(isnan(latest(*state, "down").value));
    log_point(*state, "down", -0.1, 1, 1);
    assert_true(isnan(latest(*state, "down").value));
}

static void infinities_become_the_largest_numbers(void **state)
{
    log_point(*state, "up", (double)INFINITY, 1, 0);
    log_point(*state, "down", -(double)INFINITY, 1, 0);
    assert_true(latest(*state, "up").value == DBL_MAX);
    assert_true(latest(*state, "down").value == -DBL_MAX);
}

static void the_same_point_is_stored_once_and_another_value_beside_it(void **state)
{
    struct metric_point points[4];
    log_point(*state, "m", 1.0, 7, 0);
    log_point(*state, "m", 1.0, 7, 0);
    log_point(*state, "m", 0.5, 7, 0);
    log_point(*state, "m", NAN, 7, 0);
    assert_int_equal(history(*state, "m", points, 4), 3);
    assert_true(isnan(points[0].value));
    assert_true(points[1].value == 0.5);
    assert_true(points[2].value == 1.0);
}

static void zero_and_nan_at_one_place_are_two_points(void **state)
{
    struct metric_point points[4];
    log_point(*state, "m", NAN, 7, 0);
    log_point(*state, "m", 0.0, 7, 0);
    assert_int_equal(history(*state, "m", points, 4), 2);
    assert_true(points[0].value == 0.0);
    assert_true(isnan(points[1].value));
}

static void a_batch_keeps_the_latest_of_each_key(void **state)
{
    struct store_fixture *fixture = *state;
    log_point(fixture, "a", 9.0, 1, 3);
    const struct metric_input inputs[] = {
        {.metric = {SV("a"), 1.0, 5, 2}}, {.metric = {SV("b"), 1.0, 5, 2}}, {.metric = {SV("b"), 4.0, 5, 7}},
        {.metric = {SV("a"), 2.0, 5, 1}}, {.metric = {SV("b"), 8.0, 6, 6}}, {.metric = {SV("c"), NAN, 5, 2}},
    };
    struct run_batch batch = {.metrics = inputs, .metric_count = 6};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    assert_true(latest(fixture, "a").value == 9.0);
    assert_true(latest(fixture, "b").value == 4.0);
    assert_int_equal(latest(fixture, "b").step, 7);
    assert_true(isnan(latest(fixture, "c").value));
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM metrics"), 7);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM latest_metrics"), 3);
}

static void a_full_batch_of_one_key_and_of_a_thousand_keys_is_stored(void **state)
{
    struct store_fixture *fixture = *state;
    struct metric_input *inputs = ARENA_ARRAY(fixture->tx->arena, struct metric_input, 1000);
    struct run_batch batch = {.metrics = inputs, .metric_count = 1000};
    for (int i = 0; i < 1000; i++)
        inputs[i].metric = (struct metric){SV("one"), i, 1000 - i, i % 500};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    for (int i = 0; i < 1000; i++)
        inputs[i].metric = (struct metric){arena_printf(fixture->tx->arena, "k%d", i), i, 1, 1};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM latest_metrics"), 1001);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM metrics"), 2000);
    /* Of the two points with step 499 the one with the greater timestamp. */
    assert_true(latest(fixture, "one").value == 499.0);
    assert_true(latest(fixture, "k999").value == 999.0);
}

/* What a transaction would have to undo grows with the pages that it touches: beyond what is kept in memory,
 * too, a batch is stored. */
static void batches_of_a_thousand_keys_can_be_logged_over_and_over(void **state)
{
    struct store_fixture *fixture = *state;
    struct arena *arena = fixture->tx->arena;
    struct metric_input *inputs = ARENA_ARRAY(arena, struct metric_input, 1000);
    struct run_batch batch = {.metrics = inputs, .metric_count = 1000};
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 1000; i++)
            inputs[i].metric = (struct metric){arena_printf(arena, "k%d", i), i, round, round};
        assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
        assert_int_equal(store_commit(fixture->tx), OK);
        fixture->tx = store_begin(&fixture->store, DB_WRITE, arena, &fixture->files->error);
        assert_non_null(fixture->tx);
    }
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM metrics"), 30000);
}

static int64_t unsettled(struct store_fixture *fixture)
{
    return store_number(fixture, "SELECT count(*) FROM latest_metrics WHERE settled = 0");
}

static void latest_values_are_settled_exactly_while_the_run_has_ended(void **state)
{
    struct store_fixture *fixture = *state;
    struct run_update update = {.has_status = true, .status = RUN_FINISHED};
    struct run_info info;
    log_point(fixture, "a", 1.0, 1, 1);
    log_point(fixture, "b", 1.0, 1, 1);
    assert_int_equal(unsettled(fixture), 2);
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &update, &info), OK);
    assert_int_equal(unsettled(fixture), 0);
    log_point(fixture, "c", 1.0, 1, 1);
    log_point(fixture, "a", 2.0, 2, 2);
    assert_int_equal(unsettled(fixture), 0);
    update.status = RUN_KILLED;
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &update, &info), OK);
    assert_int_equal(unsettled(fixture), 0);
    update.status = RUN_SCHEDULED;
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &update, &info), OK);
    assert_int_equal(unsettled(fixture), 3);
}

static void a_history_is_read_page_by_page_in_order(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        log_point(fixture, "m", i == 4 ? NAN : 0.0, i / 4, i % 4);
    log_point(fixture, "other", 1.0, 0, 0);
    struct history_cursor cursor = {0};
    struct metric_point points[3];
    size_t count, total = 0;
    do {
        assert_int_equal(metric_history(fixture->tx, fixture->run_id, SV("m"), &cursor, points, 3, &count),
                         OK);
        for (size_t i = 0; i < count; i++, total++) {
            assert_int_equal(points[i].timestamp, total / 4);
            assert_int_equal(points[i].step, total % 4);
            assert_int_equal(isnan(points[i].value) != 0, total == 4);
        }
    } while (count == 3);
    assert_int_equal(total, 10);
}

static void a_page_token_carries_on_where_the_page_ended(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 6; i++)
        log_point(fixture, "m", i == 2 ? NAN : i / 3.0, 1, i);
    struct history_cursor cursor = {0}, again;
    struct metric_point points[3];
    size_t count;
    assert_int_equal(metric_history(fixture->tx, fixture->run_id, SV("m"), &cursor, points, 3, &count), OK);
    struct sv token = history_cursor_token(fixture->tx->arena, fixture->run_id, SV("m"), &cursor);
    assert_int_equal(history_cursor_parse(fixture->tx, fixture->run_id, SV("m"), token, &again), OK);
    assert_int_equal(metric_history(fixture->tx, fixture->run_id, SV("m"), &again, points, 3, &count), OK);
    assert_int_equal(count, 3);
    assert_int_equal(points[0].step, 3);
}

static void a_token_with_nothing_but_an_offset_skips_so_many(void **state)
{
    struct store_fixture *fixture = *state;
    struct history_cursor cursor;
    struct metric_point points[8];
    size_t count;
    for (int i = 0; i < 6; i++)
        log_point(fixture, "m", 1.0, i, 0);
    /* {"offset": 4} */
    assert_int_equal(
        history_cursor_parse(fixture->tx, fixture->run_id, SV("m"), SV("eyJvZmZzZXQiOiA0fQ=="), &cursor), OK);
    assert_int_equal(metric_history(fixture->tx, fixture->run_id, SV("m"), &cursor, points, 8, &count), OK);
    assert_int_equal(count, 2);
    assert_int_equal(points[0].timestamp, 4);
}

static void an_unknown_run_or_metric_has_an_empty_history(void **state)
{
    struct store_fixture *fixture = *state;
    struct history_cursor cursor = {0};
    struct metric_point points[1];
    size_t count = 7;
    assert_int_equal(history(fixture, "nothing", points, 1), 0);
    assert_int_equal(metric_history(fixture->tx, SV("no run"), SV("m"), &cursor, points, 1, &count), OK);
    assert_int_equal(count, 0);
}

static void a_model_id_is_unknown_and_nothing_is_stored(void **state)
{
    struct store_fixture *fixture = *state;
    struct metric_input input = {.metric = {SV("m"), 1.0, 1, 1}, .model_id = SV("m-1")};
    assert_failed(fixture, metric_log(fixture->tx, fixture->run_id, &input), RESOURCE_DOES_NOT_EXIST,
                  "Logged model with ID 'm-1' not found.");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM metrics"), 0);
}

static void half_a_dataset_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct metric_input input = {.metric = {SV("m"), 1.0, 1, 1}, .dataset_name = SV("d")};
    assert_failed(fixture, metric_log(fixture->tx, fixture->run_id, &input), INVALID_PARAMETER_VALUE,
                  "Both dataset_name and dataset_digest must be provided if one is provided");
}

/* --- sampling --- */

static size_t sample(struct store_fixture *fixture, struct metric_sample wanted, int64_t **steps)
{
    size_t count;
    wanted.key = SV("m");
    assert_int_equal(metric_sample_steps(fixture->tx, &wanted, steps, &count), OK);
    return count;
}

static void few_steps_are_all_shown(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t *steps;
    log_point(fixture, "m", 1.0, 1, -2);
    log_point(fixture, "m", 1.0, 2, 7);
    log_point(fixture, "m", 2.0, 2, 7);
    struct metric_sample wanted = {.run_ids = &fixture->run_id, .run_count = 1, .max_results = 2};
    assert_int_equal(sample(fixture, wanted, &steps), 2);
    assert_int_equal(steps[0], -2);
    assert_int_equal(steps[1], 7);
}

static void many_steps_are_picked_evenly_with_the_last(void **state)
{
    static const int64_t expected[] = {0, 3, 6, 9};
    struct store_fixture *fixture = *state;
    int64_t *steps;
    for (int i = 0; i < 10; i++)
        log_point(fixture, "m", i, i, i);
    struct metric_sample wanted = {.run_ids = &fixture->run_id, .run_count = 1, .max_results = 3};
    assert_int_equal(sample(fixture, wanted, &steps), 4);
    assert_memory_equal(steps, expected, sizeof(expected));
}

static void ends_of_runs_are_added_where_they_lie_in_the_range(void **state)
{
    static const int64_t expected[] = {1, 2, 8};
    struct store_fixture *fixture = *state;
    struct sv runs[] = {fixture->run_id, make_run(fixture, 0)};
    int64_t *steps;
    for (int i = 0; i < 10; i++)
        log_point(fixture, "m", i, i, i);
    fixture->run_id = runs[1];
    log_point(fixture, "m", 1, 1, 2);
    log_point(fixture, "m", 1, 1, 5);
    log_point(fixture, "m", 1, 1, 50);
    struct metric_sample wanted = {
        .run_ids = runs, .run_count = 2, .max_results = 1, .has_range = true, .start_step = 1, .end_step = 8};
    assert_int_equal(sample(fixture, wanted, &steps), 3);
    assert_memory_equal(steps, expected, sizeof(expected));
}

static void points_at_steps_come_by_step_and_up_to_the_limit(void **state)
{
    static const int64_t steps[] = {1, 3};
    struct store_fixture *fixture = *state;
    struct metric_point *points;
    size_t count;
    for (int i = 0; i < 40; i++)
        log_point(fixture, "m", i, i, i % 4);
    assert_int_equal(metric_points_at(fixture->tx, fixture->run_id, SV("m"), steps, 2, 100, &points, &count),
                     OK);
    assert_int_equal(count, 20);
    assert_int_equal(points[9].step, 1);
    assert_int_equal(points[9].timestamp, 37);
    assert_int_equal(points[10].step, 3);
    assert_int_equal(metric_points_at(fixture->tx, fixture->run_id, SV("m"), steps, 2, 4, &points, &count),
                     OK);
    assert_int_equal(count, 4);
    assert_int_equal(points[3].step, 1);
    assert_int_equal(points[3].timestamp, 13);
}

/* --- names --- */

static void a_name_is_interned_once_per_experiment_and_kind(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t a, b, found, other;
    assert_int_equal(experiment_create(fixture->tx, SV("second"), SV_ABSENT, NULL, 0, &other), OK);
    assert_int_equal(name_find(fixture->tx, 0, NAME_PARAM, SV("n"), &found), OK);
    assert_int_equal(found, 0);
    assert_int_equal(name_intern(fixture->tx, 0, NAME_PARAM, SV("n"), &a), OK);
    assert_int_equal(name_intern(fixture->tx, 0, NAME_PARAM, SV("n"), &b), OK);
    assert_int_equal(a, b);
    assert_int_equal(name_intern(fixture->tx, 0, NAME_METRIC, SV("n"), &b), OK);
    assert_int_not_equal(a, b);
    assert_int_equal(name_intern(fixture->tx, other, NAME_PARAM, SV("n"), &b), OK);
    assert_int_not_equal(a, b);
    assert_int_equal(name_find(fixture->tx, 0, NAME_PARAM, SV("n"), &found), OK);
    assert_int_equal(found, a);
    assert_int_equal(name_find(fixture->tx, 0, NAME_PARAM, SV("N"), &found), OK);
    assert_int_equal(found, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_greatest_step_is_the_latest_whatever_its_time),
        TEST(at_equal_steps_the_time_decides_then_the_value),
        TEST(nan_counts_as_zero_among_equals),
        TEST(infinities_become_the_largest_numbers),
        TEST(the_same_point_is_stored_once_and_another_value_beside_it),
        TEST(zero_and_nan_at_one_place_are_two_points),
        TEST(a_batch_keeps_the_latest_of_each_key),
        TEST(a_full_batch_of_one_key_and_of_a_thousand_keys_is_stored),
        TEST(batches_of_a_thousand_keys_can_be_logged_over_and_over),
        TEST(latest_values_are_settled_exactly_while_the_run_has_ended),
        TEST(a_history_is_read_page_by_page_in_order),
        TEST(a_page_token_carries_on_where_the_page_ended),
        TEST(a_token_with_nothing_but_an_offset_skips_so_many),
        TEST(an_unknown_run_or_metric_has_an_empty_history),
        TEST(a_model_id_is_unknown_and_nothing_is_stored),
        TEST(half_a_dataset_is_refused),
        TEST(few_steps_are_all_shown),
        TEST(many_steps_are_picked_evenly_with_the_last),
        TEST(ends_of_runs_are_added_where_they_lie_in_the_range),
        TEST(points_at_steps_come_by_step_and_up_to_the_limit),
        TEST(a_name_is_interned_once_per_experiment_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
