#include "tests/unit/config_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum setting_source source_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < setting_count; i++)
        if (strcmp(setting_table[i].name, name) == 0)
            return config->sources[i];
    fail_msg("no setting %s", name);
    return SETTING_DEFAULT;
}

static void without_anything_given_the_defaults_hold(void **state)
{
    struct config config = load(state, NULL, "");
    const struct settings *s = &config.settings;
    assert_setting(s->host, "127.0.0.1");
    assert_int_equal(s->port, 5000);
    assert_setting(s->backend_store_uri, NULL);
    assert_true(s->serve_artifacts);
    assert_false(s->artifacts_only);
    assert_setting(s->artifacts_destination, "./mlartifacts");
    assert_setting(s->static_prefix, NULL);
    assert_setting(s->allowed_hosts, NULL);
    assert_setting(s->x_frame_options, "SAMEORIGIN");
    assert_false(s->disable_security_middleware);
    assert_int_equal(s->workers, 1);
    assert_setting(s->durability, "full");
    assert_int_equal(s->secrets_cache_ttl, 60);
    assert_int_equal(s->secrets_cache_max_size, 1000);
    assert_int_equal(s->artifact_location_max_length, 2048);
    assert_true(s->truncate_long_values);
    assert_setting(config.file, NULL);
    for (size_t i = 0; i < setting_count; i++)
        assert_int_equal(config.sources[i], SETTING_DEFAULT);
}

static void an_option_beats_the_environment_beats_the_file_beats_the_default(void **state)
{
    const char *file = write_file(*state, "port = 1001\nworkers = 2\nthreads = 3\n");
    setenv("MLFLOW_PORT", "1002", 1);
    setenv("MLFLOW_WORKERS", "4", 1);
    struct config config = load(state, file, "--port 1003");
    assert_int_equal(config.settings.port, 1003);
    assert_int_equal(config.settings.workers, 4);
    assert_int_equal(config.settings.threads, 3);
    assert_int_equal(config.settings.write_timeout_ms, 10000);
    assert_int_equal(source_of(&config, "port"), SETTING_OPTION);
    assert_int_equal(source_of(&config, "workers"), SETTING_ENVIRONMENT);
    assert_int_equal(source_of(&config, "threads"), SETTING_FILE);
    assert_int_equal(source_of(&config, "write_timeout_ms"), SETTING_DEFAULT);
}

static void every_option_of_mlflow_server_is_known(void **state)
{
    struct config config = load(state, NULL,
                                "--host 0.0.0.0 --port 80 --backend-store-uri sqlite:///a.db "
                                "--registry-store-uri sqlite:///b.db --static-prefix /x/y");
    assert_setting(config.settings.host, "0.0.0.0");
    assert_int_equal(config.settings.port, 80);
    assert_setting(config.settings.backend_store_uri, "sqlite:///a.db");
    assert_setting(config.settings.registry_store_uri, "sqlite:///b.db");
    assert_setting(config.settings.static_prefix, "/x/y");

    config = load(state, NULL,
                  "--default-artifact-root s3://b --artifacts-destination /d --artifacts-only "
                  "--no-serve-artifacts --allowed-hosts a.com,b.com --cors-allowed-origins *");
    assert_setting(config.settings.default_artifact_root, "s3://b");
    assert_setting(config.settings.artifacts_destination, "/d");
    assert_true(config.settings.artifacts_only);
    assert_false(config.settings.serve_artifacts);
    assert_setting(config.settings.allowed_hosts, "a.com,b.com");
    assert_setting(config.settings.cors_allowed_origins, "*");

    config = load(state, NULL,
                  "--x-frame-options deny --disable-security-middleware --expose-prometheus m "
                  "--workers 4 --app-name basic-auth --secrets-cache-ttl 10 "
                  "--secrets-cache-max-size 10000");
    assert_setting(config.settings.x_frame_options, "DENY");
    assert_true(config.settings.disable_security_middleware);
    assert_setting(config.settings.expose_prometheus, "m");
    assert_int_equal(config.settings.workers, 4);
    assert_setting(config.settings.app_name, "basic-auth");
    assert_int_equal(config.settings.secrets_cache_ttl, 10);
    assert_int_equal(config.settings.secrets_cache_max_size, 10000);

    config = load(state, NULL, "--uvicorn-opts --reload --gunicorn-opts a --waitress-opts b --dev");
    assert_setting(config.settings.uvicorn_opts, "--reload");
    assert_setting(config.settings.gunicorn_opts, "a");
    assert_setting(config.settings.waitress_opts, "b");
    assert_true(config.settings.dev);
}

