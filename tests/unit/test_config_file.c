#include "tests/unit/config_fixture.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void the_file_has_comments_quotes_and_blank_lines(void **state)
{
    const char *file = write_file(*state, "# comment = 1\n"
                                          "\n"
                                          "   \t\r\n"
                                          "host = a.example   # where\r\n"
                                          "  port=99\n"
                                          "\tallowed_hosts\t=\t\"a.com, # b\"  # c\n"
                                          "static_prefix = '/x'\n"
                                          "backend_store_uri = sqlite:///a#b.db\n"
                                          "expose_prometheus = 'it is \"quoted\"'\n"
                                          "registry_store_uri = # none\n"
                                          "serve_artifacts = No\n"
                                          "log_file = last.log");
    struct config config = load(state, file, "");
    assert_setting(config.settings.host, "a.example");
    assert_int_equal(config.settings.port, 99);
    assert_setting(config.settings.allowed_hosts, "a.com, # b");
    assert_setting(config.settings.static_prefix, "/x");
    assert_setting(config.settings.backend_store_uri, "sqlite:///a#b.db");
    assert_setting(config.settings.expose_prometheus, "it is \"quoted\"");
    assert_setting(config.settings.registry_store_uri, NULL);
    assert_false(config.settings.serve_artifacts);
    assert_setting(config.settings.log_file, "last.log");
    assert_setting(config.file, file);
}

static void a_bad_line_is_named_with_file_and_number(void **state)
{
    static const struct {
        const char *text;
        const char *line;
        const char *mention;
    } rows[] = {
        {"prot = 1\n", ":1: ", "'prot'"},
        {"\n# x\nhost = a\nport = abc\n", ":4: ", "'abc'"},
        {"port = 70000", ":1: ", "0 to 65535"},
        {"host = a\nnonsense\n", ":2: ", "key = value"},
        {"= 1\n", ":1: ", "''"},
        {"Port = 1\n", ":1: ", "'Port'"},
        {"--port = 1\n", ":1: ", "'--port'"},
        {"serve_artifacts = perhaps\n", ":1: ", "'perhaps'"},
        {"host = \"a\n", ":1: ", "quote"},
        {"\nhost = 'a' b\n", ":2: ", "quote"},
        {"port = 1\nhost = a\nport = 2\n", ":3: ", "'port'"},
        {"log_level = loud\n", ":1: ", "log_level"},
    };
    struct config_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *file = write_file(fixture, rows[i].text);
        char *problem = problem_of(state, file, "");
        assert_mentions(problem, arena_printf(fixture->arena, "%s%s", file, rows[i].line).data);
        assert_mentions(problem, rows[i].mention);
    }
    const char *file = write_file_bytes(fixture, "host = a\nhost\0 = b\n", 19);
    assert_mentions(problem_of(state, file, ""), ":2: ");
    file = write_file_bytes(fixture, "host = a\0b\n", 11);
    assert_mentions(problem_of(state, file, ""), ":1: ");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    char *problem = problem_of(state, "/nonexistent/tracklight.conf", "");
    assert_mentions(problem, "'/nonexistent/tracklight.conf'");
    assert_mentions(problem, "No such file or directory");
    assert_mentions(problem_of(state, "/tmp", ""), "Is a directory");

    static char large[65537];
    memset(large, '#', sizeof large);
    assert_mentions(problem_of(state, write_file_bytes(*state, large, sizeof large), ""), "65536 bytes");
    load(state, write_file_bytes(*state, large, sizeof large - 1), "");
}

static void an_overlong_value_is_refused(void **state)
{
    static char value[8300];
    memset(value, 'a', sizeof value - 1);
    setenv("MLFLOW_BACKEND_STORE_URI", value, 1);
    char *problem = problem_of(state, NULL, "");
    assert_mentions(problem, "MLFLOW_BACKEND_STORE_URI");
    assert_true(strlen(problem) < 200);
    value[8192] = '\0';
    setenv("MLFLOW_BACKEND_STORE_URI", value, 1);
    assert_int_equal(load(state, NULL, "").settings.backend_store_uri.len, 8192);
}

static void the_environment_names_the_file_unless_one_is_given(void **state)
{
    struct config_fixture other = {.arena = ((struct config_fixture *)*state)->arena};
    setenv("TRACKLIGHT_CONFIG", write_file(&other, "port = 11\n"), 1);
    assert_int_equal(load(state, NULL, "").settings.port, 11);
    assert_int_equal(load(state, write_file(*state, "port = 12\n"), "").settings.port, 12);
    setenv("TRACKLIGHT_CONFIG", "", 1);
    assert_int_equal(load(state, NULL, "").settings.port, 5000);
    unlink(other.file);
    setenv("TRACKLIGHT_CONFIG", other.file, 1);
    assert_mentions(problem_of(state, NULL, ""), other.file);
}

