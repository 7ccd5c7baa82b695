#include "tests/unit/db_fixture.h"

#include <stdio.h>
#include <string.h>

#include "common/db/internal.h"

static void values_come_back_as_they_were_stored(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *stmt = db_query(conn, "SELECT ?, ?, ?, ?, ?, ?, ?", db_int(INT64_MIN), db_double(0.1),
                                    db_text(((struct sv){"a\0b", 3})), db_blob(SV("\xff\x01")), db_null(),
                                    db_text(SV_ABSENT), db_text(SV("")));
    assert_int_equal(db_step(stmt), DB_ROW);
    assert_true(db_column_int(stmt, 0) == INT64_MIN);
    assert_true(db_column_double(stmt, 1) == 0.1);
    assert_true(sv_equal(db_column_text(stmt, 2), ((struct sv){"a\0b", 3})));
    assert_true(sv_equal(db_column_blob(stmt, 3), SV("\xff\x01")));
    for (int null = 4; null <= 5; null++) {
        assert_true(db_column_is_null(stmt, null));
        assert_null(db_column_text(stmt, null).data);
        assert_int_equal(db_column_int(stmt, null), 0);
        assert_true(db_column_double(stmt, null) == 0.0);
    }
    assert_false(db_column_is_null(stmt, 6));
    assert_true(sv_equal(db_column_text(stmt, 6), SV("")));
    assert_int_equal(db_step(stmt), DB_DONE);
    assert_int_equal(db_done(stmt), OK);
    db_rollback(conn);
}

static void a_copied_text_outlives_the_row(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *stmt = db_query(conn, "SELECT 'x' || ? UNION ALL SELECT 'y'", db_int(1));
    assert_int_equal(db_step(stmt), DB_ROW);
    struct sv copy = db_column_text_copy(stmt, 0);
    assert_int_equal(db_step(stmt), DB_ROW);
    assert_int_equal(db_done(stmt), OK);
    assert_true(sv_equal(copy, SV("x1")));
    db_rollback(conn);
}

static void a_finished_statement_does_not_start_over(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *stmt = db_query0(conn, "SELECT 1");
    assert_int_equal(db_step(stmt), DB_ROW);
    assert_int_equal(db_step(stmt), DB_DONE);
    assert_int_equal(db_step(stmt), DB_DONE);
    assert_int_equal(db_done(stmt), OK);
    db_rollback(conn);
}

static enum status insert(struct db_conn *conn, const char *text, int64_t number, int64_t *changed)
{
    return db_exec(conn, changed, "INSERT INTO t (text, number) VALUES (?, ?)", db_text(sv_from(text)),
                   db_int(number));
}

static void exec_counts_what_it_changed(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    int64_t changed = -1;
    assert_int_equal(insert(conn, "a", 1, &changed), OK);
    assert_int_equal(changed, 1);
    assert_int_equal(insert(conn, "b", 1, NULL), OK);
    assert_int_equal(db_last_insert_id(conn), 2);
    assert_int_equal(db_exec(conn, &changed, "UPDATE t SET number = 2 WHERE number = ?", db_int(1)), OK);
    assert_int_equal(changed, 2);
    assert_int_equal(db_exec(conn, &changed, "UPDATE t SET number = 3 WHERE number = ?", db_int(1)), OK);
    assert_int_equal(changed, 0);
    assert_int_equal(db_commit(conn), OK);
}

static void a_literal_is_prepared_once_per_connection(void **state)
{
    struct db_fixture *fixture = *state;
    const struct db_literal *literal = DB_LITERAL("SELECT ?");
    struct db_value value = db_int(7);
    struct db_stmt *first = NULL;
    for (int round = 0; round < 3; round++) {
        struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
        struct db_stmt *stmt = db_query_literal(conn, literal, &value, 1);
        assert_non_null(stmt);
        if (first)
            assert_ptr_equal(stmt, first);
        first = stmt;
        assert_int_equal(db_step(stmt), DB_ROW);
        assert_int_equal(db_column_int(stmt, 0), 7);
        db_rollback(conn);
    }
}

