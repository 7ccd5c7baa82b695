#include "tests/unit/store_fixture.h"

#include <math.h>
#include <string.h>

#include "common/store/trace_ingest.h"

static const int64_t SECOND = 1000000000;

/* A span of the trace whose id ends in `trace`; parent 0 is none. Seconds since 1970. */
static struct trace_span make_span(char trace, char id, char parent, int64_t start, int64_t end)
{
    struct trace_span span = {
        .row = {.name = SV("n"),
                .type = SV(""),
                .start_time = start * SECOND,
                .has_end_time = end != 0,
                .end_time = end * SECOND,
                .content = SV("{}")},
    };
    static char ids[256][2][17];
    for (int i = 0; i < 2; i++) {
        char which = i ? parent : id;
        char *text = ids[(unsigned char)which][i];
        memcpy(text, "000000000000000", 15);
        text[15] = which;
    }
    span.row.span_id = (struct sv){ids[(unsigned char)id][0], 16};
    if (parent)
        span.row.parent_span_id = (struct sv){ids[(unsigned char)parent][1], 16};
    static char traces[256][4];
    memcpy(traces[(unsigned char)trace], "tr-", 3);
    traces[(unsigned char)trace][3] = trace;
    span.trace_id = (struct sv){traces[(unsigned char)trace], 4};
    return span;
}

static struct trace_ingest_result ingest_into(struct store_fixture *fixture, const char *experiment,
                                              const struct trace_span *spans, size_t count)
{
    const struct otlp_resource *resources[16] = {NULL};
    struct trace_ingest ingest = {
        .experiment_id = sv_from(experiment), .spans = spans, .resources = resources, .count = count};
    struct trace_ingest_result result;
    assert_true(count <= 16);
    assert_int_equal(trace_ingest(fixture->tx, &ingest, &result), OK);
    return result;
}

static void ingest(struct store_fixture *fixture, const struct trace_span *spans, size_t count)
{
    assert_int_equal(ingest_into(fixture, "0", spans, count).refused_traces, 0);
}

static void ingest_one(struct store_fixture *fixture, struct trace_span span)
{
    ingest(fixture, &span, 1);
}

static struct trace load(struct store_fixture *fixture, const char *trace_id)
{
    struct trace_info info;
    struct trace trace;
    assert_int_equal(trace_find(fixture->tx, sv_from(trace_id), &info), OK);
    assert_int_equal(trace_load(fixture->tx, info.id, &trace), OK);
    return trace;
}

static struct sv metadata(struct store_fixture *fixture, const char *key)
{
    struct trace trace = load(fixture, "tr-a");
    return value_of(trace.metadata, trace.metadata_count, key);
}

static struct span_usage *tokens(struct store_fixture *fixture, double input, double output)
{
    struct span_usage *usage = ARENA_NEW(fixture->tx->arena, struct span_usage);
    *usage = (struct span_usage){.input_tokens = input,
                                 .output_tokens = output,
                                 .total_tokens = input + output,
                                 .cache_read_input_tokens = NAN,
                                 .cache_creation_input_tokens = NAN,
                                 .input_cost = NAN,
                                 .output_cost = NAN,
                                 .total_cost = NAN};
    return usage;
}

/* --- Traces --- */

static void a_trace_runs_until_its_root_arrives(void **state)
{
    ingest_one(*state, make_span('a', '2', '1', 10, 12));
    struct trace trace = load(*state, "tr-a");
    assert_int_equal(trace.info.status, TRACE_IN_PROGRESS);
    assert_int_equal(trace.info.request_time, 10000);
    assert_int_equal(trace.info.duration, 2000);
    ingest_one(*state, make_span('a', '1', 0, 9, 13));
    trace = load(*state, "tr-a");
    assert_int_equal(trace.info.status, TRACE_OK);
    assert_int_equal(trace.info.request_time, 9000);
    assert_int_equal(trace.info.duration, 4000);
    assert_text(value_of(trace.tags, trace.tag_count, "mlflow.trace.spansLocation"), "TRACKING_STORE");
    assert_text(value_of(trace.tags, trace.tag_count, "mlflow.artifactLocation"),
                "mlflow-artifacts:/0/traces/tr-a/artifacts");
    assert_null(value_of(trace.tags, trace.tag_count, "mlflow.traceName").data);
}

