#include "tests/unit/db_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

/* Several threads and processes at one file. SQLite must not be open across a fork, so every process opens
 * it. */

enum { PROCESSES = 4, THREADS = 8, INCREMENTS = 25 };

static void sleep_ms(int64_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static enum status increment(struct db_conn *conn)
{
    struct db_stmt *stmt = db_query0(conn, "SELECT number FROM t WHERE id = 1");
    if (!stmt || db_step(stmt) != DB_ROW) {
        db_done(stmt);
        return FAILED;
    }
    int64_t number = db_column_int(stmt, 0);
    if (db_done(stmt) != OK)
        return FAILED;
    return db_exec(conn, NULL, "UPDATE t SET number = ? WHERE id = 1", db_int(number + 1));
}

/* The number of increments that failed. */
static void *increment_often(void *context)
{
    struct db *db = context;
    struct arena *arena = arena_new(1 << 20);
    intptr_t failures = 0;
    for (int i = 0; i < INCREMENTS; i++) {
        struct error error = {.code = ERROR_NONE};
        struct db_conn *conn;
        enum status status = db_begin(db, DB_WRITE, arena, &error, &conn);
        if (status == OK) {
            status = increment(conn);
            if (status == OK)
                status = db_commit(conn);
            else
                db_rollback(conn);
        }
        if (status != OK) {
            failures++;
            print_error("%.*s (%.*s)\n", SV_ARG(error.message), SV_ARG(error.detail));
        }
        arena_reset(arena);
    }
    arena_free(arena);
    return (void *)failures;
}

static int increment_in_threads(struct db_fixture *fixture)
{
    struct db_options options = fixture_options(fixture);
    struct db *db = db_open(&options, fixture->arena, &fixture->error);
    if (!db)
        return 100;
    pthread_t threads[THREADS];
    intptr_t failures = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, increment_often, db) != 0)
            return 101;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failures += (intptr_t)result;
    }
    db_close(db);
    return failures == 0 ? 0 : 1;
}

static void make_counter(struct db_fixture *fixture)
{
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(db_exec0(conn, NULL, "INSERT INTO t (id, number) VALUES (1, 0)"), OK);
    assert_int_equal(db_commit(conn), OK);
}

static int64_t counter(struct db_fixture *fixture)
{
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    int64_t number = fixture_number(conn, "SELECT number FROM t WHERE id = 1");
    assert_int_equal(db_commit(conn), OK);
    return number;
}

static void no_update_is_lost_between_threads_and_processes(void **state)
{
    struct db_fixture *fixture = *state;
    make_counter(fixture);
    fixture_close(fixture);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(increment_in_threads(fixture));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int result = -1;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_int_equal(result, 0);
    }
    fixture_open(fixture);
    assert_int_equal(counter(fixture), PROCESSES * THREADS * INCREMENTS);
}

/* Writes its commits' number to the pipe after a second. */
static int write_for_a_second(struct db_fixture *fixture, int pipe_end)
{
    struct db_options options = fixture_options(fixture);
    struct db *db = db_open(&options, fixture->arena, &fixture->error);
    int64_t end = clock_monotonic_us() + 1000000, commits = 0;
    while (db && clock_monotonic_us() < end) {
        struct db_conn *conn;
        if (db_begin(db, DB_WRITE, fixture->arena, &fixture->error, &conn) != OK || increment(conn) != OK ||
            db_commit(conn) != OK)
            return 1;
        commits++;
    }
    db_close(db);
    return write(pipe_end, &commits, sizeof(commits)) == sizeof(commits) ? 0 : 1;
}

static void no_process_starves_while_others_write(void **state)
{
    struct db_fixture *fixture = *state;
    make_counter(fixture);
    fixture_close(fixture);
    int results[2];
    assert_int_equal(pipe(results), 0);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(write_for_a_second(fixture, results[1]));
    }
    int64_t most = 0, least = INT64_MAX, sum = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int64_t commits = 0;
        assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
        assert_int_equal(read(results[0], &commits, sizeof(commits)), sizeof(commits));
        most = commits > most ? commits : most;
        least = commits < least ? commits : least;
        sum += commits;
    }
    close(results[0]);
    close(results[1]);
    fixture_open(fixture);
    assert_int_equal(counter(fixture), sum);
    if (least * 5 < most)
        fail_msg("%lld commits against %lld", (long long)least, (long long)most);
}

/* --- Being killed --- */

enum { KILL_ROUNDS = 10, KILL_THREADS = 4 };

struct reporter {
    struct db *db;
    int pipe_end;
    int round, number;
};

/* Reports each row once its commit has been answered. */
static void *write_and_report(void *context)
{
    struct reporter *reporter = context;
    struct arena *arena = arena_new(1 << 20);
    for (int32_t i = 0;; i++) {
        struct error error = {.code = ERROR_NONE};
        struct db_conn *conn;
        int32_t id = (reporter->round * KILL_THREADS + reporter->number) * 1000000 + i;
        if (db_begin(reporter->db, DB_WRITE, arena, &error, &conn) != OK ||
            db_exec(conn, NULL, "INSERT INTO t (id, number) VALUES (?, 1)", db_int(id)) != OK ||
            db_commit(conn) != OK || write(reporter->pipe_end, &id, sizeof(id)) != sizeof(id))
            _exit(1);
        arena_reset(arena);
    }
    return NULL;
}

