#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/url.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16UL * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_text(struct sv actual, struct sv expected)
{
    if (!sv_equal(actual, expected))
        fail_msg("'%.*s' is not '%.*s'", SV_ARG(actual), SV_ARG(expected));
}

static void assert_decodes(struct sv text, bool plus_is_blank, struct sv expected)
{
    struct sv decoded = SV("untouched");
    assert_true(url_decode(arena, text, plus_is_blank, &decoded));
    assert_text(decoded, expected);
}

static void escapes_are_decoded_once(void **state)
{
    (void)state;
    assert_decodes(SV("a%20b%2Fc"), false, SV("a b/c"));
    assert_decodes(SV("%2520"), false, SV("%20"));
    assert_decodes(SV("%c3%A9"), false, SV("\xc3\xa9"));
    assert_decodes(SV("%41"), false, SV("A"));
    assert_decodes(SV(""), false, SV(""));
}

static void plus_is_a_blank_only_in_forms(void **state)
{
    (void)state;
    assert_decodes(SV("a+b%2B"), true, SV("a b+"));
    assert_decodes(SV("a+b%2B"), false, SV("a+b+"));
}

static void text_without_escapes_is_not_copied(void **state)
{
    (void)state;
    struct sv text = SV("plain-text");
    struct sv decoded;
    assert_true(url_decode(arena, text, true, &decoded));
    assert_ptr_equal(decoded.data, text.data);
}

static void malformed_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"%",    "%4",   "a%",     "%4g", "%g4",
                                        "%%20", "% 41", "%u0041", "%-1", "%0x"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sv decoded;
        if (url_decode(arena, sv_from(texts[i]), false, &decoded))
            fail_msg("%s is accepted", texts[i]);
    }
    struct sv decoded;
    assert_false(url_decode(arena, sv_first(SV("a%41"), 3), false, &decoded));
}

static void nul_and_invalid_utf8_are_refused(void **state)
{
    (void)state;
    static const struct sv texts[] = {{"a%00", 4}, {"a\0b", 3},   {"%ff", 3},
                                      {"\xff", 1}, {"%c0%80", 6}, {"%ed%a0%80", 9}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sv decoded;
        assert_false(url_decode(arena, texts[i], false, &decoded));
    }
}

static void all_but_unreserved_characters_are_encoded(void **state)
{
    (void)state;
    assert_text(url_encode(arena, SV("AZaz09-._~")), SV("AZaz09-._~"));
    assert_text(url_encode(arena, SV("a b/c?d&e=f+g%\xc3\xa9\"\x7f")),
                SV("a%20b%2Fc%3Fd%26e%3Df%2Bg%25%C3%A9%22%7F"));
    assert_text(url_encode(arena, SV("")), SV(""));
    assert_null(url_encode(arena, SV_ABSENT).data);
}

static void pairs_keep_their_order(void **state)
{
    (void)state;
    struct query_pair *pairs;
    size_t count;
    assert_true(query_parse(arena, SV("b=1&a=%26+%3D&&b=2=3&c&=x&d="), &pairs, &count));
    static const struct query_pair expected[] = {{{"b", 1}, {"1", 1}},   {{"a", 1}, {"& =", 3}},
                                                 {{"b", 1}, {"2=3", 3}}, {{"c", 1}, {"", 0}},
                                                 {{"", 0}, {"x", 1}},    {{"d", 1}, {"", 0}}};
    assert_int_equal(count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < count; i++) {
        assert_text(pairs[i].name, expected[i].name);
        assert_text(pairs[i].value, expected[i].value);
    }
}

static void an_empty_query_has_no_pairs(void **state)
{
    (void)state;
    static const struct sv queries[] = {{NULL, 0}, {"", 0}, {"&", 1}, {"&&&", 3}};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct query_pair *pairs;
        size_t count = 1;
        assert_true(query_parse(arena, queries[i], &pairs, &count));
        assert_int_equal(count, 0);
    }
}

static void a_pair_that_cannot_be_decoded_fails_the_query(void **state)
{
    (void)state;
    struct query_pair *pairs;
    size_t count;
    assert_false(query_parse(arena, SV("a=1&b=%zz"), &pairs, &count));
    assert_false(query_parse(arena, SV("a=1&%ff=1"), &pairs, &count));
    assert_false(query_parse(arena, SV("a=%00"), &pairs, &count));
}

static void the_number_of_pairs_is_limited(void **state)
{
    (void)state;
    char text[2 * (QUERY_MAX_PAIRS + 1)];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? '&' : 'a';
    struct query_pair *pairs;
    size_t count;
    assert_true(query_parse(arena, (struct sv){text, 2 * QUERY_MAX_PAIRS}, &pairs, &count));
    assert_int_equal(count, QUERY_MAX_PAIRS);
    assert_false(query_parse(arena, (struct sv){text, 2 * QUERY_MAX_PAIRS + 1}, &pairs, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(plus_is_a_blank_only_in_forms),
        cmocka_unit_test(text_without_escapes_is_not_copied),
        cmocka_unit_test(malformed_escapes_are_refused),
        cmocka_unit_test(nul_and_invalid_utf8_are_refused),
        cmocka_unit_test(all_but_unreserved_characters_are_encoded),
        cmocka_unit_test(pairs_keep_their_order),
        cmocka_unit_test(an_empty_query_has_no_pairs),
        cmocka_unit_test(a_pair_that_cannot_be_decoded_fails_the_query),
        cmocka_unit_test(the_number_of_pairs_is_limited),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