/* The exported environment is what a child program has; it loads with no file and no arguments. */
static void a_child_sees_the_settings_that_were_exported(void **state)
{
    const char *file = write_file(*state, "workers = 7\nthreads = 9\nserve_artifacts = false\nport = 70\n");
    setenv("MLFLOW_WORKERS", "5", 1);
    setenv("MLFLOW_HOST", "env.example", 1);
    struct config config = load(state, file,
                                "--host 127.0.0.1 --port 5000 --serve-artifacts --no-artifacts-only "
                                "--allowed-hosts a.com --x-frame-options '' --app-name basic-auth "
                                "--secrets-cache-ttl 99");
    assert_true(config_export(&config));
    struct config child = load(state, NULL, "");
    assert_setting(child.settings.host, "127.0.0.1");
    assert_int_equal(child.settings.port, 5000);
    assert_true(child.settings.serve_artifacts);
    assert_false(child.settings.artifacts_only);
    assert_setting(child.settings.allowed_hosts, "a.com");
    assert_setting(child.settings.x_frame_options, "NONE");
    assert_setting(child.settings.app_name, "basic-auth");
    assert_int_equal(child.settings.secrets_cache_ttl, 99);
    assert_int_equal(child.settings.workers, 5);
    assert_int_equal(child.settings.threads, 9);
}

static void a_child_follows_the_file_when_it_changes(void **state)
{
    struct config config = load(state, write_file(*state, "threads = 9\n"), "--port 1");
    assert_true(config_export(&config));
    FILE *file = fopen(((struct config_fixture *)*state)->file, "w");
    assert_non_null(file);
    fputs("threads = 10\n", file);
    fclose(file);
    struct config child = load(state, NULL, "");
    assert_int_equal(child.settings.threads, 10);
    assert_int_equal(child.settings.port, 1);
}

static void the_exported_path_of_the_file_is_absolute(void **state)
{
    struct config_fixture *fixture = *state;
    char directory[PATH_MAX];
    write_file(fixture, "threads = 9\n");
    assert_non_null(getcwd(directory, sizeof directory));
    assert_int_equal(chdir("/tmp"), 0);
    struct config config = load(state, fixture->file + strlen("/tmp/"), "");
    bool exported = config_export(&config);
    assert_int_equal(chdir(directory), 0);
    assert_true(exported);
    assert_string_equal(getenv("TRACKLIGHT_CONFIG"), fixture->file);

    unlink(fixture->file);
    assert_false(config_export(&config));
}

static void nothing_is_exported_that_was_not_given_as_an_option(void **state)
{
    setenv("MLFLOW_WORKERS", "5", 1);
    struct config config = load(state, NULL, "");
    unsetenv("MLFLOW_WORKERS");
    assert_true(config_export(&config));
    for (size_t i = 0; i < setting_count; i++)
        if (setting_table[i].environment)
            assert_null(getenv(setting_table[i].environment));
    assert_null(getenv("TRACKLIGHT_CONFIG"));
}

static void texts_outlive_what_they_were_read_from(void **state)
{
    struct config_fixture *fixture = *state;
    char word[] = "--host=a.example";
    char *argv[] = {word};
    struct config config;
    struct sv problem;
    setenv("MLFLOW_STATIC_PREFIX", "/prefix", 1);
    assert_true(config_load(&config, fixture->arena, NULL, 1, argv, &problem));
    memset(word, 'x', sizeof word);
    setenv("MLFLOW_STATIC_PREFIX", "/other!", 1);
    assert_setting(config.settings.host, "a.example");
    assert_setting(config.settings.static_prefix, "/prefix");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_setup, config_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_file_has_comments_quotes_and_blank_lines),
        TEST(a_bad_line_is_named_with_file_and_number),
        TEST(a_file_that_cannot_be_read_is_named),
        TEST(an_overlong_value_is_refused),
        TEST(the_environment_names_the_file_unless_one_is_given),
        TEST(a_child_sees_the_settings_that_were_exported),
        TEST(a_child_follows_the_file_when_it_changes),
        TEST(the_exported_path_of_the_file_is_absolute),
        TEST(nothing_is_exported_that_was_not_given_as_an_option),
        TEST(texts_outlive_what_they_were_read_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
