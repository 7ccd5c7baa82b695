#include "common/store/removal.h"

#include "common/base/number.h"
#include "common/store/artifact_location.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/permissions.h"
#include "common/store/trace_requests.h"

#define SLICE_ROWS 2000

/* --- Finding --- */

/* Columns: id, public id, whether it is deleted, since when, where its artifacts are. */
static enum status read_items(struct store_tx *tx, enum removal_kind kind, struct db_stmt *stmt,
                              const struct removal **items, size_t *count)
{
    struct row_list list = {0};
    *items = NULL;
    *count = 0;
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct removal *item = ROW_LIST_ADD(&list, tx->arena, struct removal);
        item->kind = kind;
        item->id = db_column_int(stmt, 0);
        item->public_id = db_column_text_copy(stmt, 1);
        item->is_deleted = db_column_int(stmt, 2) == LIFECYCLE_DELETED;
        item->since_ms = db_column_int(stmt, 3);
        item->artifact_uri = db_column_text_copy(stmt, 4);
    }
    *items = list.items;
    *count = list.count;
    return db_done(stmt);
}

static struct db_stmt *find(struct store_tx *tx, enum removal_kind kind, struct sv public_id)
{
    int64_t id;
    switch (kind) {
    case REMOVAL_RUN:
        return db_query(tx->db,
                        "SELECT id, run_id, lifecycle, deleted_time, artifact_uri FROM runs WHERE run_id = ?",
                        db_text(public_id));
    case REMOVAL_LOGGED_MODEL:
        return db_query(tx->db,
                        "SELECT id, model_id, lifecycle, last_update_time, artifact_uri FROM logged_models "
                        "WHERE model_id = ?",
                        db_text(public_id));
    case REMOVAL_EXPERIMENT:
        break;
    }
    return db_query(tx->db,
                    "SELECT id, CAST(id AS TEXT), lifecycle, last_update_time, artifact_location "
                    "FROM experiments WHERE id = ?",
                    parse_int64(public_id, 0, INT64_MAX, &id) ? db_int(id) : db_null());
}

static enum status missing(struct store_tx *tx, enum removal_kind kind, struct sv public_id)
{
    switch (kind) {
    case REMOVAL_RUN:
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Run with id=%.*s not found", SV_ARG(public_id));
    case REMOVAL_LOGGED_MODEL:
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Logged model with ID '%.*s' not found.",
                          SV_ARG(public_id));
    case REMOVAL_EXPERIMENT:
        break;
    }
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No Experiment with id=%.*s exists", SV_ARG(public_id));
}

enum status removal_find(struct store_tx *tx, enum removal_kind kind, struct sv public_id,
                         struct removal *item)
{
    const struct removal *items;
    size_t count;
    if (read_items(tx, kind, find(tx, kind, public_id), &items, &count) != OK)
        return FAILED;
    if (count == 0)
        return missing(tx, kind, public_id);
    *item = items[0];
    return OK;
}

static struct db_stmt *list(struct store_tx *tx, enum removal_kind kind, int64_t before_ms, int64_t after,
                            int64_t limit)
{
    switch (kind) {
    case REMOVAL_RUN:
        return db_query(tx->db,
                        "SELECT id, run_id, lifecycle, deleted_time, artifact_uri FROM runs "
                        "WHERE lifecycle = 1 AND ifnull(deleted_time, 0) <= ? AND id > ? ORDER BY id LIMIT ?",
                        db_int(before_ms), db_int(after), db_int(limit));
    case REMOVAL_LOGGED_MODEL:
        return db_query(tx->db,
                        "SELECT id, model_id, lifecycle, last_update_time, artifact_uri FROM logged_models "
                        "WHERE lifecycle = 1 AND last_update_time <= ? AND id > ? ORDER BY id LIMIT ?",
                        db_int(before_ms), db_int(after), db_int(limit));
    case REMOVAL_EXPERIMENT:
        break;
    }
    return db_query(tx->db,
                    "SELECT id, CAST(id AS TEXT), lifecycle, last_update_time, artifact_location "
                    "FROM experiments WHERE lifecycle = 1 AND last_update_time <= ? AND id > ? "
                    "ORDER BY id LIMIT ?",
                    db_int(before_ms), db_int(after), db_int(limit));
}

enum status removal_list(struct store_tx *tx, enum removal_kind kind, int64_t before_ms, int64_t after,
                         size_t limit, const struct removal **items, size_t *count)
{
    return read_items(tx, kind, list(tx, kind, before_ms, after, (int64_t)limit), items, count);
}

