#ifndef TRACKLIGHT_TESTS_STORE_FIXTURE_H
#define TRACKLIGHT_TESTS_STORE_FIXTURE_H

#include "tests/unit/db_fixture.h"

#include "common/store/experiments.h"
#include "common/store/runs.h"
#include "common/store/store.h"

/* A store with experiment 0 and one run in it, and a write transaction that is open while a test runs. */
struct store_fixture {
    struct db_fixture *files;
    struct store store;
    struct store_tx *tx;
    struct sv run_id;
    int64_t run; /* the store's own id */
};

/* cmocka's set-up and tear-down; *state is the fixture. The transaction is rolled back at the end. */
int store_setup(void **state);
int store_teardown(void **state);

/* A further run, RUNNING, in the experiment. */
struct sv make_run(struct store_fixture *fixture, int64_t experiment);

/* The run as it reads back. */
struct run load_run(struct store_fixture *fixture, struct sv run_id);

/* The value of a tag or parameter; absent if there is none. */
struct sv value_of(const struct key_value *items, size_t count, const char *key);

/* A single number by SQL on the transaction's connection. */
int64_t store_number(struct store_fixture *fixture, const char *sql);

/* Asserts that the last call failed so, with exactly this message, and forgets the error. */
void assert_failed(struct store_fixture *fixture, enum status status, enum error_code code,
                   const char *message);

/* `count` times the text. */
struct sv repeated(struct store_fixture *fixture, const char *text, size_t count);

void assert_text(struct sv text, const char *expected);

#endif
