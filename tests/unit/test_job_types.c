#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/jobs/parameters.h"
#include "common/jobs/scorer.h"
#include "common/jobs/types.h"
#include "common/jobs/worker_token.h"
#include "common/json/json_read.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct job_defaults defaults = {3, 15000, 60000};

static int setup(void **state)
{
    *state = arena_new(64UL * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static struct job_types parse(void **state, const char *text)
{
    struct job_types types = {0};
    struct sv problem = SV_ABSENT;
    if (!job_types_parse(&types, *state, "a.conf", sv_from(text), &defaults, &problem))
        fail_msg("%.*s", SV_ARG(problem));
    return types;
}

static void assert_refused(void **state, const char *text, const char *message)
{
    struct job_types types = {0};
    struct sv problem = SV_ABSENT;
    assert_false(job_types_parse(&types, *state, "a.conf", sv_from(text), &defaults, &problem));
    assert_string_equal(problem.data, message);
}

static void assert_text(struct sv text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void a_type_says_everything_about_how_it_is_run(void **state)
{
    struct job_types types = parse(state, "# jobs\n"
                                          "[score]\n"
                                          "command = /usr/bin/env python3 \"a b.py\" '' --x=1 # not this\n"
                                          "max_parallel = 10\n"
                                          "timeout = 1.5\n"
                                          "exclusive = a, b\n"
                                          "max_retries = 0\n"
                                          "retry_delay = 0.5\n"
                                          "retry_delay_max = 7\n"
                                          "environment = HOME, LANG\n"
                                          "set.MODE = \"x # y\"\n"
                                          "user = nobody\n"
                                          "directory = /var/tmp\n"
                                          "cpu_seconds = 60\n"
                                          "memory = 512M\n"
                                          "open_files = 64\n"
                                          "processes = 8\n"
                                          "output_bytes = 64K\n"
                                          "result = file\n"
                                          "function = m.n.score_job\n"
                                          "transient_errors = a.B, c.D\n"
                                          "enabled = false\n"
                                          "param.a = string required\n"
                                          "param.b = any optional\n"
                                          "param.c = integer\n");
    assert_int_equal(types.count, 1);
    const struct job_type *type = job_types_find(&types, SV("score"));
    assert_non_null(type);
    assert_int_equal(type->argc, 5);
    assert_text(type->argv[0], "/usr/bin/env");
    assert_text(type->argv[2], "a b.py");
    assert_text(type->argv[3], "");
    assert_text(type->argv[4], "--x=1");
    assert_int_equal(type->max_parallel, 10);
    assert_int_equal(type->timeout_ms, 1500);
    assert_int_equal(type->exclusive, JOB_EXCLUSIVE_BY_KEY);
    assert_int_equal(type->exclusive_key_count, 2);
    assert_text(type->exclusive_keys[1], "b");
    assert_int_equal(type->max_retries, 0);
    assert_int_equal(type->retry_delay_ms, 500);
    assert_int_equal(type->retry_delay_max_ms, 7000);
    assert_int_equal(type->variable_count, 3);
    assert_text(type->environment[1].name, "LANG");
    assert_null(type->environment[1].value.data);
    assert_text(type->environment[2].name, "MODE");
    assert_text(type->environment[2].value, "x # y");
    assert_text(type->user, "nobody");
    assert_text(type->directory, "/var/tmp");
    assert_int_equal(type->cpu_seconds, 60);
    assert_int_equal(type->memory_bytes, 512 * 1024 * 1024);
    assert_int_equal(type->open_files, 64);
    assert_int_equal(type->processes, 8);
    assert_int_equal(type->output_bytes, 65536);
    assert_int_equal(type->result, JOB_RESULT_FILE);
    assert_text(type->function, "m.n.score_job");
    assert_int_equal(type->transient_error_count, 2);
    assert_text(type->transient_errors[1], "c.D");
    assert_false(type->enabled);
    assert_int_equal(type->parameter_count, 3);
    assert_true(type->parameters[0].required);
    assert_int_equal(type->parameters[0].type, JOB_STRING);
    assert_false(type->parameters[1].required);
    assert_false(type->parameters[2].required);
    assert_int_equal(type->parameters[2].type, JOB_INTEGER);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct job_types types = parse(state, "[b]\ncommand = /b\n[a]\ncommand = /a\n");
    assert_int_equal(types.count, 2);
    assert_text(types.items[0].name, "a");
    assert_text(types.items[1].name, "b");
    assert_null(job_types_find(&types, SV("c")));
    const struct job_type *type = &types.items[0];
    assert_true(type->enabled);
    assert_int_equal(type->max_parallel, 1);
    assert_int_equal(type->timeout_ms, 0);
    assert_int_equal(type->exclusive, JOB_SHARED);
    assert_int_equal(type->max_retries, 3);
    assert_int_equal(type->retry_delay_ms, 15000);
    assert_int_equal(type->retry_delay_max_ms, 60000);
    assert_int_equal(type->variable_count, 0);
    assert_null(type->user.data);
    assert_null(type->directory.data);
    assert_int_equal(type->memory_bytes, JOB_NO_LIMIT);
    assert_int_equal(type->output_bytes, JOB_OUTPUT_DEFAULT);
    assert_int_equal(type->result, JOB_RESULT_STDOUT);
}

static void anything_else_is_refused_with_file_and_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"x = 1\n", "a.conf:1: Expected '[name]', the name of a job, before the first key."},
        {"[a]\ncommand = /a\nx = 1\n", "a.conf:3: There is no key 'x'."},
        {"\n[a]\n", "a.conf:2: The job 'a' has no command."},
        {"[a]\n[b]\ncommand = /b\n", "a.conf:1: The job 'a' has no command."},
        {"[a]\ncommand = /a\n[a]\ncommand = /a\n", "a.conf:3: The job 'a' was declared at a.conf:1 already."},
        {"[a\ncommand = /a\n", "a.conf:1: Expected '[name]'."},
        {"[]\n", "a.conf:1: Expected '[name]'."},
        {"[a] b\n", "a.conf:1: Expected '[name]'."},
        {"[a/b]\n", "a.conf:1: 'a/b' cannot be the name of a job: letters, digits, '_', '-' and '.' can."},
        {"[a]\ncommand\n", "a.conf:2: Expected 'key = value'."},
        {"[a]\ncommand = true\n",
         "a.conf:2: Invalid value for command: it must begin with the absolute path of a program."},
        {"[a]\ncommand = # /a\n",
         "a.conf:2: Invalid value for command: it must begin with the absolute path of a program."},
        {"[a]\ncommand = /a \"b\n", "a.conf:2: The quote is not closed."},
        {"[a]\ncommand = /a \"b\"c\n", "a.conf:2: There is text behind the closing quote."},
        {"[a]\ncommand = /a b\"c\"\n", "a.conf:2: There is a quote within a word: quote the whole word."},
        {"[a]\ncommand = /a\ncommand = /a\n", "a.conf:3: 'command' was set further up already."},
        {"[a]\nuser =\n", "a.conf:2: 'user' has no value."},
        {"[a]\nmax_parallel = 0\n",
         "a.conf:2: Invalid value for max_parallel: '0' is not an integer from 1 to 10000."},
        {"[a]\nmax_retries = 1x\n",
         "a.conf:2: Invalid value for max_retries: '1x' is not an integer from 0 to 1000."},
        {"[a]\ntimeout = -1\n",
         "a.conf:2: Invalid value for timeout: '-1' is not a number of seconds from 0 to 31622400."},
        {"[a]\ntimeout = nan\n",
         "a.conf:2: Invalid value for timeout: 'nan' is not a number of seconds from 0 to 31622400."},
        {"[a]\nretry_delay = inf\n",
         "a.conf:2: Invalid value for retry_delay: 'inf' is not a number of seconds from 0 to 86400."},
        {"[a]\noutput_bytes = 1T\n", "a.conf:2: Invalid value for output_bytes: '1T' is not a size from 1024 "
                                     "to 16777216 bytes, such as 512M."},
        {"[a]\noutput_bytes = 9999999999G\n",
         "a.conf:2: Invalid value for output_bytes: '9999999999G' is not a size from "
         "1024 to 16777216 bytes, such as 512M."},
        {"[a]\nenabled = yes\n", "a.conf:2: Invalid value for enabled: 'yes' is not true or false."},
        {"[a]\nresult = json\n", "a.conf:2: Invalid value for result: 'json' is not stdout or file."},
        {"[a]\ndirectory = tmp\n", "a.conf:2: Invalid value for directory: 'tmp' is not an absolute path."},
        {"[a]\nenvironment = A,,B\n", "a.conf:2: '' is not the name of an environment variable."},
        {"[a]\nenvironment = A, A\n", "a.conf:2: The variable 'A' was named further up already."},
        {"[a]\nset.1A = x\n", "a.conf:2: '1A' is not the name of an environment variable."},
        {"[a]\nparam.x = text\n", "a.conf:2: Invalid value for param.x: 'text' is not any, string, integer, "
                                  "number, boolean, object or "
                                  "array, and perhaps required or optional behind it."},
        {"[a]\nparam.x = any maybe\n",
         "a.conf:2: Invalid value for param.x: 'any maybe' is not any, string, integer, number, boolean, "
         "object or array, and perhaps required or optional behind it."},
        {"[a]\nparam.x = any\nparam.x = any\n", "a.conf:3: 'param.x' was set further up already."},
        {"[a]\nparam. = any\n", "a.conf:2: '' is not the name of a parameter."},
        {"[a]\ncommand = /a\nexclusive = x\n",
         "a.conf:1: The job 'a' is exclusive by 'x', but has no such parameter."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(state, cases[i].text, cases[i].message);
}

static void retries_wait_twice_as_long_each_time_up_to_a_limit(void **state)
{
    struct job_types types = parse(state, "[a]\ncommand = /a\n[b]\ncommand = /b\nretry_delay = 0\n"
                                          "[c]\ncommand = /c\nretry_delay = 90\n");
    static const int64_t expected[] = {15000, 30000, 60000, 60000};
    for (int i = 0; i < 4; i++)
        assert_int_equal(job_retry_delay_ms(&types.items[0], i + 1), expected[i]);
    assert_int_equal(job_retry_delay_ms(&types.items[0], INT64_MAX), 60000);
    assert_int_equal(job_retry_delay_ms(&types.items[1], 1000), 0);
    assert_int_equal(job_retry_delay_ms(&types.items[2], 1), 60000);
}

/* --- The directory --- */

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_directory_is_read_file_by_file(void **state)
{
    static const char *const names[] = {"10.conf", "20.conf", "30.txt", ".40.conf"};
    char directory[] = "/tmp/job-types-XXXXXX", path[256];
    struct job_types types = {0};
    struct sv problem = SV_ABSENT;
    assert_non_null(mkdtemp(directory));
    write_file(directory, names[0], "[b]\ncommand = /b\n");
    write_file(directory, names[1], "[a]\ncommand = /a\n");
    write_file(directory, names[2], "junk\n");
    write_file(directory, names[3], "junk\n");
    assert_true(job_types_load(&types, *state, directory, false, &defaults, &problem));
    assert_int_equal(types.count, 2);
    write_file(directory, names[1], "[b]\n");
    types = (struct job_types){0};
    assert_false(job_types_load(&types, *state, directory, false, &defaults, &problem));
    snprintf(path, sizeof(path), "%s/20.conf:1: The job 'b' was declared at %s/10.conf:1 already.", directory,
             directory);
    assert_string_equal(problem.data, path);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
    types = (struct job_types){0};
    assert_false(job_types_load(&types, *state, directory, false, &defaults, &problem));
    assert_true(job_types_load(&types, *state, directory, true, &defaults, &problem));
    assert_int_equal(types.count, 0);
}

/* --- Parameters --- */

static struct json_object *json(void **state, const char *text)
{
    struct json_object *value;
    struct sv problem;
    assert_int_equal(json_parse(*state, sv_from(text), &value, &problem), JSON_OK);
    return value;
}

static const char scorer[] = "[s]\n"
                             "command = /s\n"
                             "function = mlflow.genai.scorers.job.invoke_scorer_job\n"
                             "param.experiment_id = string required\n"
                             "param.trace_ids = array required\n"
                             "param.log_assessments = boolean optional\n";

static void assert_params(void **state, const char *text, const char *message)
{
    struct job_types types = parse(state, scorer);
    struct error error = {.code = ERROR_NONE};
    struct json_object *params = json(state, text);
    enum status status = job_check_params(&types.items[0], params, *state, &error);
    json_object_put(params);
    assert_int_equal(status, message ? FAILED : OK);
    if (!message)
        return;
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    assert_string_equal(error.message.data, message);
}

static void parameters_are_checked_against_the_declaration(void **state)
{
    assert_params(state, "{\"experiment_id\":\"1\",\"trace_ids\":[]}", NULL);
    assert_params(state, "{\"experiment_id\":\"1\",\"trace_ids\":[],\"log_assessments\":null,\"more\":1}",
                  NULL);
    assert_params(
        state, "{\"log_assessments\":true}",
        "Missing required parameters for function 'invoke_scorer_job': ['experiment_id', 'trace_ids']. "
        "Expected parameters: ['experiment_id', 'trace_ids', 'log_assessments']");
    assert_params(state, "{\"experiment_id\":1,\"trace_ids\":[]}",
                  "The parameter 'experiment_id' of a job 's' must be a string.");
    assert_params(state, "{\"experiment_id\":\"1\",\"trace_ids\":null}",
                  "The parameter 'trace_ids' of a job 's' must be an array.");
}

static void a_type_that_is_not_enabled_takes_no_job(void **state)
{
    struct job_types types = parse(state, "[s]\ncommand = /s\nfunction = m.f\nenabled = false\n");
    struct error error = {.code = ERROR_NONE};
    struct json_object *params = json(state, "{}");
    assert_int_equal(job_check_params(&types.items[0], params, *state, &error), FAILED);
    assert_string_equal(error.message.data, "The function m.f is not in the allowed job function list");
    json_object_put(params);
}

static void the_key_of_a_lock_is_the_name_and_a_digest_as_mlflow_makes_it(void **state)
{
    struct job_types types = parse(state, "[s]\ncommand = /s\nexclusive = a\nparam.a = any\n");
    struct json_object *params = json(state, "{\"b\":2,\"a\":1}");
    /* echo -n '{"a": 1}' | sha256sum */
    assert_string_equal(job_lock_key(&types.items[0], params, *state).data, "s:f9d86028c6e0d64e");
    json_object_put(params);
}

/* --- Tokens, scorers --- */

static void tokens_are_long_and_plain(void **state)
{
    static const struct {
        const char *token;
        bool good;
    } cases[] = {{"0123456789abcdef", true},
                 {"0123456789abcde", false},
                 {"0123456789 abcdef", false},
                 {"0123456789abcde\xc3\xa9", false},
                 {"", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct settings settings = {.jobs_worker_token = sv_from(cases[i].token)};
        struct sv token, problem;
        assert_int_equal(job_worker_token(&settings, *state, &token, &problem), cases[i].good);
    }
    assert_true(job_tokens_equal(SV("abc"), SV("abc"), *state));
    assert_false(job_tokens_equal(SV("abc"), SV("abd"), *state));
    assert_false(job_tokens_equal(SV("abc"), SV("abcd"), *state));
    assert_false(job_tokens_equal(SV_ABSENT, SV_ABSENT, *state));
}

static bool is_session_level(void **state, const char *instructions)
{
    struct error error = {.code = ERROR_NONE};
    bool session_level = false;
    struct sv text = arena_printf(*state,
                                  "{\"name\": \"j\", \"instructions_judge_pydantic_data\": "
                                  "{\"instructions\": \"%s\", \"model\": \"m\"}}",
                                  instructions);
    assert_int_equal(job_scorer_check(text, *state, &error, &session_level), OK);
    return session_level;
}

static void a_judge_of_conversations_has_the_variable(void **state)
{
    assert_true(is_session_level(state, "{{conversation}}"));
    assert_true(is_session_level(state, "a {{ inputs }} {{{ conversation }} b"));
    assert_false(is_session_level(state, "{ conversation }"));
    assert_false(is_session_level(state, "{{ conversation }"));
    assert_false(is_session_level(state, "{{ conversations }} conversation"));
    assert_false(is_session_level(state, "{{"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_type_says_everything_about_how_it_is_run),
        TEST(what_is_left_out_has_its_default),
        TEST(anything_else_is_refused_with_file_and_line),
        TEST(retries_wait_twice_as_long_each_time_up_to_a_limit),
        TEST(a_directory_is_read_file_by_file),
        TEST(parameters_are_checked_against_the_declaration),
        TEST(a_type_that_is_not_enabled_takes_no_job),
        TEST(the_key_of_a_lock_is_the_name_and_a_digest_as_mlflow_makes_it),
        TEST(tokens_are_long_and_plain),
        TEST(a_judge_of_conversations_has_the_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