static void write_until_killed(struct db_fixture *fixture, int pipe_end, int round)
{
    static struct reporter reporters[KILL_THREADS];
    struct db_options options = fixture_options(fixture);
    struct db *db = db_open(&options, fixture->arena, &fixture->error);
    for (int i = 0; db && i < KILL_THREADS; i++) {
        pthread_t thread;
        reporters[i] = (struct reporter){.db = db, .pipe_end = pipe_end, .round = round, .number = i};
        if (pthread_create(&thread, NULL, write_and_report, &reporters[i]) != 0)
            _exit(1);
    }
    while (db)
        pause();
    _exit(1);
}

static void what_was_answered_survives_a_kill(void **state)
{
    struct db_fixture *fixture = *state;
    int64_t reported = 0;
    srandom(4711);
    for (int round = 0; round < KILL_ROUNDS; round++) {
        fixture_close(fixture);
        int reports[2];
        assert_int_equal(pipe(reports), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(fixture, reports[1], round);
        close(reports[1]);
        sleep_ms(60 + random() % 60);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);

        fixture_open(fixture);
        struct db_conn *conn = fixture_begin(fixture, DB_READ);
        int32_t id;
        while (read(reports[0], &id, sizeof(id)) == sizeof(id)) {
            struct db_stmt *stmt = db_query(conn, "SELECT 1 FROM t WHERE id = ?", db_int(id));
            assert_int_equal(db_step(stmt), DB_ROW);
            assert_int_equal(db_done(stmt), OK);
            reported++;
        }
        assert_int_equal(db_commit(conn), OK);
        close(reports[0]);
    }
    assert_true(reported > KILL_ROUNDS);
    assert_true(fixture_rows(fixture, NULL) >= reported);
}

/* --- The write-ahead log --- */

enum { LOG_READERS = 3 };

static atomic_bool enough;
static atomic_int reader_failures;

static void *read_all_the_time(void *context)
{
    struct db_fixture *fixture = context;
    struct arena *arena = arena_new(1 << 20);
    while (!atomic_load(&enough)) {
        struct error error = {.code = ERROR_NONE};
        struct db_conn *conn;
        bool done = false;
        if (db_begin(fixture->db, DB_READ, arena, &error, &conn) == OK) {
            struct db_stmt *stmt = db_query0(conn, "SELECT count(*) FROM t WHERE number >= 0");
            done = stmt && db_step(stmt) == DB_ROW;
            sleep_ms(5); /* a snapshot that is always held by somebody */
            done = db_done(stmt) == OK && done;
            done = db_commit(conn) == OK && done;
        }
        if (!done)
            atomic_fetch_add(&reader_failures, 1);
        arena_reset(arena);
    }
    arena_free(arena);
    return NULL;
}

static int64_t file_size(struct db_fixture *fixture, const char *suffix)
{
    char path[128];
    struct stat found;
    snprintf(path, sizeof(path), "%s%s", fixture->path, suffix);
    return stat(path, &found) == 0 ? found.st_size : 0;
}

static void the_log_stays_small_under_busy_readers_and_a_writer(void **state)
{
    struct db_fixture *fixture = *state;
    pthread_t readers[LOG_READERS];
    int64_t written = 0, largest = 0;
    enum { BATCH = 64 * 1024, ENOUGH = 96 * 1024 * 1024 };
    atomic_store(&enough, false);
    atomic_store(&reader_failures, 0);
    for (int i = 0; i < LOG_READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, fixture), 0);
    for (int64_t i = 0; written < ENOUGH; i++, written += BATCH) {
        struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
        assert_int_equal(db_exec(conn, NULL,
                                 "INSERT INTO t (id, text, number) VALUES (?1, ?1 || hex(zeroblob(?2)), 1)"
                                 " ON CONFLICT (id) DO UPDATE SET text = excluded.text || 'x' || ?3",
                                 db_int(i % 50), db_int(BATCH / 4), db_int(i)),
                         OK);
        assert_int_equal(db_commit(conn), OK);
        int64_t size = file_size(fixture, "-wal");
        largest = size > largest ? size : largest;
        arena_reset(fixture->arena);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < LOG_READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&reader_failures), 0);
    if (largest > 48 * 1024 * 1024)
        fail_msg("the log grew to %lld bytes", (long long)largest);
    assert_true(largest > 1024 * 1024);
}

static void the_last_one_to_close_folds_the_log_in(void **state)
{
    struct db_fixture *fixture = *state;
    make_counter(fixture);
    assert_true(file_size(fixture, "-wal") > 0);
    fixture_close(fixture);
    assert_int_equal(file_size(fixture, "-wal"), 0);
    fixture_open(fixture);
    assert_int_equal(counter(fixture), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_update_is_lost_between_threads_and_processes),
        TEST(no_process_starves_while_others_write),
        TEST(what_was_answered_survives_a_kill),
        TEST(the_log_stays_small_under_busy_readers_and_a_writer),
        TEST(the_last_one_to_close_folds_the_log_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
