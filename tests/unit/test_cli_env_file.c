/* The command is no library, so the source under test is taken in whole. */
#include "cli/env_file.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static char seen[1024];

static void note(const char *name, const char *value)
{
    size_t len = strlen(seen);
    snprintf(seen + len, sizeof(seen) - len, "%s=<%s> ", name, value);
}

/* Fails unless the text gives exactly these variables. */
static void assert_variables(const char *text, const char *expected)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct sv problem = SV_ABSENT;
    seen[0] = '\0';
    assert_true(env_file_parse(sv_from(text), arena, note, &problem));
    assert_string_equal(seen, expected);
    arena_free(arena);
}

static void assert_refused(struct sv text, const char *expected)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct sv problem = SV_ABSENT;
    seen[0] = '\0';
    assert_false(env_file_parse(text, arena, note, &problem));
    assert_string_equal(arena_cstr(arena, problem), expected);
    arena_free(arena);
}

static void names_and_values_are_read_line_by_line(void **state)
{
    (void)state;
    assert_variables("A=1\nB_2=two words \r\n\n  C = x=y\nD=\nE=last",
                     "A=<1> B_2=<two words> C=<x=y> D=<> E=<last> ");
    assert_variables("", "");
    assert_variables("\xEF\xBB\xBF"
                     "A=1\n",
                     "A=<1> ");
}

static void export_before_a_name_is_allowed(void **state)
{
    (void)state;
    assert_variables("export A=1\nexport\tB=2\nexport=3\nexported=4\n",
                     "A=<1> B=<2> export=<3> exported=<4> ");
}

static void comments_are_left_out_but_not_inside_words_and_quotes(void **state)
{
    (void)state;
    assert_variables("# A=0\nA=1 # one\nB=a#b\n  #x\nC='a # b' # c\nD=#\n", "A=<1> B=<a#b> C=<a # b> D=<> ");
}

static void single_quotes_are_literal_and_double_quotes_know_escapes(void **state)
{
    (void)state;
    assert_variables("A='x\\n$HOME'\nB=\"x\\n\\t\\\"\\\\\\$HOME\\q\"\nC='it\\'s'\n",
                     "A=<x\\n$HOME> B=<x\n\t\"\\$HOME\\q> C=<it's> ");
}

static void a_quoted_value_may_span_lines(void **state)
{
    (void)state;
    assert_variables("A='one\ntwo'\nB=3\n", "A=<one\ntwo> B=<3> ");
}

static void what_makes_no_sense_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused(SV("A=1\nB\n"), "line 2: expected NAME=VALUE");
    assert_refused(SV("=1\n"), "line 1: expected NAME=VALUE");
    assert_refused(SV("1A=1\n"), "line 1: expected NAME=VALUE");
    assert_refused(SV("A='x\ny'\nB-C=1\n"), "line 3: expected NAME=VALUE");
    assert_refused(SV("\nA=\"x\n\n"), "line 2: the quoted value does not end");
    assert_refused(SV("A='x'y\n"), "line 1: something follows the quoted value");
    assert_refused(SV("A=\0\n"), "line 1: the file holds a NUL byte");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_read_line_by_line),
        cmocka_unit_test(export_before_a_name_is_allowed),
        cmocka_unit_test(comments_are_left_out_but_not_inside_words_and_quotes),
        cmocka_unit_test(single_quotes_are_literal_and_double_quotes_know_escapes),
        cmocka_unit_test(a_quoted_value_may_span_lines),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
