#include "tests/unit/store_fixture.h"

#include <math.h>

#include "common/base/clock.h"
#include "common/base/pattern.h"
#include "common/search/languages.h"
#include "common/search/parser.h"
#include "common/store/trace_search.h"
#include "common/store/traces.h"

/* A trace with one tag, a thousand milliseconds after the one before. */
static void make_trace(struct store_fixture *fixture, int64_t experiment, const char *trace_id,
                       const char *key, const char *value)
{
    static int64_t clock = 0;
    struct trace_info info = {.trace_id = sv_from(trace_id),
                              .experiment_id = experiment,
                              .request_time = clock += 1000,
                              .status = TRACE_OK};
    assert_int_equal(trace_insert(fixture->tx, &info), OK);
    assert_int_equal(trace_put_tag(fixture->tx, &info, sv_from(key), sv_from(value)), OK);
}

static struct trace_page search(struct store_fixture *fixture, const char *filter, int64_t max_results,
                                struct sv token)
{
    static const struct sv experiment = {"0", 1};
    struct trace_search search = {.experiment_ids = &experiment,
                                  .experiment_count = 1,
                                  .filter = sv_from(filter),
                                  .max_results = max_results,
                                  .page_token = token};
    struct trace_page page;
    assert_int_equal(trace_search(fixture->tx, &search, &page), OK);
    return page;
}

static void assert_found(struct store_fixture *fixture, const char *filter, const char *trace_id)
{
    struct trace_page page = search(fixture, filter, 10, SV_ABSENT);
    struct trace trace;
    if (!trace_id) {
        assert_int_equal(page.count, 0);
        return;
    }
    assert_int_equal(page.count, 1);
    assert_int_equal(trace_load(fixture->tx, page.ids[0], &trace), OK);
    assert_text(trace.info.trace_id, trace_id);
}

/* --- Patterns --- */

static enum pattern_outcome outcome(const char *text, struct sv subject, int64_t deadline_us)
{
    struct pattern *pattern = pattern_compile(sv_from(text));
    assert_non_null(pattern);
    enum pattern_outcome found = pattern_search(pattern, subject, deadline_us);
    pattern_free(pattern);
    return found;
}

static void a_pattern_is_found_anywhere_in_a_text_of_any_language(void **state)
{
    (void)state;
    assert_int_equal(outcome("b+", SV("abbc"), INT64_MAX), PATTERN_MATCHES);
    assert_int_equal(outcome("^b", SV("abbc"), INT64_MAX), PATTERN_DIFFERS);
    assert_int_equal(outcome("^Gr.\\w", SV("Gr\xc3\xbc\xc3\x9f"), INT64_MAX), PATTERN_MATCHES);
    assert_int_equal(outcome("", SV(""), INT64_MAX), PATTERN_MATCHES);
}

static void what_is_no_pattern_does_not_compile(void **state)
{
    struct store_fixture *fixture = *state;
    assert_null(pattern_compile(SV("(")));
    assert_null(pattern_compile(SV("[a")));
    assert_null(pattern_compile(SV("\xff")));
    assert_null(pattern_compile(repeated(fixture, "a", PATTERN_MAX + 1)));
    assert_null(pattern_compile(repeated(fixture, "(", 5000)));
}

