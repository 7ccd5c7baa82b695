#include "common/store/experiments.h"

#include "common/base/number.h"
#include "common/store/artifact_location.h"
#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/text.h"
#include "common/store/validate.h"

enum status experiment_parse_id(struct store_tx *tx, struct sv text, int64_t *id)
{
    if (parse_int64(text, INT64_MIN, INT64_MAX, id))
        return OK;
    struct sv shown = search_clip(text);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid experiment ID '%.*s'. Experiment ID must be a valid integer.", SV_ARG(shown));
}

static enum status no_experiment(struct store_tx *tx, int64_t id)
{
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No Experiment with id=%lld exists", (long long)id);
}

static enum status already_exists(struct store_tx *tx, struct sv name)
{
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS, "Experiment(name=%.*s) already exists.", SV_ARG(shown));
}

static void read_experiment(struct db_stmt *stmt, struct experiment *experiment)
{
    *experiment = (struct experiment){
        .id = db_column_int(stmt, 0),
        .name = db_column_text_copy(stmt, 1),
        .artifact_location = db_column_text_copy(stmt, 2),
        .lifecycle = (enum lifecycle)db_column_int(stmt, 3),
        .creation_time = db_column_int(stmt, 4),
        .last_update_time = db_column_int(stmt, 5),
    };
}

static enum status load_tags(struct store_tx *tx, struct experiment *experiment)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT key, value FROM experiment_tags WHERE experiment = ? ORDER BY key",
                 db_int(experiment->id));
    return key_values_read(tx, stmt, &experiment->tags, &experiment->tag_count);
}

enum status experiment_load(struct store_tx *tx, int64_t id, struct experiment *experiment)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, name, artifact_location, lifecycle, creation_time, "
                                    "last_update_time FROM experiments WHERE id = ?",
                                    db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        read_experiment(stmt, experiment);
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? load_tags(tx, experiment) : no_experiment(tx, id);
}

enum status experiment_load_by_name(struct store_tx *tx, struct sv name, struct experiment *experiment)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, name, artifact_location, lifecycle, creation_time, "
                                    "last_update_time FROM experiments WHERE name = ?",
                                    db_text(name));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        read_experiment(stmt, experiment);
    if (db_done(stmt) != OK)
        return FAILED;
    if (found)
        return load_tags(tx, experiment);
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Could not find experiment with name '%.*s'",
                      SV_ARG(shown));
}

static enum status find_lifecycle(struct store_tx *tx, int64_t id, enum lifecycle *lifecycle)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT lifecycle FROM experiments WHERE id = ?", db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *lifecycle = (enum lifecycle)db_column_int(stmt, 0);
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : no_experiment(tx, id);
}

enum status experiment_require_active(struct store_tx *tx, int64_t id)
{
    enum lifecycle lifecycle = LIFECYCLE_ACTIVE;
    if (find_lifecycle(tx, id, &lifecycle) != OK)
        return FAILED;
    if (lifecycle == LIFECYCLE_ACTIVE)
        return OK;
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "The experiment %lld must be in the 'active' state. Current state is %s.",
                      (long long)id, lifecycle_name(lifecycle));
}

/* The id of the experiment that has this name, or -1. */
static enum status find_by_name(struct store_tx *tx, struct sv name, int64_t *id)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT id FROM experiments WHERE name = ?", db_text(name));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : -1;
    return db_done(stmt);
}

static enum status next_id(struct store_tx *tx, int64_t *id)
{
    struct db_stmt *stmt = db_query0(tx->db, "SELECT coalesce(max(id), 0) + 1 FROM experiments");
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *id = db_column_int(stmt, 0);
    return db_done(stmt);
}

static enum status put_tag(struct store_tx *tx, int64_t id, const struct key_value *tag)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO experiment_tags (experiment, key, value) VALUES (?, ?, ?) "
                   "ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
                   db_int(id), db_text(tag->key), db_text(tag->value));
}

