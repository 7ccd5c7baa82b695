/* The command is no library, so the source under test is taken in whole. */
#include "cli/routes.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEADER "area\tmethod\tpath\taliases\tname\tprogram\n"

struct fixture {
    struct arena *arena;
    struct operation_paths paths;
    struct route_rule *rules;
    size_t count;
};

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){.arena = arena_new(1024 * 1024)};
}

static void read_program(struct fixture *fixture, size_t program, const char *operations, struct sv prefix)
{
    assert_true(routes_read(&fixture->paths, program, sv_from(operations), prefix, fixture->arena));
}

static void work_out(struct fixture *fixture)
{
    fixture->rules = routes_rules(&fixture->paths, fixture->arena, &fixture->count);
}

static void assert_rule(const struct fixture *fixture, size_t index, bool is_pattern, const char *match,
                        size_t program)
{
    assert_true(index < fixture->count);
    const struct route_rule *rule = &fixture->rules[index];
    assert_string_equal(arena_cstr(fixture->arena, rule->match), match);
    assert_int_equal(rule->is_pattern, is_pattern);
    assert_int_equal(rule->program, program);
}

static void one_program_alone_needs_no_rule(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0, HEADER "a\tGET\t/x/y\tboth\tn\tp\n", SV_ABSENT);
    work_out(&fixture);
    assert_int_equal(fixture.count, 0);
    arena_free(fixture.arena);
}

static void the_shortest_beginning_that_no_other_program_knows_is_the_rule(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0, "a\tGET\t/api/2.0/mlflow/runs/get\tboth\tn\tp\n", SV_ABSENT);
    read_program(&fixture, 1,
                 "a\tGET\t/api/2.0/mlflow-artifacts/artifacts\tboth\tn\tp\n"
                 "a\tPUT\t/api/2.0/mlflow-artifacts/artifacts/{path...}\tboth\tn\tp\n",
                 SV_ABSENT);
    work_out(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_rule(&fixture, 0, false, "/api/2.0/mlflow-artifacts/", 1);
    assert_rule(&fixture, 1, false, "/ajax-api/2.0/mlflow-artifacts/", 1);
    arena_free(fixture.arena);
}

static void a_path_that_is_the_beginning_of_another_programs_is_matched_as_a_whole(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0, "a\tGET\t/list-all\t-\tn\tp\n", SV_ABSENT);
    read_program(&fixture, 1, "a\tGET\t/list\t-\tn\tp\n", SV_ABSENT);
    work_out(&fixture);
    assert_int_equal(fixture.count, 1);
    assert_rule(&fixture, 0, true, "^/list$", 1);
    arena_free(fixture.arena);
}

static void a_parameter_between_words_becomes_a_pattern(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0, "a\tGET\t/v2.0/models/{id}\t-\tn\tp\n", SV_ABSENT);
    read_program(&fixture, 1,
                 "a\tGET\t/v2.0/models/{id}/files\t-\tn\tp\n"
                 "a\tGET\t/v2.0/models/{id}/tree/{path...}\t-\tn\tp\n",
                 SV_ABSENT);
    work_out(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_rule(&fixture, 0, true, "^/v2[.]0/models/[^/]+/files$", 1);
    assert_rule(&fixture, 1, true, "^/v2[.]0/models/[^/]+/tree/.+$", 1);
    arena_free(fixture.arena);
}

static void a_more_exact_path_of_another_program_wins_over_a_pattern(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0,
                 "a\tGET\t/jobs/search\t-\tn\tp\n"
                 "a\tGET\t/jobs/{id}/search/deep\t-\tn\tp\n",
                 SV_ABSENT);
    read_program(&fixture, 2, "a\tGET\t/jobs/{id}\t-\tn\tp\n", SV_ABSENT);
    work_out(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_rule(&fixture, 0, true, "^/jobs/[^/]+$", 2);
    assert_rule(&fixture, 1, true, "^/jobs/search$", 0);
    arena_free(fixture.arena);
}

static void every_path_is_known_below_the_static_prefix_too(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture);
    read_program(&fixture, 0, "a\tGET\t/health\t-\tn\tp\n", SV("/pre"));
    read_program(&fixture, 1, "a\tGET\t/pre/files/{x}\t-\tn\tp\na\tGET\t/gateway/{x}\t-\tn\tp\n", SV("/pre"));
    work_out(&fixture);
    assert_int_equal(fixture.count, 3);
    assert_rule(&fixture, 0, false, "/gateway/", 1);
    assert_rule(&fixture, 1, false, "/pre/files/", 1);
    assert_rule(&fixture, 2, false, "/pre/gateway/", 1);
    arena_free(fixture.arena);
}

static void a_path_that_could_break_the_configuration_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a\"b", "/a b", "/a$", "/a\\b", "/a(b", "/a\x01", "/\xc3\xa9"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct fixture fixture;
        begin(&fixture);
        struct sv line = arena_printf(fixture.arena, "a\tGET\t%s\t-\tn\tp\n", paths[i]);
        assert_false(routes_read(&fixture.paths, 1, line, SV_ABSENT, fixture.arena));
        arena_free(fixture.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_program_alone_needs_no_rule),
        cmocka_unit_test(the_shortest_beginning_that_no_other_program_knows_is_the_rule),
        cmocka_unit_test(a_path_that_is_the_beginning_of_another_programs_is_matched_as_a_whole),
        cmocka_unit_test(a_parameter_between_words_becomes_a_pattern),
        cmocka_unit_test(a_more_exact_path_of_another_program_wins_over_a_pattern),
        cmocka_unit_test(every_path_is_known_below_the_static_prefix_too),
        cmocka_unit_test(a_path_that_could_break_the_configuration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
