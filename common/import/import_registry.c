#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/store/model_versions.h"

/* Registered models and prompts, with their versions, tags and aliases. */

struct target {
    struct import *import;
    struct store_tx *tx;
    struct sv name;
    int64_t model, rows, versions;
};

static enum status put_model_tags(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM registered_model_tags WHERE name = ? ORDER BY rowid",
        target->name, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO registered_model_tags (model, key, value) VALUES (?, ?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(target->model), db_text(import_text(rows, "key")),
                         db_text(import_text(rows, "value")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_version_tags(struct target *target, int64_t version, int64_t number)
{
    struct sv text = arena_printf(target->tx->arena, "%lld", (long long)number);
    struct foreign_rows *rows = foreign_query(
        target->import->from,
        "SELECT * FROM model_version_tags WHERE name = ? AND version = CAST(? AS INTEGER) ORDER BY rowid",
        target->name, text, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO model_version_tags (version, model, key, value) VALUES (?, ?, ?, ?) "
                         "ON CONFLICT DO NOTHING",
                         db_int(version), db_int(target->model), db_text(import_text(rows, "key")),
                         db_text(import_text(rows, "value")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static int64_t stage_of(struct sv name)
{
    for (int stage = STAGE_NONE; stage < MODEL_STAGES; stage++)
        if (sv_equal(name, sv_from(model_stage_name((enum model_stage)stage))))
            return stage;
    return STAGE_NONE;
}

static enum status put_version(struct target *target, struct foreign_rows *rows)
{
    int64_t number = foreign_int(rows, "version", 0), created = foreign_int(rows, "creation_time", 0);
    struct sv source = import_text(rows, "source"), location = foreign_text(rows, "storage_location");
    struct sv status = foreign_text(rows, "status");
    if (status.len && !sv_equal(status, SV("READY")))
        import_remark(target->import, "Version %lld of '%.*s' was not ready there (%.*s); here it is.",
                      (long long)number, SV_ARG(target->name), SV_ARG(status));
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO model_versions (model, version, stage, creation_time, last_update_time, "
                "description, "
                "source, location, run_id, run_link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_int(target->model), db_int(number), db_int(stage_of(foreign_text(rows, "current_stage"))),
                db_int(created), db_int(foreign_int(rows, "last_updated_time", created)),
                db_text(foreign_text(rows, "description")), db_text(source),
                db_text(location.len ? location : source), db_text(import_text(rows, "run_id")),
                db_text(import_text(rows, "run_link"))) != OK)
        return FAILED;
    target->versions++;
    target->rows++;
    return put_version_tags(target, db_last_insert_id(target->tx->db), number);
}

/* A deleted version leaves its number behind, which is not given again. */
static enum status put_versions(struct target *target)
{
    int64_t last = 0;
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM model_versions WHERE name = ? ORDER BY version",
                      target->name, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows)) {
        last = foreign_int(rows, "version", last);
        if (!sv_equal(foreign_text(rows, "current_stage"), SV("Deleted_Internal")))
            status = put_version(target, rows);
    }
    if (foreign_done(rows) != OK || status != OK)
        return FAILED;
    return db_exec(target->tx->db, NULL, "UPDATE registered_models SET last_version = ? WHERE id = ?",
                   db_int(last), db_int(target->model));
}

static enum status put_aliases(struct target *target)
{
    if (!foreign_has_table(target->import->from, "registered_model_aliases"))
        return OK;
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM registered_model_aliases WHERE name = ? ORDER BY alias",
        target->name, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = db_exec(target->tx->db, NULL,
                         "INSERT INTO model_aliases (model, alias, version) SELECT model, ?, version "
                         "FROM model_versions WHERE model = ? AND version = ? ON CONFLICT DO NOTHING",
                         db_text(import_text(rows, "alias")), db_int(target->model),
                         db_int(foreign_int(rows, "version", 0)));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status model_exists(struct store_tx *tx, struct sv name, bool *exists)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT 1 FROM registered_models WHERE name = ?", db_text(name));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status put_model(struct target *target, struct foreign_rows *rows)
{
    int64_t created = foreign_int(rows, "creation_time", 0);
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO registered_models (name, creation_time, last_update_time, description) "
                "VALUES (?, ?, ?, ?)",
                db_text(target->name), db_int(created),
                db_int(foreign_int(rows, "last_updated_time", created)),
                db_text(foreign_text(rows, "description"))) != OK)
        return FAILED;
    target->model = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status take_model(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .rows = 1};
    bool exists;
    if (!tx)
        return FAILED;
    target.name = arena_copy(tx->arena, import_text(rows, "name"));
    if (model_exists(tx, target.name, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_model(&target, rows) != OK || put_model_tags(&target) != OK || put_versions(&target) != OK ||
        put_aliases(&target) != OK)
        return FAILED;
    import_taken(import, target.rows);
    import->counts[IMPORT_MODEL_VERSIONS].taken += target.versions;
    return OK;
}

enum status import_registry(struct import *import)
{
    return import_rows(import, IMPORT_REGISTERED_MODELS, import->registry,
                       "SELECT count(*) AS total FROM registered_models",
                       "SELECT * FROM registered_models ORDER BY rowid", take_model);
}
