#include "tests/unit/db_fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fixture_setup(void **state)
{
    struct db_fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tracklight-db-XXXXXX");
    if (!mkdtemp(fixture->folder)) {
        free(fixture);
        return -1;
    }
    snprintf(fixture->path, sizeof(fixture->path), "%s/t.db", fixture->folder);
    fixture->arena = arena_new(64 * 1024 * 1024);
    *state = fixture;
    return 0;
}

int fixture_setup_open(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    fixture_open(*state);
    fixture_make_table(*state);
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return;
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    closedir(listing);
    rmdir(folder);
}

int fixture_teardown(void **state)
{
    struct db_fixture *fixture = *state;
    db_close(fixture->db);
    remove_folder(fixture->folder);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

struct db_options fixture_options(const struct db_fixture *fixture)
{
    return (struct db_options){
        .path = sv_from(fixture->path),
        .max_readers = 4,
        .write_timeout_ms = 20000,
        .read_timeout_ms = 20000,
        .create = true,
    };
}

void fixture_open(struct db_fixture *fixture)
{
    struct db_options options = fixture_options(fixture);
    fixture->db = db_open(&options, fixture->arena, &fixture->error);
    if (!fixture->db)
        print_error("%.*s\n", SV_ARG(fixture->error.message));
    assert_non_null(fixture->db);
}

void fixture_close(struct db_fixture *fixture)
{
    db_close(fixture->db);
    fixture->db = NULL;
}

struct sv fixture_refusal(struct db_fixture *fixture, bool create)
{
    struct db_options options = fixture_options(fixture);
    options.create = create;
    error_clear(&fixture->error);
    struct db *db = db_open(&options, fixture->arena, &fixture->error);
    db_close(db);
    assert_null(db);
    assert_int_not_equal(fixture->error.code, ERROR_NONE);
    return fixture->error.message;
}

void fixture_make_table(struct db_fixture *fixture)
{
    struct db_conn *conn = fixture_begin(fixture, DB_WRITE);
    struct db_stmt *stmt = db_query_text(
        conn, SV("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT UNIQUE, number INTEGER) STRICT"), NULL,
        0);
    assert_int_equal(db_step(stmt), DB_DONE);
    assert_int_equal(db_done(stmt), OK);
    assert_int_equal(db_commit(conn), OK);
}

int64_t fixture_rows(struct db_fixture *fixture, const char *text)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct error error = {.code = ERROR_NONE};
    struct db_conn *conn;
    int64_t rows = -1;
    if (db_begin(fixture->db, DB_READ, arena, &error, &conn) == OK) {
        struct db_value value = db_text(sv_from(text));
        struct db_stmt *stmt =
            db_query_text(conn, SV("SELECT count(*) FROM t WHERE text = ?1 OR ?1 IS NULL"), &value, 1);
        if (stmt && db_step(stmt) == DB_ROW)
            rows = db_column_int(stmt, 0);
        db_done(stmt);
        if (db_commit(conn) != OK)
            rows = -1;
    }
    arena_free(arena);
    return rows;
}

struct db_conn *fixture_begin(struct db_fixture *fixture, enum db_access access)
{
    struct db_conn *conn;
    error_clear(&fixture->error);
    assert_int_equal(db_begin(fixture->db, access, fixture->arena, &fixture->error, &conn), OK);
    assert_non_null(conn);
    return conn;
}

int64_t fixture_number(struct db_conn *conn, const char *sql)
{
    struct db_stmt *stmt = db_query_text(conn, sv_from(sql), NULL, 0);
    assert_non_null(stmt);
    assert_int_equal(db_step(stmt), DB_ROW);
    int64_t number = db_column_int(stmt, 0);
    assert_int_equal(db_done(stmt), OK);
    return number;
}

void fixture_foreign_sql(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

bool sv_contains(struct sv text, const char *part)
{
    return text.data && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

void assert_contains(struct sv text, const char *part)
{
    if (!sv_contains(text, part))
        fail_msg("\"%s\" is not in \"%.*s\"", part, SV_ARG(text));
}
