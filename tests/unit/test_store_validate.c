#include "tests/unit/store_fixture.h"

#include "common/store/text.h"
#include "common/store/validate.h"

static enum status check_name(struct store_fixture *fixture, const char *name)
{
    return validate_name(fixture->tx, sv_from(name), NO_ITEM, "key");
}

static void names_of_word_characters_and_a_few_signs_are_fine(void **state)
{
    static const char *const names[] = {"a",   "A_1", "val/f1", "a.b",    "a b",
                                        "a-b", "a:b", "é",      "日本/ü", "a..b"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(check_name(*state, names[i]), OK);
}

static void other_characters_are_refused_with_the_name_in_json(void **state)
{
    assert_failed(*state, check_name(*state, "a@b"), INVALID_PARAMETER_VALUE,
                  "Invalid value \"a@b\" for parameter 'key' supplied: Names may only contain alphanumerics, "
                  "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).");
    assert_failed(
        *state, check_name(*state, "\"\n"), INVALID_PARAMETER_VALUE,
        "Invalid value \"\\\"\\n\" for parameter 'key' supplied: Names may only contain alphanumerics, "
        "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).");
    assert_failed(
        *state, check_name(*state, "\xf0\x9f\x98\x80"), INVALID_PARAMETER_VALUE,
        "Invalid value \"\\ud83d\\ude00\" for parameter 'key' supplied: Names may only contain "
        "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).");
}

static void a_trailing_newline_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(check_name(fixture, "a\n"), FAILED);
}

static void names_that_resolve_to_others_are_refused(void **state)
{
    static const struct {
        const char *name, *resolved;
    } cases[] = {
        {"a//b", "a/b"},  {"a/", "a"},   {"./a", "a"},           {"a/../b", "b"},
        {"a/./b", "a/b"}, {".", "."},    {"..", ".."},           {"../a", "../a"},
        {"..x", "..x"},   {"/", "/"},    {"/a", "/a"},           {"//a", "//a"},
        {"///a", "/a"},   {"a/..", "."}, {"a/b/../../..", ".."}, {"/..", "/"},
    };
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv message = arena_printf(fixture->tx->arena,
                                         "Invalid value \"%s\" for parameter 'metrics[3].name' supplied: "
                                         "Names may be treated as files in certain "
                                         "cases, and must not resolve to other names when treated as such. "
                                         "This name would resolve to '%s'",
                                         cases[i].name, cases[i].resolved);
        enum status status =
            validate_name(fixture->tx, sv_from(cases[i].name), (struct item){"metrics", 3}, "name");
        assert_failed(fixture, status, INVALID_PARAMETER_VALUE, message.data);
    }
}

static void lengths_count_code_points(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(validate_length(fixture->tx, repeated(fixture, "é", 250), 250, NO_ITEM, "key"), OK);
    assert_failed(fixture, validate_length(fixture->tx, repeated(fixture, "é", 251), 250, NO_ITEM, "key"),
                  INVALID_PARAMETER_VALUE, "'key' exceeds the maximum length of 250 characters");
    assert_failed(
        fixture,
        validate_length(fixture->tx, repeated(fixture, "x", 251), 250, (struct item){"tags", 7}, "key"),
        INVALID_PARAMETER_VALUE, "'tags[7].key' exceeds the maximum length of 250 characters");
}

static void long_values_are_cut_between_code_points(void **state)
{
    struct store_fixture *fixture = *state;
    struct key_value param = {SV("p"), repeated(fixture, "é", 6001)};
    assert_int_equal(validate_param(fixture->tx, &param, NO_ITEM), OK);
    assert_int_equal(param.value.len, 12000);
    struct key_value tag = {SV("t"), repeated(fixture, "x", 9000)};
    assert_int_equal(validate_run_tag(fixture->tx, &tag, NO_ITEM), OK);
    assert_int_equal(tag.value.len, 8000);
}

static void long_values_are_refused_where_cutting_is_off(void **state)
{
    struct store_fixture *fixture = *state;
    fixture->store.settings.truncate_long_values = false;
    struct key_value param = {SV("p"), repeated(fixture, "x", 6001)};
    assert_failed(fixture, validate_param(fixture->tx, &param, (struct item){"params", 0}),
                  INVALID_PARAMETER_VALUE, "'Param value' exceeds the maximum length of 6000 characters");
    struct key_value tag = {SV("t"), repeated(fixture, "x", 8001)};
    assert_failed(fixture, validate_run_tag(fixture->tx, &tag, (struct item){"tags", 1}),
                  INVALID_PARAMETER_VALUE, "'tags[1].value' exceeds the maximum length of 8000 characters");
}

static void experiment_tags_are_never_cut(void **state)
{
    struct store_fixture *fixture = *state;
    struct key_value tag = {SV("t"), repeated(fixture, "x", 5001)};
    assert_failed(fixture, validate_experiment_tag(fixture->tx, &tag, NO_ITEM), INVALID_PARAMETER_VALUE,
                  "'value' exceeds the maximum length of 5000 characters");
}

static void a_metric_is_checked_for_name_then_timestamp_then_length(void **state)
{
    struct store_fixture *fixture = *state;
    struct metric metric = {.key = SV("a"), .value = 1.5, .timestamp = -1};
    assert_failed(
        fixture, validate_metric(fixture->tx, &metric, NO_ITEM), INVALID_PARAMETER_VALUE,
        "Invalid value -1 for parameter 'timestamp' supplied: metric 'a' (value=1.5). Timestamp must be a "
        "nonnegative long (64-bit integer) ");
    metric.timestamp = 0;
    metric.key = repeated(fixture, "x", 251);
    assert_failed(fixture, validate_metric(fixture->tx, &metric, (struct item){"metrics", 2}),
                  INVALID_PARAMETER_VALUE, "'Metric name' exceeds the maximum length of 250 characters");
}

static void run_ids_of_batches_have_a_form(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(validate_run_id(fixture->tx, SV("a")), OK);
    assert_int_equal(validate_run_id(fixture->tx, SV("0_-é")), OK);
    assert_int_equal(validate_run_id(fixture->tx, repeated(fixture, "a", 256)), OK);
    assert_failed(fixture, validate_run_id(fixture->tx, SV("a@b")), INVALID_PARAMETER_VALUE,
                  "Invalid value \"a@b\" for parameter 'run_id' supplied.");
    assert_failed(fixture, validate_run_id(fixture->tx, SV("-a")), INVALID_PARAMETER_VALUE,
                  "Invalid value \"-a\" for parameter 'run_id' supplied.");
    assert_failed(fixture, validate_run_id(fixture->tx, SV("")), INVALID_PARAMETER_VALUE,
                  "Invalid value \"\" for parameter 'run_id' supplied.");
    assert_int_equal(validate_run_id(fixture->tx, repeated(fixture, "a", 257)), FAILED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(names_of_word_characters_and_a_few_signs_are_fine),
        TEST(other_characters_are_refused_with_the_name_in_json),
        TEST(a_trailing_newline_is_refused),
        TEST(names_that_resolve_to_others_are_refused),
        TEST(lengths_count_code_points),
        TEST(long_values_are_cut_between_code_points),
        TEST(long_values_are_refused_where_cutting_is_off),
        TEST(experiment_tags_are_never_cut),
        TEST(a_metric_is_checked_for_name_then_timestamp_then_length),
        TEST(run_ids_of_batches_have_a_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
