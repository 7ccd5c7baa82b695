#include "tests/unit/store_fixture.h"

#include <stdlib.h>
#include <string.h>

int store_setup(void **state)
{
    struct store_fixture *fixture = calloc(1, sizeof(*fixture));
    void *files = NULL;
    assert_non_null(fixture);
    assert_int_equal(fixture_setup(&files), 0);
    fixture->files = files;
    struct db_options options = fixture_options(fixture->files);
    options.create = true;
    struct store_settings settings = {
        .artifact_root = SV("mlflow-artifacts:/"),
        .artifact_location_limit = 2048,
        .truncate_long_values = true,
        .working_directory = SV("/work dir"),
    };
    struct arena *arena = fixture->files->arena;
    assert_int_equal(store_open(&fixture->store, &options, &settings, arena, &fixture->files->error), OK);
    fixture->tx = store_begin(&fixture->store, DB_WRITE, arena, &fixture->files->error);
    assert_non_null(fixture->tx);
    fixture->run_id = make_run(fixture, 0);
    fixture->run = load_run(fixture, fixture->run_id).info.id;
    *state = fixture;
    return 0;
}

int store_teardown(void **state)
{
    struct store_fixture *fixture = *state;
    void *files = fixture->files;
    store_rollback(fixture->tx);
    store_close(&fixture->store);
    free(fixture);
    return fixture_teardown(&files);
}

struct sv make_run(struct store_fixture *fixture, int64_t experiment)
{
    struct run_create create = {.experiment_id = experiment, .start_time = 1};
    struct run_info info;
    int64_t id;
    assert_int_equal(run_create(fixture->tx, &create, &id), OK);
    assert_int_equal(run_info_load(fixture->tx, id, &info), OK);
    return info.run_id;
}

struct run load_run(struct store_fixture *fixture, struct sv run_id)
{
    struct run_ref ref;
    struct run run;
    assert_int_equal(run_find(fixture->tx, run_id, &ref), OK);
    assert_int_equal(run_load(fixture->tx, ref.id, &run), OK);
    return run;
}

struct sv value_of(const struct key_value *items, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(items[i].key, sv_from(key)))
            return items[i].value;
    }
    return SV_ABSENT;
}

int64_t store_number(struct store_fixture *fixture, const char *sql)
{
    return fixture_number(fixture->tx->db, sql);
}

void assert_failed(struct store_fixture *fixture, enum status status, enum error_code code,
                   const char *message)
{
    struct error *error = fixture->tx->error;
    assert_int_equal(status, FAILED);
    assert_text(error->message, message);
    assert_int_equal(error->code, code);
    error_clear(error);
}

struct sv repeated(struct store_fixture *fixture, const char *text, size_t count)
{
    size_t len = strlen(text);
    char *bytes = arena_alloc(fixture->tx->arena, len * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + i * len, text, len);
    return (struct sv){bytes, len * count};
}

void assert_text(struct sv text, const char *expected)
{
    assert_non_null(text.data);
    if (!sv_equal(text, sv_from(expected)))
        fail_msg("'%.*s' is not '%s'", SV_ARG(text), expected);
}