static void an_option_takes_its_value_apart_or_attached(void **state)
{
    static const char *const spellings[] = {"--port 77", "--port=77", "-p 77", "-p77", "-p 76 --port=77"};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        assert_int_equal(load(state, NULL, spellings[i]).settings.port, 77);
    assert_setting(load(state, NULL, "-h 1.2.3.4").settings.host, "1.2.3.4");
    assert_int_equal(load(state, NULL, "-w3").settings.workers, 3);
    assert_setting(load(state, NULL, "--backend-store-uri=sqlite:///a=b").settings.backend_store_uri,
                   "sqlite:///a=b");
    assert_setting(load(state, NULL, "--uvicorn-opts --port").settings.uvicorn_opts, "--port");
}

static void a_switch_has_a_form_that_turns_it_off(void **state)
{
    assert_true(load(state, NULL, "--no-serve-artifacts --serve-artifacts").settings.serve_artifacts);
    assert_false(load(state, NULL, "--serve-artifacts --no-serve-artifacts").settings.serve_artifacts);
    setenv("MLFLOW_ARTIFACTS_ONLY", "true", 1);
    assert_false(load(state, NULL, "--no-artifacts-only").settings.artifacts_only);
}

static void options_that_make_no_sense_are_named(void **state)
{
    static const struct {
        const char *options;
        const char *problem;
    } rows[] = {
        {"--foo", "No such option: --foo"},
        {"--foo=bar", "No such option: --foo"},
        {"--no-port", "No such option: --no-port"},
        {"--no-", "No such option: --no-"},
        {"--por 1", "No such option: --por"},
        {"--PORT 1", "No such option: --PORT"},
        {"--backend_store_uri x", "No such option: --backend_store_uri"},
        {"--=", "No such option: --"},
        {"-x", "No such option: -x"},
        {"--port", "Option '--port' requires an argument."},
        {"--host a --port", "Option '--port' requires an argument."},
        {"-p", "Option '-p' requires an argument."},
        {"--dev=true", "Option '--dev' does not take a value."},
        {"--no-serve-artifacts=1", "Option '--no-serve-artifacts' does not take a value."},
        {"foo", "Got unexpected extra argument (foo)"},
        {"--dev true", "Got unexpected extra argument (true)"},
        {"-", "Got unexpected extra argument (-)"},
        {"--", "Got unexpected extra argument (--)"},
        {"''", "Got unexpected extra argument ()"},
        {"--static-prefix x", "--static-prefix must begin with a '/'."},
        {"--static-prefix /x/", "--static-prefix should not end with a '/'."},
        {"--static-prefix /", "--static-prefix should not end with a '/'."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(problem_of(state, NULL, rows[i].options), rows[i].problem);
}

static void numbers_are_strict_and_bounded(void **state)
{
    static const char *const wrong[] = {"abc",
                                        "5000x",
                                        "0x50",
                                        "1e3",
                                        "5.0",
                                        "--5",
                                        "+",
                                        "-",
                                        "5_000",
                                        "65536",
                                        "-1",
                                        "99999999999999999999",
                                        "9223372036854775808"};
    struct config_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *problem = problem_of(state, NULL, arena_printf(fixture->arena, "--port %s", wrong[i]).data);
        assert_mentions(problem, "'--port' / '-p'");
        assert_mentions(problem, arena_printf(fixture->arena, "'%s'", wrong[i]).data);
    }
    setenv("MLFLOW_PORT", " 80", 1);
    assert_mentions(problem_of(state, NULL, ""), "MLFLOW_PORT");
    unsetenv("MLFLOW_PORT");

    assert_mentions(problem_of(state, NULL, "--port 65536"), "0 to 65535");
    assert_int_equal(load(state, NULL, "--port 0").settings.port, 0);
    assert_int_equal(load(state, NULL, "--port 65535").settings.port, 65535);
    problem_of(state, NULL, "--workers 0");
    problem_of(state, NULL, "--secrets-cache-ttl 9");
    problem_of(state, NULL, "--secrets-cache-ttl 301");
    assert_int_equal(load(state, NULL, "--secrets-cache-ttl 300").settings.secrets_cache_ttl, 300);
    problem_of(state, NULL, "--secrets-cache-max-size 10001");
    problem_of(state, NULL, "--secrets-cache-max-size 0");
}

static void switches_in_the_environment_are_words_in_any_case(void **state)
{
    static const char *const on[] = {"true", "TRUE", "True", "1", "yes", "YES", "on", "t", "y"};
    static const char *const off[] = {"false", "FALSE", "False", "0", "no", "No", "off", "f", "n"};
    static const char *const wrong[] = {"maybe", "2", "tru", "true ", "10", "yesno"};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", on[i], 1);
        assert_true(load(state, NULL, "").settings.disable_security_middleware);
    }
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", off[i], 1);
        setenv("MLFLOW_SERVE_ARTIFACTS", off[i], 1);
        struct config config = load(state, NULL, "");
        assert_false(config.settings.disable_security_middleware);
        assert_false(config.settings.serve_artifacts);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", wrong[i], 1);
        char *problem = problem_of(state, NULL, "");
        assert_mentions(problem, "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE");
        assert_mentions(problem, wrong[i]);
    }
}

