#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/error.h"

static void the_first_error_stays(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct error error = {0};
    assert_int_equal(error.code, ERROR_NONE);
    assert_int_equal(error_set(&error, arena, INVALID_PARAMETER_VALUE, "bad '%s' %d", "x", 7), FAILED);
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    assert_true(sv_equal(error.message, SV("bad 'x' 7")));
    assert_null(error.detail.data);

    assert_int_equal(error_set(&error, arena, NOT_FOUND, "other"), FAILED);
    assert_int_equal(error_internal(&error, arena, "more"), FAILED);
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    assert_true(sv_equal(error.message, SV("bad 'x' 7")));
    assert_null(error.detail.data);

    error_clear(&error);
    assert_int_equal(error.code, ERROR_NONE);
    assert_null(error.message.data);
    error_set(&error, arena, NOT_FOUND, "other");
    assert_int_equal(error.code, NOT_FOUND);
    arena_free(arena);
}

static void a_fault_of_ours_keeps_its_detail_from_the_client(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct error error = {0};
    assert_int_equal(error_internal(&error, arena, "disk %s is full", "/secret/path"), FAILED);
    assert_int_equal(error.code, INTERNAL_ERROR);
    assert_true(sv_equal(error.detail, SV("disk /secret/path is full")));
    char *message = arena_cstr(arena, error.message);
    assert_true(error.message.len > 0);
    assert_null(strstr(message, "secret"));
    assert_null(strstr(message, "disk"));
    error_clear(&error);
    assert_null(error.detail.data);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(a_fault_of_ours_keeps_its_detail_from_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
