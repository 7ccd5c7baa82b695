#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/timestamp.h"

static void assert_text(struct sv text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void times_are_read_in_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2023-11-14T22:13:20Z", 1700000000000},
        {"2023-11-14T22:13:20.5Z", 1700000000500},
        {"2023-11-14T22:13:20.123456789Z", 1700000000123},
        {"2023-11-15T00:13:20+02:00", 1700000000000},
        {"2023-11-14T20:43:20-01:30", 1700000000000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = 77;
        assert_true(timestamp_parse(sv_from(good[i].text), &ms));
        assert_true(ms == good[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "bad",
        "1700000000",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14 22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "2023-11-14T24:13:20Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.1234567890Z",
        "2023-11-14T22:13:20ZZ",
        "2023-11-14T22:13:20+2:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        " 2023-11-14T22:13:20Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        assert_false(timestamp_parse(sv_from(bad[i]), &ms));
    }
}

static void times_are_written_with_as_many_digits_as_they_need(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64 * 1024);
    assert_text(timestamp_format(arena, 0), "1970-01-01T00:00:00Z");
    assert_text(timestamp_format(arena, 1700000000000), "2023-11-14T22:13:20Z");
    assert_text(timestamp_format(arena, 1700000000500), "2023-11-14T22:13:20.500Z");
    assert_text(timestamp_format(arena, -1), "1969-12-31T23:59:59.999Z");
    assert_text(timestamp_format(arena, INT64_MIN), "0001-01-01T00:00:00Z");
    assert_text(timestamp_format(arena, INT64_MAX), "9999-12-31T23:59:59.999Z");
    arena_free(arena);
}

static void durations_are_read_and_written(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64 * 1024);
    static const struct {
        const char *in;
        int64_t ms;
        const char *out;
    } good[] = {
        {"0.296s", 296, "0.296s"},     {"1.500s", 1500, "1.500s"},  {"10s", 10000, "10s"},    {"0s", 0, "0s"},
        {"-1.500s", -1500, "-1.500s"}, {"1.2345s", 1234, "1.234s"}, {"1.5s", 1500, "1.500s"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = 77;
        assert_true(duration_parse(sv_from(good[i].in), &ms));
        assert_true(ms == good[i].ms);
        assert_text(duration_format(arena, ms), good[i].out);
    }
    static const char *const bad[] = {"",    "s",   "1",   "1.5",  "1.s",  ".5s",
                                      "1ms", "+1s", "1 s", "--1s", "1e3s", "315576000001s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        assert_false(duration_parse(sv_from(bad[i]), &ms));
    }
    arena_free(arena);
}

static void ages_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int64_t ms;
    } good[] = {{"30d", 2592000000},
                {"8h", 28800000},
                {"2d8h5m20s", 201920000},
                {"2m4.3s", 124300},
                {"1.5h", 5400000},
                {"0s", 0},
                {"0.05s", 50},
                {"11574074d", 999999993600000}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = 77;
        assert_true(age_parse(sv_from(good[i].in), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {"",    "soon", "5",    "d",     "1s1d",      "1d1d", "-1d",
                                      "1 d", ".d",   "1e3s", "1..5h", "11574075d", "1w"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        assert_false(age_parse(sv_from(bad[i]), &ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_in_milliseconds),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_are_written_with_as_many_digits_as_they_need),
        cmocka_unit_test(durations_are_read_and_written),
        cmocka_unit_test(ages_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