static void equal_literals_in_two_places_do_not_disturb_each_other(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *outer = db_query(conn, "SELECT ? UNION ALL SELECT 2", db_int(1));
    assert_int_equal(db_step(outer), DB_ROW);
    struct db_stmt *inner = db_query(conn, "SELECT ? UNION ALL SELECT 2", db_int(5));
    assert_int_equal(db_step(inner), DB_ROW);
    assert_int_equal(db_column_int(inner, 0), 5);
    assert_int_equal(db_column_int(outer, 0), 1);
    assert_int_equal(db_done(inner), OK);
    assert_int_equal(db_step(outer), DB_ROW);
    assert_int_equal(db_done(outer), OK);
    db_rollback(conn);
}

static void a_statement_that_is_open_is_not_used_twice(void **state)
{
    struct db_fixture *fixture = *state;
    const struct db_literal *literal = DB_LITERAL("SELECT 1 UNION ALL SELECT 2");
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *stmt = db_query_literal(conn, literal, NULL, 0);
    assert_int_equal(db_step(stmt), DB_ROW);
    assert_null(db_query_literal(conn, literal, NULL, 0));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    assert_contains(fixture->error.detail, "while it is open");
    db_rollback(conn);
}

static void a_wrong_number_of_values_is_an_error(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_null(db_query(conn, "SELECT ?, ?", db_int(1)));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    db_rollback(conn);
}

static void two_statements_in_one_text_are_an_error(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_null(db_query_text(conn, SV("SELECT 1; SELECT 2"), NULL, 0));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    db_forgive(conn);
    assert_null(db_query_text(conn, SV("  "), NULL, 0));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    db_rollback(conn);
}

static void the_client_learns_nothing_of_the_sql(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_null(db_query_text(conn, SV("SELECT secret_column FROM nowhere"), NULL, 0));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    assert_false(sv_contains(fixture->error.message, "nowhere"));
    assert_false(sv_contains(fixture->error.message, "SELECT"));
    assert_contains(fixture->error.detail, "no such table: nowhere");
    assert_contains(fixture->error.detail, "secret_column");
    db_rollback(conn);
}

static size_t cached_texts(const struct db_conn *conn)
{
    size_t count = 0;
    for (size_t i = 0; i < DB_TEXT_CACHE_SIZE; i++)
        count += conn->texts[i] != NULL;
    return count;
}

static int64_t select_number(struct db_conn *conn, int number)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "SELECT %d", number);
    return fixture_number(conn, sql);
}

static void the_cache_of_texts_is_bounded(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3 * DB_TEXT_CACHE_SIZE; i++)
            assert_int_equal(select_number(conn, i), i);
    assert_int_equal(cached_texts(conn), DB_TEXT_CACHE_SIZE);
    db_rollback(conn);
}

static void the_text_longest_unused_is_dropped_first(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *kept = db_query_text(conn, SV("SELECT 'kept'"), NULL, 0);
    db_done(kept);
    for (int i = 0; i < 3 * DB_TEXT_CACHE_SIZE; i++) {
        select_number(conn, i);
        struct db_stmt *again = db_query_text(conn, SV("SELECT 'kept'"), NULL, 0);
        assert_ptr_equal(again, kept);
        db_done(again);
    }
    db_rollback(conn);
}

static void a_text_in_use_is_never_dropped(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    struct db_stmt *open = db_query_text(conn, SV("SELECT 'a' UNION ALL SELECT 'b'"), NULL, 0);
    assert_int_equal(db_step(open), DB_ROW);
    for (int i = 0; i < 3 * DB_TEXT_CACHE_SIZE; i++)
        select_number(conn, i);
    assert_int_equal(db_step(open), DB_ROW);
    assert_true(sv_equal(db_column_text(open, 0), SV("b")));
    assert_int_equal(db_done(open), OK);
    db_rollback(conn);
}

static void too_many_texts_in_use_are_an_error(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    for (int i = 0; i <= DB_TEXT_CACHE_SIZE; i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "SELECT %d", i);
        struct db_stmt *stmt = db_query_text(conn, sv_from(sql), NULL, 0);
        assert_int_equal(stmt == NULL, i == DB_TEXT_CACHE_SIZE);
    }
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    db_rollback(conn);
    conn = fixture_begin(fixture, DB_READ);
    assert_int_equal(select_number(conn, 1), 1);
    db_rollback(conn);
}

