#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/sv.h"

#define assert_view(view, literal) assert_true(sv_equal((view), SV(literal)))

static void absent_and_empty_are_different(void **state)
{
    (void)state;
    assert_true(sv_equal(SV_ABSENT, SV_ABSENT));
    assert_true(sv_equal(SV(""), SV("")));
    assert_false(sv_equal(SV_ABSENT, SV("")));
    assert_false(sv_equal(SV(""), SV_ABSENT));
    assert_false(sv_equal_ignoring_case(SV(""), SV_ABSENT));
    assert_true(sv_equal_ignoring_case(SV_ABSENT, SV_ABSENT));
    assert_null(sv_from(NULL).data);
    assert_non_null(sv_from("").data);
    assert_int_equal(sv_compare(SV_ABSENT, SV("")), 0);
    assert_int_equal(sv_compare(SV_ABSENT, SV("a")), -1);
    assert_int_equal(sv_printf_length(SV_ABSENT), 0);
}

static void equality_looks_at_every_byte(void **state)
{
    (void)state;
    assert_true(sv_equal(sv_from("abc"), SV("abc")));
    assert_false(sv_equal(SV("abc"), SV("abd")));
    assert_false(sv_equal(SV("abc"), SV("ab")));
    assert_false(sv_equal(SV("abc"), SV("ABC")));
    assert_true(sv_equal(SV("a\0b"), SV("a\0b")));
    assert_false(sv_equal(SV("a\0b"), SV("a\0c")));
    assert_int_equal(SV("a\0b").len, 3);
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(sv_equal_ignoring_case(SV("aBcXyZ"), SV("AbCxYz")));
    assert_false(sv_equal_ignoring_case(SV("a"), SV("ab")));
    assert_false(sv_equal_ignoring_case(SV("@"), SV("`")));
    assert_false(sv_equal_ignoring_case(SV("["), SV("{")));
    assert_false(sv_equal_ignoring_case(SV("\xc3\xa9"), SV("\xc3\x89")));
}

static void order_is_of_unsigned_bytes_then_of_length(void **state)
{
    (void)state;
    assert_int_equal(sv_compare(SV("a"), SV("b")), -1);
    assert_int_equal(sv_compare(SV("b"), SV("a")), 1);
    assert_int_equal(sv_compare(SV("a"), SV("ab")), -1);
    assert_int_equal(sv_compare(SV("ab"), SV("a")), 1);
    assert_int_equal(sv_compare(SV("ab"), SV("ab")), 0);
    assert_int_equal(sv_compare(SV("\x7f"), SV("\x80")), -1);
    assert_int_equal(sv_compare(SV("a\0"), SV("a")), 1);
    assert_int_equal(sv_compare(SV("Z"), SV("a")), -1);
}

static void starts_and_ends(void **state)
{
    (void)state;
    assert_true(sv_starts_with(SV("abc"), SV("ab")));
    assert_true(sv_starts_with(SV("abc"), SV("abc")));
    assert_true(sv_starts_with(SV("abc"), SV("")));
    assert_false(sv_starts_with(SV("abc"), SV("abcd")));
    assert_false(sv_starts_with(SV("abc"), SV("bc")));
    assert_true(sv_ends_with(SV("abc"), SV("bc")));
    assert_true(sv_ends_with(SV("abc"), SV("abc")));
    assert_true(sv_ends_with(SV("abc"), SV("")));
    assert_false(sv_ends_with(SV("abc"), SV("xabc")));
    assert_false(sv_ends_with(SV("abc"), SV("ab")));
    assert_false(sv_starts_with(SV_ABSENT, SV("a")));
    assert_false(sv_ends_with(SV_ABSENT, SV("a")));
}

static void find_gives_the_first_place_or_the_length(void **state)
{
    (void)state;
    assert_int_equal(sv_find(SV("abcb"), 'b'), 1);
    assert_int_equal(sv_find(SV("abc"), 'x'), 3);
    assert_int_equal(sv_find(SV("a\0b"), '\0'), 1);
    assert_int_equal(sv_find(SV("a\0b"), 'b'), 2);
    assert_int_equal(sv_find(SV(""), 'x'), 0);
    assert_int_equal(sv_find(SV_ABSENT, 'x'), 0);
}

static void trim_takes_ascii_blanks_off_both_ends(void **state)
{
    (void)state;
    assert_view(sv_trim(SV(" \t\n\v\f\ra b \t\n\v\f\r")), "a b");
    assert_view(sv_trim(SV("ab")), "ab");
    assert_view(sv_trim(SV(" \t ")), "");
    assert_view(sv_trim(SV("")), "");
    assert_null(sv_trim(SV_ABSENT).data);
    assert_view(sv_trim(SV("\0 ")), "\0");
    assert_view(sv_trim(SV("\xc2\xa0")), "\xc2\xa0");
}

static void cut_visits_every_piece(void **state)
{
    (void)state;
    struct sv rest = SV("a,,bc,");
    assert_view(sv_cut(&rest, ','), "a");
    assert_view(sv_cut(&rest, ','), "");
    assert_view(sv_cut(&rest, ','), "bc");
    assert_non_null(rest.data);
    assert_view(sv_cut(&rest, ','), "");
    assert_null(rest.data);

    rest = SV("");
    assert_view(sv_cut(&rest, ','), "");
    assert_null(rest.data);
    assert_null(sv_cut(&rest, ',').data);
    assert_null(rest.data);
}

static void offsets_beyond_the_end_are_clamped(void **state)
{
    (void)state;
    assert_view(sv_from_offset(SV("abc"), 0), "abc");
    assert_view(sv_from_offset(SV("abc"), 2), "c");
    assert_view(sv_from_offset(SV("abc"), 3), "");
    assert_view(sv_from_offset(SV("abc"), SIZE_MAX), "");
    assert_view(sv_first(SV("abc"), 0), "");
    assert_view(sv_first(SV("abc"), 2), "ab");
    assert_view(sv_first(SV("abc"), SIZE_MAX), "abc");
    assert_null(sv_from_offset(SV_ABSENT, 1).data);
    assert_null(sv_first(SV_ABSENT, 1).data);
}

static void printf_lengths_do_not_exceed_an_int(void **state)
{
    (void)state;
    assert_int_equal(sv_printf_length((struct sv){"", (size_t)INT32_MAX + 1}), INT32_MAX);
    assert_int_equal(sv_printf_length((struct sv){"", SIZE_MAX}), INT32_MAX);
    assert_int_equal(sv_printf_length(SV("abc")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_are_different),
        cmocka_unit_test(equality_looks_at_every_byte),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(order_is_of_unsigned_bytes_then_of_length),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(find_gives_the_first_place_or_the_length),
        cmocka_unit_test(trim_takes_ascii_blanks_off_both_ends),
        cmocka_unit_test(cut_visits_every_piece),
        cmocka_unit_test(offsets_beyond_the_end_are_clamped),
        cmocka_unit_test(printf_lengths_do_not_exceed_an_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