static void the_first_ended_root_decides_how_a_trace_went(void **state)
{
    struct trace_span root = make_span('a', '1', 0, 1, 0);
    ingest_one(*state, root);
    assert_int_equal(load(*state, "tr-a").info.status, TRACE_IN_PROGRESS);
    assert_false(load(*state, "tr-a").info.has_duration);
    root = make_span('a', '1', 0, 1, 2);
    root.row.content = SV("{1}");
    root.row.status = SPAN_ERROR;
    ingest_one(*state, root);
    assert_int_equal(load(*state, "tr-a").info.status, TRACE_ERROR);
    assert_int_equal(load(*state, "tr-a").info.duration, 1000);
    root.row.content = SV("{2}");
    root.row.status = SPAN_OK;
    ingest_one(*state, root);
    assert_int_equal(load(*state, "tr-a").info.status, TRACE_ERROR);
}

static void a_finalized_trace_keeps_its_times_and_takes_the_span(void **state)
{
    struct store_fixture *fixture = *state;
    ingest_one(fixture, make_span('a', '1', 0, 10, 11));
    struct trace_info info = load(fixture, "tr-a").info;
    info.finalized = true;
    assert_int_equal(trace_update(fixture->tx, &info), OK);
    struct trace_span late = make_span('a', '2', '1', 5, 20);
    late.session = SV("late");
    late.row.usage = tokens(fixture, 1, 1);
    ingest_one(fixture, late);
    struct trace trace = load(fixture, "tr-a");
    assert_int_equal(trace.info.request_time, 10000);
    assert_int_equal(trace.info.duration, 1000);
    assert_int_equal(trace.metadata_count, 0);
    int64_t count = 0;
    assert_int_equal(span_count(fixture->tx, trace.info.id, &count), OK);
    assert_int_equal(count, 2);
}

static void the_root_gives_previews_that_are_not_there_yet(void **state)
{
    struct trace_span root = make_span('a', '1', 0, 1, 2);
    root.request_preview = SV("question");
    ingest_one(*state, root);
    root.row.content = SV("{1}");
    root.request_preview = SV("other");
    root.response_preview = SV("answer");
    ingest_one(*state, root);
    struct trace trace = load(*state, "tr-a");
    assert_text(trace.info.request_preview, "question");
    assert_text(trace.info.response_preview, "answer");
}

static void the_first_session_and_user_stay(void **state)
{
    struct trace_span spans[] = {make_span('a', '1', '9', 1, 2), make_span('a', '2', '9', 1, 2)};
    spans[0].session = SV("s1");
    spans[1].session = SV("s2");
    spans[1].user = SV("u");
    ingest(*state, spans, 2);
    assert_text(metadata(*state, "mlflow.trace.session"), "s1");
    assert_text(metadata(*state, "mlflow.trace.user"), "u");
    struct trace_span later = make_span('a', '3', '9', 1, 2);
    later.session = SV("s3");
    ingest_one(*state, later);
    assert_text(metadata(*state, "mlflow.trace.session"), "s1");
}

/* --- Usage --- */

