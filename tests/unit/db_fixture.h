#ifndef TRACKLIGHT_TESTS_DB_FIXTURE_H
#define TRACKLIGHT_TESTS_DB_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/db/db.h"

/* A database file in a folder of its own, which goes away with it. Nothing is shared between tests. */
struct db_fixture {
    char folder[64];
    char path[96];
    struct arena *arena;
    struct error error;
    struct db *db; /* NULL until fixture_open */
};

/* cmocka's set-up and tear-down; *state is the fixture. fixture_setup leaves the file to the test. */
int fixture_setup(void **state);
int fixture_setup_open(void **state);
int fixture_teardown(void **state);

/* Options with short time limits. */
struct db_options fixture_options(const struct db_fixture *fixture);

/* Opens (again); asserts that it works. */
void fixture_open(struct db_fixture *fixture);
void fixture_close(struct db_fixture *fixture);

/* The message that refuses the file; asserts that it is refused. */
struct sv fixture_refusal(struct db_fixture *fixture, bool create);

/* The database with a table t (id INTEGER PRIMARY KEY, text TEXT UNIQUE, number INTEGER) besides the schema.
 */
void fixture_make_table(struct db_fixture *fixture);

/* The number of rows of t, as a new reader sees it; of those with this text if it is not NULL. -1 on failure.
 */
int64_t fixture_rows(struct db_fixture *fixture, const char *text);

/* Begins a transaction on the fixture's arena and error; asserts that it works. */
struct db_conn *fixture_begin(struct db_fixture *fixture, enum db_access access);

/* The only value of a query without parameters. */
int64_t fixture_number(struct db_conn *conn, const char *sql);

/* Runs SQL on a plain SQLite connection, as another program would; asserts that it works. */
void fixture_foreign_sql(const char *path, const char *sql);

bool sv_contains(struct sv text, const char *part);
void assert_contains(struct sv text, const char *part);

#endif
