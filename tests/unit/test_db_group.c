#include "tests/unit/db_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/db/internal.h"

/* Members of one group, run in a known order: the first holds the turn until all others stand in line. */

enum { MEMBERS_MAX = 80 };

struct member {
    const char *text; /* what it inserts */
    enum status (*work)(struct db_conn *conn, struct member *member);
    bool roll_back;

    enum status begun, worked, ended; /* the outcome */
    enum error_code code;

    struct db_fixture *fixture;
    bool first;
    pthread_t thread;
};

static sem_t first_has_begun, line_is_complete;
static int64_t group_age_us; /* how old the group claims to be whenever a member ends */

/* --- Memory that runs out for one thread --- */

static sqlite3_mem_methods real_memory;
static _Thread_local int allocations_left = -1; /* -1: no limit */

static bool memory_is_out(void)
{
    if (allocations_left > 0)
        allocations_left--;
    return allocations_left == 0;
}

static void *failing_malloc(int size)
{
    return memory_is_out() ? NULL : real_memory.xMalloc(size);
}

static void *failing_realloc(void *memory, int size)
{
    return memory_is_out() ? NULL : real_memory.xRealloc(memory, size);
}

static void install_failing_memory(void)
{
    sqlite3_mem_methods methods;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    methods = real_memory;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* --- What a member may do --- */

static enum status insert(struct db_conn *conn, struct member *member)
{
    return db_exec(conn, NULL, "INSERT INTO t (text) VALUES (?)", db_text(sv_from(member->text)));
}

static enum status insert_twice(struct db_conn *conn, struct member *member)
{
    return insert(conn, member) == OK ? insert(conn, member) : FAILED;
}

static enum status insert_after_forgiving(struct db_conn *conn, struct member *member)
{
    enum status status = insert_twice(conn, member);
    if (status == OK || !db_failed_unique(conn))
        return FAILED;
    db_forgive(conn);
    return OK;
}

static enum status leave_in_the_middle(struct db_conn *conn, struct member *member)
{
    if (insert(conn, member) != OK)
        return FAILED;
    struct db_stmt *stmt = db_query0(conn, "SELECT text FROM t");
    return stmt && db_step(stmt) == DB_ROW ? OK : FAILED; /* and it stays open */
}

/* What SQLite does by itself after some failures: the whole transaction goes. */
static enum status lose_the_transaction(struct db_conn *conn, struct member *member)
{
    if (insert(conn, member) != OK)
        return FAILED;
    sqlite3_exec(conn->handle, "ROLLBACK", NULL, NULL, NULL);
    return OK;
}

/* A statement now would be committed by itself. */
static enum status lose_the_transaction_and_go_on(struct db_conn *conn, struct member *member)
{
    if (lose_the_transaction(conn, member) != OK)
        return FAILED;
    return insert(conn, member);
}

static enum status fill_the_disk(struct db_conn *conn, struct member *member)
{
    int64_t pages = 0;
    char sql[64];
    db_select_int(conn->handle, "PRAGMA page_count", &pages);
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d", (int)pages + 10);
    sqlite3_exec(conn->handle, sql, NULL, NULL, NULL);
    enum status status =
        db_exec(conn, NULL, "INSERT INTO t (text, number) VALUES (? || hex(zeroblob(200000)), 1)",
                db_text(sv_from(member->text)));
    sqlite3_exec(conn->handle, "PRAGMA max_page_count = 1073741823", NULL, NULL, NULL);
    return status;
}

/* The write-ahead log cannot grow any more, which shows only when the group is committed. */
static enum status forbid_the_log_to_grow(struct db_conn *conn, struct member *member)
{
    struct stat wal;
    struct rlimit limit;
    if (insert(conn, member) != OK || stat(conn->db->wal_path, &wal) != 0 ||
        getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return FAILED;
    limit.rlim_cur = (rlim_t)wal.st_size + 100;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? OK : FAILED;
}

static void let_the_log_grow(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int allocations_of_member;

static enum status insert_with_little_memory(struct db_conn *conn, struct member *member)
{
    allocations_left = allocations_of_member;
    return insert(conn, member);
}

/* --- Running a group --- */

static void *run_member(void *context)
{
    struct member *member = context;
    struct db *db = member->fixture->db;
    struct arena *arena = arena_new(1 << 20);
    struct error error = {.code = ERROR_NONE};
    struct db_conn *conn;
    member->begun = db_begin(db, DB_WRITE, arena, &error, &conn);
    if (member->first) {
        sem_post(&first_has_begun);
        sem_wait(&line_is_complete);
    }
    if (member->begun == OK) {
        member->worked = member->work(conn, member);
        db->writer.group_opened_us = clock_monotonic_us() - group_age_us;
        if (member->roll_back)
            db_rollback(conn);
        else
            member->ended = db_commit(conn);
    }
    allocations_left = -1;
    member->code = error.code;
    arena_free(arena);
    return NULL;
}

static unsigned line_length(struct db *db)
{
    return turns_waiting(&db->writer.turns);
}

static void run_group(struct db_fixture *fixture, struct member *members, size_t count)
{
    assert_true(count <= MEMBERS_MAX);
    sem_init(&first_has_begun, 0, 0);
    sem_init(&line_is_complete, 0, 0);
    for (size_t i = 0; i < count; i++) {
        members[i].fixture = fixture;
        members[i].first = i == 0;
        if (!members[i].work)
            members[i].work = insert;
        assert_int_equal(pthread_create(&members[i].thread, NULL, run_member, &members[i]), 0);
        if (i == 0)
            sem_wait(&first_has_begun);
        while (line_length(fixture->db) < i)
            sched_yield();
    }
    sem_post(&line_is_complete);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(members[i].thread, NULL), 0);
    sem_destroy(&first_has_begun);
    sem_destroy(&line_is_complete);
}

static struct db_info info_of(struct db_fixture *fixture)
{
    struct db_info info;
    assert_int_equal(db_info(fixture->db, fixture->arena, &fixture->error, &info), OK);
    return info;
}

static void assert_committed(struct db_fixture *fixture, const struct member *member)
{
    assert_int_equal(member->ended, OK);
    assert_int_equal(member->code, ERROR_NONE);
    assert_int_equal(fixture_rows(fixture, member->text), 1);
}

static void assert_unavailable(struct db_fixture *fixture, const struct member *member)
{
    assert_int_equal(member->ended, FAILED);
    assert_int_equal(member->code, TEMPORARILY_UNAVAILABLE);
    assert_int_equal(fixture_rows(fixture, member->text), 0);
}

static void assert_still_writable(struct db_fixture *fixture)
{
    struct member member[1] = {{.text = "afterwards"}};
    run_group(fixture, member, 1);
    assert_committed(fixture, &member[0]);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_rows(fixture, "afterwards"), 1);
}

static int setup(void **state)
{
    group_age_us = -3600000000; /* as young as can be */
    return fixture_setup_open(state);
}

/* --- Tests --- */

static void waiting_writers_are_committed_together(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_info before = info_of(fixture);
    struct member members[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}, {.text = "d"}};
    run_group(fixture, members, 4);
    for (int i = 0; i < 4; i++)
        assert_committed(fixture, &members[i]);
    struct db_info after = info_of(fixture);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.group_members - before.group_members, 4);
}