enum status removal_list_of(struct store_tx *tx, int64_t experiment, enum removal_kind kind, int64_t after,
                            size_t limit, const struct removal **items, size_t *count)
{
    struct db_stmt *stmt =
        kind == REMOVAL_RUN
            ? db_query(tx->db,
                       "SELECT id, run_id, lifecycle, deleted_time, artifact_uri FROM runs "
                       "WHERE experiment = ? AND id > ? ORDER BY id LIMIT ?",
                       db_int(experiment), db_int(after), db_int((int64_t)limit))
            : db_query(tx->db,
                       "SELECT id, model_id, lifecycle, last_update_time, artifact_uri FROM logged_models "
                       "WHERE experiment = ? AND id > ? ORDER BY id LIMIT ?",
                       db_int(experiment), db_int(after), db_int((int64_t)limit));
    return read_items(tx, kind, stmt, items, count);
}

static enum status read_int(struct db_stmt *stmt, int64_t *value)
{
    if (!stmt)
        return FAILED;
    *value = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status removal_count(struct store_tx *tx, enum removal_kind kind, int64_t before_ms, int64_t *count)
{
    switch (kind) {
    case REMOVAL_RUN:
        return read_int(db_query(tx->db,
                                 "SELECT count(*) FROM runs WHERE lifecycle = 1 AND "
                                 "ifnull(deleted_time, 0) <= ?",
                                 db_int(before_ms)),
                        count);
    case REMOVAL_LOGGED_MODEL:
        return read_int(db_query(tx->db,
                                 "SELECT count(*) FROM logged_models WHERE lifecycle = 1 AND "
                                 "last_update_time <= ?",
                                 db_int(before_ms)),
                        count);
    case REMOVAL_EXPERIMENT:
        break;
    }
    return read_int(db_query(tx->db,
                             "SELECT count(*) FROM experiments WHERE lifecycle = 1 AND last_update_time <= ?",
                             db_int(before_ms)),
                    count);
}

enum status removal_obstacle(struct store_tx *tx, int64_t experiment, int64_t before_ms, struct sv *run_id)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT run_id FROM runs WHERE experiment = ? AND (lifecycle = 0 OR deleted_time > ?) "
                 "LIMIT 1",
                 db_int(experiment), db_int(before_ms));
    if (!stmt)
        return FAILED;
    *run_id = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    return db_done(stmt);
}

/* --- Removing --- */

/* The rows of a long table are taken from its front; *more if there are others. */
static enum status take_slice(enum status status, int64_t changed, bool *more)
{
    *more = changed == SLICE_ROWS;
    return status;
}

static enum status slice_metrics(struct store_tx *tx, int64_t run, bool *more)
{
    int64_t changed = 0;
    enum status status =
        db_exec(tx->db, &changed,
                "DELETE FROM metrics WHERE (run, name, timestamp, step, value, is_nan) IN "
                "(SELECT run, name, timestamp, step, value, is_nan FROM metrics WHERE run = ? LIMIT ?)",
                db_int(run), db_int(SLICE_ROWS));
    return take_slice(status, changed, more);
}

static enum status slice_model_metrics_of_run(struct store_tx *tx, int64_t run, bool *more)
{
    int64_t changed = 0;
    enum status status =
        db_exec(tx->db, &changed,
                "DELETE FROM logged_model_metrics WHERE (model, name, timestamp, step, run) IN "
                "(SELECT model, name, timestamp, step, run FROM logged_model_metrics WHERE run = ? LIMIT ?)",
                db_int(run), db_int(SLICE_ROWS));
    return take_slice(status, changed, more);
}

static enum status slice_model_metrics(struct store_tx *tx, int64_t model, bool *more)
{
    int64_t changed = 0;
    enum status status = db_exec(
        tx->db, &changed,
        "DELETE FROM logged_model_metrics WHERE (model, name, timestamp, step, run) IN "
        "(SELECT model, name, timestamp, step, run FROM logged_model_metrics WHERE model = ? LIMIT ?)",
        db_int(model), db_int(SLICE_ROWS));
    return take_slice(status, changed, more);
}

static enum status slice_links(struct store_tx *tx, struct sv run_id, bool *more)
{
    int64_t changed = 0;
    enum status status = db_exec(tx->db, &changed,
                                 "DELETE FROM trace_run_links WHERE (run_id, trace_id) IN "
                                 "(SELECT run_id, trace_id FROM trace_run_links WHERE run_id = ? LIMIT ?)",
                                 db_text(run_id), db_int(SLICE_ROWS));
    return take_slice(status, changed, more);
}

static enum status remove_run(struct store_tx *tx, const struct removal *item, bool *more)
{
    if (slice_metrics(tx, item->id, more) != OK)
        return FAILED;
    if (!*more && slice_model_metrics_of_run(tx, item->id, more) != OK)
        return FAILED;
    if (!*more && slice_links(tx, item->public_id, more) != OK)
        return FAILED;
    return *more ? OK : db_exec(tx->db, NULL, "DELETE FROM runs WHERE id = ?", db_int(item->id));
}