static void a_unique_violation_can_be_forgiven(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(insert(conn, "a", 1, NULL), OK);
    assert_false(db_failed_unique(conn));
    assert_int_equal(insert(conn, "a", 2, NULL), FAILED);
    assert_true(db_failed_unique(conn));
    assert_false(db_failed_foreign_key(conn));
    assert_int_equal(fixture->error.code, INTERNAL_ERROR);
    db_forgive(conn);
    assert_int_equal(fixture->error.code, ERROR_NONE);
    assert_false(db_failed_unique(conn));
    assert_int_equal(insert(conn, "b", 3, NULL), OK);
    assert_int_equal(db_commit(conn), OK);
    assert_int_equal(fixture_rows(fixture, NULL), 2);
}

static void a_primary_key_counts_as_unique(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    for (int round = 0; round < 2; round++)
        assert_int_equal(db_exec(conn, NULL, "INSERT INTO t (id) VALUES (?)", db_int(9)),
                         round ? FAILED : OK);
    assert_true(db_failed_unique(conn));
    db_rollback(conn);
}

static void a_foreign_key_violation_is_told_apart(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    assert_int_equal(db_exec(conn, NULL, "INSERT INTO experiment_tags VALUES (?, 'k', 'v')", db_int(4711)),
                     FAILED);
    assert_true(db_failed_foreign_key(conn));
    assert_false(db_failed_unique(conn));
    db_rollback(conn);
    conn = fixture_begin(fixture, DB_WRITE);
    assert_false(db_failed_foreign_key(conn));
    db_rollback(conn);
}

static void like_is_case_sensitive(void **state)
{
    struct db_fixture *fixture = *state;
    for (int access = DB_READ; access <= DB_WRITE; access++) {
        struct db_conn *conn = fixture_begin(fixture, (enum db_access)access);
        assert_int_equal(fixture_number(conn, "SELECT 'abc' LIKE 'a%'"), 1);
        assert_int_equal(fixture_number(conn, "SELECT 'abc' LIKE 'A%'"), 0);
        assert_int_equal(fixture_number(conn, "SELECT lower('ABC') LIKE lower('A%')"), 1);
        db_rollback(conn);
    }
}

static void quoted_names_that_do_not_exist_are_not_strings(void **state)
{
    struct db_fixture *fixture = *state;
    struct db_conn *conn = fixture_begin(fixture, DB_READ);
    assert_null(db_query_text(conn, SV("SELECT \"no_such_column\" FROM t"), NULL, 0));
    db_rollback(conn);
}

static void a_handler_left_in_the_middle_holds_nothing(void **state)
{
    struct db_fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
        char text[8];
        snprintf(text, sizeof(text), "r%d", i);
        assert_int_equal(insert(conn, text, i, NULL), OK);
        assert_int_equal(db_commit(conn), OK);
    }
    for (int access = DB_READ; access <= DB_WRITE; access++)
        for (int round = 0; round < 2; round++) {
            jmp_buf escape;
            struct db_conn *volatile conn = fixture_begin(fixture, (enum db_access)access);
            if (setjmp(escape) == 0) {
                struct db_stmt *stmt = db_query0(conn, "SELECT text FROM t ORDER BY id");
                assert_int_equal(db_step(stmt), DB_ROW);
                assert_true(sv_equal(db_column_text(stmt, 0), SV("r0")));
                longjmp(escape, 1);
            }
            db_rollback(conn);
            assert_null(conn->open);
            for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(conn->handle, s));)
                assert_false(sqlite3_stmt_busy(s));
            assert_true(sqlite3_get_autocommit(conn->handle));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_as_they_were_stored),
        TEST(a_copied_text_outlives_the_row),
        TEST(a_finished_statement_does_not_start_over),
        TEST(exec_counts_what_it_changed),
        TEST(a_literal_is_prepared_once_per_connection),
        TEST(equal_literals_in_two_places_do_not_disturb_each_other),
        TEST(a_statement_that_is_open_is_not_used_twice),
        TEST(a_wrong_number_of_values_is_an_error),
        TEST(two_statements_in_one_text_are_an_error),
        TEST(the_client_learns_nothing_of_the_sql),
        TEST(the_cache_of_texts_is_bounded),
        TEST(the_text_longest_unused_is_dropped_first),
        TEST(a_text_in_use_is_never_dropped),
        TEST(too_many_texts_in_use_are_an_error),
        TEST(a_unique_violation_can_be_forgiven),
        TEST(a_primary_key_counts_as_unique),
        TEST(a_foreign_key_violation_is_told_apart),
        TEST(like_is_case_sensitive),
        TEST(quoted_names_that_do_not_exist_are_not_strings),
        TEST(a_handler_left_in_the_middle_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
