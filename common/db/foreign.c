#include "common/db/foreign.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/db/internal.h"

#define STATEMENTS_MAX  96
#define COLUMNS_MAX     64
#define BUSY_TIMEOUT_MS 10000

struct foreign_rows {
    struct foreign *foreign;
    const char *sql;
    sqlite3_stmt *handle;
    struct error *error;
    int column_count;
    const char *columns[COLUMNS_MAX];
    int rc;
};

struct foreign {
    sqlite3 *handle;
    struct arena *arena;
    size_t count;
    struct foreign_rows statements[STATEMENTS_MAX];
};

static enum status failed(struct foreign *foreign, struct error *error, const char *what)
{
    return error_set(error, foreign->arena, INVALID_PARAMETER_VALUE, "%s: %s", what,
                     sqlite3_errmsg(foreign->handle));
}

struct foreign *foreign_open(struct sv path, struct arena *arena, struct error *error)
{
    struct foreign *foreign = calloc(1, sizeof(*foreign));
    if (!foreign)
        abort();
    foreign->arena = arena;
    int rc = sqlite3_open_v2(arena_cstr(arena, path), &foreign->handle,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(foreign->handle, BUSY_TIMEOUT_MS);
        sqlite3_db_config(foreign->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(foreign->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        /* The first read fixes the snapshot. */
        rc = sqlite3_exec(foreign->handle, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        return foreign;
    error_set(error, arena, INVALID_PARAMETER_VALUE, "%.*s cannot be read as an SQLite database: %s",
              SV_ARG(path), foreign->handle ? sqlite3_errmsg(foreign->handle) : sqlite3_errstr(rc));
    foreign_close(foreign);
    return NULL;
}

void foreign_close(struct foreign *foreign)
{
    if (!foreign)
        return;
    for (size_t i = 0; i < foreign->count; i++)
        sqlite3_finalize(foreign->statements[i].handle);
    sqlite3_close(foreign->handle);
    free(foreign);
}

struct foreign *foreign_new(struct arena *arena, struct error *error)
{
    struct foreign *foreign = calloc(1, sizeof(*foreign));
    if (!foreign)
        abort();
    foreign->arena = arena;
    /* An empty name is a temporary file, which is only made when the cache does not hold it all. */
    if (sqlite3_open_v2("", &foreign->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        foreign_run(foreign, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", error) == OK)
        return foreign;
    error_set(error, arena, INTERNAL_ERROR, "A temporary database cannot be made.");
    foreign_close(foreign);
    return NULL;
}

enum status foreign_run(struct foreign *foreign, const char *sql, struct error *error)
{
    if (sqlite3_exec(foreign->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return OK;
    return failed(foreign, error, "The temporary database cannot be written");
}

bool foreign_has_table(struct foreign *foreign, const char *table)
{
    return sqlite3_table_column_metadata(foreign->handle, "main", table, NULL, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

static struct foreign_rows *prepared(struct foreign *foreign, const char *sql, struct error *error)
{
    for (size_t i = 0; i < foreign->count; i++)
        if (foreign->statements[i].sql == sql)
            return &foreign->statements[i];
    if (foreign->count == STATEMENTS_MAX)
        abort();
    struct foreign_rows *rows = &foreign->statements[foreign->count];
    if (sqlite3_prepare_v3(foreign->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &rows->handle, NULL) !=
        SQLITE_OK) {
        failed(foreign, error, "The old database cannot be asked");
        return NULL;
    }
    rows->foreign = foreign;
    rows->sql = sql;
    rows->column_count = sqlite3_column_count(rows->handle);
    if (rows->column_count > COLUMNS_MAX)
        rows->column_count = COLUMNS_MAX;
    for (int i = 0; i < rows->column_count; i++)
        rows->columns[i] = sqlite3_column_name(rows->handle, i);
    foreign->count++;
    return rows;
}

static void bind(struct foreign_rows *rows, int place, struct sv value)
{
    if (value.data)
        sqlite3_bind_text64(rows->handle, place, value.data, value.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

struct foreign_rows *foreign_query(struct foreign *foreign, const char *sql, struct sv value,
                                   struct sv second, struct error *error)
{
    struct foreign_rows *rows = prepared(foreign, sql, error);
    if (!rows)
        return NULL;
    rows->error = error;
    rows->rc = SQLITE_OK;
    bind(rows, 1, value);
    bind(rows, 2, second);
    return rows;
}

static void bind_value(struct foreign_rows *rows, int place, const struct db_value *value)
{
    if (value->type == DB_INT)
        sqlite3_bind_int64(rows->handle, place, value->integer);
    else if (value->type == DB_DOUBLE)
        sqlite3_bind_double(rows->handle, place, value->real);
    else if (value->type == DB_TEXT)
        bind(rows, place, value->bytes);
}

enum status foreign_put(struct foreign *foreign, const char *sql, const struct db_value *values, size_t count,
                        struct error *error)
{
    struct foreign_rows *rows = prepared(foreign, sql, error);
    if (!rows)
        return FAILED;
    rows->error = error;
    for (size_t i = 0; i < count; i++)
        bind_value(rows, (int)i + 1, &values[i]);
    rows->rc = sqlite3_step(rows->handle);
    return foreign_done(rows);
}

bool foreign_next(struct foreign_rows *rows)
{
    rows->rc = sqlite3_step(rows->handle);
    return rows->rc == SQLITE_ROW;
}

enum status foreign_done(struct foreign_rows *rows)
{
    if (!rows)
        return FAILED;
    bool whole = rows->rc == SQLITE_DONE || rows->rc == SQLITE_ROW || rows->rc == SQLITE_OK;
    if (!whole)
        failed(rows->foreign, rows->error, "The old database cannot be read");
    sqlite3_reset(rows->handle);
    sqlite3_clear_bindings(rows->handle);
    return whole ? OK : FAILED;
}

static int place_of(const struct foreign_rows *rows, const char *column)
{
    for (int i = 0; i < rows->column_count; i++)
        if (strcmp(rows->columns[i], column) == 0)
            return i;
    return -1;
}

bool foreign_is_null(struct foreign_rows *rows, const char *column)
{
    int place = place_of(rows, column);
    return place < 0 || sqlite3_column_type(rows->handle, place) == SQLITE_NULL;
}

struct sv foreign_text(struct foreign_rows *rows, const char *column)
{
    int place = place_of(rows, column);
    if (place < 0 || sqlite3_column_type(rows->handle, place) == SQLITE_NULL)
        return SV_ABSENT;
    const char *text = (const char *)sqlite3_column_text(rows->handle, place);
    return text ? (struct sv){text, (size_t)sqlite3_column_bytes(rows->handle, place)} : SV_ABSENT;
}

struct sv foreign_blob(struct foreign_rows *rows, const char *column)
{
    int place = place_of(rows, column);
    if (place < 0 || sqlite3_column_type(rows->handle, place) == SQLITE_NULL)
        return SV_ABSENT;
    const char *bytes = sqlite3_column_blob(rows->handle, place);
    return (struct sv){bytes ? bytes : "", (size_t)sqlite3_column_bytes(rows->handle, place)};
}

int64_t foreign_int(struct foreign_rows *rows, const char *column, int64_t otherwise)
{
    int place = place_of(rows, column);
    if (place < 0 || sqlite3_column_type(rows->handle, place) == SQLITE_NULL)
        return otherwise;
    return sqlite3_column_int64(rows->handle, place);
}

double foreign_double(struct foreign_rows *rows, const char *column)
{
    int place = place_of(rows, column);
    return place < 0 ? 0.0 : sqlite3_column_double(rows->handle, place);
}