static enum status remove_model(struct store_tx *tx, const struct removal *item, bool *more)
{
    if (slice_model_metrics(tx, item->id, more) != OK)
        return FAILED;
    return *more ? OK : db_exec(tx->db, NULL, "DELETE FROM logged_models WHERE id = ?", db_int(item->id));
}

static enum status require_empty(struct store_tx *tx, const struct removal *item)
{
    int64_t members = 0;
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT EXISTS (SELECT 1 FROM runs WHERE experiment = ?1) OR "
                                    "EXISTS (SELECT 1 FROM logged_models WHERE experiment = ?1)",
                                    db_int(item->id));
    if (read_int(stmt, &members) != OK)
        return FAILED;
    if (!members)
        return OK;
    return store_fail(tx, INVALID_STATE, "Experiment with ID %.*s has runs or logged models.",
                      SV_ARG(item->public_id));
}

static enum status remove_experiment(struct store_tx *tx, const struct removal *item, bool *more)
{
    const struct trace_deletion traces = {
        .experiment = item->id,
        .has_timestamp = true,
        .timestamp = INT64_MAX,
    };
    const struct permission_target itself = {.resource = PERMISSION_ON_EXPERIMENT, .id = item->public_id};
    const struct permission_target scorers = {.resource = PERMISSION_ON_SCORER, .id = item->public_id};
    struct trace_deletion_progress progress = {0};
    if (require_empty(tx, item) != OK || trace_delete_slice(tx, &traces, &progress) != OK)
        return FAILED;
    *more = !progress.done;
    if (*more)
        return OK;
    if (permissions_drop(tx, &itself) != OK || permissions_drop(tx, &scorers) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM evaluation_dataset_experiments WHERE experiment = ?",
                db_int(item->id)) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM experiments WHERE id = ?", db_int(item->id));
}

/* Whether it is still there, and still to be removed: a model, and a run, of an experiment that goes may be
 * active. */
static enum status look_again(struct store_tx *tx, const struct removal *item, enum removal_state *state)
{
    const struct removal *items;
    size_t count;
    if (read_items(tx, item->kind, find(tx, item->kind, item->public_id), &items, &count) != OK)
        return FAILED;
    *state = count == 0 || items[0].id != item->id              ? REMOVAL_DONE
             : item->is_deleted && items[0].is_deleted == false ? REMOVAL_KEPT
                                                                : REMOVAL_MORE;
    return OK;
}

enum status removal_slice(struct store_tx *tx, const struct removal *item, enum removal_state *state)
{
    static enum status (*const removers[])(struct store_tx * tx, const struct removal *item, bool *more) = {
        [REMOVAL_RUN] = remove_run,
        [REMOVAL_LOGGED_MODEL] = remove_model,
        [REMOVAL_EXPERIMENT] = remove_experiment,
    };
    bool more = false;
    if (look_again(tx, item, state) != OK)
        return FAILED;
    if (*state != REMOVAL_MORE)
        return OK;
    if (removers[item->kind](tx, item, &more) != OK)
        return FAILED;
    *state = more ? REMOVAL_MORE : REMOVAL_DONE;
    return OK;
}

/* --- Old traces --- */

enum status removal_trace_experiments(struct store_tx *tx, const struct removal_traces **experiments,
                                      size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT e.id, (SELECT value FROM experiment_tags WHERE experiment = e.id AND key = ?) "
                 "FROM experiments e WHERE EXISTS (SELECT 1 FROM traces WHERE experiment = e.id)",
                 db_text(SV(REMOVAL_TAG_TRACES)));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct removal_traces *row = ROW_LIST_ADD(&list, tx->arena, struct removal_traces);
        row->experiment = db_column_int(stmt, 0);
        row->retention = db_column_text_copy(stmt, 1);
    }
    *experiments = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status removal_old_traces(struct store_tx *tx, int64_t experiment, int64_t before_ms, size_t limit,
                               const struct removal_trace **traces, size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT t.trace_id, e.artifact_location, EXISTS (SELECT 1 FROM spans WHERE trace = t.id) "
                 "FROM traces t JOIN experiments e ON e.id = t.experiment "
                 "WHERE t.experiment = ? AND t.request_time < ? ORDER BY t.request_time LIMIT ?",
                 db_int(experiment), db_int(before_ms), db_int((int64_t)limit));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct removal_trace *trace = ROW_LIST_ADD(&list, tx->arena, struct removal_trace);
        trace->trace_id = db_column_text_copy(stmt, 0);
        if (db_column_int(stmt, 2))
            continue;
        struct sv suffix = arena_printf(tx->arena, "traces/%.*s/artifacts", SV_ARG(trace->trace_id));
        trace->artifact_uri = artifact_uri_join(tx->arena, db_column_text(stmt, 1), suffix);
    }
    *traces = list.items;
    *count = list.count;
    return db_done(stmt);
}
