/* copy_spans FROM TO TRACES: writes the rows of FROM's traces and spans into a new database, as plain
 * statements, so many traces in a transaction. Prints how many spans that is in a second: the yardstick of
 * taking them in. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/db/db.h"
#include "common/store/list.h"

enum { COLUMNS_MAX = 12 };

/* The first column is the trace. */
struct table {
    const char *read;
    const char *write;
    int columns;
    struct row_list rows; /* of struct row */
    size_t next;
};

struct row {
    struct db_value values[COLUMNS_MAX];
};

static struct table tables[] = {
    {"SELECT id, trace_id, experiment, request_time, duration, status, finalized, client_request_id, "
     "request_preview, response_preview FROM traces ORDER BY id",
     "INSERT INTO traces (id, trace_id, experiment, request_time, duration, status, finalized, "
     "client_request_id, request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     10,
     {0},
     0},
    {"SELECT trace, name, value FROM trace_tags ORDER BY trace",
     "INSERT INTO trace_tags (trace, name, value) VALUES (?, ?, ?)",
     3,
     {0},
     0},
    {"SELECT trace, name, value FROM trace_metadata ORDER BY trace",
     "INSERT INTO trace_metadata (trace, name, value) VALUES (?, ?, ?)",
     3,
     {0},
     0},
    {"SELECT trace, key, value FROM trace_metrics ORDER BY trace",
     "INSERT INTO trace_metrics (trace, key, value) VALUES (?, ?, ?)",
     3,
     {0},
     0},
    {"SELECT trace, id, content FROM span_contents ORDER BY trace, id",
     "INSERT INTO span_contents (trace, id, content) VALUES (?, ?, ?)",
     3,
     {0},
     0},
    {"SELECT trace, span_id, parent_span_id, class, start_time, end_time, content FROM spans ORDER BY trace",
     "INSERT INTO spans (trace, span_id, parent_span_id, class, start_time, end_time, content) "
     "VALUES (?, ?, ?, ?, ?, ?, ?)",
     7,
     {0},
     0},
    {"SELECT trace, span_id, input_tokens, output_tokens, total_tokens, model, provider FROM span_usage "
     "ORDER BY trace",
     "INSERT INTO span_usage (trace, span_id, input_tokens, output_tokens, total_tokens, model, provider) "
     "VALUES (?, ?, ?, ?, ?, ?, ?)",
     7,
     {0},
     0},
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]), SPANS = 5 };

static struct arena *arena;
static struct error error;

static int give_up(void)
{
    fprintf(stderr, "copy_spans: %.*s %.*s\n", SV_ARG(error.message), SV_ARG(error.detail));
    return 1;
}

/* Which columns are numbers is the same in every row. */
static struct db_value read_value(struct db_stmt *stmt, int column, bool is_text)
{
    if (db_column_is_null(stmt, column))
        return db_null();
    return is_text ? db_text(db_column_text_copy(stmt, column)) : db_double(db_column_double(stmt, column));
}

static bool is_text(size_t table, int column)
{
    static const char *const texts[TABLES] = {".T.....TTT", "..T", "..T", ".T.", "..T", ".TT....", ".T...TT"};
    return texts[table][column] == 'T';
}

static bool is_real(size_t table, int column)
{
    return (table == 3 && column == 2) || (table == 6 && column >= 2 && column <= 4);
}

static enum status load(struct db_conn *conn, size_t t)
{
    struct table *table = &tables[t];
    struct db_stmt *stmt = db_query_text(conn, sv_from(table->read), NULL, 0);
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct row *row = ROW_LIST_ADD(&table->rows, arena, struct row);
        for (int c = 0; c < table->columns; c++) {
            if (is_text(t, c) || is_real(t, c) || db_column_is_null(stmt, c))
                row->values[c] = read_value(stmt, c, is_text(t, c));
            else
                row->values[c] = db_int(db_column_int(stmt, c));
        }
    }
    return db_done(stmt);
}

static enum status write_trace(struct db_conn *conn, int64_t trace)
{
    for (size_t t = 0; t < TABLES; t++) {
        struct table *table = &tables[t];
        const struct row *rows = table->rows.items;
        for (; table->next < table->rows.count && rows[table->next].values[0].integer == trace;
             table->next++) {
            struct db_stmt *stmt =
                db_query_text(conn, sv_from(table->write), rows[table->next].values, (size_t)table->columns);
            if (!stmt || db_step(stmt) == DB_FAILED || db_done(stmt) != OK)
                return FAILED;
        }
    }
    return OK;
}

static enum status write_all(struct db *db, size_t traces_per_commit)
{
    const struct row *traces = tables[0].rows.items;
    for (size_t i = 0; i < tables[0].rows.count;) {
        struct db_conn *conn;
        if (db_begin(db, DB_WRITE, arena, &error, &conn) != OK)
            return FAILED;
        for (size_t n = 0; n < traces_per_commit && i < tables[0].rows.count; n++, i++)
            if (write_trace(conn, traces[i].values[0].integer) != OK)
                return FAILED;
        if (db_commit(conn) != OK)
            return FAILED;
    }
    return OK;
}

static enum status make_experiment(struct db *db)
{
    struct db_conn *conn;
    if (db_begin(db, DB_WRITE, arena, &error, &conn) != OK ||
        db_exec0(conn, NULL,
                 "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time) "
                 "VALUES (0, 'Default', 'mlflow-artifacts:/0', 0, 0)") != OK)
        return FAILED;
    return db_commit(conn);
}

int main(int argc, char **argv)
{
    arena = arena_new(8UL << 30);
    long traces_per_commit = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (traces_per_commit < 1) {
        fprintf(stderr, "usage: copy_spans FROM TO TRACES\n");
        return 2;
    }
    struct db_options from = {.path = sv_from(argv[1]), .write_timeout_ms = 60000, .read_timeout_ms = 600000};
    struct db *db = db_open(&from, arena, &error);
    struct db_conn *conn;
    if (!db || db_begin(db, DB_READ, arena, &error, &conn) != OK)
        return give_up();
    for (size_t t = 0; t < TABLES; t++)
        if (load(conn, t) != OK)
            return give_up();
    db_commit(conn);
    db_close(db);
    struct db_options to = {
        .path = sv_from(argv[2]), .write_timeout_ms = 60000, .read_timeout_ms = 600000, .create = true};
    db = db_open(&to, arena, &error);
    if (!db || make_experiment(db) != OK)
        return give_up();
    int64_t started = clock_monotonic_us();
    if (write_all(db, (size_t)traces_per_commit) != OK)
        return give_up();
    double seconds = (double)(clock_monotonic_us() - started) / 1e6;
    printf("%.0f\n", (double)tables[SPANS].rows.count / seconds);
    db_close(db);
    return 0;
}
