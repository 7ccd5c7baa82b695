#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/graphql_fixture.h"

#include <cmocka.h>

/* --- The language --- */

static void what_is_ignored_stands_between_tokens(void **state)
{
    expect(*state, "\xef\xbb\xbf query\r\n,,,{ # a comment }\n\ttell,tell }", NULL,
           "{\"data\":{\"tell\":\"\"},\"errors\":null}");
}

static void literals_mean_what_the_specification_says(void **state)
{
    expect_told(*state, "text: \"\\u0041\\u00e9\\ud83d\\ude00\\t\"", "text: string A\u00e9\U0001F600\\t");
    expect_told(*state, "text: \"\"", "text: string ");
    expect_told(*state, "number: -0, truth: true", "number: int 0, truth: bool 1");
    expect_told(*state, "number: 2147483647, long: 9223372036854775807",
                "number: int 2147483647, long: int 9223372036854775807");
    expect_told(*state, "color: RED, texts: [\"a\" null \"b\"]",
                "color: enum RED, texts: [string a, null, string b]");
    expect_told(*state, "in: {texts: [], text: null}", "in: {text: null, texts: []}");
}

static void one_value_where_a_list_is_wanted_is_a_list_of_one(void **state)
{
    expect_told(*state, "texts: \"a\"", "texts: [string a]");
}

static void block_strings_lose_their_common_indentation_and_blank_ends(void **state)
{
    expect_told(*state, "text: \"\"\"\n\n    Hello,\n      World!\n\n    Yours\n  \n\"\"\"",
                "text: string Hello,\\n  World!\\n\\nYours");
    expect_told(*state, "text: \"\"\"one \\\"\"\" \\n\"\"\"", "text: string one \\\"\\\"\\\" \\\\n");
    expect_told(*state, "text: \"\"\"\"\"\"", "text: string ");
    expect_told(*state, "text: \"\"\"  first\r\n    second\r    third\"\"\"",
                "text: string   first\\nsecond\\nthird");
}

static void bad_tokens_are_refused_at_their_place(void **state)
{
    expect_syntax_error(*state, "{tell(number: 01)}",
                        "Invalid number, unexpected digit after 0. (line 1, column 16)");
    expect_syntax_error(*state, "{tell(number: 1.)}",
                        "Invalid number, expected a digit. (line 1, column 17)");
    expect_syntax_error(*state, "{tell(number: 1a)}",
                        "Invalid number, expected a digit. (line 1, column 16)");
    expect_syntax_error(*state, "{tell(text: \"a\nb\")}", "Unterminated string. (line 1, column 13)");
    expect_syntax_error(*state, "{\n tell(text: \"\"\"a)}", "Unterminated string. (line 2, column 13)");
    expect_syntax_error(*state, "{tell(text: \"\\x\")}",
                        "Invalid character escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell(text: \"\\ud83d\")}",
                        "Invalid Unicode escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell(text: \"\\ude00\\ud83d\")}",
                        "Invalid Unicode escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell ?}", "Unexpected character: '?'. (line 1, column 7)");
    expect_syntax_error(*state, "{a..b}", "Unexpected character: '.'. (line 1, column 3)");
}

static void documents_that_end_or_turn_wrong_are_refused(void **state)
{
    expect_syntax_error(*state, "   ", "Unexpected <EOF>. (line 1, column 4)");
    expect_syntax_error(*state, "{}", "Expected Name, found '}'. (line 1, column 2)");
    expect_syntax_error(*state, "{tell()}", "Expected Name, found ')'. (line 1, column 7)");
    expect_syntax_error(*state, "query($a Int) {tell}",
                        "Expected ':', found Name 'Int'. (line 1, column 10)");
    expect_syntax_error(*state, "query($a: Int = $b) {tell}", "Unexpected '$'. (line 1, column 17)");
    expect_syntax_error(*state, "fragment on on Item {name}", "Unexpected Name 'on'. (line 1, column 10)");
    expect_syntax_error(*state, "{tell} type A {b: C}", "Unexpected Name 'type'. (line 1, column 8)");
}

static void nesting_names_and_tokens_are_bounded(void **state)
{
    struct world *world = *state;
    char *deep = arena_alloc(world->arena, 400);
    memset(deep, '[', 300);
    expect_syntax_error(world, arena_printf(world->arena, "{tell(texts: %s", deep).data,
                        "More than 64 levels of nesting. (line 1, column 77)");
    char *long_list = arena_alloc(world->arena, 2 * 20000 + 100);
    for (size_t i = 0; i < 20000; i++)
        memcpy(long_list + 2 * i, "1 ", 2);
    struct sv query = arena_printf(world->arena, "{tell(texts: [%s])}", long_list);
    expect_syntax_error(world, query.data, "The document has more than 15000 tokens. (line 1, column 30003)");
    char *names = arena_alloc(world->arena, 4 * 65 + 1);
    for (size_t i = 0; i < 65; i++)
        memcpy(names + 4 * i, "a:1 ", 4);
    expect_syntax_error(world, arena_printf(world->arena, "{tell(%s)}", names).data,
                        "More than 64 names in one list. (line 1, column 263)");
}

/* --- What is selected --- */

static void aliases_fragments_and_type_names_are_answered_in_order(void **state)
{
    expect(*state,
           "query { b: item { ...F n: number ... { real } ... on Item { truth } } __typename }\n"
           "fragment F on Item { name __typename kind }",
           NULL,
           "{\"data\":{\"b\":{\"name\":\"item\",\"__typename\":\"Item\",\"kind\":\"plain\",\"n\":\"0\","
           "\"real\":0.5,"
           "\"truth\":false},\"__typename\":\"Query\"},\"errors\":null}");
    expect(*state, "mutation {__typename}", NULL, "{\"data\":{\"__typename\":\"Mutation\"},\"errors\":null}");
}

