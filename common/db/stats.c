#include "common/db/internal.h"

#include <string.h>

/* --- Sizes of tables --- */

static void *grow(struct arena *arena, struct db_table *tables, size_t count)
{
    struct db_table *larger = ARENA_ARRAY(arena, struct db_table, count * 2);
    if (count)
        memcpy(larger, tables, count * sizeof(*tables));
    return larger;
}

static int list_tables(sqlite3 *handle, struct arena *arena, struct db_table **tables, size_t *count)
{
    sqlite3_stmt *row = NULL;
    size_t capacity = 32;
    *tables = ARENA_ARRAY(arena, struct db_table, capacity);
    *count = 0;
    int rc = sqlite3_prepare_v2(handle,
                                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
                                "'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                                -1, &row, NULL);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
            if (*count == capacity) {
                *tables = grow(arena, *tables, capacity);
                capacity *= 2;
            }
            struct sv name = sv_from((const char *)sqlite3_column_text(row, 0));
            (*tables)[(*count)++] = (struct db_table){.name = arena_copy(arena, name), .bytes = -1};
        }
    sqlite3_finalize(row);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int count_rows(sqlite3 *handle, struct db_table *table)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table->name.data);
    int rc = sql ? db_select_int(handle, sql, &table->rows) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

/* With their indexes. Not every SQLite has this table; the sizes stay unknown without it. */
static void measure(sqlite3 *handle, struct db_table *tables, size_t count)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(handle,
                                "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat('main', 1) s "
                                "JOIN sqlite_schema m ON m.name = s.name GROUP BY m.tbl_name",
                                -1, &row, NULL);
    while (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        struct sv name = sv_from((const char *)sqlite3_column_text(row, 0));
        for (size_t i = 0; i < count; i++) {
            if (sv_equal(tables[i].name, name))
                tables[i].bytes = sqlite3_column_int64(row, 1);
        }
    }
    sqlite3_finalize(row);
}

static int read_pages(sqlite3 *handle, struct db_stats *stats)
{
    int rc = db_select_int(handle, "PRAGMA page_size", &stats->page_bytes);
    if (rc == SQLITE_OK)
        rc = db_select_int(handle, "PRAGMA page_count", &stats->pages);
    if (rc == SQLITE_OK)
        rc = db_select_int(handle, "PRAGMA freelist_count", &stats->free_pages);
    return rc;
}

enum status db_stats(struct db *db, struct arena *arena, struct error *error, struct db_stats *stats)
{
    struct db_conn tool;
    *stats = (struct db_stats){0};
    int rc = db_conn_open(&tool, db, DB_ROLE_TOOL);
    if (rc == SQLITE_OK)
        rc = read_pages(tool.handle, stats);
    if (rc == SQLITE_OK)
        rc = list_tables(tool.handle, arena, &stats->tables, &stats->table_count);
    for (size_t i = 0; i < stats->table_count && rc == SQLITE_OK; i++)
        rc = count_rows(tool.handle, &stats->tables[i]);
    if (rc == SQLITE_OK)
        measure(tool.handle, stats->tables, stats->table_count);
    db_conn_close(&tool);
    if (rc == SQLITE_OK)
        return OK;
    return error_set(error, arena, INTERNAL_ERROR, "The database %s cannot be read: %s.", db->path,
                     sqlite3_errstr(rc));
}

/* --- A quick look --- */

enum status db_quick_check(struct db *db, struct arena *arena, struct error *error, struct sv *problem)
{
    struct db_conn tool;
    sqlite3_stmt *row = NULL;
    *problem = SV_ABSENT;
    int rc = db_conn_open(&tool, db, DB_ROLE_TOOL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(tool.handle, "PRAGMA quick_check(1)", -1, &row, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_ROW) {
        struct sv text = sv_from((const char *)sqlite3_column_text(row, 0));
        if (!sv_equal(text, SV("ok")))
            *problem = arena_copy(arena, text);
    }
    sqlite3_finalize(row);
    db_conn_close(&tool);
    if (rc == SQLITE_ROW)
        return OK;
    return error_set(error, arena, DATA_LOSS, "The database %s cannot be checked: %s.", db->path,
                     sqlite3_errstr(rc));
}
