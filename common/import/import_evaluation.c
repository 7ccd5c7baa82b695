#include <json-c/json.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

/* Evaluation datasets with their records (since MLflow 3.4), scorers with their versions. */

struct target {
    struct import *import;
    struct store_tx *tx;
    struct sv id;
    int64_t row, rows;
};

/* --- Evaluation datasets --- */

/* A JSON column: absent for NULL and for null. */
static struct sv json_text(struct foreign_rows *rows, const char *column)
{
    struct sv text = foreign_text(rows, column);
    return text.data && !sv_equal(sv_trim(text), SV("null")) ? text : SV_ABSENT;
}

/* Outputs are wrapped there, so that any value is an object. */
static struct sv outputs_of(struct store_tx *tx, struct foreign_rows *rows)
{
    struct sv text = foreign_text(rows, "outputs"), problem, result = SV_ABSENT;
    struct json_object *json = NULL, *inner;
    if (!text.data)
        return SV_ABSENT;
    if (json_parse(tx->arena, text, &json, &problem) == JSON_OK && json) {
        if (json_object_is_type(json, json_type_object) && json_object_object_length(json) == 1 &&
            json_object_object_get_ex(json, "mlflow_wrapped", &inner))
            result = inner ? json_dump(tx->arena, inner, false) : SV_ABSENT;
        else
            result = arena_copy(tx->arena, text);
    }
    json_object_put(json);
    return result;
}

static enum status put_record(struct target *target, struct foreign_rows *rows)
{
    struct sv tags = json_text(rows, "tags"), type = foreign_text(rows, "source_type");
    int64_t created = foreign_int(rows, "created_time", 0);
    return db_exec(
        target->tx->db, NULL,
        "INSERT INTO evaluation_records (record_id, dataset, input_hash, inputs, outputs, expectations, "
        "tags, "
        "source, source_id, source_type, created_time, last_update_time, created_by, last_updated_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        db_text(import_text(rows, "dataset_record_id")), db_int(target->row),
        db_text(import_text(rows, "input_hash")), db_text(import_text(rows, "inputs")),
        db_text(outputs_of(target->tx, rows)), db_text(json_text(rows, "expectations")),
        db_text(tags.data ? tags : SV("{}")), db_text(json_text(rows, "source")),
        db_text(foreign_text(rows, "source_id")), db_text(type.len ? type : SV_ABSENT), db_int(created),
        db_int(foreign_int(rows, "last_update_time", created)), db_text(foreign_text(rows, "created_by")),
        db_text(foreign_text(rows, "last_updated_by")));
}

