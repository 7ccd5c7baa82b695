#include <math.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/store/metrics.h"
#include "common/store/names.h"
#include "common/store/runs.h"

/* Experiments and runs, with all that was logged to them. */

/* --- Experiments --- */

struct experiment_there {
    bool exists, used;
    struct sv name;
    int64_t created;
};

static enum status look_at_experiment(struct store_tx *tx, int64_t id, struct experiment_there *there)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT name, EXISTS (SELECT 1 FROM runs WHERE experiment = experiments.id) OR EXISTS "
                 "(SELECT 1 FROM traces WHERE experiment = experiments.id), creation_time "
                 "FROM experiments WHERE id = ?",
                 db_int(id));
    if (!stmt)
        return FAILED;
    *there = (struct experiment_there){0};
    if (db_step(stmt) == DB_ROW)
        *there = (struct experiment_there){true, db_column_int(stmt, 1) != 0, db_column_text_copy(stmt, 0),
                                           db_column_int(stmt, 2)};
    return db_done(stmt);
}

static enum status put_experiment(struct store_tx *tx, int64_t id, struct foreign_rows *rows)
{
    int64_t created = foreign_int(rows, "creation_time", 0);
    return db_exec(
        tx->db, NULL,
        "INSERT INTO experiments (id, name, artifact_location, lifecycle, creation_time, last_update_time) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
        "artifact_location = excluded.artifact_location, lifecycle = excluded.lifecycle, "
        "creation_time = excluded.creation_time, last_update_time = excluded.last_update_time",
        db_int(id), db_text(import_text(rows, "name")), db_text(import_text(rows, "artifact_location")),
        db_int(import_is_deleted(rows)), db_int(created),
        db_int(foreign_int(rows, "last_update_time", created)));
}

static enum status put_experiment_tags(struct import *import, struct store_tx *tx, int64_t id, int64_t *count)
{
    struct sv key = arena_printf(tx->arena, "%lld", (long long)id);
    struct foreign_rows *tags = foreign_query(
        import->from,
        "SELECT key, value FROM experiment_tags WHERE experiment_id = CAST(? AS INTEGER) ORDER BY rowid", key,
        SV_ABSENT, tx->error);
    enum status status = tags ? OK : FAILED;
    for (; status == OK && foreign_next(tags); ++*count)
        status = db_exec(tx->db, NULL,
                         "INSERT INTO experiment_tags (experiment, key, value) VALUES (?, ?, ?) "
                         "ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
                         db_int(id), db_text(import_text(tags, "key")), db_text(import_text(tags, "value")));
    return foreign_done(tags) == OK ? status : FAILED;
}

static enum status take_experiment(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    int64_t id = foreign_int(rows, "experiment_id", -1), count = 1;
    struct sv name = import_text(rows, "name");
    struct experiment_there there;
    if (!tx || look_at_experiment(tx, id, &there) != OK)
        return FAILED;
    if (there.exists && !sv_equal(there.name, name))
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "The database has another experiment with the id %lld: '%.*s' is not '%.*s'. Import into a "
            "new database.",
            (long long)id, SV_ARG(there.name), SV_ARG(name));
    /* The experiment 0 that every new database has gives way to the old one. */
    if (there.exists && (id != 0 || there.used || there.created == foreign_int(rows, "creation_time", -1))) {
        import_present(import);
        return OK;
    }
    if (put_experiment(tx, id, rows) != OK || put_experiment_tags(import, tx, id, &count) != OK)
        return FAILED;
    import_taken(import, count);
    return OK;
}

enum status import_experiments(struct import *import)
{
    return import_rows(import, IMPORT_EXPERIMENTS, import->store, "SELECT count(*) AS total FROM experiments",
                       "SELECT * FROM experiments ORDER BY experiment_id", take_experiment);
}

/* --- What was logged --- */

/* A run at work. */
struct target {
    struct import *import;
    struct store_tx *tx;
    struct sv run_id;
    int64_t run, experiment;
    bool ended;
    int64_t count;
};

/* Names come sorted: the one before is mostly the one that is wanted. */
struct name_cache {
    enum name_kind kind;
    struct sv name;
    int64_t id;
};

