#include <math.h>

#include "common/search/page_token.h"
#include "common/store/metrics.h"

/* Reading a metric's history page by page. */

/* *run and *name are 0 if there is no such history. */
static enum status find_history(struct store_tx *tx, struct sv run_id, struct sv key, int64_t *run,
                                int64_t *name)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT runs.id, names.id FROM runs JOIN names "
                 "ON names.experiment = runs.experiment AND names.kind = 0 AND names.name = ? "
                 "WHERE runs.run_id = ?",
                 db_text(key), db_text(run_id));
    if (!stmt)
        return FAILED;
    *run = *name = 0;
    if (db_step(stmt) == DB_ROW) {
        *run = db_column_int(stmt, 0);
        *name = db_column_int(stmt, 1);
    }
    return db_done(stmt);
}

static struct metric_point read_point(struct db_stmt *stmt)
{
    return (struct metric_point){
        .timestamp = db_column_int(stmt, 0),
        .step = db_column_int(stmt, 1),
        .value = db_column_int(stmt, 3) ? (double)NAN : db_column_double(stmt, 2),
    };
}

void history_cursor_move(struct history_cursor *cursor, const struct metric_point *last, size_t count)
{
    cursor->started = true;
    cursor->last = *last;
    cursor->offset += (int64_t)count;
}

enum status metric_history(struct store_tx *tx, struct sv run_id, struct sv key,
                           struct history_cursor *cursor, struct metric_point *points, size_t capacity,
                           size_t *count)
{
    int64_t run, name;
    *count = 0;
    if (find_history(tx, run_id, key, &run, &name) != OK)
        return FAILED;
    if (name == 0)
        return OK;
    /* Before the beginning: timestamps are never negative. */
    struct metric_point after = cursor->started ? cursor->last : (struct metric_point){.timestamp = -1};
    int64_t skip = cursor->started ? 0 : cursor->offset;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT timestamp, step, value, is_nan FROM metrics WHERE run = ? AND name = ? "
                 "AND (timestamp, step, value, is_nan) > (?, ?, ?, ?) "
                 "ORDER BY timestamp, step, value, is_nan LIMIT ? OFFSET ?",
                 db_int(run), db_int(name), db_int(after.timestamp), db_int(after.step),
                 db_double(isnan(after.value) ? 0.0 : after.value), db_int(isnan(after.value)),
                 db_int((int64_t)capacity), db_int(skip));
    if (!stmt)
        return FAILED;
    while (*count < capacity && db_step(stmt) == DB_ROW)
        points[(*count)++] = read_point(stmt);
    if (*count)
        history_cursor_move(cursor, &points[*count - 1], *count);
    return db_done(stmt);
}

/* A cursor's sort values: timestamp, step, value, is_nan. */
#define SORT_VALUES 4

static uint64_t history_hash(struct sv run_id, struct sv key)
{
    return query_hash_add(query_hash_add(0, run_id), key);
}

struct sv history_cursor_token(struct arena *arena, struct sv run_id, struct sv key,
                               const struct history_cursor *cursor)
{
    bool is_nan = isnan(cursor->last.value);
    const struct sort_value after[SORT_VALUES] = {
        {.type = SORT_INT, .integer = cursor->last.timestamp},
        {.type = SORT_INT, .integer = cursor->last.step},
        {.type = SORT_DOUBLE, .real = is_nan ? 0.0 : cursor->last.value},
        {.type = SORT_INT, .integer = is_nan},
    };
    return page_token_write(arena, cursor->offset, history_hash(run_id, key), after, SORT_VALUES);
}

enum status history_cursor_parse(struct store_tx *tx, struct sv run_id, struct sv key, struct sv token,
                                 struct history_cursor *cursor)
{
    static const enum sort_type types[SORT_VALUES] = {SORT_INT, SORT_INT, SORT_DOUBLE, SORT_INT};
    struct page_token read;
    if (page_token_read(tx->arena, tx->error, token, history_hash(run_id, key), types, SORT_VALUES, &read) !=
        OK)
        return FAILED;
    *cursor = (struct history_cursor){.offset = read.offset};
    if (read.after) {
        cursor->started = true;
        cursor->last = (struct metric_point){
            .timestamp = read.after[0].integer,
            .step = read.after[1].integer,
            .value = read.after[3].integer ? (double)NAN : read.after[2].real,
        };
    }
    return OK;
}
