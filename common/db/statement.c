#include "common/db/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The linker gathers every DB_LITERAL here, so its place is an index. Weak: a program may have none. */
extern const struct db_literal __start_db_literals[] __attribute__((weak));
extern const struct db_literal __stop_db_literals[] __attribute__((weak));

static size_t literal_count(void)
{
    return (size_t)((uintptr_t)__stop_db_literals - (uintptr_t)__start_db_literals) /
           sizeof(struct db_literal);
}

static size_t literal_place(const struct db_literal *literal)
{
    return (size_t)((uintptr_t)literal - (uintptr_t)__start_db_literals) / sizeof(struct db_literal);
}

static void link_open(struct db_stmt *stmt)
{
    struct db_conn *conn = stmt->conn;
    stmt->open = true;
    stmt->previous_open = NULL;
    stmt->next_open = conn->open;
    if (conn->open)
        conn->open->previous_open = stmt;
    conn->open = stmt;
}

static void unlink_open(struct db_stmt *stmt)
{
    if (stmt->previous_open)
        stmt->previous_open->next_open = stmt->next_open;
    else
        stmt->conn->open = stmt->next_open;
    if (stmt->next_open)
        stmt->next_open->previous_open = stmt->previous_open;
    stmt->open = false;
}

static void free_statement(struct db_stmt *stmt)
{
    if (!stmt)
        return;
    sqlite3_finalize(stmt->handle);
    free(stmt->text);
    free(stmt);
}

void db_reset_statements(struct db_conn *conn)
{
    while (conn->open) {
        struct db_stmt *stmt = conn->open;
        sqlite3_reset(stmt->handle);
        unlink_open(stmt);
    }
}

void db_finalize_statements(struct db_conn *conn)
{
    db_reset_statements(conn);
    if (conn->literals)
        for (size_t i = 0; i < literal_count(); i++)
            free_statement(conn->literals[i]);
    free(conn->literals);
    conn->literals = NULL;
    for (size_t i = 0; i < DB_TEXT_CACHE_SIZE; i++) {
        free_statement(conn->texts[i]);
        conn->texts[i] = NULL;
    }
}

static enum status no_memory(struct db_conn *conn)
{
    return db_statement_failed(conn, SQLITE_NOMEM, SV("preparing or reading a statement"));
}

static int compile(sqlite3 *handle, struct sv sql, unsigned flags, sqlite3_stmt **compiled)
{
    const char *tail = NULL;
    if (sql.len > INT_MAX)
        return SQLITE_TOOBIG;
    int rc = sqlite3_prepare_v3(handle, sql.data, (int)sql.len, flags, compiled, &tail);
    if (rc != SQLITE_OK)
        return rc;
    bool has_more = sv_trim(sv_from_offset(sql, (size_t)(tail - sql.data))).len > 0;
    return *compiled && !has_more ? SQLITE_OK : SQLITE_MISUSE;
}

/* NULL on failure (the error is set). */
static struct db_stmt *prepare(struct db_conn *conn, struct sv sql, bool keep_text)
{
    struct db_stmt *stmt = calloc(1, sizeof(*stmt));
    if (stmt && keep_text)
        stmt->text = malloc(sql.len + 1);
    if (!stmt || (keep_text && !stmt->text)) {
        free_statement(stmt);
        no_memory(conn);
        return NULL;
    }
    if (keep_text) {
        memcpy(stmt->text, sql.data, sql.len);
        stmt->text_len = sql.len;
    }
    stmt->conn = conn;
    int rc = compile(conn->handle, sql, keep_text ? 0 : SQLITE_PREPARE_PERSISTENT, &stmt->handle);
    if (rc == SQLITE_OK)
        return stmt;
    free_statement(stmt);
    db_statement_failed(conn, rc, sql);
    return NULL;
}