static void an_empty_value_counts_as_none(void **state)
{
    const char *file = write_file(*state, "port = 1234\nhost =\nallowed_hosts = file.example\n"
                                          "artifacts_destination = \"\"\n");
    setenv("MLFLOW_PORT", "", 1);
    setenv("MLFLOW_SERVE_ARTIFACTS", "", 1);
    setenv("MLFLOW_SERVER_X_FRAME_OPTIONS", "", 1);
    struct config config = load(state, file, "--allowed-hosts '' --workers=");
    assert_int_equal(config.settings.port, 1234);
    assert_setting(config.settings.host, "127.0.0.1");
    assert_true(config.settings.serve_artifacts);
    assert_setting(config.settings.allowed_hosts, "file.example");
    assert_setting(config.settings.artifacts_destination, "./mlartifacts");
    assert_int_equal(config.settings.workers, 1);
    assert_setting(config.settings.x_frame_options, "SAMEORIGIN");
    assert_int_equal(source_of(&config, "host"), SETTING_DEFAULT);
    assert_int_equal(source_of(&config, "allowed_hosts"), SETTING_FILE);
}

static void empty_frame_options_mean_none(void **state)
{
    assert_setting(load(state, NULL, "--x-frame-options ''").settings.x_frame_options, "NONE");
    assert_setting(load(state, NULL, "--x-frame-options none").settings.x_frame_options, "NONE");
    assert_setting(load(state, write_file(*state, "x_frame_options =\n"), "").settings.x_frame_options,
                   "NONE");
}

