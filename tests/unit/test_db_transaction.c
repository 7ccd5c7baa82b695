#include "tests/unit/db_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

static enum status insert(struct db_conn *conn, const char *text)
{
    return db_exec(conn, NULL, "INSERT INTO t (text) VALUES (?)", db_text(sv_from(text)));
}

static void reopen(struct db_fixture *fixture, int64_t write_ms, int64_t read_ms, unsigned readers)
{
    fixture_close(fixture);
    struct db_options options = fixture_options(fixture);
    options.write_timeout_ms = write_ms;
    options.read_timeout_ms = read_ms;
    options.max_readers = readers;
    fixture->db = db_open(&options, fixture->arena, &fixture->error);
    assert_non_null(fixture->db);
}

static void what_is_committed_is_seen_and_survives(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a"), OK);
    assert_int_equal(db_commit(conn), OK);
    assert_int_equal(fixture_rows(fixture, "a"), 1);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_rows(fixture, "a"), 1);
}

static void what_is_rolled_back_is_gone(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a"), OK);
    db_rollback(conn);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void undo_empties_the_transaction_but_keeps_it(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a"), OK);
    assert_int_equal(db_undo(conn), OK);
    assert_int_equal(insert(conn, "b"), OK);
    assert_int_equal(db_undo(conn), OK);
    assert_int_equal(insert(conn, "c"), OK);
    assert_int_equal(db_commit(conn), OK);
    assert_int_equal(fixture_rows(fixture, NULL), 1);
    assert_int_equal(fixture_rows(fixture, "c"), 1);
}

static void a_transaction_with_an_error_is_not_committed(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a"), OK);
    assert_int_equal(insert(conn, "a"), FAILED);
    assert_int_equal(db_commit(conn), FAILED);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void a_reader_refuses_writes(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_int_equal(insert(conn, "a"), FAILED);
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    assert_int_equal(db_commit(conn), FAILED);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
}

static void a_reader_sees_one_moment_only(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *reader = fixture_begin(fixture, DB_READ);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM t"), 0);
    struct arena *arena = arena_new(1 << 20);
    struct error error = {.code = ERROR_NONE};
    struct db_conn *writer;
    assert_int_equal(db_begin(fixture->db, DB_WRITE, arena, &error, &writer), OK);
    assert_int_equal(insert(writer, "a"), OK);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM t"), 0);
    assert_int_equal(db_commit(writer), OK);
    assert_int_equal(fixture_number(reader, "SELECT count(*) FROM t"), 0);
    assert_int_equal(db_commit(reader), OK);
    assert_int_equal(fixture_rows(fixture, NULL), 1);
    arena_free(arena);
}

static const char endless[] =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

static void a_query_that_takes_too_long_is_stopped(void **state)
{
    struct db_fixture *fixture = *state;
    reopen(fixture, 1000, 150, 1);
    for (int round = 0; round < 2; round++) {
        struct db_conn *conn = fixture_begin(fixture, DB_READ);
        struct db_stmt *stmt = db_query_text(conn, sv_from(endless), NULL, 0);
        int64_t start = clock_monotonic_us();
        assert_int_equal(db_step(stmt), DB_FAILED);
        int64_t took_ms = (clock_monotonic_us() - start) / 1000;
        assert_in_range(took_ms, 100, 5000);
        assert_int_equal(db_done(stmt), FAILED);
        assert_int_equal(fixture->error.code, TEMPORARILY_UNAVAILABLE);
        assert_contains(fixture->error.message, "took longer");
        db_rollback(conn);
        /* The connection is as good as new. */
        assert_int_equal(fixture_rows(fixture, NULL), 0);
    }
}

static void a_writer_is_not_stopped_by_the_readers_limit(void **state)
{
    struct db_fixture *fixture = *state;
    reopen(fixture, 1000, 100, 1);
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a"), OK);
    int64_t end = clock_monotonic_us() + 200000;
    while (clock_monotonic_us() < end)
        fixture_number(conn, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000)"
                             " SELECT count(*) FROM n");
    assert_int_equal(db_commit(conn), OK);
    assert_int_equal(fixture_rows(fixture, "a"), 1);
}

static void waiting_for_a_read_connection_is_bounded(void **state)
{
    struct db_fixture *fixture = *state;
    reopen(fixture, 1000, 200, 2);
    struct db_conn *first = fixture_begin(fixture, DB_READ);
    struct db_conn *second = fixture_begin(fixture, DB_READ);
    struct db_conn *third;
    struct error error = {.code = ERROR_NONE};
    int64_t start = clock_monotonic_us();
    assert_int_equal(db_begin(fixture->db, DB_READ, fixture->arena, &error, &third), FAILED);
    assert_in_range((clock_monotonic_us() - start) / 1000, 150, 5000);
    assert_int_equal(error.code, TEMPORARILY_UNAVAILABLE);
    assert_contains(error.message, "busy");
    db_rollback(first);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
    db_rollback(second);
}

static void a_second_writer_gives_up_at_its_deadline(void **state)
{
    struct db_fixture *fixture = *state;
    reopen(fixture, 200, 1000, 2);
    struct db_conn *first = fixture_begin(fixture, DB_WRITE), *second;
    struct error error = {.code = ERROR_NONE};
    int64_t start = clock_monotonic_us();
    assert_int_equal(db_begin(fixture->db, DB_WRITE, fixture->arena, &error, &second), FAILED);
    assert_in_range((clock_monotonic_us() - start) / 1000, 150, 5000);
    assert_int_equal(error.code, TEMPORARILY_UNAVAILABLE);
    assert_int_equal(insert(first, "a"), OK);
    assert_int_equal(db_commit(first), OK);
    assert_int_equal(fixture_rows(fixture, "a"), 1);
}

/* A child that calls `hold` and then sleeps until it is killed. */
static pid_t holder(struct db_fixture *fixture, bool (*hold)(struct db_fixture *fixture))
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char answer = hold(fixture) ? 'y' : 'n';
        if (write(ready[1], &answer, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char answer = '?';
    close(ready[1]);
    assert_int_equal(read(ready[0], &answer, 1), 1);
    close(ready[0]);
    assert_int_equal(answer, 'y');
    return child;
}

static void end_holder(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static bool hold_our_way(struct db_fixture *fixture)
{
    struct db_conn *conn;
    struct db_options options = fixture_options(fixture);
    struct db *db = db_open(&options, fixture->arena, &fixture->error);
    return db && db_begin(db, DB_WRITE, fixture->arena, &fixture->error, &conn) == OK &&
           insert(conn, "x") == OK;
}

static bool hold_as_another_program(struct db_fixture *fixture)
{
    sqlite3 *handle;
    return sqlite3_open(fixture->path, &handle) == SQLITE_OK &&
           sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
}

static void assert_waits_for_holder(struct db_fixture *fixture, bool (*hold)(struct db_fixture *fixture))
{
    fixture_close(fixture); /* SQLite's files must not be open across a fork */
    pid_t child = holder(fixture, hold);
    struct db_options options = fixture_options(fixture);
    options.write_timeout_ms = 300;
    fixture->db = db_open(&options, fixture->arena, &fixture->error);
    assert_non_null(fixture->db);
    struct db_conn *refused;
    int64_t start = clock_monotonic_us();
    assert_int_equal(db_begin(fixture->db, DB_WRITE, fixture->arena, &fixture->error, &refused), FAILED);
    assert_in_range((clock_monotonic_us() - start) / 1000, 250, 5000);
    assert_int_equal(fixture->error.code, TEMPORARILY_UNAVAILABLE);
    assert_false(sv_contains(fixture->error.message, "locked"));
    assert_int_equal(fixture_rows(fixture, NULL), 0);
    end_holder(child);
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "y"), OK);
    assert_int_equal(db_commit(conn), OK);
    assert_int_equal(fixture_rows(fixture, NULL), 1);
}

static void a_writer_gives_up_when_another_process_holds_the_lock(void **state)
{
    assert_waits_for_holder(*state, hold_our_way);
}

static void a_writer_gives_up_when_another_program_holds_sqlites_lock(void **state)
{
    assert_waits_for_holder(*state, hold_as_another_program);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_committed_is_seen_and_survives),
        TEST(what_is_rolled_back_is_gone),
        TEST(undo_empties_the_transaction_but_keeps_it),
        TEST(a_transaction_with_an_error_is_not_committed),
        TEST(a_reader_refuses_writes),
        TEST(a_reader_sees_one_moment_only),
        TEST(a_query_that_takes_too_long_is_stopped),
        TEST(a_writer_is_not_stopped_by_the_readers_limit),
        TEST(waiting_for_a_read_connection_is_bounded),
        TEST(a_second_writer_gives_up_at_its_deadline),
        TEST(a_writer_gives_up_when_another_process_holds_the_lock),
        TEST(a_writer_gives_up_when_another_program_holds_sqlites_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
