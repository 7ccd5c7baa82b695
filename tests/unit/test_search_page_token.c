#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/id.h"
#include "common/search/page_token.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

enum { HASH = 12345 };

static const enum sort_type types[] = {SORT_DOUBLE, SORT_TEXT, SORT_INT, SORT_TEXT};

static const struct sort_value row[] = {
    {.type = SORT_DOUBLE, .real = 0.1},
    {.type = SORT_TEXT, .text = {"a\"\xc3\xa9\0b", 6}},
    {.type = SORT_INT, .integer = INT64_MIN},
    {.type = SORT_TEXT, .text = {"run", 3}},
};

static enum status read_token(struct sv text, uint64_t hash, struct page_token *token, struct error *error)
{
    *error = (struct error){.code = ERROR_NONE};
    return page_token_read(arena, error, text, hash, types, 4, token);
}

static void a_token_gives_back_offset_and_row(void **state)
{
    (void)state;
    struct page_token token;
    struct error error;
    struct sv text = page_token_write(arena, 200, HASH, row, 4);
    assert_int_equal(read_token(text, HASH, &token, &error), OK);
    assert_int_equal(token.offset, 200);
    assert_non_null(token.after);
    assert_true(token.after[0].real == 0.1);
    assert_true(sv_equal(token.after[1].text, row[1].text));
    assert_true(token.after[2].integer == INT64_MIN);
    assert_true(sv_equal(token.after[3].text, SV("run")));
    for (int i = 0; i < 4; i++)
        assert_int_equal(token.after[i].class, SORT_VALUE);
}

static void nan_and_absent_values_are_kept_apart(void **state)
{
    (void)state;
    struct sort_value values[] = {
        {.type = SORT_DOUBLE, .class = SORT_NAN}, {.type = SORT_TEXT, .class = SORT_ABSENT}, row[2], row[3]};
    struct page_token token;
    struct error error;
    assert_int_equal(read_token(page_token_write(arena, 1, HASH, values, 4), HASH, &token, &error), OK);
    assert_int_equal(token.after[0].class, SORT_NAN);
    assert_int_equal(token.after[1].class, SORT_ABSENT);
}

static void whole_doubles_stay_doubles(void **state)
{
    (void)state;
    struct sort_value values[] = {{.type = SORT_DOUBLE, .real = 3}, row[1], row[2], row[3]};
    struct page_token token;
    struct error error;
    assert_int_equal(read_token(page_token_write(arena, 1, HASH, values, 4), HASH, &token, &error), OK);
    assert_non_null(token.after);
    assert_true(token.after[0].real == 3);
}

static void for_another_query_only_the_offset_counts(void **state)
{
    (void)state;
    struct page_token token;
    struct error error;
    assert_int_equal(read_token(page_token_write(arena, 7, HASH, row, 4), HASH + 1, &token, &error), OK);
    assert_int_equal(token.offset, 7);
    assert_null(token.after);
}

static void a_plain_offset_is_enough(void **state)
{
    (void)state;
    struct page_token token;
    struct error error;
    assert_int_equal(read_token(base64_encode(arena, SV("{\"offset\": 100}")), HASH, &token, &error), OK);
    assert_int_equal(token.offset, 100);
    assert_null(token.after);
    /* Bytes outside the alphabet are skipped, as Python does. */
    assert_int_equal(read_token(SV("eyJvZmZzZXQi\nOiAxMDB9\n"), HASH, &token, &error), OK);
    assert_int_equal(token.offset, 100);
    assert_int_equal(read_token(SV(""), HASH, &token, &error), OK);
    assert_int_equal(token.offset, 0);
    assert_int_equal(read_token(SV_ABSENT, HASH, &token, &error), OK);
}

