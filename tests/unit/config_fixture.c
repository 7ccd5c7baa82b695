#include "tests/unit/config_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void clear_environment(void)
{
    unsetenv("TRACKLIGHT_CONFIG");
    for (size_t i = 0; i < setting_count; i++)
        if (setting_table[i].environment)
            unsetenv(setting_table[i].environment);
}

int config_setup(void **state)
{
    struct config_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->arena = arena_new(1 << 20);
    clear_environment();
    *state = fixture;
    return 0;
}

int config_teardown(void **state)
{
    struct config_fixture *fixture = *state;
    if (fixture->file[0])
        unlink(fixture->file);
    clear_environment();
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

const char *write_file_bytes(struct config_fixture *fixture, const char *bytes, size_t len)
{
    if (fixture->file[0])
        unlink(fixture->file);
    snprintf(fixture->file, sizeof fixture->file, "/tmp/test_config.XXXXXX");
    int file = mkstemp(fixture->file);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, len), len);
    close(file);
    return fixture->file;
}

const char *write_file(struct config_fixture *fixture, const char *text)
{
    return write_file_bytes(fixture, text, strlen(text));
}

#define MAX_ARGUMENTS 16

bool try_load(struct config_fixture *fixture, struct config *config, const char *file, const char *options,
              struct sv *problem)
{
    char *argv[MAX_ARGUMENTS];
    int argc = 0;
    struct sv rest = sv_from(options);
    while (rest.len > 0 && argc < MAX_ARGUMENTS) {
        struct sv word = sv_cut(&rest, ' ');
        argv[argc++] = arena_cstr(fixture->arena, sv_equal(word, SV("''")) ? SV("") : word);
    }
    *problem = SV_ABSENT;
    return config_load(config, fixture->arena, file, argc, argv, problem);
}

struct config load(void **state, const char *file, const char *options)
{
    struct config config;
    struct sv problem;
    if (!try_load(*state, &config, file, options, &problem))
        fail_msg("'%s': %.*s", options, SV_ARG(problem));
    return config;
}

char *problem_of(void **state, const char *file, const char *options)
{
    struct config_fixture *fixture = *state;
    struct config config;
    struct sv problem;
    if (try_load(fixture, &config, file, options, &problem))
        fail_msg("'%s' was accepted", options);
    assert_non_null(problem.data);
    return arena_cstr(fixture->arena, problem);
}

void assert_setting(struct sv actual, const char *expected)
{
    if (!sv_equal(actual, sv_from(expected)))
        fail_msg("'%.*s' should be '%s'", SV_ARG(actual), expected ? expected : "(absent)");
}

void assert_mentions(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' does not mention '%s'", text, part);
}
