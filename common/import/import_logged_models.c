#include <math.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/store/metrics.h"
#include "common/store/names.h"

/* Logged models (since MLflow 3.0), after the runs that their metrics belong to. */

struct target {
    struct import *import;
    struct store_tx *tx;
    struct sv model_id;
    int64_t model, experiment, count;
};

static enum status put_params(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM logged_model_params WHERE model_id = ? ORDER BY rowid",
        target->model_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++) {
        int64_t name;
        status =
            name_intern(target->tx, target->experiment, NAME_PARAM, import_text(rows, "param_key"), &name);
        if (status == OK)
            status = db_exec(target->tx->db, NULL,
                             "INSERT INTO logged_model_params (model, name, value) VALUES (?, ?, ?) ON "
                             "CONFLICT DO NOTHING",
                             db_int(target->model), db_int(name), db_text(import_text(rows, "param_value")));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_tags(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM logged_model_tags WHERE model_id = ? ORDER BY rowid",
        target->model_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++) {
        int64_t name;
        status = name_intern(target->tx, target->experiment, NAME_TAG, import_text(rows, "tag_key"), &name);
        if (status == OK)
            status = db_exec(
                target->tx->db, NULL,
                "INSERT INTO logged_model_tags (model, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(target->model), db_int(name), db_text(import_text(rows, "tag_value")));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status dataset_of(struct target *target, struct foreign_rows *rows, struct db_value *id)
{
    struct sv name = foreign_text(rows, "dataset_name"), digest = import_text(rows, "dataset_digest");
    *id = db_null();
    if (!name.len)
        return OK;
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO logged_model_datasets (experiment, name, digest) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                db_int(target->experiment), db_text(name), db_text(digest)) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(target->tx->db,
                 "SELECT id FROM logged_model_datasets WHERE experiment = ? AND name = ? AND digest = ?",
                 db_int(target->experiment), db_text(name), db_text(digest));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *id = db_int(db_column_int(stmt, 0));
    return db_done(stmt);
}

static enum status put_metric(struct target *target, struct foreign_rows *rows)
{
    int64_t name;
    struct db_value dataset;
    bool is_nan = foreign_is_null(rows, "metric_value");
    if (name_intern(target->tx, target->experiment, NAME_METRIC, import_text(rows, "metric_name"), &name) !=
            OK ||
        dataset_of(target, rows, &dataset) != OK)
        return FAILED;
    return db_exec(target->tx->db, NULL,
                   "INSERT INTO logged_model_metrics (model, name, timestamp, step, run, value, dataset) "
                   "SELECT ?, ?, ?, ?, id, ?, ? FROM runs WHERE run_id = ? ON CONFLICT DO NOTHING",
                   db_int(target->model), db_int(name), db_int(foreign_int(rows, "metric_timestamp_ms", 0)),
                   db_int(foreign_int(rows, "metric_step", 0)),
                   is_nan ? db_null() : db_double(metric_stored_value(foreign_double(rows, "metric_value"))),
                   dataset, db_text(foreign_text(rows, "run_id")));
}

static enum status put_metrics(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM logged_model_metrics WHERE model_id = ? ORDER BY rowid",
        target->model_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++)
        status = put_metric(target, rows);
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status model_exists(struct store_tx *tx, struct sv model_id, bool *exists)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT 1 FROM logged_models WHERE model_id = ?", db_text(model_id));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_model(struct target *target, struct foreign_rows *rows)
{
    int64_t status = foreign_int(rows, "status", 0);
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO logged_models (model_id, experiment, lifecycle, status, name, model_type, "
                "source_run_id, status_message, artifact_uri, creation_time, last_update_time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(target->model_id), db_int(target->experiment), db_int(import_is_deleted(rows)),
                db_int(status >= 0 && status <= 3 ? status : 0), db_text(import_text(rows, "name")),
                db_text(import_text(rows, "model_type")), db_text(import_text(rows, "source_run_id")),
                db_text(foreign_text(rows, "status_message")),
                db_text(import_text(rows, "artifact_location")),
                db_int(foreign_int(rows, "creation_timestamp_ms", 0)),
                db_int(foreign_int(rows, "last_updated_timestamp_ms", 0))) != OK)
        return FAILED;
    target->model = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status take_model(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .count = 1};
    bool exists;
    if (!tx)
        return FAILED;
    target.model_id = arena_copy(tx->arena, import_text(rows, "model_id"));
    target.experiment = foreign_int(rows, "experiment_id", 0);
    if (model_exists(tx, target.model_id, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_model(&target, rows) != OK || put_params(&target) != OK || put_tags(&target) != OK ||
        put_metrics(&target) != OK)
        return FAILED;
    import_taken(import, target.count);
    return OK;
}

enum status import_logged_models(struct import *import)
{
    if (!foreign_has_table(import->from, "logged_models"))
        return OK;
    return import_rows(import, IMPORT_LOGGED_MODELS, import->store,
                       "SELECT count(*) AS total FROM logged_models",
                       "SELECT * FROM logged_models ORDER BY rowid", take_model);
}
