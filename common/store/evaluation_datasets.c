#include "common/store/evaluation_datasets.h"

#include <json-c/json.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/text.h"

enum { DIGEST_DIGITS = 8 };

struct sv evaluation_dataset_digest(struct arena *arena, struct sv name, int64_t time_ms)
{
    struct sv text = arena_printf(arena, "%.*s:%lld", SV_ARG(name), (long long)time_ms);
    return sv_first(sha256_hex(arena, text), DIGEST_DIGITS);
}

struct sv evaluation_tag_text(struct arena *arena, struct json_object *value)
{
    if (!value)
        return SV_ABSENT;
    return json_object_is_type(value, json_type_string) ? json_string_view(value)
                                                        : json_dump(arena, value, false);
}

static enum status load_tags(struct store_tx *tx, struct evaluation_dataset *dataset)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT key, value FROM evaluation_dataset_tags WHERE dataset = ? ORDER BY key",
                 db_int(dataset->id));
    return key_values_read(tx, stmt, &dataset->tags, &dataset->tag_count);
}

enum status evaluation_dataset_load(struct store_tx *tx, struct sv dataset_id,
                                    struct evaluation_dataset *dataset)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, dataset_id, name, schema, record_count, digest, "
                                    "created_time, last_update_time, created_by, last_updated_by "
                                    "FROM evaluation_datasets WHERE dataset_id = ?",
                                    db_text(dataset_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *dataset = (struct evaluation_dataset){
            .id = db_column_int(stmt, 0),
            .dataset_id = db_column_text_copy(stmt, 1),
            .name = db_column_text_copy(stmt, 2),
            .schema = db_column_text_copy(stmt, 3),
            .record_count = db_column_int(stmt, 4),
            .digest = db_column_text_copy(stmt, 5),
            .created_time = db_column_int(stmt, 6),
            .last_update_time = db_column_int(stmt, 7),
            .created_by = db_column_text_copy(stmt, 8),
            .last_updated_by = db_column_text_copy(stmt, 9),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    if (found)
        return load_tags(tx, dataset);
    struct sv shown = search_clip(dataset_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Evaluation dataset with id '%.*s' not found",
                      SV_ARG(shown));
}

enum status evaluation_dataset_find(struct store_tx *tx, struct sv dataset_id, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM evaluation_datasets WHERE dataset_id = ?", db_text(dataset_id));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : -1;
    return db_done(stmt);
}

/* --- Tags --- */

static enum status put_tags(struct store_tx *tx, int64_t id, struct json_object *tags)
{
    if (!tags)
        return OK;
    json_object_object_foreach(tags, key, value)
    {
        struct sv text = evaluation_tag_text(tx->arena, value);
        if (text.data && db_exec(tx->db, NULL,
                                 "INSERT INTO evaluation_dataset_tags (dataset, key, value) VALUES (?, ?, ?) "
                                 "ON CONFLICT (dataset, key) DO UPDATE SET value = excluded.value",
                                 db_int(id), db_text(sv_from(key)), db_text(text)) != OK)
            return FAILED;
    }
    return OK;
}

enum status evaluation_dataset_set_tags(struct store_tx *tx, struct sv dataset_id, struct json_object *tags)
{
    int64_t id;
    if (evaluation_dataset_find(tx, dataset_id, &id) != OK)
        return FAILED;
    if (id >= 0)
        return put_tags(tx, id, tags);
    struct sv shown = search_clip(dataset_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Could not find evaluation dataset with ID %.*s",
                      SV_ARG(shown));
}

enum status evaluation_dataset_delete_tag(struct store_tx *tx, struct sv dataset_id, struct sv key)
{
    int64_t id;
    if (evaluation_dataset_find(tx, dataset_id, &id) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM evaluation_dataset_tags WHERE dataset = ? AND key = ?",
                   db_int(id), db_text(key));
}

/* --- Experiments --- */

static enum status parse_ids(struct store_tx *tx, const struct sv *texts, size_t count, int64_t **ids)
{
    *ids = ARENA_ARRAY(tx->arena, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        if (experiment_parse_id(tx, texts[i], &(*ids)[i]) != OK)
            return FAILED;
    }
    return OK;
}

static enum status link_experiment(struct store_tx *tx, int64_t id, int64_t experiment)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO evaluation_dataset_experiments (dataset, experiment) VALUES (?, ?) "
                   "ON CONFLICT DO NOTHING",
                   db_int(id), db_int(experiment));
}

