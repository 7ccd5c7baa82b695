/* The command is no library, so the source under test is taken in whole. */
#include "cli/job_output.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LIMIT 1024

struct world {
    struct arena *arena;
    struct job_output output;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->arena = arena_new(8L * 1024 * 1024);
    job_output_init(&world->output, LIMIT);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    job_output_free(&world->output);
    arena_free(world->arena);
    free(world);
    return 0;
}

static void print(struct world *world, const char *text)
{
    job_output_add(&world->output, JOB_STDOUT, sv_from(text), world->arena);
}

static void assert_text(struct sv text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void assert_result(struct world *world, const char *expected)
{
    assert_text(job_output_result(&world->output, world->arena), expected);
}

static void the_whole_output_is_the_result_if_it_is_json(void **state)
{
    print(*state, "\n{\"a\":\n");
    print(*state, " [1,\n2]}\n\n");
    assert_result(*state, "{\"a\":\n [1,\n2]}");
}

static void progress_is_no_part_of_the_result(void **state)
{
    struct world *world = *state;
    print(world, "[1,\n{\"progress\": 0.5, \"message\": \"half\"}\n2]\n{\"progress\": 1}\n");
    assert_result(world, "[1,\n2]");
    assert_true(world->output.has_news);
    assert_true(world->output.progress == 1);
    assert_text(buffer_sv(&world->output.message), "half");
}

static void the_last_line_is_the_result_if_the_whole_is_not(void **state)
{
    print(*state, "loading\n42\ndone soon\n  {\"ok\": true}  ");
    assert_result(*state, "{\"ok\": true}");
}

static void what_is_not_json_is_no_result(void **state)
{
    print(*state, "{\"ok\": true}\nthat was it\n");
    assert_result(*state, "null");
}

static void nothing_at_all_is_null(void **state)
{
    assert_result(*state, "null");
}

static void an_object_with_other_members_is_no_progress(void **state)
{
    struct world *world = *state;
    print(world, "{\"progress\": 0.5, \"rows\": 3}\n");
    assert_false(world->output.has_news);
    assert_result(world, "{\"progress\": 0.5, \"rows\": 3}");
}

static void progress_is_clamped_and_its_message_cut_between_code_points(void **state)
{
    struct world *world = *state;
    struct buffer line;
    buffer_init(&line, 8192);
    buffer_printf(&line, "{\"progress\": 17, \"details\": {\"step\": 2}, \"message\": \"x");
    for (int i = 0; i < JOB_MESSAGE_MAX / 2; i++)
        buffer_printf(&line, "\xc3\xa4");
    buffer_printf(&line, "\"}\n");
    job_output_add(&world->output, JOB_STDOUT, buffer_sv(&line), world->arena);
    buffer_free(&line);
    assert_true(world->output.progress == 1);
    assert_int_equal(world->output.message.len, JOB_MESSAGE_MAX - 1);
    assert_text(buffer_sv(&world->output.details), "{\"step\":2}");
}

static void print_many(struct world *world, char byte, size_t count)
{
    char *bytes = malloc(count);
    assert_non_null(bytes);
    memset(bytes, byte, count);
    job_output_add(&world->output, JOB_STDOUT, (struct sv){bytes, count}, world->arena);
    free(bytes);
}

static void a_result_beyond_the_limit_is_absent(void **state)
{
    struct world *world = *state;
    print(world, "\"");
    print_many(world, 'x', 200000);
    print(world, "\"\n");
    assert_null(job_output_result(&world->output, world->arena).data);
}

static void much_output_does_not_hide_a_result_in_its_last_line(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 1000; i++)
        print(world, "some words about what goes on\n");
    print(world, "[3]\n");
    assert_result(world, "[3]");
}

static void a_log_that_is_not_fetched_keeps_its_end_and_says_what_is_missing(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 40; i++)
        print_many(world, 'a', 10000);
    print(world, "the end\n");
    struct sv log = job_output_log(&world->output, world->arena);
    assert_true(log.len <= JOB_LOG_APPEND_MAX);
    assert_true(sv_starts_with(log, SV("\n[")));
    assert_true(sv_ends_with(log, SV("the end\n")));
    size_t head = sv_find(sv_from_offset(log, 1), '\n') + 2;
    long long left_out = strtoll(log.data + 2, NULL, 10);
    assert_int_equal(left_out + (long long)(log.len - head), 400000 + 8);
    job_output_log_told(&world->output);
    assert_null(job_output_log(&world->output, world->arena).data);
}

static void the_error_is_the_end_of_standard_error(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 5000; i++)
        job_output_add(&world->output, JOB_STDERR, SV("noise "), world->arena);
    job_output_add(&world->output, JOB_STDERR, SV("\xff ValueError: it's\n"), world->arena);
    struct sv error = job_output_error(&world->output, world->arena);
    assert_true(error.len <= JOB_ERROR_BYTES + 8);
    assert_true(sv_ends_with(error, SV("\xef\xbf\xbd ValueError: it's")));
    assert_result(world, "null");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_whole_output_is_the_result_if_it_is_json),
        T(progress_is_no_part_of_the_result),
        T(the_last_line_is_the_result_if_the_whole_is_not),
        T(what_is_not_json_is_no_result),
        T(nothing_at_all_is_null),
        T(an_object_with_other_members_is_no_progress),
        T(progress_is_clamped_and_its_message_cut_between_code_points),
        T(a_result_beyond_the_limit_is_absent),
        T(much_output_does_not_hide_a_result_in_its_last_line),
        T(a_log_that_is_not_fetched_keeps_its_end_and_says_what_is_missing),
        T(the_error_is_the_end_of_standard_error),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