static void a_pattern_with_too_many_ways_to_match_does_not_match(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_us();
    assert_int_equal(outcome("^(a+)+$", SV("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), INT64_MAX),
                     PATTERN_DIFFERS);
    assert_true(clock_monotonic_us() - before < 5000000);
}

static void a_search_in_a_long_text_ends_at_its_deadline(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv text = repeated(fixture, "a", 1000000);
    int64_t before = clock_monotonic_us();
    assert_int_equal(outcome("a*[bc]", text, before + 50000), PATTERN_LATE);
    assert_true(clock_monotonic_us() - before < 5000000);
}

/* --- The language --- */

static void other_languages_know_no_regular_expressions(void **state)
{
    struct store_fixture *fixture = *state;
    struct search_filter filter;
    assert_failed(fixture,
                  search_parse_filter(fixture->tx->arena, fixture->tx->error, &run_language,
                                      SV("tags.a RLIKE 'x'"), &filter),
                  INVALID_PARAMETER_VALUE, "Invalid clause(s) in filter string: 'tags.a', 'RLIKE', ''x''");
}

static void regular_expressions_are_an_operator_of_traces(void **state)
{
    struct store_fixture *fixture = *state;
    struct search_filter filter;
    assert_int_equal(search_parse_filter(fixture->tx->arena, fixture->tx->error, &trace_language,
                                         SV("tags.a rlike 'x' AND span.attributes.`a b`.c != 'y'"), &filter),
                     OK);
    assert_int_equal(filter.count, 2);
    assert_int_equal(filter.clauses[0].op, SEARCH_RLIKE);
    assert_text(filter.clauses[0].text, "x");
    assert_int_equal(filter.clauses[1].entity->id, TRACE_SPAN_ATTRIBUTE);
}

/* --- Searches --- */

static void a_search_stays_within_its_experiments(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t other;
    assert_int_equal(experiment_create(fixture->tx, SV("other"), SV_ABSENT, NULL, 0, &other), OK);
    make_trace(fixture, 0, "here", "k", "v");
    make_trace(fixture, other, "there", "k", "v");
    assert_found(fixture, "tags.k = 'v'", "here");
    assert_found(fixture, "tags.k RLIKE 'v'", "here");
    assert_found(fixture, "tags.k != 'w'", "here");
    assert_found(fixture, "request_id = 'there'", NULL);
}

static void values_too_long_for_the_index_are_found_as_well(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv value = repeated(fixture, "v", 300);
    make_trace(fixture, 0, "long", "k", arena_cstr(fixture->tx->arena, value));
    make_trace(fixture, 0, "short", "k", "v");
    struct sv filter = arena_printf(fixture->tx->arena, "tags.k = '%.*s'", SV_ARG(value));
    assert_found(fixture, arena_cstr(fixture->tx->arena, filter), "long");
}

static void the_last_page_has_no_token(void **state)
{
    struct store_fixture *fixture = *state;
    make_trace(fixture, 0, "a", "k", "v");
    make_trace(fixture, 0, "b", "k", "v");
    struct trace_page first = search(fixture, "", 1, SV_ABSENT);
    assert_int_equal(first.count, 1);
    assert_non_null(first.next_page_token.data);
    struct trace_page second = search(fixture, "", 1, first.next_page_token);
    assert_int_equal(second.count, 1);
    assert_null(second.next_page_token.data);
    assert_int_not_equal(first.ids[0], second.ids[0]);
}

static void a_token_of_another_query_counts_by_its_offset(void **state)
{
    struct store_fixture *fixture = *state;
    make_trace(fixture, 0, "a", "k", "v");
    make_trace(fixture, 0, "b", "k", "v");
    make_trace(fixture, 0, "c", "l", "v");
    struct trace_page all = search(fixture, "", 1, SV_ABSENT);
    struct trace_page some = search(fixture, "tags.k = 'v'", 10, all.next_page_token);
    struct trace trace;
    assert_int_equal(some.count, 1);
    assert_int_equal(trace_load(fixture->tx, some.ids[0], &trace), OK);
    assert_text(trace.info.trace_id, "a");
}

/* --- Correlation --- */

static struct trace_correlation correlate(struct store_fixture *fixture, const char *first,
                                          const char *second)
{
    static const struct sv experiment = {"0", 1};
    struct trace_correlation_search search = {
        .experiment_ids = &experiment, .experiment_count = 1, .filters = {sv_from(first), sv_from(second)}};
    struct trace_correlation found;
    assert_int_equal(trace_correlate(fixture->tx, &search, &found), OK);
    return found;
}

static void a_correlation_without_traces_says_nothing(void **state)
{
    struct trace_correlation found = correlate(*state, "name = 'a'", "name = 'b'");
    assert_true(isnan(found.npmi));
    assert_true(isnan(found.npmi_smoothed));
    assert_int_equal(found.total_count, 0);
}

static void filters_that_never_meet_are_opposites(void **state)
{
    struct store_fixture *fixture = *state;
    make_trace(fixture, 0, "a", "k", "1");
    make_trace(fixture, 0, "b", "k", "1");
    make_trace(fixture, 0, "c", "k", "2");
    make_trace(fixture, 0, "d", "k", "3");
    struct trace_correlation found = correlate(fixture, "tags.k = '1'", "tags.k = '2'");
    assert_int_equal(found.filter_counts[0], 2);
    assert_int_equal(found.filter_counts[1], 1);
    assert_int_equal(found.joint_count, 0);
    assert_true(found.npmi == -1);
    assert_true(fabs(found.npmi_smoothed + 0.27894294565112987) < 1e-12);
}

static void filters_of_a_correlation_are_bounded_together(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv clauses = repeated(fixture, "name = 'a' AND ", 60);
    struct trace_correlation_search search = {.filters = {clauses, clauses}};
    struct trace_correlation found;
    assert_failed(fixture, trace_correlate(fixture->tx, &search, &found), INVALID_PARAMETER_VALUE,
                  "The filters have too many clauses. Together they may have at most 100.");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pattern_is_found_anywhere_in_a_text_of_any_language),
        TEST(what_is_no_pattern_does_not_compile),
        TEST(a_pattern_with_too_many_ways_to_match_does_not_match),
        TEST(a_search_in_a_long_text_ends_at_its_deadline),
        TEST(other_languages_know_no_regular_expressions),
        TEST(regular_expressions_are_an_operator_of_traces),
        TEST(a_search_stays_within_its_experiments),
        TEST(values_too_long_for_the_index_are_found_as_well),
        TEST(the_last_page_has_no_token),
        TEST(a_token_of_another_query_counts_by_its_offset),
        TEST(a_correlation_without_traces_says_nothing),
        TEST(filters_that_never_meet_are_opposites),
        TEST(filters_of_a_correlation_are_bounded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