static void equal_keys_are_one_field_with_all_their_selections(void **state)
{
    expect(*state, "{item {name} ...F item {item {name}}} fragment F on Query {item {item {number}}}", NULL,
           "{\"data\":{\"item\":{\"name\":\"item\",\"item\":{\"number\":\"0\",\"name\":\"item\"}}},"
           "\"errors\":null}");
}

static void skip_and_include_leave_out(void **state)
{
    static const char query[] =
        "query($y: Boolean!, $n: Boolean = false) {item {a: name @skip(if: $y) b: name @include(if: $y)"
        " c: name @skip(if: $n) ...F @include(if: $n) ... @skip(if: true) {kind} d: name @skip(if: false) "
        "@include(if: false)}} fragment F on Item {number}";
    expect(*state, query, "{\"y\": true}",
           "{\"data\":{\"item\":{\"b\":\"item\",\"c\":\"item\"}},\"errors\":null}");
}

static void lists_are_written_item_by_item_and_nothing_is_kept(void **state)
{
    struct world *world = *state;
    most_held = 0;
    expect(world, "{items(count: 3) {number real truth}}", NULL,
           "{\"data\":{\"items\":[{\"number\":\"0\",\"real\":0.5,\"truth\":false},{\"number\":\"1\",\"real\":"
           "null,"
           "\"truth\":false},{\"number\":\"2\",\"real\":0.5,\"truth\":true}]},\"errors\":null}");
    size_t held = most_held;
    most_held = 0;
    struct arena *fresh = world->arena;
    size_t before = arena_used(fresh);
    assert_int_equal(answer(world, "{items(count: 300) {truth}}", NULL, NULL), GRAPHQL_ANSWERED);
    assert_true(most_held - before < held + 10000);
}

static void failures_are_null_and_leave_the_others(void **state)
{
    expect(
        *state, "{fails {name} denied {name} item {name fails}}", NULL,
        "{\"data\":{\"fails\":null,\"denied\":null,\"item\":{\"name\":\"item\",\"fails\":null}},\"errors\":["
        "\"it failed\"]}");
}

static void errors_of_items_outlive_the_items(void **state)
{
    expect(*state, "{items(count: 2) {fails}}", NULL,
           "{\"data\":{\"items\":[{\"fails\":null},{\"fails\":null}]},\"errors\":[\"it failed\"]}");
}

static void a_resolver_that_stops_ends_all(void **state)
{
    assert_int_equal(answer(*state, "{item {name} stops {name}}", NULL, NULL), GRAPHQL_BROKEN_OFF);
}

static void an_answer_that_grows_too_long_is_given_up(void **state)
{
    expect_errors(*state, "{items(count: 1000) {name}}", NULL,
                  "\"The answer is longer than 4096 bytes. Ask for less at a time.\"");
}

static void what_may_not_go_on_is_broken_off(void **state)
{
    struct world *world = *state;
    world->limit = 20;
    assert_int_equal(answer(world, "{items(count: 20) {number}}", NULL, NULL), GRAPHQL_ANSWERED);
    assert_int_equal(answer(world, "{items(count: 21) {number}}", NULL, NULL), GRAPHQL_BROKEN_OFF);
}

static void the_operation_is_chosen_by_its_name(void **state)
{
    struct world *world = *state;
    static const char query[] = "query A {tell} query B {item {name}}";
    assert_int_equal(answer(world, query, NULL, "B"), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), "{\"data\":{\"item\":{\"name\":\"item\"}},\"errors\":null}");
    expect_errors(world, query, NULL,
                  "\"Must provide operation name if query contains multiple operations.\"");
    assert_int_equal(answer(world, query, NULL, "C"), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), "{\"data\":null,\"errors\":[\"Unknown operation named 'C'.\"]}");
    expect_errors(world, "subscription {tell}", NULL,
                  "\"Schema is not configured to execute subscription operation.\"");
    expect_errors(world, "query A {tell} query A {tell}", NULL,
                  "\"There can be only one operation named 'A'.\"");
    expect_errors(world, "{tell} query A {tell}", NULL,
                  "\"This anonymous operation must be the only defined operation.\"");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_ignored_stands_between_tokens),
        TEST(literals_mean_what_the_specification_says),
        TEST(one_value_where_a_list_is_wanted_is_a_list_of_one),
        TEST(block_strings_lose_their_common_indentation_and_blank_ends),
        TEST(bad_tokens_are_refused_at_their_place),
        TEST(documents_that_end_or_turn_wrong_are_refused),
        TEST(nesting_names_and_tokens_are_bounded),
        TEST(aliases_fragments_and_type_names_are_answered_in_order),
        TEST(equal_keys_are_one_field_with_all_their_selections),
        TEST(skip_and_include_leave_out),
        TEST(lists_are_written_item_by_item_and_nothing_is_kept),
        TEST(failures_are_null_and_leave_the_others),
        TEST(errors_of_items_outlive_the_items),
        TEST(a_resolver_that_stops_ends_all),
        TEST(an_answer_that_grows_too_long_is_given_up),
        TEST(what_may_not_go_on_is_broken_off),
        TEST(the_operation_is_chosen_by_its_name),
    };
    return cmocka_run_group_tests_name("graphql", tests, NULL, NULL);
}