static void a_row_that_does_not_fit_the_query_is_ignored(void **state)
{
    (void)state;
    struct page_token token;
    struct error error;
    static const char *const tokens[] = {
        "{\"offset\": 5, \"query\": \"0000000000003039\", \"after\": [1.5]}",
        "{\"offset\": 5, \"query\": \"0000000000003039\", \"after\": [\"x\", \"y\", 1, \"z\"]}",
        "{\"offset\": 5, \"query\": \"0000000000003039\", \"after\": [1.5, \"y\", 1, {}]}",
        "{\"offset\": 5, \"query\": \"0000000000003039\", \"after\": 3}",
        "{\"offset\": 5, \"query\": 3, \"after\": [1.5, \"y\", 1, \"z\"]}",
    };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        assert_int_equal(read_token(base64_encode(arena, sv_from(tokens[i])), HASH, &token, &error), OK);
        assert_int_equal(token.offset, 5);
        assert_null(token.after);
    }
    struct sv good =
        SV("{\"offset\": 5, \"query\": \"0000000000003039\", \"after\": [1.5, \"y\", 1, \"z\"]}");
    assert_int_equal(read_token(base64_encode(arena, good), HASH, &token, &error), OK);
    assert_non_null(token.after);
}

static void refused_tokens_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* as sent */
        const char *decoded;
        const char *message;
    } cases[] = {
        {"abc", NULL, "Invalid page token, could not base64-decode"},
        {NULL, "hello", "Invalid page token, decoded value=b'hello'"},
        {NULL, "\xff'", "Invalid page token, decoded value=b\"\\xff'\""},
        {NULL, "{}", "Invalid page token, parsed value={}"},
        {NULL, "{\"offset\": 0}", "Invalid page token, parsed value={'offset': 0}"},
        {NULL, "{\"offset\": -5}", "Invalid page token, parsed value={'offset': -5}"},
        {NULL, "{\"offset\": \"5\"}", "Invalid page token, parsed value={'offset': '5'}"},
        {NULL, "{\"offset\": 1.5}", "Invalid page token, parsed value={'offset': 1.5}"},
        {NULL, "{\"x\": null, \"y\": true}", "Invalid page token, parsed value={'x': None, 'y': True}"},
        {NULL, "5", "Invalid page token, parsed value=5"},
        {NULL, "[5]", "Invalid page token, parsed value=[5]"},
        {NULL, "{\"offset\": 9223372036854775807}",
         "Invalid page token, parsed value={'offset': 9223372036854775807}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv text =
            cases[i].text ? sv_from(cases[i].text) : base64_encode(arena, sv_from(cases[i].decoded));
        struct page_token token;
        struct error error;
        assert_int_equal(read_token(text, HASH, &token, &error), FAILED);
        assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
        if (!sv_equal(error.message, sv_from(cases[i].message)))
            fail_msg("'%.*s' is not '%s'", SV_ARG(error.message), cases[i].message);
    }
}

static void a_row_too_long_for_a_token_leaves_the_offset(void **state)
{
    (void)state;
    size_t len = PAGE_TOKEN_MAX;
    struct sort_value values[] = {row[0], row[1], row[2], row[3]};
    values[1].text = (struct sv){arena_alloc(arena, len), len};
    struct page_token token;
    struct error error;
    assert_int_equal(read_token(page_token_write(arena, 9, HASH, values, 4), HASH, &token, &error), OK);
    assert_int_equal(token.offset, 9);
    assert_null(token.after);
}

static void parts_of_a_query_do_not_run_into_each_other(void **state)
{
    (void)state;
    uint64_t one = query_hash_add(query_hash_add(0, SV("ab")), SV("c"));
    uint64_t other = query_hash_add(query_hash_add(0, SV("a")), SV("bc"));
    assert_true(one != other);
    assert_true(query_hash_add_int(0, 1) != query_hash_add_int(0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_gives_back_offset_and_row),
        cmocka_unit_test(nan_and_absent_values_are_kept_apart),
        cmocka_unit_test(whole_doubles_stay_doubles),
        cmocka_unit_test(for_another_query_only_the_offset_counts),
        cmocka_unit_test(a_plain_offset_is_enough),
        cmocka_unit_test(a_row_that_does_not_fit_the_query_is_ignored),
        cmocka_unit_test(refused_tokens_say_why),
        cmocka_unit_test(a_row_too_long_for_a_token_leaves_the_offset),
        cmocka_unit_test(parts_of_a_query_do_not_run_into_each_other),
    };
    return cmocka_run_group_tests_name("search page token", tests, set_up, tear_down);
}
