#include <float.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/number.h"

static void integers_are_digits_with_an_optional_sign(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"+0", 0},
        {"7", 7},
        {"+7", 7},
        {"-7", -7},
        {"007", 7},
        {"00000000000000000000000000000001", 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = 99;
        if (!parse_int64(sv_from(rows[i].text), INT64_MIN, INT64_MAX, &value))
            fail_msg("'%s' was refused", rows[i].text);
        assert_true(value == rows[i].value);
    }
}

static void other_texts_are_no_integers(void **state)
{
    (void)state;
    static const struct sv rows[] = {
        {"", 0},
        {"-", 1},
        {"+", 1},
        {"--1", 3},
        {"+-1", 3},
        {" 1", 2},
        {"1 ", 2},
        {"1\n", 2},
        {"1_000", 5},
        {"1,000", 5},
        {"0x10", 4},
        {"1e3", 3},
        {"1.0", 3},
        {"1.", 2},
        {"abc", 3},
        {"1\0", 2},
        {"\0001", 2},
        {"\xd9\xa1", 2},
        {"inf", 3},
        {NULL, 0},
        {"9223372036854775808", 19},
        {"-9223372036854775809", 20},
        {"18446744073709551617", 20},
        {"99999999999999999999999999", 26},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = 99;
        if (parse_int64(rows[i], INT64_MIN, INT64_MAX, &value))
            fail_msg("'%.*s' was accepted", SV_ARG(rows[i]));
        assert_int_equal(value, 99);
    }
}

static void integers_beyond_the_bounds_are_refused(void **state)
{
    (void)state;
    int64_t value;
    assert_true(parse_int64(SV("10"), 10, 20, &value));
    assert_true(parse_int64(SV("20"), 10, 20, &value));
    assert_false(parse_int64(SV("9"), 10, 20, &value));
    assert_false(parse_int64(SV("21"), 10, 20, &value));
    assert_false(parse_int64(SV("-15"), 10, 20, &value));
    assert_true(parse_int64(SV("-5"), -5, -5, &value));
    assert_int_equal(value, -5);
}

static void doubles_are_decimal_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"0", 0.0},
        {"1", 1.0},
        {"-1.5", -1.5},
        {"+2.25", 2.25},
        {"5.", 5.0},
        {".5", 0.5},
        {"-.5", -0.5},
        {"1e3", 1000.0},
        {"1E+3", 1000.0},
        {"1e-3", 0.001},
        {"5.e1", 50.0},
        {"00.10", 0.1},
        {"1e400", INFINITY},
        {"-1e400", -INFINITY},
        {"1e-400", 0.0},
        {"0.1", 0.1},
        {"4.9e-324", 4.9e-324},
        {"1.7976931348623157e308", DBL_MAX},
        {"inf", INFINITY},
        {"-Inf", -INFINITY},
        {"+INFINITY", INFINITY},
        {"iNfInItY", INFINITY},
        {"9007199254740993", 9007199254740992.0},
        {"0.1000000000000000055511151231257827021181583404541015625000000000000000000000000001", 0.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value = 99;
        if (!parse_double(sv_from(rows[i].text), &value))
            fail_msg("'%s' was refused", rows[i].text);
        if (value != rows[i].value)
            fail_msg("'%s' was read as %.17g", rows[i].text, value);
    }
    double value;
    assert_true(parse_double(SV("-0.0"), &value));
    assert_true(value == 0 && signbit(value));
    static const char *const nans[] = {"nan", "NaN", "NAN", "-nan", "+NaN"};
    for (size_t i = 0; i < sizeof nans / sizeof nans[0]; i++) {
        assert_true(parse_double(sv_from(nans[i]), &value));
        assert_true(isnan(value));
    }
}

static void other_texts_are_no_doubles(void **state)
{
    (void)state;
    static const struct sv rows[] = {
        {"", 0},    {".", 1},      {"-", 1},     {"+.", 2},      {"e5", 2},        {".e5", 3},
        {"1e", 2},  {"1e+", 3},    {"1e5.0", 5}, {"1.2.3", 5},   {"0x10", 4},      {"0x1p3", 5},
        {" 1", 2},  {"1 ", 2},     {"1\n", 2},   {"1,5", 3},     {"1_0", 3},       {"--1", 3},
        {"1\0", 2}, {"nan(1)", 6}, {"infi", 4},  {"infinit", 7}, {"infinityx", 9}, {"nanx", 4},
        {"na", 2},  {"in", 2},     {"1d", 2},    {"1f", 2},      {"\xd9\xa1", 2},  {NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value = 99;
        if (parse_double(rows[i], &value))
            fail_msg("'%.*s' was accepted", SV_ARG(rows[i]));
        assert_true(value == 99);
    }
}

static void doubles_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.0, "-1.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {-123.456, "-123.456"},
        {100.0, "100.0"},
        {0.001, "0.001"},
        {0.0001, "0.0001"},
        {0.00012, "0.00012"},
        {0.00001, "1e-05"},
        {0.000012, "1.2e-05"},
        {-1.5e-7, "-1.5e-07"},
        {123456789012345.0, "123456789012345.0"},
        {123456789012345.6, "123456789012345.6"},
        {1e15, "1000000000000000.0"},
        {9007199254740992.0, "9007199254740992.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {12345678901234567890.0, "1.2345678901234567e+19"},
        {1e22, "1e+22"},
        {1e100, "1e+100"},
        {1.5e300, "1.5e+300"},
        {5e-324, "5e-324"},
        {2.53e-321, "2.53e-321"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        /* Powers of two, where the nearest 16 digits do not read back but others do. */
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-1022, "2.2250738585072014e-308"},
        {0x1p-24, "5.960464477539063e-08"},
        {0x1p60, "1.152921504606847e+18"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[DOUBLE_TEXT_MAX];
        size_t len = format_double(rows[i].value, text);
        if (!sv_equal((struct sv){text, len}, sv_from(rows[i].text)))
            fail_msg("'%.*s' should be '%s'", (int)len, text, rows[i].text);
    }
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        double value;
        uint64_t bits = i % 8 == 0 ? random & 0x800fffffffffffffU : random;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[DOUBLE_TEXT_MAX];
        size_t len = format_double(value, text);
        assert_true(len < DOUBLE_TEXT_MAX);
        double again;
        uint64_t bits_again;
        assert_true(parse_double((struct sv){text, len}, &again));
        memcpy(&bits_again, &again, sizeof again);
        if (bits_again != bits)
            fail_msg("%a is written as %.*s", value, (int)len, text);
    }
}

static void hexadecimal_digits_of_either_case_have_a_value_and_nothing_else_has(void **state)
{
    (void)state;
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    for (int byte = CHAR_MIN; byte <= CHAR_MAX; byte++) {
        const char *found = byte ? strchr(lower, byte) : NULL;
        const char *found_upper = byte ? strchr(upper, byte) : NULL;
        long expected = found ? found - lower : found_upper ? found_upper - upper : -1;
        assert_int_equal(hex_value((char)byte), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_digits_with_an_optional_sign),
        cmocka_unit_test(other_texts_are_no_integers),
        cmocka_unit_test(integers_beyond_the_bounds_are_refused),
        cmocka_unit_test(hexadecimal_digits_of_either_case_have_a_value_and_nothing_else_has),
        cmocka_unit_test(doubles_are_decimal_numbers),
        cmocka_unit_test(other_texts_are_no_doubles),
        cmocka_unit_test(doubles_are_written_as_python_writes_them),
        cmocka_unit_test(every_double_reads_back_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
