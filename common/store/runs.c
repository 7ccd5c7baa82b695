#include "common/store/runs.h"

#include "common/base/id.h"
#include "common/store/artifact_location.h"
#include "common/store/experiments.h"
#include "common/store/metrics.h"
#include "common/store/names.h"
#include "common/store/run_data.h"
#include "common/store/text.h"
#include "common/store/validate.h"

bool run_has_ended(enum run_status status)
{
    return status != RUN_RUNNING && status != RUN_SCHEDULED;
}

static enum status no_run(struct store_tx *tx, struct sv run_id)
{
    struct sv shown = search_clip(run_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Run with id=%.*s not found", SV_ARG(shown));
}

enum status run_find(struct store_tx *tx, struct sv run_id, struct run_ref *ref)
{
    *ref = (struct run_ref){0};
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT id, experiment, lifecycle, status FROM runs WHERE run_id = ?", db_text(run_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *ref = (struct run_ref){
            .id = db_column_int(stmt, 0),
            .experiment_id = db_column_int(stmt, 1),
            .lifecycle = (enum lifecycle)db_column_int(stmt, 2),
            .status = (enum run_status)db_column_int(stmt, 3),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : no_run(tx, run_id);
}

enum status run_find_active(struct store_tx *tx, struct sv run_id, struct run_ref *ref)
{
    if (run_find(tx, run_id, ref) != OK)
        return FAILED;
    if (ref->lifecycle == LIFECYCLE_ACTIVE)
        return OK;
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "The run %.*s must be in the 'active' state. Current state is %s.", SV_ARG(run_id),
                      lifecycle_name(ref->lifecycle));
}

static struct sv run_name_in_tags(const struct key_value *tags, size_t count)
{
    struct sv name = SV_ABSENT;
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(tags[i].key, SV(RUN_NAME_TAG)))
            name = tags[i].value;
    }
    return name;
}

static enum status choose_name(struct store_tx *tx, const struct run_create *create, struct sv *name)
{
    struct sv tag = run_name_in_tags(create->tags, create->tag_count);
    if (create->name.len && tag.len && !sv_equal(create->name, tag)) {
        struct sv given = search_repr(tx->arena, create->name), tagged = search_repr(tx->arena, tag);
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            "values (run_name=%.*s, mlflow.runName=%.*s).",
            SV_ARG(given), SV_ARG(tagged));
    }
    *name = create->name.len ? create->name : tag.len ? tag : id_new_name(tx->arena);
    return OK;
}

static enum status find_location(struct store_tx *tx, int64_t experiment, struct sv *location)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT artifact_location FROM experiments WHERE id = ?", db_int(experiment));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *location = db_column_text_copy(stmt, 0);
    return db_done(stmt);
}

enum status run_create(struct store_tx *tx, const struct run_create *create, int64_t *id)
{
    struct key_value *tags = ARENA_ARRAY(tx->arena, struct key_value, create->tag_count + 1);
    for (size_t i = 0; i < create->tag_count; i++) {
        tags[i] = create->tags[i];
        if (validate_run_tag(tx, &tags[i], (struct item){"tags", i}) != OK)
            return FAILED;
    }
    struct sv name = SV_ABSENT, location = SV("");
    if (choose_name(tx, create, &name) != OK || experiment_require_active(tx, create->experiment_id) != OK ||
        find_location(tx, create->experiment_id, &location) != OK)
        return FAILED;

    struct sv run_id = id_new(tx->arena);
    struct sv artifact_uri = artifact_uri_of_run(tx->arena, location, run_id);
    struct sv user_id = create->user_id.data ? create->user_id : SV("");
    if (db_exec(tx->db, NULL,
                "INSERT INTO runs (run_id, experiment, status, start_time, name, user_id, artifact_uri) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                db_text(run_id), db_int(create->experiment_id), db_int(RUN_RUNNING),
                db_int(create->start_time), db_text(name), db_text(user_id), db_text(artifact_uri)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);

    struct run_ref ref = {.id = *id, .experiment_id = create->experiment_id, .status = RUN_RUNNING};
    tags[create->tag_count] = (struct key_value){SV(RUN_NAME_TAG), name};
    for (size_t i = 0; i <= create->tag_count; i++) {
        if (run_put_tag(tx, &ref, &tags[i]) != OK)
            return FAILED;
    }
    return OK;
}

enum status run_rename(struct store_tx *tx, const struct run_ref *ref, struct sv name)
{
    struct key_value tag = {SV(RUN_NAME_TAG), name};
    if (db_exec(tx->db, NULL, "UPDATE runs SET name = ? WHERE id = ?", db_text(name), db_int(ref->id)) != OK)
        return FAILED;
    return run_put_tag(tx, ref, &tag);
}

static enum status set_status(struct store_tx *tx, const struct run_ref *ref, enum run_status status)
{
    if (db_exec(tx->db, NULL, "UPDATE runs SET status = ? WHERE id = ?", db_int(status), db_int(ref->id)) !=
        OK)
        return FAILED;
    if (run_has_ended(status) == run_has_ended(ref->status))
        return OK;
    return metric_settle(tx, ref->id, run_has_ended(status));
}

enum status run_update(struct store_tx *tx, struct sv run_id, const struct run_update *update,
                       struct run_info *info)
{
    struct run_ref ref;
    if (run_find_active(tx, run_id, &ref) != OK)
        return FAILED;
    if (update->has_status && update->status != ref.status && set_status(tx, &ref, update->status) != OK)
        return FAILED;
    if (update->has_end_time && db_exec(tx->db, NULL, "UPDATE runs SET end_time = ? WHERE id = ?",
                                        db_int(update->end_time), db_int(ref.id)) != OK)
        return FAILED;
    if (update->name.len && run_rename(tx, &ref, update->name) != OK)
        return FAILED;
    return run_info_load(tx, ref.id, info);
}

enum status run_delete(struct store_tx *tx, struct sv run_id)
{
    struct run_ref ref;
    if (run_find(tx, run_id, &ref) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "UPDATE runs SET lifecycle = 1, deleted_time = ? WHERE id = ? AND lifecycle = 0",
                   db_int(tx->now_ms), db_int(ref.id));
}

enum status run_restore(struct store_tx *tx, struct sv run_id)
{
    struct run_ref ref;
    if (run_find(tx, run_id, &ref) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "UPDATE runs SET lifecycle = 0, deleted_time = NULL WHERE id = ? AND lifecycle = 1",
                   db_int(ref.id));
}
