#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/http/conditional.h"

/* The date of RFC 9110's examples. */
#define EXAMPLE_SECONDS 784111777

static const struct representation thousand = {{"\"v1\"", 4}, EXAMPLE_SECONDS, 1000};

static void dates_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {EXAMPLE_SECONDS, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    struct arena *arena = arena_new(64UL * 1024);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = -1;
        assert_true(sv_equal(http_date_text(arena, cases[i].seconds), sv_from(cases[i].text)));
        assert_true(http_date_parse(sv_from(cases[i].text), &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
    assert_true(sv_equal(http_date_text(arena, INT64_MAX), SV_ABSENT));
    arena_free(arena);
}

static void the_obsolete_forms_of_dates_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                        " Sun, 06 Nov 1994 08:49:37 GMT "};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t seconds = -1;
        assert_true(http_date_parse(sv_from(texts[i]), &seconds));
        assert_int_equal(seconds, EXAMPLE_SECONDS);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "0",
        ",",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 19x4 08:49:37 GMT",
        "Sun Nov  6 08:49:37 199",
        "1994-11-06T08:49:37Z",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t seconds;
        assert_false(http_date_parse(sv_from(texts[i]), &seconds));
    }
}

static void a_known_version_is_not_sent_again(void **state)
{
    (void)state;
    static const struct {
        const char *none_match, *modified_since;
        bool not_modified;
    } cases[] = {
        {NULL, NULL, false},
        {"\"v1\"", NULL, true},
        {"W/\"v1\"", NULL, true},
        {"\"v0\", \"v1\"", NULL, true},
        {"*", NULL, true},
        {"\"v2\"", NULL, false},
        {"v1", NULL, false},
        {"", NULL, false},
        {NULL, "Sun, 06 Nov 1994 08:49:37 GMT", true},
        {NULL, "Sun, 06 Nov 1994 08:49:38 GMT", true},
        {NULL, "Sun, 06 Nov 1994 08:49:36 GMT", false},
        {NULL, "never", false},
        {"\"v2\"", "Sun, 06 Nov 1994 08:49:38 GMT", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            http_not_modified(&thousand, sv_from(cases[i].none_match), sv_from(cases[i].modified_since)),
            cases[i].not_modified);
}

static void ranges_are_cut_to_what_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *range, *if_range;
        enum range_outcome outcome;
        int64_t from, to;
    } cases[] = {
        {"bytes=0-0", NULL, RANGE_PART, 0, 0},
        {"bytes=0-999", NULL, RANGE_PART, 0, 999},
        {"bytes=0-", NULL, RANGE_PART, 0, 999},
        {"bytes=10-5000", NULL, RANGE_PART, 10, 999},
        {"bytes=10-99999999999999999999", NULL, RANGE_PART, 10, 999},
        {"bytes=-1", NULL, RANGE_PART, 999, 999},
        {"bytes=-1000", NULL, RANGE_PART, 0, 999},
        {"bytes=-99999999999999999999", NULL, RANGE_PART, 0, 999},
        {"Bytes = 1 - 2", NULL, RANGE_PART, 1, 2},
        {"bytes=1000-", NULL, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999-", NULL, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", NULL, RANGE_UNSATISFIABLE, 0, 0},
        {NULL, NULL, RANGE_NONE, 0, 0},
        {"", NULL, RANGE_NONE, 0, 0},
        {"bytes", NULL, RANGE_NONE, 0, 0},
        {"bytes=", NULL, RANGE_NONE, 0, 0},
        {"bytes=-", NULL, RANGE_NONE, 0, 0},
        {"bytes=5", NULL, RANGE_NONE, 0, 0},
        {"bytes=5-1", NULL, RANGE_NONE, 0, 0},
        {"bytes=1-2,4-5", NULL, RANGE_NONE, 0, 0},
        {"bytes=+1-2", NULL, RANGE_NONE, 0, 0},
        {"bytes=1--2", NULL, RANGE_NONE, 0, 0},
        {"bytes=a-b", NULL, RANGE_NONE, 0, 0},
        {"lines=1-2", NULL, RANGE_NONE, 0, 0},
        {"bytes=1-2", "\"v1\"", RANGE_PART, 1, 2},
        {"bytes=1-2", "\"v2\"", RANGE_NONE, 0, 0},
        {"bytes=1-2", "W/\"v1\"", RANGE_NONE, 0, 0},
        {"bytes=1-2", "Sun, 06 Nov 1994 08:49:37 GMT", RANGE_PART, 1, 2},
        {"bytes=1-2", "Sun, 06 Nov 1994 08:49:38 GMT", RANGE_NONE, 0, 0},
        {"bytes=5000-", "\"v2\"", RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t from = -1, to = -1;
        enum range_outcome outcome =
            http_range(&thousand, sv_from(cases[i].range), sv_from(cases[i].if_range), &from, &to);
        assert_int_equal(outcome, cases[i].outcome);
        if (outcome == RANGE_PART) {
            assert_int_equal(from, cases[i].from);
            assert_int_equal(to, cases[i].to);
        }
    }
}

static void an_empty_file_has_no_part(void **state)
{
    (void)state;
    static const struct representation empty = {{"\"v1\"", 4}, 0, 0};
    static const char *const ranges[] = {"bytes=0-", "bytes=0-0", "bytes=-1"};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        int64_t from, to;
        assert_int_equal(http_range(&empty, sv_from(ranges[i]), SV_ABSENT, &from, &to), RANGE_UNSATISFIABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_and_read),
        cmocka_unit_test(the_obsolete_forms_of_dates_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(a_known_version_is_not_sent_again),
        cmocka_unit_test(ranges_are_cut_to_what_there_is),
        cmocka_unit_test(an_empty_file_has_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
