#include "tests/unit/store_fixture.h"

#include <math.h>

#include "common/store/assessments.h"
#include "common/store/spans.h"
#include "common/store/trace_requests.h"
#include "common/store/trace_statistics.h"

static struct trace_info report(struct store_fixture *fixture, struct trace_report given)
{
    struct trace_info stored;
    given.info.trace_id = SV("tr-1");
    assert_int_equal(trace_report_store(fixture->tx, &given, &stored), OK);
    return stored;
}

static struct assessment assess(struct store_fixture *fixture, const struct trace_info *trace, const char *id,
                                const char *overrides)
{
    struct assessment made = {.assessment_id = sv_from(id),
                              .name = SV("good"),
                              .value = SV("true"),
                              .overrides = overrides ? sv_from(overrides) : SV_ABSENT};
    assert_int_equal(assessment_create(fixture->tx, trace, &made), OK);
    return made;
}

static void put_span(struct store_fixture *fixture, const struct trace_info *trace, const char *id,
                     const char *parent, int64_t start)
{
    struct span_row span = {.span_id = sv_from(id),
                            .parent_span_id = parent ? sv_from(parent) : SV_ABSENT,
                            .name = SV("n"),
                            .type = SV(""),
                            .start_time = start,
                            .has_end_time = true,
                            .end_time = start + 1000000,
                            .content = sv_from(id)};
    assert_int_equal(span_put(fixture->tx, trace, &span), OK);
}

static void a_report_leaves_what_it_does_not_say(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info first = report(fixture, (struct trace_report){.info = {.request_time = 5,
                                                                             .status = TRACE_ERROR,
                                                                             .has_duration = true,
                                                                             .duration = 7,
                                                                             .client_request_id = SV("c"),
                                                                             .request_preview = SV("q"),
                                                                             .response_preview = SV("a")},
                                                                    .has_request_time = true,
                                                                    .has_status = true});
    struct trace_info second = report(fixture, (struct trace_report){0});
    assert_int_equal(second.id, first.id);
    assert_int_equal(second.request_time, 5);
    assert_int_equal(second.status, TRACE_ERROR);
    assert_int_equal(second.duration, 7);
    assert_text(second.client_request_id, "c");
    assert_text(second.request_preview, "q");
    assert_text(second.response_preview, "a");
    assert_true(second.finalized);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM traces"), 1);
}

static void a_new_trace_without_a_time_is_one_of_now(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(report(fixture, (struct trace_report){0}).request_time, fixture->tx->now_ms);
}

static void token_counts_and_costs_become_numbers_of_the_trace(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value metadata[] = {
        {SV(TRACE_METADATA_TOKEN_USAGE), SV("{\"input_tokens\": 3, \"note\": \"x\", \"total_tokens\": 4.5}")},
        {SV(TRACE_METADATA_COST), SV("{\"total_cost\": 0.25}")},
        {SV("other"), SV("{\"input_tokens\": 9}")},
    };
    report(fixture, (struct trace_report){.metadata = metadata, .metadata_count = 3});
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_metrics"), 3);
    assert_int_equal(store_number(fixture, "SELECT value = 3 FROM trace_metrics WHERE key = 'input_tokens'"),
                     1);
    assert_int_equal(
        store_number(fixture, "SELECT value = 4.5 FROM trace_metrics WHERE key = 'total_tokens'"), 1);
    assert_int_equal(store_number(fixture, "SELECT value = 0.25 FROM trace_metrics WHERE key = 'total_cost'"),
                     1);
}