enum status experiment_locations(struct store_tx *tx, const struct experiment_location **rows, size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt = db_query0(tx->db, "SELECT id, artifact_location FROM experiments");
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&list, tx->arena, struct experiment_location) = (struct experiment_location){
            .id = db_column_int(stmt, 0), .artifact_location = db_column_text_copy(stmt, 1)};
    *rows = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status experiment_create(struct store_tx *tx, struct sv name, struct sv artifact_location,
                              const struct key_value *tags, size_t tag_count, int64_t *id)
{
    if (validate_length(tx, name, EXPERIMENT_NAME_MAX, NO_ITEM, "name") != OK)
        return FAILED;
    struct key_value *checked = ARENA_ARRAY(tx->arena, struct key_value, tag_count);
    for (size_t i = 0; i < tag_count; i++) {
        checked[i] = tags[i];
        if (validate_experiment_tag(tx, &checked[i], (struct item){"tags", i}) != OK)
            return FAILED;
    }
    struct sv location = SV_ABSENT;
    if (artifact_location.len && artifact_location_check(tx, artifact_location, &location) != OK)
        return FAILED;

    int64_t holder = -1;
    if (find_by_name(tx, name, &holder) != OK)
        return FAILED;
    if (holder >= 0)
        return already_exists(tx, name);
    if (next_id(tx, id) != OK)
        return FAILED;
    if (!location.data)
        location = artifact_location_default(tx->arena, tx->store->settings.artifact_root, *id);
    if (db_exec(tx->db, NULL,
                "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time) "
                "VALUES (?, ?, ?, ?, ?)",
                db_int(*id), db_text(name), db_text(location), db_int(tx->now_ms), db_int(tx->now_ms)) != OK)
        return FAILED;
    for (size_t i = 0; i < tag_count; i++) {
        if (put_tag(tx, *id, &checked[i]) != OK)
            return FAILED;
    }
    return OK;
}

enum status experiment_rename(struct store_tx *tx, int64_t id, struct sv name)
{
    enum lifecycle lifecycle = LIFECYCLE_ACTIVE;
    if (validate_length(tx, name, EXPERIMENT_NAME_MAX, NO_ITEM, "name") != OK ||
        find_lifecycle(tx, id, &lifecycle) != OK)
        return FAILED;
    if (lifecycle != LIFECYCLE_ACTIVE)
        return store_fail(tx, WRONG_STATE, "Cannot rename a non-active experiment.");
    int64_t holder = -1;
    if (find_by_name(tx, name, &holder) != OK)
        return FAILED;
    if (holder >= 0 && holder != id)
        return already_exists(tx, name);
    return db_exec(tx->db, NULL, "UPDATE experiments SET name = ?, last_update_time = ? WHERE id = ?",
                   db_text(name), db_int(tx->now_ms), db_int(id));
}

enum status experiment_delete(struct store_tx *tx, int64_t id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "UPDATE experiments SET lifecycle = 1, last_update_time = ? WHERE id = ? AND lifecycle = 0",
                db_int(tx->now_ms), db_int(id)) != OK)
        return FAILED;
    if (changed == 0)
        return no_experiment(tx, id);
    return db_exec(tx->db, NULL,
                   "UPDATE runs SET lifecycle = 1, deleted_time = ? WHERE experiment = ? AND lifecycle = 0",
                   db_int(tx->now_ms), db_int(id));
}

enum status experiment_restore(struct store_tx *tx, int64_t id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "UPDATE experiments SET lifecycle = 0, last_update_time = ? WHERE id = ? AND lifecycle = 1",
                db_int(tx->now_ms), db_int(id)) != OK)
        return FAILED;
    if (changed == 0)
        return no_experiment(tx, id);
    return db_exec(
        tx->db, NULL,
        "UPDATE runs SET lifecycle = 0, deleted_time = NULL WHERE experiment = ? AND lifecycle = 1",
        db_int(id));
}

enum status experiment_set_tag(struct store_tx *tx, int64_t id, struct sv key, struct sv value)
{
    struct key_value tag = {key, value};
    if (validate_experiment_tag(tx, &tag, NO_ITEM) != OK || experiment_require_active(tx, id) != OK)
        return FAILED;
    return put_tag(tx, id, &tag);
}

enum status experiment_delete_tag(struct store_tx *tx, int64_t id, struct sv key)
{
    int64_t changed = 0;
    if (experiment_require_active(tx, id) != OK ||
        db_exec(tx->db, &changed, "DELETE FROM experiment_tags WHERE experiment = ? AND key = ?", db_int(id),
                db_text(key)) != OK)
        return FAILED;
    if (changed)
        return OK;
    struct sv shown = search_clip(key);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No tag with name: %.*s in experiment with id %lld",
                      SV_ARG(shown), (long long)id);
}
