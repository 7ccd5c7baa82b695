#include <json-c/json.h>
#include <math.h>

#include "common/base/id.h"
#include "common/base/number.h"
#include "common/json/json_read.h"
#include "common/store/metrics.h"
#include "common/store/names.h"
#include "common/store/text.h"

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
    if (*count) {
        cursor->started = true;
        cursor->last = points[*count - 1];
        cursor->offset += (int64_t)*count;
    }
    return db_done(stmt);
}

struct sv history_cursor_token(struct arena *arena, const struct history_cursor *cursor)
{
    bool is_nan = isnan(cursor->last.value);
    char value[DOUBLE_TEXT_MAX];
    size_t len = format_double(is_nan ? 0.0 : cursor->last.value, value);
    struct sv text = arena_printf(arena, "{\"offset\": %lld, \"after\": [%lld, %lld, %.*s, %d]}",
                                  (long long)cursor->offset, (long long)cursor->last.timestamp,
                                  (long long)cursor->last.step, (int)len, value, is_nan ? 1 : 0);
    return base64_encode(arena, text);
}

static bool read_int(struct json_object *value, int64_t min, int64_t *out)
{
    if (!json_object_is_type(value, json_type_int))
        return false;
    *out = json_object_get_int64(value);
    return *out >= min;
}

static bool read_after(struct json_object *after, struct history_cursor *cursor)
{
    int64_t is_nan = 0;
    if (!json_object_is_type(after, json_type_array) || json_object_array_length(after) != 4)
        return false;
    struct json_object *value = json_object_array_get_idx(after, 2);
    if (!read_int(json_object_array_get_idx(after, 0), 0, &cursor->last.timestamp) ||
        !read_int(json_object_array_get_idx(after, 1), INT64_MIN, &cursor->last.step) ||
        !json_object_is_type(value, json_type_double) ||
        !read_int(json_object_array_get_idx(after, 3), 0, &is_nan))
        return false;
    cursor->last.value = is_nan ? (double)NAN : json_object_get_double(value);
    cursor->started = true;
    return true;
}

static bool read_cursor(struct json_object *token, struct history_cursor *cursor)
{
    struct json_object *offset = NULL, *after = NULL;
    if (!json_object_is_type(token, json_type_object) ||
        !json_object_object_get_ex(token, "offset", &offset) || !read_int(offset, 1, &cursor->offset))
        return false;
    return !json_object_object_get_ex(token, "after", &after) || read_after(after, cursor);
}

enum status history_cursor_parse(struct store_tx *tx, struct sv token, struct history_cursor *cursor)
{
    *cursor = (struct history_cursor){0};
    if (token.len == 0)
        return OK;
    struct sv decoded = base64_decode(tx->arena, token);
    if (!decoded.data)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid page token, could not base64-decode");
    struct json_object *json = NULL;
    struct sv problem;
    struct sv shown = search_repr_bytes(tx->arena, decoded);
    if (json_parse(tx->arena, decoded, &json, &problem) != JSON_OK)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid page token, decoded value=%.*s",
                          SV_ARG(shown));
    bool good = read_cursor(json, cursor);
    json_object_put(json);
    if (good)
        return OK;
    shown = search_clip(decoded);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid page token, parsed value=%.*s", SV_ARG(shown));
}