static void a_deletion_by_time_goes_in_slices_up_to_its_bounds(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_deletion deletion = {.has_timestamp = true, .timestamp = 299};
    for (int i = 0; i < 400; i++) {
        struct trace_info info = {
            .trace_id = arena_printf(fixture->tx->arena, "tr-%d", i), .request_time = i, .status = TRACE_OK};
        assert_int_equal(trace_insert(fixture->tx, &info), OK);
    }
    for (int pass = 0; pass < 2; pass++) { /* at most 100, then the rest */
        struct trace_deletion_progress progress = {0};
        deletion.has_max_traces = pass == 0;
        deletion.max_traces = 100;
        for (int64_t before = 0; !progress.done; before = progress.deleted) {
            assert_int_equal(trace_delete_slice(fixture->tx, &deletion, &progress), OK);
            assert_true(progress.deleted - before <= 64);
            assert_true(progress.deleted > before || progress.done);
        }
        assert_int_equal(progress.deleted, pass ? 200 : 100);
        assert_int_equal(store_number(fixture, "SELECT min(request_time) FROM traces"), pass ? 300 : 100);
    }
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM traces"), 100);
}

static void what_belongs_to_a_trace_goes_with_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace = report(fixture, (struct trace_report){0});
    const struct sv ids[] = {SV("tr-1"), SV("tr-other")};
    struct trace_deletion_progress progress = {0};
    put_span(fixture, &trace, "00000000000000aa", NULL, 1);
    assess(fixture, &trace, "a-1", NULL);
    assert_int_equal(trace_link_many(fixture->tx, ids, 2, SV("run")), OK);
    assert_int_equal(trace_link_prompt(fixture->tx, SV("tr-1"), SV("p/1")), OK);
    struct trace_deletion deletion = {.trace_ids = ids, .trace_id_count = 2};
    assert_int_equal(trace_delete_slice(fixture->tx, &deletion, &progress), OK);
    assert_true(progress.done);
    assert_int_equal(progress.deleted, 1);
    static const char *const queries[] = {
        "SELECT count(*) FROM traces",        "SELECT count(*) FROM spans",
        "SELECT count(*) FROM span_contents", "SELECT count(*) FROM assessments",
        "SELECT count(*) FROM trace_tags",    "SELECT count(*) FROM trace_prompt_links",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        assert_int_equal(store_number(fixture, queries[i]), 0);
    assert_int_equal(
        store_number(fixture, "SELECT count(*) FROM trace_run_links WHERE trace_id = 'tr-other'"), 1);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_run_links"), 1);
}

