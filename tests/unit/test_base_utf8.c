#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/utf8.h"

static void well_formed_texts_are_valid(void **state)
{
    (void)state;
    static const struct sv rows[] = {
        {"", 0},
        {NULL, 0},
        {"plain ASCII, longer than a machine word", 39},
        {"a\0b", 3},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"1234567\xc3\xa9", 9},
        {"123456789\xf0\x9f\x98\x80xyz", 16},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!utf8_valid(rows[i]))
            fail_msg("row %zu was refused", i);
}

static void malformed_texts_are_refused_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\x80", /* a continuation alone */
        "\xbf",
        "\xc3", /* cut off */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xf0(\x8c\xbc",
        "\xf0\x90(\xbc",
        "\xf0\x9f\x98(",
        "\xc0\x80", /* overlong */
        "\xc0\xaf",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t before = 0; before < 18; before++) {
            char text[32];
            size_t len = strlen(rows[i]);
            memset(text, 'a', sizeof text);
            memcpy(text + before, rows[i], len);
            if (utf8_valid((struct sv){text, before + len}))
                fail_msg("row %zu behind %zu letters was accepted", i, before);
            if (utf8_valid((struct sv){text, before + len + 8}))
                fail_msg("row %zu between letters was accepted", i);
        }
}

static void length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(SV("")), 0);
    assert_int_equal(utf8_length(SV_ABSENT), 0);
    assert_int_equal(utf8_length(SV("abc")), 3);
    assert_int_equal(utf8_length(SV("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_int_equal(utf8_length(SV("e\xcc\x81")), 2);
}

static void first_never_cuts_a_code_point(void **state)
{
    (void)state;
    struct sv text = SV("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t lengths[] = {0, 1, 3, 6, 10, 11, 11, 11};
    for (size_t count = 0; count < 8; count++) {
        struct sv first = utf8_first(text, count);
        assert_int_equal(first.len, lengths[count]);
        assert_ptr_equal(first.data, text.data);
    }
    assert_int_equal(utf8_first(text, SIZE_MAX).len, 11);
    assert_int_equal(utf8_first(SV(""), 3).len, 0);
}

static void next_walks_through_the_code_points(void **state)
{
    (void)state;
    struct sv text = SV("a\0\xc2\x80\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
    static const uint32_t expected[] = {'a', 0, 0x80, 0xe9, 0x20ac, 0xffff, 0x1f600, 0x10ffff};
    size_t offset = 0;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(utf8_next(text, &offset), expected[i]);
    assert_int_equal(offset, text.len);
}

static void letters_numbers_and_underscores_of_any_script_are_word_characters(void **state)
{
    (void)state;
    static const uint32_t words[] = {
        '0',     '9', 'a', 'z', 'A', 'Z', '_', 0xaa, /* feminine ordinal */
        0xb2,                                        /* superscript two */
        0xbd,                                        /* one half */
        0xe9,                                        /* e with acute */
        0x3bb,                                       /* lambda */
        0x416,                                       /* Cyrillic zhe */
        0x5d0,                                       /* Hebrew alef */
        0x661,                                       /* Arabic-Indic digit one */
        0x905,                                       /* Devanagari a */
        0x2082,                                      /* subscript two */
        0x3042,                                      /* Hiragana a */
        0x4e2d,                                      /* a Han ideograph */
        0xac00,                                      /* Hangul ga */
        0x1d400,                                     /* mathematical bold A */
        0x1f10c,                                     /* a circled zero */
    };
    static const uint32_t others[] = {
        0,      ' ',    '-',    '.',    '/',    ':',    '@',    '[',     '`',      '{',
        0x7f,   0x80,   0xa0,   0xab,   0xb1,   0xb4,   0xb7,   0xbb,    0xd7,     0xf7,
        0x2010, 0x2028, 0x2192, 0x20ac, 0x3000, 0xfeff, 0xfffd, 0x1f600, 0x10ffff,
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!utf8_is_word(words[i]))
            fail_msg("U+%04X should be a word character", words[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (utf8_is_word(others[i]))
            fail_msg("U+%04X should not be a word character", others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_texts_are_valid),
        cmocka_unit_test(malformed_texts_are_refused_wherever_they_stand),
        cmocka_unit_test(length_counts_code_points),
        cmocka_unit_test(first_never_cuts_a_code_point),
        cmocka_unit_test(next_walks_through_the_code_points),
        cmocka_unit_test(letters_numbers_and_underscores_of_any_script_are_word_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
