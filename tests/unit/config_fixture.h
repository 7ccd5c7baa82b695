#ifndef TRACKLIGHT_TESTS_CONFIG_FIXTURE_H
#define TRACKLIGHT_TESTS_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/config.h"

/* An environment without any setting, and at most one settings file. */
struct config_fixture {
    struct arena *arena;
    char file[64];
};

/* cmocka's set-up and tear-down; *state is the fixture. */
int config_setup(void **state);
int config_teardown(void **state);

/* The path of the file, which replaces an earlier one. */
const char *write_file(struct config_fixture *fixture, const char *text);
const char *write_file_bytes(struct config_fixture *fixture, const char *bytes, size_t len);

/* Splits `options` at blanks; an argument `''` is the empty one. */
bool try_load(struct config_fixture *fixture, struct config *config, const char *file, const char *options,
              struct sv *problem);

/* The settings; the test fails where loading does. */
struct config load(void **state, const char *file, const char *options);

/* The sentence that loading fails with. */
char *problem_of(void **state, const char *file, const char *options);

void assert_setting(struct sv actual, const char *expected);
void assert_mentions(const char *text, const char *part);

#endif