static void what_is_linked_already_stays_so(void **state)
{
    struct store_fixture *fixture = *state;
    const struct sv ids[] = {SV("a"), SV("a"), SV("b")};
    assert_int_equal(trace_link_many(fixture->tx, ids, 3, SV("run")), OK);
    assert_int_equal(trace_link_many(fixture->tx, ids, 3, SV("run")), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_run_links"), 2);
    struct sv many[TRACE_LINKS_MAX + 1];
    for (size_t i = 0; i <= TRACE_LINKS_MAX; i++)
        many[i] = SV("x");
    assert_failed(fixture, trace_link_many(fixture->tx, many, TRACE_LINKS_MAX + 1, SV("run")),
                  INVALID_PARAMETER_VALUE,
                  "Cannot link more than 100 traces to a run in a single request. Provided 101 traces.");
}

static void an_overridden_assessment_is_valid_again_once_it_is_not(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace = report(fixture, (struct trace_report){0});
    struct assessment found;
    assess(fixture, &trace, "a-1", NULL);
    assess(fixture, &trace, "a-2", "a-1");
    assert_int_equal(assessment_find(fixture->tx, SV("tr-1"), SV("a-1"), &found), OK);
    assert_false(found.valid);
    assert_int_equal(assessment_delete(fixture->tx, SV("tr-1"), SV("a-2")), OK);
    assert_int_equal(assessment_find(fixture->tx, SV("tr-1"), SV("a-1"), &found), OK);
    assert_true(found.valid);
    assert_failed(fixture, assessment_find(fixture->tx, SV("tr-1"), SV("a-2"), &found),
                  RESOURCE_DOES_NOT_EXIST, "Assessment with ID 'a-2' not found for trace 'tr-1'");
}

static void a_reported_assessment_is_told_again_but_not_doubled(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace = report(fixture, (struct trace_report){0});
    struct assessment again = {.assessment_id = SV("a-1"), .name = SV("better"), .value = SV("2.0")};
    struct assessment first = assess(fixture, &trace, "a-1", NULL);
    assert_int_equal(assessment_report(fixture->tx, &trace, &again), OK);
    assert_int_equal(again.id, first.id);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM assessments"), 1);
    assert_int_equal(assessment_find(fixture->tx, SV("tr-1"), SV("a-1"), &again), OK);
    assert_text(again.name, "better");
    assert_text(again.value, "2.0");
}

static void spans_come_in_pages_without_gaps(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace = report(fixture, (struct trace_report){0});
    /* Equal starts, and a root that began last. */
    put_span(fixture, &trace, "00000000000000c2", "00000000000000ff", 1);
    put_span(fixture, &trace, "00000000000000c1", "00000000000000ff", 1);
    put_span(fixture, &trace, "00000000000000ff", NULL, 9);
    put_span(fixture, &trace, "00000000000000c3", "00000000000000ff", -5);
    static const char *const order[] = {"00000000000000ff", "00000000000000c3", "00000000000000c1",
                                        "00000000000000c2"};
    for (size_t size = 1; size <= 5; size++) {
        struct span_place places[5], last;
        const struct span_place *after = NULL;
        size_t count, seen = 0;
        do {
            assert_int_equal(span_page(fixture->tx, trace.id, after, places, size, &count), OK);
            for (size_t i = 0; i < count; i++) {
                struct sv content;
                assert_in_range(seen, 0, 3);
                assert_string_equal(places[i].span_id, order[seen]);
                assert_int_equal(span_content_load(fixture->tx, trace.id, places[i].span_id, &content), OK);
                assert_text(content, order[seen]);
                seen++;
            }
            if (count) {
                last = places[count - 1];
                after = &last;
            }
        } while (count == size);
        assert_int_equal(seen, 4);
    }
    struct sv gone;
    assert_int_equal(span_content_load(fixture->tx, trace.id, "0000000000000000", &gone), OK);
    assert_null(gone.data);
}

static void keep_value(void *context, const struct statistics_point *point)
{
    *(double *)context = point->values[0];
}

static void percentiles_lie_between_the_nearest_values(void **state)
{
    struct store_fixture *fixture = *state;
    static const struct {
        double percentile, expected;
    } cases[] = {{0, 1}, {50, 3}, {75, 4.5}, {100, 6}};
    static const int64_t durations[] = {6, 1, 2, 4};
    for (size_t i = 0; i < 4; i++) {
        struct trace_info info = {.trace_id = arena_printf(fixture->tx->arena, "t%zu", i),
                                  .has_duration = true,
                                  .duration = durations[i]};
        assert_int_equal(trace_insert(fixture->tx, &info), OK);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct statistics_aggregation aggregation = {STATISTICS_PERCENTILE, cases[i].percentile};
        const struct statistics_query query = {.view = STATISTICS_TRACES,
                                               .metric_name = SV("latency"),
                                               .aggregations = &aggregation,
                                               .aggregation_count = 1};
        double value = NAN;
        assert_int_equal(trace_statistics(fixture->tx, &query, 10, keep_value, &value), OK);
        assert_true(fabs(value - cases[i].expected) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_leaves_what_it_does_not_say, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(a_new_trace_without_a_time_is_one_of_now, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(token_counts_and_costs_become_numbers_of_the_trace, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(a_deletion_by_time_goes_in_slices_up_to_its_bounds, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(what_belongs_to_a_trace_goes_with_it, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(what_is_linked_already_stays_so, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(an_overridden_assessment_is_valid_again_once_it_is_not, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(a_reported_assessment_is_told_again_but_not_doubled, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(spans_come_in_pages_without_gaps, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(percentiles_lie_between_the_nearest_values, store_setup,
                                        store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