static void tokens_are_summed_and_a_span_that_is_sent_again_counts_once(void **state)
{
    struct trace_span spans[] = {make_span('a', '1', '9', 1, 2), make_span('a', '2', '9', 1, 2)};
    spans[0].row.usage = tokens(*state, 3, 4);
    spans[1].row.usage = tokens(*state, 10, 0);
    ingest(*state, spans, 2);
    assert_text(metadata(*state, "mlflow.trace.tokenUsage"),
                "{\"input_tokens\": 13, \"output_tokens\": 4, \"total_tokens\": 17}");
    ingest(*state, spans, 2);
    spans[0].row.content = SV("{1}");
    spans[0].row.usage = tokens(*state, 5, 4);
    ingest(*state, spans, 1);
    assert_text(metadata(*state, "mlflow.trace.tokenUsage"),
                "{\"input_tokens\": 15, \"output_tokens\": 4, \"total_tokens\": 19}");
    assert_int_equal(store_number(*state, "SELECT value FROM trace_metrics WHERE key = 'total_tokens'"), 19);
}

static void a_parent_that_repeats_its_children_counts_once(void **state)
{
    struct trace_span spans[] = {make_span('a', '3', '2', 1, 2), make_span('a', '4', '2', 1, 2),
                                 make_span('a', '2', '1', 1, 2), make_span('a', '1', 0, 1, 2)};
    spans[0].row.usage = tokens(*state, 3, 4);
    spans[1].row.usage = tokens(*state, 1, 1);
    ingest(*state, spans, 3);
    assert_text(metadata(*state, "mlflow.trace.tokenUsage"),
                "{\"input_tokens\": 4, \"output_tokens\": 5, \"total_tokens\": 9}");
    spans[3].row.usage = tokens(*state, 4, 5);
    ingest(*state, spans, 4);
    assert_text(metadata(*state, "mlflow.trace.tokenUsage"),
                "{\"input_tokens\": 4, \"output_tokens\": 5, \"total_tokens\": 9}");
}

static void parents_in_a_circle_do_no_harm(void **state)
{
    struct trace_span spans[] = {make_span('a', '1', '2', 1, 2), make_span('a', '2', '1', 1, 2),
                                 make_span('a', '3', '3', 1, 2)};
    spans[2].row.usage = tokens(*state, 1, 1);
    ingest(*state, spans, 3);
    assert_non_null(metadata(*state, "mlflow.trace.tokenUsage").data);
}

/* --- Spans --- */

static void spans_come_back_roots_first_then_by_time(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_span spans[] = {make_span('a', '1', '4', 3, 4), make_span('a', '2', '4', 2, 4),
                                 make_span('a', '4', 0, 9, 10)};
    spans[0].row.content = SV("a");
    spans[1].row.content = SV("b");
    spans[2].row.content = SV("c");
    ingest(fixture, spans, 3);
    struct span_place places[4];
    size_t count;
    assert_int_equal(span_page(fixture->tx, load(fixture, "tr-a").info.id, NULL, places, 4, &count), OK);
    assert_int_equal(count, 3);
    assert_string_equal(places[0].span_id, "0000000000000004");
    assert_string_equal(places[1].span_id, "0000000000000002");
    assert_string_equal(places[2].span_id, "0000000000000001");
    struct sv content;
    assert_int_equal(
        span_content_load(fixture->tx, load(fixture, "tr-a").info.id, places[0].span_id, &content), OK);
    assert_text(content, "c");
}

static void a_span_that_is_replaced_leaves_nothing_behind(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_span span = make_span('a', '1', 0, 1, 2);
    span.row.usage = tokens(fixture, 1, 1);
    ingest_one(fixture, span);
    int64_t first = store_number(fixture, "SELECT max(id) FROM span_contents");
    ingest_one(fixture, span);
    assert_int_equal(store_number(fixture, "SELECT max(id) FROM span_contents"), first);
    span.row.content = SV("{1}");
    span.row.name = SV("other");
    span.row.usage = NULL;
    ingest_one(fixture, span);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM spans"), 1);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM span_contents"), 1);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM span_usage"), 0);
    assert_true(store_number(fixture, "SELECT max(id) FROM span_contents") > first);
}