static void words_come_out_in_one_spelling(void **state)
{
    static const struct {
        const char *given;
        const char *level;
    } rows[] = {{"DEBUG", "debug"}, {"Info", "info"},      {"WARNING", "warning"}, {"WARN", "warning"},
                {"ERROR", "error"}, {"CRITICAL", "error"}, {"FATAL", "error"},     {"NOTSET", "debug"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("MLFLOW_LOGGING_LEVEL", rows[i].given, 1);
        assert_setting(load(state, NULL, "").settings.log_level, rows[i].level);
    }
    assert_setting(load(state, NULL, "--durability Normal").settings.durability, "normal");
    assert_mentions(problem_of(state, NULL, "--durability half"), "'full', 'normal'");
    assert_mentions(problem_of(state, NULL, "--x-frame-options ALLOWALL"), "'SAMEORIGIN', 'DENY', 'NONE'");
    assert_mentions(problem_of(state, NULL, "--app-name other"), "'basic-auth'");
    assert_mentions(problem_of(state, NULL, "--log-level loud"), "'--log-level'");
}

static void a_static_prefix_is_a_plain_path(void **state)
{
    assert_setting(load(state, NULL, "--static-prefix /ml-flow_1.x/~me").settings.static_prefix,
                   "/ml-flow_1.x/~me");
    static const char *const wrong[] = {"/a//b", "//a",    "/..",   "/a/../b", "/./a",
                                        "/a?b",  "/a%2fb", "/a\"b", "/a#"};
    struct config_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_mentions(
            problem_of(state, NULL, arena_printf(fixture->arena, "--static-prefix %s", wrong[i]).data),
            wrong[i]);
}

static void the_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *a = &setting_table[i];
        assert_true(a->help[0] != '\0');
        assert_true(!a->option || strncmp(a->option, "--", 2) == 0);
        assert_true(a->option || a->environment);
        assert_true(a->type != SETTING_TYPE_INT || a->min <= a->max);
        assert_true(a->type == SETTING_TYPE_STRING || a->default_text);
        for (size_t j = i + 1; j < setting_count; j++) {
            const struct setting *b = &setting_table[j];
            assert_string_not_equal(a->name, b->name);
            assert_false(a->option && b->option && strcmp(a->option, b->option) == 0);
            assert_false(a->environment && b->environment && strcmp(a->environment, b->environment) == 0);
            assert_false(a->short_option && a->short_option == b->short_option);
        }
    }
}

static void the_help_shows_every_setting_within_80_columns_unless_one_name_is_longer(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print_options(out);
    fclose(out);

    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &setting_table[i];
        assert_mentions(text, setting->option ? setting->option : setting->name);
        char note[128];
        if (setting->environment) {
            snprintf(note, sizeof note, "[env: %s]", setting->environment);
            assert_mentions(text, note);
        }
        if (setting->default_text) {
            snprintf(note, sizeof note, "[default: %s]", setting->default_text);
            assert_mentions(text, note);
        }
    }
    assert_mentions(text, "\n  -p, --port PORT             TCP port to listen on.");
    assert_mentions(text,
                    "\n  --serve-artifacts / --no-serve-artifacts\n                              Serve ");
    struct sv rest = {text, len};
    while (rest.data) {
        struct sv line = sv_cut(&rest, '\n');
        struct sv text_of_line = sv_trim(line);
        bool name_alone = sv_starts_with(text_of_line, SV("[env: ")) &&
                          sv_find(sv_from_offset(text_of_line, 6), ' ') == text_of_line.len - 6;
        if ((line.len > 80 && !name_alone) || sv_ends_with(line, SV(" ")))
            fail_msg("too long, or with a blank at its end: '%.*s'", SV_ARG(line));
    }
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_setup, config_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_anything_given_the_defaults_hold),
        TEST(an_option_beats_the_environment_beats_the_file_beats_the_default),
        TEST(every_option_of_mlflow_server_is_known),
        TEST(an_option_takes_its_value_apart_or_attached),
        TEST(a_switch_has_a_form_that_turns_it_off),
        TEST(options_that_make_no_sense_are_named),
        TEST(numbers_are_strict_and_bounded),
        TEST(switches_in_the_environment_are_words_in_any_case),
        TEST(an_empty_value_counts_as_none),
        TEST(empty_frame_options_mean_none),
        TEST(words_come_out_in_one_spelling),
        TEST(a_static_prefix_is_a_plain_path),
        TEST(the_table_is_consistent),
        TEST(the_help_shows_every_setting_within_80_columns_unless_one_name_is_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
