#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/search/languages.h"
#include "common/search/parser.h"

static struct arena *arena;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum status parse(struct sv text, struct search_filter *filter)
{
    error_clear(&error);
    return search_parse_filter(arena, &error, &model_version_language, text, filter);
}

static void version_numbers_may_be_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"version_number = 3", 3},        {"version_number = '3'", 3},      {"version_number > \"-2\"", -2},
        {"version_number <= '2.5'", 2.5}, {"version_number != '1e2'", 100},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct search_filter filter;
        if (parse(sv_from(cases[i].text), &filter) != OK)
            fail_msg("%s: %.*s", cases[i].text, SV_ARG(error.message));
        assert_int_equal(filter.count, 1);
        assert_true(filter.clauses[0].number.real == cases[i].value);
    }
}

static void quoted_texts_that_name_no_finite_number_are_no_version_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"nan",       "NaN",   "-nan",   "inf", "-inf", "+Infinity",
                                        "-Infinity", "1e999", "-1e999", "",    "three"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct search_filter filter;
        struct sv text = arena_printf(arena, "version_number = '%s'", texts[i]);
        assert_int_equal(parse(text, &filter), FAILED);
        assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
        const char *start = "Expected numeric value type for numeric attribute: version_number. Found ";
        if (!sv_starts_with(error.message, sv_from(start)))
            fail_msg("'%s': %.*s", texts[i], SV_ARG(error.message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_numbers_may_be_quoted),
        cmocka_unit_test(quoted_texts_that_name_no_finite_number_are_no_version_numbers),
    };
    return cmocka_run_group_tests_name("filters of the model registry", tests, set_up, tear_down);
}