static int bind_value(sqlite3_stmt *handle, int place, const struct db_value *value)
{
    switch (value->type) {
    case DB_NULL:
        return sqlite3_bind_null(handle, place);
    case DB_INT:
        return sqlite3_bind_int64(handle, place, value->integer);
    case DB_DOUBLE:
        return sqlite3_bind_double(handle, place, value->real);
    case DB_TEXT:
        return sqlite3_bind_text64(handle, place, value->bytes.data, value->bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(handle, place, value->bytes.data, value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static struct db_stmt *start(struct db_stmt *stmt, const struct db_value *values, size_t count)
{
    struct db_conn *conn = stmt->conn;
    if (stmt->open) {
        error_internal(conn->error, conn->arena, "used again while it is open: %s",
                       sqlite3_sql(stmt->handle));
        return NULL;
    }
    if ((size_t)sqlite3_bind_parameter_count(stmt->handle) != count) {
        error_internal(conn->error, conn->arena, "%zu values for: %s", count, sqlite3_sql(stmt->handle));
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        int rc = bind_value(stmt->handle, (int)i + 1, &values[i]);
        if (rc != SQLITE_OK) {
            db_statement_failed(conn, rc, sv_from(sqlite3_sql(stmt->handle)));
            return NULL;
        }
    }
    stmt->failed = stmt->finished = false;
    link_open(stmt);
    return stmt;
}

struct db_stmt *db_query_literal(struct db_conn *conn, const struct db_literal *literal,
                                 const struct db_value *values, size_t count)
{
    if (!conn->literals) {
        conn->literals = calloc(literal_count(), sizeof(struct db_stmt *));
        if (!conn->literals) {
            no_memory(conn);
            return NULL;
        }
    }
    struct db_stmt **cached = &conn->literals[literal_place(literal)];
    if (!*cached)
        *cached = prepare(conn, sv_from(literal->sql), false);
    return *cached ? start(*cached, values, count) : NULL;
}

static struct sv text_of(const struct db_stmt *stmt)
{
    return (struct sv){stmt->text, stmt->text_len};
}

/* The cache's place for this text: where it is, or else one that is free or longest unused. */
static struct db_stmt **find_text(struct db_conn *conn, struct sv sql)
{
    struct db_stmt **best = NULL;
    for (size_t i = 0; i < DB_TEXT_CACHE_SIZE; i++) {
        struct db_stmt **place = &conn->texts[i];
        if (!*place) {
            best = place;
            continue;
        }
        if (sv_equal(text_of(*place), sql))
            return place;
        bool longer_unused = !best || (*best && (*place)->last_use < (*best)->last_use);
        if (!(*place)->open && longer_unused)
            best = place;
    }
    return best;
}

struct db_stmt *db_query_text(struct db_conn *conn, struct sv sql, const struct db_value *values,
                              size_t count)
{
    struct db_stmt **place = find_text(conn, sql);
    if (!place) {
        error_internal(conn->error, conn->arena, "more than %d statements are open at a time",
                       DB_TEXT_CACHE_SIZE);
        return NULL;
    }
    if (!*place || !sv_equal(text_of(*place), sql)) {
        free_statement(*place);
        *place = NULL;
        *place = prepare(conn, sql, true);
        if (!*place)
            return NULL;
    }
    (*place)->last_use = ++conn->text_uses;
    return start(*place, values, count);
}

enum db_row db_step(struct db_stmt *stmt)
{
    struct db_conn *conn = stmt->conn;
    if (stmt->failed || !stmt->open)
        return DB_FAILED;
    if (stmt->finished) /* SQLite would run it once more */
        return DB_DONE;
    if (conn->role == DB_ROLE_WRITER && writer_is_lost(conn)) {
        stmt->failed = true;
        db_unavailable(conn->error, DB_NOT_STORED_TEXT, "the group's transaction was rolled back");
        return DB_FAILED;
    }
    int rc = sqlite3_step(stmt->handle);
    if (rc == SQLITE_ROW)
        return DB_ROW;
    if (rc == SQLITE_DONE) {
        stmt->finished = true;
        return DB_DONE;
    }
    stmt->failed = true;
    db_statement_failed(conn, rc, sv_from(sqlite3_sql(stmt->handle)));
    return DB_FAILED;
}

enum status db_done(struct db_stmt *stmt)
{
    if (!stmt)
        return FAILED;
    if (stmt->open) {
        sqlite3_reset(stmt->handle);
        unlink_open(stmt);
    }
    return stmt->failed ? FAILED : OK;
}

enum status db_exec_literal(struct db_conn *conn, int64_t *changed, const struct db_literal *literal,
                            const struct db_value *values, size_t count)
{
    struct db_stmt *stmt = db_query_literal(conn, literal, values, count);
    if (!stmt)
        return FAILED;
    enum db_row row;
    do
        row = db_step(stmt);
    while (row == DB_ROW);
    if (row == DB_DONE && changed)
        *changed = sqlite3_changes64(conn->handle);
    return db_done(stmt);
}

/* SQLite converts columns in place and can run out of memory there; the empty text would be a lie then. */
static struct sv column_bytes(struct db_stmt *stmt, int column, const void *data)
{
    size_t len = (size_t)sqlite3_column_bytes(stmt->handle, column);
    if (data)
        return (struct sv){data, len};
    if (sqlite3_column_type(stmt->handle, column) == SQLITE_NULL)
        return SV_ABSENT;
    if (sqlite3_errcode(stmt->conn->handle) == SQLITE_NOMEM) {
        stmt->failed = true;
        no_memory(stmt->conn);
    }
    return SV("");
}

bool db_column_is_null(struct db_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}

int64_t db_column_int(struct db_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->handle, column);
}

double db_column_double(struct db_stmt *stmt, int column)
{
    return sqlite3_column_double(stmt->handle, column);
}

struct sv db_column_text(struct db_stmt *stmt, int column)
{
    return column_bytes(stmt, column, sqlite3_column_text(stmt->handle, column));
}

struct sv db_column_blob(struct db_stmt *stmt, int column)
{
    return column_bytes(stmt, column, sqlite3_column_blob(stmt->handle, column));
}

struct sv db_column_text_copy(struct db_stmt *stmt, int column)
{
    return arena_copy(stmt->conn->arena, db_column_text(stmt, column));
}

int64_t db_last_insert_id(struct db_conn *conn)
{
    return sqlite3_last_insert_rowid(conn->handle);
}