static void deleting_a_trace_takes_everything_with_it(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_span span = make_span('a', '1', 0, 1, 2);
    span.row.usage = tokens(fixture, 1, 1);
    span.session = SV("s");
    ingest_one(fixture, span);
    assert_int_equal(trace_link_run(fixture->tx, SV("tr-a"), SV("r")), OK);
    struct trace_info info = load(fixture, "tr-a").info;
    assert_int_equal(trace_delete(fixture->tx, &info), OK);
    assert_int_equal(
        store_number(fixture, "SELECT (SELECT count(*) FROM traces) + (SELECT count(*) FROM spans) + "
                              "(SELECT count(*) FROM span_contents) + (SELECT count(*) FROM span_usage) + "
                              "(SELECT count(*) FROM trace_tags) + (SELECT count(*) FROM trace_metadata) "
                              "+ (SELECT count(*) FROM trace_metrics) + (SELECT count(*) FROM "
                              "trace_run_links)"),
        0);
}

static void equal_names_types_and_states_are_one_class(void **state)
{
    struct trace_span spans[] = {make_span('a', '1', '9', 1, 2), make_span('b', '2', '9', 1, 2),
                                 make_span('b', '3', '9', 1, 2)};
    spans[2].row.status = SPAN_ERROR;
    ingest(*state, spans, 3);
    assert_int_equal(store_number(*state, "SELECT count(*) FROM span_classes"), 2);
}

/* --- Refusals --- */

static void a_trace_of_an_unknown_experiment_is_refused_alone(void **state)
{
    struct store_fixture *fixture = *state;
    ingest_one(fixture, make_span('b', '1', '9', 1, 2));
    struct trace_span spans[] = {make_span('a', '1', 0, 1, 2), make_span('b', '2', '9', 1, 2),
                                 make_span('a', '2', '1', 1, 2)};
    struct trace_ingest_result result = ingest_into(fixture, "999", spans, 3);
    assert_int_equal(result.traces, 2);
    assert_int_equal(result.refused_traces, 1);
    assert_int_equal(result.refused_spans, 2);
    assert_text(result.problems, "Trace tr-a: No Experiment with id=999 exists");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM spans"), 2);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM traces"), 1);
    result = ingest_into(fixture, "abc", spans, 1);
    assert_text(result.problems,
                "Trace tr-a: Invalid experiment ID 'abc'. Experiment ID must be a valid integer.");
}

static void a_trace_of_a_deleted_experiment_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t id;
    assert_int_equal(experiment_create(fixture->tx, SV("gone"), SV_ABSENT, NULL, 0, &id), OK);
    assert_int_equal(experiment_delete(fixture->tx, id), OK);
    struct trace_span span = make_span('a', '1', 0, 1, 2);
    struct sv text = arena_printf(fixture->tx->arena, "%lld", (long long)id);
    struct trace_ingest_result result = ingest_into(fixture, arena_cstr(fixture->tx->arena, text), &span, 1);
    assert_int_equal(result.refused_spans, 1);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM traces"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_trace_runs_until_its_root_arrives),
        TEST(the_first_ended_root_decides_how_a_trace_went),
        TEST(a_finalized_trace_keeps_its_times_and_takes_the_span),
        TEST(the_root_gives_previews_that_are_not_there_yet),
        TEST(the_first_session_and_user_stay),
        TEST(tokens_are_summed_and_a_span_that_is_sent_again_counts_once),
        TEST(a_parent_that_repeats_its_children_counts_once),
        TEST(parents_in_a_circle_do_no_harm),
        TEST(spans_come_back_roots_first_then_by_time),
        TEST(a_span_that_is_replaced_leaves_nothing_behind),
        TEST(deleting_a_trace_takes_everything_with_it),
        TEST(equal_names_types_and_states_are_one_class),
        TEST(a_trace_of_an_unknown_experiment_is_refused_alone),
        TEST(a_trace_of_a_deleted_experiment_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