static enum status name_of(struct target *target, struct name_cache *cache, struct sv name, int64_t *id)
{
    if (!cache->id || !sv_equal(cache->name, name)) {
        if (name_intern(target->tx, target->experiment, cache->kind, name, &cache->id) != OK)
            return FAILED;
        cache->name = arena_copy(target->tx->arena, name);
    }
    *id = cache->id;
    return OK;
}

static double value_of(struct foreign_rows *rows)
{
    return foreign_int(rows, "is_nan", 0) ? (double)NAN : foreign_double(rows, "value");
}

static enum status put_metrics(struct target *target)
{
    struct db_conn *db = target->tx->db;
    struct name_cache cache = {.kind = NAME_METRIC};
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, step, value",
        target->run_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++) {
        int64_t name;
        double value = value_of(rows);
        status = name_of(target, &cache, import_text(rows, "key"), &name);
        if (status == OK)
            status = db_exec(db, NULL,
                             "INSERT INTO metrics (run, name, timestamp, step, value, is_nan) "
                             "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                             db_int(target->run), db_int(name), db_int(foreign_int(rows, "timestamp", 0)),
                             db_int(foreign_int(rows, "step", 0)), db_double(metric_stored_value(value)),
                             db_int(isnan(value) ? 1 : 0));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_latest_metrics(struct target *target)
{
    struct db_conn *db = target->tx->db;
    struct name_cache cache = {.kind = NAME_METRIC};
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM latest_metrics WHERE run_uuid = ? ORDER BY key",
                      target->run_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++) {
        int64_t name;
        double value = value_of(rows);
        status = name_of(target, &cache, import_text(rows, "key"), &name);
        if (status == OK)
            status = db_exec(db, NULL,
                             "INSERT INTO latest_metrics (run, name, value, step, timestamp, settled) "
                             "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                             db_int(target->run), db_int(name),
                             isnan(value) ? db_null() : db_double(metric_stored_value(value)),
                             db_int(foreign_int(rows, "step", 0)), db_int(foreign_int(rows, "timestamp", 0)),
                             db_int(target->ended));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_text(struct target *target, enum name_kind kind, int64_t name, struct sv value)
{
    struct db_conn *db = target->tx->db;
    if (kind == NAME_PARAM)
        return db_exec(db, NULL,
                       "INSERT INTO params (run, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                       db_int(target->run), db_int(name), db_text(value));
    return db_exec(db, NULL, "INSERT INTO tags (run, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                   db_int(target->run), db_int(name), db_text(value));
}

/* Params or tags: `sql` is a literal. */
static enum status put_texts(struct target *target, enum name_kind kind, const char *sql)
{
    struct name_cache cache = {.kind = kind};
    struct foreign_rows *rows =
        foreign_query(target->import->from, sql, target->run_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++) {
        int64_t name;
        status = name_of(target, &cache, import_text(rows, "key"), &name);
        if (status == OK)
            status = put_text(target, kind, name, import_text(rows, "value"));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

/* --- Datasets and models of a run --- */

static enum status put_dataset(struct target *target, struct foreign_rows *rows, int64_t *id)
{
    struct db_conn *db = target->tx->db;
    if (db_exec(db, NULL,
                "INSERT INTO datasets (experiment, name, digest, source_type, source, schema, profile) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(target->experiment), db_text(import_text(rows, "name")),
                db_text(import_text(rows, "digest")), db_text(import_text(rows, "dataset_source_type")),
                db_text(import_text(rows, "dataset_source")), db_text(foreign_text(rows, "dataset_schema")),
                db_text(foreign_text(rows, "dataset_profile"))) != OK)
        return FAILED;
    struct db_stmt *stmt = db_query(
        db, "SELECT id FROM datasets WHERE experiment = ? AND name = ? AND digest = ?",
        db_int(target->experiment), db_text(import_text(rows, "name")), db_text(import_text(rows, "digest")));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

static enum status put_input_tags(struct target *target, struct sv input_uuid, int64_t input)
{
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM input_tags WHERE input_uuid = ? ORDER BY rowid",
                      input_uuid, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++)
        status = db_exec(
            target->tx->db, NULL,
            "INSERT INTO dataset_input_tags (input, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            db_int(input), db_text(import_text(rows, "name")), db_text(import_text(rows, "value")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_dataset_inputs(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from,
        "SELECT d.*, i.input_uuid FROM inputs AS i JOIN datasets AS d ON d.dataset_uuid = i.source_id "
        "WHERE i.destination_type = 'RUN' AND i.destination_id = ? AND i.source_type = 'DATASET' ORDER BY "
        "i.rowid",
        target->run_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count += 2) {
        int64_t dataset, inserted = 0;
        status = put_dataset(target, rows, &dataset);
        if (status == OK)
            status = db_exec(target->tx->db, &inserted,
                             "INSERT INTO dataset_inputs (run, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING",
                             db_int(target->run), db_int(dataset));
        if (status == OK && inserted)
            status =
                put_input_tags(target, foreign_text(rows, "input_uuid"), db_last_insert_id(target->tx->db));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_run_models(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from,
        "SELECT * FROM inputs WHERE source_id = ? AND source_type IN ('RUN_INPUT', 'RUN_OUTPUT') "
        "ORDER BY rowid",
        target->run_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->count++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO run_models (run, direction, model_id, step) VALUES (?, ?, ?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(target->run),
                         db_int(sv_equal(foreign_text(rows, "source_type"), SV("RUN_OUTPUT"))),
                         db_text(import_text(rows, "destination_id")), db_int(foreign_int(rows, "step", 0)));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_inputs(struct target *target)
{
    if (!foreign_has_table(target->import->from, "inputs"))
        return OK;
    return put_dataset_inputs(target) == OK ? put_run_models(target) : FAILED;
}

/* --- Runs --- */

static enum run_status status_of(struct sv name)
{
    static const struct {
        const char *name;
        enum run_status status;
    } statuses[] = {
        {"RUNNING", RUN_RUNNING}, {"SCHEDULED", RUN_SCHEDULED}, {"FINISHED", RUN_FINISHED},
        {"FAILED", RUN_FAILED},   {"KILLED", RUN_KILLED},
    };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (sv_equal(name, sv_from(statuses[i].name)))
            return statuses[i].status;
    return RUN_RUNNING;
}

static enum status run_exists(struct store_tx *tx, struct sv run_id, bool *exists)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT 1 FROM runs WHERE run_id = ?", db_text(run_id));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_run(struct store_tx *tx, struct foreign_rows *rows, struct target *target)
{
    enum run_status status = status_of(foreign_text(rows, "status"));
    target->ended = status != RUN_RUNNING && status != RUN_SCHEDULED;
    if (db_exec(tx->db, NULL,
                "INSERT INTO runs (run_id, experiment, lifecycle, status, start_time, end_time, "
                "deleted_time, name, "
                "user_id, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(target->run_id), db_int(target->experiment), db_int(import_is_deleted(rows)),
                db_int(status), db_int(foreign_int(rows, "start_time", 0)),
                import_int_or_null(rows, "end_time"),
                import_is_deleted(rows) ? db_int(foreign_int(rows, "deleted_time", 0)) : db_null(),
                db_text(import_text(rows, "name")), db_text(import_text(rows, "user_id")),
                db_text(import_text(rows, "artifact_uri"))) != OK)
        return FAILED;
    target->run = db_last_insert_id(tx->db);
    return OK;
}

static enum status take_run(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .count = 1};
    bool exists;
    if (!tx)
        return FAILED;
    target.run_id = arena_copy(tx->arena, import_text(rows, "run_uuid"));
    target.experiment = foreign_int(rows, "experiment_id", 0);
    if (run_exists(tx, target.run_id, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_run(tx, rows, &target) != OK || put_metrics(&target) != OK || put_latest_metrics(&target) != OK ||
        put_texts(&target, NAME_PARAM, "SELECT * FROM params WHERE run_uuid = ? ORDER BY key") != OK ||
        put_texts(&target, NAME_TAG, "SELECT * FROM tags WHERE run_uuid = ? ORDER BY key") != OK ||
        put_inputs(&target) != OK)
        return FAILED;
    import_taken(import, target.count);
    return OK;
}

enum status import_runs(struct import *import)
{
    return import_rows(import, IMPORT_RUNS, import->store, "SELECT count(*) AS total FROM runs",
                       "SELECT * FROM runs ORDER BY rowid", take_run);
}