enum status evaluation_dataset_experiments(struct store_tx *tx, struct sv dataset_id, const int64_t **ids,
                                           size_t *count)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT x.experiment FROM evaluation_datasets d JOIN "
                                    "evaluation_dataset_experiments x ON x.dataset = d.id "
                                    "WHERE d.dataset_id = ? ORDER BY x.experiment",
                                    db_text(dataset_id));
    if (!stmt)
        return FAILED;
    struct row_list list = {0};
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&list, tx->arena, int64_t) = db_column_int(stmt, 0);
    *ids = list.items;
    *count = list.count;
    return db_done(stmt);
}

static enum status require_experiment(struct store_tx *tx, int64_t experiment)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT 1 FROM experiments WHERE id = ?", db_int(experiment));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (db_done(stmt) != OK)
        return FAILED;
    if (found)
        return OK;
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Experiment '%lld' not found", (long long)experiment);
}

/* Of a dataset that is about to be changed: its id, and its time moves. */
static enum status touch(struct store_tx *tx, struct sv dataset_id, int64_t *id)
{
    if (evaluation_dataset_find(tx, dataset_id, id) != OK)
        return FAILED;
    if (*id >= 0)
        return db_exec(tx->db, NULL, "UPDATE evaluation_datasets SET last_update_time = ? WHERE id = ?",
                       db_int(tx->now_ms), db_int(*id));
    struct sv shown = search_clip(dataset_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Dataset '%.*s' not found", SV_ARG(shown));
}

enum status evaluation_dataset_add_experiments(struct store_tx *tx, struct sv dataset_id,
                                               const struct sv *experiment_ids, size_t count)
{
    int64_t id, *ids;
    if (parse_ids(tx, experiment_ids, count, &ids) != OK || touch(tx, dataset_id, &id) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        if (require_experiment(tx, ids[i]) != OK || link_experiment(tx, id, ids[i]) != OK)
            return FAILED;
    }
    return OK;
}

enum status evaluation_dataset_remove_experiments(struct store_tx *tx, struct sv dataset_id,
                                                  const struct sv *experiment_ids, size_t count)
{
    int64_t id, *ids;
    if (parse_ids(tx, experiment_ids, count, &ids) != OK || touch(tx, dataset_id, &id) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        if (db_exec(tx->db, NULL,
                    "DELETE FROM evaluation_dataset_experiments WHERE dataset = ? AND experiment = ?",
                    db_int(id), db_int(ids[i])) != OK)
            return FAILED;
    }
    return OK;
}

/* --- Making and deleting --- */

enum status evaluation_dataset_create(struct store_tx *tx, struct sv name, const struct sv *experiment_ids,
                                      size_t experiment_count, struct json_object *tags,
                                      struct sv *dataset_id)
{
    int64_t *experiments;
    if (parse_ids(tx, experiment_ids, experiment_count, &experiments) != OK)
        return FAILED;
    struct sv user = evaluation_tag_text(tx->arena, json_object_object_get(tags, USER_TAG));
    struct sv digest = evaluation_dataset_digest(tx->arena, name, tx->now_ms);
    *dataset_id = arena_printf(tx->arena, "d-%.*s", SV_ARG(id_new(tx->arena)));
    if (db_exec(tx->db, NULL,
                "INSERT INTO evaluation_datasets (dataset_id, name, digest, created_time, last_update_time, "
                "created_by, last_updated_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
                db_text(*dataset_id), db_text(name), db_text(digest), db_int(tx->now_ms), db_int(tx->now_ms),
                db_text(user), db_text(user)) != OK)
        return FAILED;
    int64_t id = db_last_insert_id(tx->db);
    for (size_t i = 0; i < experiment_count; i++) {
        if (link_experiment(tx, id, experiments[i]) != OK)
            return FAILED;
    }
    return put_tags(tx, id, tags);
}

enum status evaluation_dataset_delete(struct store_tx *tx, struct sv dataset_id)
{
    return db_exec(tx->db, NULL, "DELETE FROM evaluation_datasets WHERE dataset_id = ?", db_text(dataset_id));
}
