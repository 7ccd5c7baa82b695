#include "tests/unit/store_fixture.h"

#include "common/store/model_source.h"
#include "common/store/permissions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* --- Experiments of a search --- */

static const struct permission_filter all_but_two = {.others = true, .exceptions = {"[3,7]", 5}, .count = 2};
static const struct permission_filter only_two = {.others = false, .exceptions = {"[3,7]", 5}, .count = 2};
static const struct permission_filter nothing = {.others = false, .exceptions = {"[]", 2}};
static const struct permission_filter everything = {.others = true, .exceptions = {"[]", 2}};

static void assert_left(struct store_fixture *f, const struct permission_filter *filter,
                        const int64_t *expected, size_t expected_count)
{
    int64_t ids[] = {7, 1, INT64_MAX, 3, 2};
    size_t count = sizeof(ids) / sizeof(ids[0]);
    assert_int_equal(permission_filter_ids(f->tx, filter, ids, &count), OK);
    assert_int_equal(count, expected_count);
    assert_memory_equal(ids, expected, expected_count * sizeof(ids[0]));
}

static void ids_keep_their_order(void **state)
{
    struct store_fixture *f = *state;
    assert_left(f, &all_but_two, (const int64_t[]){1, INT64_MAX, 2}, 3);
    assert_left(f, &only_two, (const int64_t[]){7, 3}, 2);
    assert_left(f, &nothing, (const int64_t[]){0}, 0);
    assert_left(f, &everything, (const int64_t[]){7, 1, INT64_MAX, 3, 2}, 5);
    assert_left(f, NULL, (const int64_t[]){7, 1, INT64_MAX, 3, 2}, 5);
}

static void no_ids_are_left_of_none(void **state)
{
    struct store_fixture *f = *state;
    size_t count = 0;
    assert_int_equal(permission_filter_ids(f->tx, &only_two, NULL, &count), OK);
    assert_int_equal(count, 0);
}

static void assert_has(struct store_fixture *f, const struct permission_filter *filter, int64_t id,
                       bool expected)
{
    bool has = !expected;
    assert_int_equal(permission_filter_has(f->tx, filter, id, &has), OK);
    assert_int_equal(has, expected);
}

static void one_id_passes_or_does_not(void **state)
{
    struct store_fixture *f = *state;
    assert_has(f, &all_but_two, 3, false);
    assert_has(f, &all_but_two, 4, true);
    assert_has(f, &only_two, 3, true);
    assert_has(f, &only_two, 4, false);
    assert_has(f, &nothing, 0, false);
    assert_has(f, NULL, 0, true);
}

/* --- What a source names --- */

static void assert_names(const char *source, enum model_source_kind kind, const char *name)
{
    struct model_source_name named = {.name = SV_ABSENT};
    assert_int_equal(model_source_names(sv_from(source), &named), kind);
    if (name)
        assert_text(named.name, name);
}

static void a_source_names_what_it_would_be_copied_from(void **state)
{
    (void)state;
    assert_names("models:/m/1", MODEL_SOURCE_REGISTERED_MODEL, "m");
    assert_names("MODELS:///m/latest", MODEL_SOURCE_REGISTERED_MODEL, "m");
    assert_names("models:/m@champion", MODEL_SOURCE_REGISTERED_MODEL, "m");
    assert_names("models:/m@a/1", MODEL_SOURCE_REGISTERED_MODEL, "m@a");
    assert_names("models:/m-0123", MODEL_SOURCE_LOGGED_MODEL, "m-0123");
    assert_names("runs:/abc/model", MODEL_SOURCE_RUN, "abc");
    assert_names("runs:abc", MODEL_SOURCE_RUN, "abc");
}

static void what_is_not_well_formed_names_nothing(void **state)
{
    (void)state;
    assert_names("models://host/m/1", MODEL_SOURCE_PLACE, NULL);
    assert_names("models:/", MODEL_SOURCE_PLACE, NULL);
    assert_names("models:/m/", MODEL_SOURCE_PLACE, NULL);
    assert_names("models:/m/1/2", MODEL_SOURCE_PLACE, NULL);
    assert_names("s3://bucket/m/1", MODEL_SOURCE_PLACE, NULL);
    assert_names("/models:/m/1", MODEL_SOURCE_PLACE, NULL);
    assert_names("dummy-source", MODEL_SOURCE_PLACE, NULL);
    assert_names("", MODEL_SOURCE_PLACE, NULL);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(ids_keep_their_order),
        STORE_TEST(no_ids_are_left_of_none),
        STORE_TEST(one_id_passes_or_does_not),
        cmocka_unit_test(a_source_names_what_it_would_be_copied_from),
        cmocka_unit_test(what_is_not_well_formed_names_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