static void a_group_closes_after_64_members(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_info before = info_of(fixture);
    static struct member members[70];
    static char texts[70][8];
    memset(members, 0, sizeof(members));
    for (int i = 0; i < 70; i++) {
        snprintf(texts[i], sizeof(texts[i]), "m%d", i);
        members[i].text = texts[i];
    }
    run_group(fixture, members, 70);
    struct db_info after = info_of(fixture);
    assert_int_equal(after.commits - before.commits, 2);
    assert_int_equal(after.group_members - before.group_members, 70);
    assert_int_equal(fixture_rows(fixture, NULL), 70);
}

static void a_group_that_is_5_ms_old_closes(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_info before = info_of(fixture);
    struct member members[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
    group_age_us = 5000;
    run_group(fixture, members, 3);
    struct db_info after = info_of(fixture);
    assert_int_equal(after.commits - before.commits, 3);
    assert_int_equal(fixture_rows(fixture, NULL), 3);
}

static void a_member_that_rolls_back_takes_nobody_with_it(void **state)
{
    struct db_fixture *fixture = *state;
    for (int place = 0; place < 3; place++) {
        struct member members[] = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
        members[place].roll_back = true;
        run_group(fixture, members, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(fixture_rows(fixture, members[i].text), i == place ? 0 : 1);
        struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
        assert_int_equal(db_exec0(conn, NULL, "DELETE FROM t"), OK);
        assert_int_equal(db_commit(conn), OK);
    }
}

static void when_all_roll_back_nothing_is_committed(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_info before = info_of(fixture);
    struct member members[] = {{.text = "a", .roll_back = true}, {.text = "b", .roll_back = true}};
    run_group(fixture, members, 2);
    assert_int_equal(info_of(fixture).commits, before.commits);
    assert_int_equal(fixture_rows(fixture, NULL), 0);
    assert_still_writable(fixture);
}

static void a_constraint_failure_stays_with_its_member(void **state)
{
    struct db_fixture *fixture = *state;
    struct member members[] = {
        {.text = "a"},
        {.text = "b", .work = insert_twice},
        {.text = "c", .work = insert_after_forgiving},
        {.text = "a", .work = insert}, /* what an earlier member of the group has taken */
        {.text = "d"},
    };
    run_group(fixture, members, 5);
    assert_committed(fixture, &members[0]);
    assert_int_equal(members[1].ended, FAILED);
    assert_int_equal(members[1].code, INTERNAL_ERROR);
    assert_int_equal(fixture_rows(fixture, "b"), 0);
    assert_committed(fixture, &members[2]);
    assert_int_equal(members[3].ended, FAILED);
    assert_committed(fixture, &members[4]);
}

static void a_member_left_in_the_middle_of_a_statement_disturbs_nobody(void **state)
{
    struct db_fixture *fixture = *state;
    struct member members[] = {
        {.text = "a"},
        {.text = "b", .work = leave_in_the_middle, .roll_back = true},
        {.text = "c", .work = leave_in_the_middle},
        {.text = "d"},
    };
    run_group(fixture, members, 4);
    assert_committed(fixture, &members[0]);
    assert_int_equal(fixture_rows(fixture, "b"), 0);
    assert_committed(fixture, &members[2]);
    assert_committed(fixture, &members[3]);
}

static void assert_lost(struct db_fixture *fixture, struct member *loser)
{
    struct member members[] = {{.text = "a"}, {.text = "b"}, *loser, {.text = "d"}, {.text = "e"}};
    run_group(fixture, members, 5);
    assert_unavailable(fixture, &members[0]);
    assert_unavailable(fixture, &members[1]);
    assert_int_equal(fixture_rows(fixture, loser->text), 0);
    if (!loser->roll_back)
        assert_unavailable(fixture, &members[2]);
    assert_committed(fixture, &members[3]);
    assert_committed(fixture, &members[4]);
    assert_still_writable(fixture);
}

static void when_the_transaction_is_lost_all_its_members_learn_it(void **state)
{
    assert_lost(*state, &(struct member){.text = "c", .work = lose_the_transaction});
}

static void a_rollback_of_a_lost_transaction_tells_the_others(void **state)
{
    assert_lost(*state, &(struct member){.text = "c", .work = lose_the_transaction, .roll_back = true});
}

static void nothing_is_written_outside_a_lost_transaction(void **state)
{
    assert_lost(*state, &(struct member){.text = "c", .work = lose_the_transaction_and_go_on});
}

static void a_full_disk_fails_the_member_that_finds_it(void **state)
{
    struct db_fixture *fixture = *state;
    struct member members[] = {{.text = "a"}, {.text = "b", .work = fill_the_disk}, {.text = "c"}};
    run_group(fixture, members, 3);
    assert_int_equal(members[1].worked, FAILED);
    assert_unavailable(fixture, &members[1]);
    /* Whether SQLite gave up the statement or the transaction: what was answered is what is there. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_rows(fixture, members[i].text), members[i].ended == OK ? 1 : 0);
    assert_committed(fixture, &members[2]);
    assert_still_writable(fixture);
}

static void a_commit_that_fails_is_told_to_every_member(void **state)
{
    struct db_fixture *fixture = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct member members[] = {{.text = "a"}, {.text = "b"}, {.text = "c", .work = forbid_the_log_to_grow}};
    run_group(fixture, members, 3);
    let_the_log_grow();
    for (int i = 0; i < 3; i++)
        assert_unavailable(fixture, &members[i]);
    assert_still_writable(fixture);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_rows(fixture, members[i].text), 0);
}

/* The member with little memory stands at `place`; *failures counts the groups in which it failed. */
static void starve_member(struct db_fixture *fixture, size_t place, int *failures)
{
    for (allocations_of_member = 1; allocations_of_member < 200; allocations_of_member += 1) {
        char texts[3][32];
        struct member members[3] = {{.text = texts[0]}, {.text = texts[1]}, {.text = texts[2]}};
        for (size_t i = 0; i < 3; i++)
            snprintf(texts[i], sizeof(texts[i]), "%zu-%d-%zu", place, allocations_of_member, i);
        members[place].work = insert_with_little_memory;
        db_finalize_statements(&fixture->db->writer.conn); /* or there would be little to allocate */
        run_group(fixture, members, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(members[i].begun, OK);
            assert_int_equal(fixture_rows(fixture, texts[i]), members[i].ended == OK ? 1 : 0);
        }
        *failures += members[place].ended != OK;
        if (place == 1)
            assert_int_equal(members[2].ended, OK);
    }
}

static void running_out_of_memory_never_makes_an_answer_untrue(void **state)
{
    struct db_fixture *fixture = *state;
    for (size_t place = 0; place < 3; place++) {
        int failures = 0;
        starve_member(fixture, place, &failures);
        assert_in_range(failures, 1, 198); /* some did fail, and some did not */
    }
    assert_still_writable(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    install_failing_memory();
    const struct CMUnitTest tests[] = {
        TEST(waiting_writers_are_committed_together),
        TEST(a_group_closes_after_64_members),
        TEST(a_group_that_is_5_ms_old_closes),
        TEST(a_member_that_rolls_back_takes_nobody_with_it),
        TEST(when_all_roll_back_nothing_is_committed),
        TEST(a_constraint_failure_stays_with_its_member),
        TEST(a_member_left_in_the_middle_of_a_statement_disturbs_nobody),
        TEST(when_the_transaction_is_lost_all_its_members_learn_it),
        TEST(a_rollback_of_a_lost_transaction_tells_the_others),
        TEST(nothing_is_written_outside_a_lost_transaction),
        TEST(a_full_disk_fails_the_member_that_finds_it),
        TEST(a_commit_that_fails_is_told_to_every_member),
        TEST(running_out_of_memory_never_makes_an_answer_untrue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