static enum status put_records(struct target *target)
{
    struct foreign_rows *rows = foreign_query(target->import->from,
                                              "SELECT * FROM evaluation_dataset_records WHERE dataset_id = ? "
                                              "ORDER BY created_time, dataset_record_id",
                                              target->id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = put_record(target, rows);
    if (foreign_done(rows) != OK || status != OK)
        return FAILED;
    return db_exec(target->tx->db, NULL,
                   "UPDATE evaluation_datasets SET record_count = (SELECT count(*) FROM evaluation_records "
                   "WHERE dataset = evaluation_datasets.id) WHERE id = ?",
                   db_int(target->row));
}

static enum status put_dataset_tags(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM evaluation_dataset_tags WHERE dataset_id = ? ORDER BY rowid",
        target->id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO evaluation_dataset_tags (dataset, key, value) VALUES (?, ?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(target->row), db_text(import_text(rows, "key")),
                         db_text(import_text(rows, "value")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_dataset_experiments(struct target *target)
{
    struct foreign_rows *rows =
        foreign_query(target->import->from,
                      "SELECT CAST(destination_id AS INTEGER) AS experiment FROM entity_associations "
                      "WHERE source_type = 'evaluation_dataset' AND source_id = ? "
                      "AND destination_type = 'experiment' ORDER BY rowid",
                      target->id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO evaluation_dataset_experiments (dataset, experiment) VALUES (?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(target->row), db_int(foreign_int(rows, "experiment", 0)));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status find_dataset(struct target *target, bool *exists)
{
    struct db_stmt *stmt = db_query(target->tx->db, "SELECT 1 FROM evaluation_datasets WHERE dataset_id = ?",
                                    db_text(target->id));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_dataset(struct target *target, struct foreign_rows *rows)
{
    int64_t created = foreign_int(rows, "created_time", 0);
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO evaluation_datasets (dataset_id, name, schema, digest, created_time, "
                "last_update_time, created_by, last_updated_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(target->id), db_text(import_text(rows, "name")), db_text(json_text(rows, "schema")),
                db_text(import_text(rows, "digest")), db_int(created),
                db_int(foreign_int(rows, "last_update_time", created)),
                db_text(foreign_text(rows, "created_by")),
                db_text(foreign_text(rows, "last_updated_by"))) != OK)
        return FAILED;
    target->row = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status take_dataset(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .rows = 1};
    bool exists;
    if (!tx)
        return FAILED;
    target.id = arena_copy(tx->arena, import_text(rows, "dataset_id"));
    if (find_dataset(&target, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_dataset(&target, rows) != OK || put_dataset_tags(&target) != OK ||
        put_dataset_experiments(&target) != OK || put_records(&target) != OK)
        return FAILED;
    import_taken(import, target.rows);
    return OK;
}

enum status import_evaluation_datasets(struct import *import)
{
    if (!foreign_has_table(import->from, "evaluation_datasets"))
        return OK;
    return import_rows(import, IMPORT_EVALUATION_DATASETS, import->store,
                       "SELECT count(*) AS total FROM evaluation_datasets",
                       "SELECT * FROM evaluation_datasets ORDER BY rowid", take_dataset);
}

/* --- Scorers --- */

/* What a listing shows, if it is another text: as scorer_register keeps it. */
static struct sv listed_text(struct store_tx *tx, struct sv serialized)
{
    struct json_object *json = NULL;
    struct sv problem, listed = SV_ABSENT;
    if (json_parse(tx->arena, serialized, &json, &problem) == JSON_OK && json)
        listed = json_dump(tx->arena, json, false);
    json_object_put(json);
    return listed.data && !sv_equal(listed, serialized) ? listed : SV_ABSENT;
}

static enum status put_scorer_versions(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM scorer_versions WHERE scorer_id = ? ORDER BY scorer_version",
        target->id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++) {
        struct sv serialized = import_text(rows, "serialized_scorer");
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO scorer_versions (scorer, version, serialized, listed, creation_time) "
                         "VALUES (?, ?, ?, ?, ?)",
                         db_int(target->row), db_int(foreign_int(rows, "scorer_version", 1)),
                         db_text(serialized), db_text(listed_text(target->tx, serialized)),
                         db_int(foreign_int(rows, "creation_time", 0)));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_online_config(struct target *target)
{
    if (!foreign_has_table(target->import->from, "online_scoring_configs"))
        return OK;
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM online_scoring_configs WHERE scorer_id = ?",
                      target->id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO online_scoring_configs (config_id, scorer, sample_rate, filter) "
                         "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                         db_text(import_text(rows, "online_scoring_config_id")), db_int(target->row),
                         db_double(foreign_double(rows, "sample_rate")),
                         db_text(foreign_text(rows, "filter_string")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status find_scorer(struct target *target, bool *exists)
{
    struct db_stmt *stmt =
        db_query(target->tx->db, "SELECT 1 FROM scorers WHERE scorer_id = ?", db_text(target->id));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_scorer(struct target *target, struct foreign_rows *rows)
{
    if (db_exec(target->tx->db, NULL, "INSERT INTO scorers (scorer_id, experiment, name) VALUES (?, ?, ?)",
                db_text(target->id), db_int(foreign_int(rows, "experiment_id", 0)),
                db_text(import_text(rows, "scorer_name"))) != OK)
        return FAILED;
    target->row = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status take_scorer(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .rows = 1};
    bool exists;
    if (!tx)
        return FAILED;
    target.id = arena_copy(tx->arena, import_text(rows, "scorer_id"));
    if (find_scorer(&target, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_scorer(&target, rows) != OK || put_scorer_versions(&target) != OK ||
        put_online_config(&target) != OK)
        return FAILED;
    import_taken(import, target.rows);
    return OK;
}

enum status import_scorers(struct import *import)
{
    if (!foreign_has_table(import->from, "scorers"))
        return OK;
    return import_rows(import, IMPORT_SCORERS, import->store, "SELECT count(*) AS total FROM scorers",
                       "SELECT * FROM scorers ORDER BY rowid", take_scorer);
}
