#include "common/store/logged_models.h"

#include "common/base/id.h"
#include "common/store/artifact_location.h"
#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/names.h"
#include "common/store/text.h"
#include "common/store/validate.h"

/* --- Finding --- */

static enum status no_model(struct store_tx *tx, struct sv model_id)
{
    struct sv shown = search_clip(model_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Logged model with ID '%.*s' not found.", SV_ARG(shown));
}

enum status logged_model_find(struct store_tx *tx, struct sv model_id, struct logged_model_ref *ref)
{
    *ref = (struct logged_model_ref){0};
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT id, experiment, lifecycle FROM logged_models WHERE model_id = ?", db_text(model_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *ref = (struct logged_model_ref){
            .id = db_column_int(stmt, 0),
            .experiment_id = db_column_int(stmt, 1),
            .lifecycle = (enum lifecycle)db_column_int(stmt, 2),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : no_model(tx, model_id);
}

enum status logged_model_find_existing(struct store_tx *tx, struct sv model_id, struct logged_model_ref *ref)
{
    if (logged_model_find(tx, model_id, ref) != OK)
        return FAILED;
    return ref->lifecycle == LIFECYCLE_ACTIVE ? OK : no_model(tx, model_id);
}

/* --- Params and tags --- */

static struct sv value_of(const struct key_value *item)
{
    return item->value.data ? item->value : SV("");
}

static enum status insert_param(struct store_tx *tx, const struct logged_model_ref *ref,
                                const struct key_value *param, int64_t *name, int64_t *inserted)
{
    if (name_intern(tx, ref->experiment_id, NAME_PARAM, param->key, name) != OK)
        return FAILED;
    return db_exec(
        tx->db, inserted,
        "INSERT INTO logged_model_params (model, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        db_int(ref->id), db_int(*name), db_text(value_of(param)));
}

static enum status find_param(struct store_tx *tx, int64_t model, int64_t name, struct sv *value)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT value FROM logged_model_params WHERE model = ? AND name = ?", db_int(model),
                 db_int(name));
    if (!stmt)
        return FAILED;
    *value = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    return db_done(stmt);
}

enum status logged_model_log_params(struct store_tx *tx, struct sv model_id, const struct key_value *params,
                                    size_t count)
{
    struct logged_model_ref ref;
    if (logged_model_find(tx, model_id, &ref) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        int64_t name = 0, inserted = 0;
        struct sv old = SV_ABSENT;
        if (insert_param(tx, &ref, &params[i], &name, &inserted) != OK)
            return FAILED;
        if (inserted)
            continue;
        if (find_param(tx, ref.id, name, &old) != OK)
            return FAILED;
        if (sv_equal(old, value_of(&params[i])))
            continue;
        struct sv key = search_clip(params[i].key), shown_old = search_clip(old);
        struct sv shown_new = search_clip(value_of(&params[i]));
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Changing param values is not allowed. Param with key='%.*s' was already logged with "
            "value='%.*s' for model ID='%.*s'. Attempted logging new value '%.*s'.",
            SV_ARG(key), SV_ARG(shown_old), SV_ARG(model_id), SV_ARG(shown_new));
    }
    return OK;
}

enum status logged_model_set_tags(struct store_tx *tx, struct sv model_id, const struct key_value *tags,
                                  size_t count)
{
    struct logged_model_ref ref;
    if (logged_model_find(tx, model_id, &ref) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        int64_t name = 0;
        if (name_intern(tx, ref.experiment_id, NAME_TAG, tags[i].key, &name) != OK ||
            db_exec(tx->db, NULL,
                    "INSERT INTO logged_model_tags (model, name, value) VALUES (?, ?, ?) "
                    "ON CONFLICT (model, name) DO UPDATE SET value = excluded.value",
                    db_int(ref.id), db_int(name), db_text(value_of(&tags[i]))) != OK)
            return FAILED;
    }
    return OK;
}

enum status logged_model_delete_tag(struct store_tx *tx, struct sv model_id, struct sv key)
{
    struct logged_model_ref ref;
    int64_t name = 0, changed = 0;
    if (logged_model_find(tx, model_id, &ref) != OK ||
        name_find(tx, ref.experiment_id, NAME_TAG, key, &name) != OK)
        return FAILED;
    if (name && db_exec(tx->db, &changed, "DELETE FROM logged_model_tags WHERE model = ? AND name = ?",
                        db_int(ref.id), db_int(name)) != OK)
        return FAILED;
    if (changed)
        return OK;
    struct sv shown_key = search_repr(tx->arena, key), shown_id = search_repr(tx->arena, model_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No tag with key %.*s found for model with ID %.*s.",
                      SV_ARG(shown_key), SV_ARG(shown_id));
}

/* --- Making and changing --- */

static enum status check_name(struct store_tx *tx, struct sv name)
{
    static const char forbidden[] = "/:.%\"'";
    for (size_t i = 0; i < sizeof(forbidden) - 1; i++) {
        if (sv_find(name, forbidden[i]) == name.len)
            continue;
        struct sv shown = search_repr(tx->arena, name);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid model name (%.*s) provided. Model name must be a non-empty string and "
                          "cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")",
                          SV_ARG(shown));
    }
    return validate_length(tx, name, LOGGED_MODEL_NAME_MAX, NO_ITEM, "name");
}

static enum status duplicate(struct store_tx *tx, const char *kind, const char *short_kind, struct sv key)
{
    struct sv shown = search_repr(tx->arena, key);
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "Duplicate %s keys have been submitted: [%.*s]. Please ensure the request contains only "
        "one %s value per %s key.",
        kind, SV_ARG(shown), short_kind, short_kind);
}

static enum status insert_params(struct store_tx *tx, const struct logged_model_ref *ref,
                                 const struct key_value *params, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t name = 0, inserted = 0;
        if (insert_param(tx, ref, &params[i], &name, &inserted) != OK)
            return FAILED;
        if (!inserted)
            return duplicate(tx, "parameter", "param", params[i].key);
    }
    return OK;
}

static enum status insert_tags(struct store_tx *tx, const struct logged_model_ref *ref,
                               const struct key_value *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t name = 0, inserted = 0;
        if (name_intern(tx, ref->experiment_id, NAME_TAG, tags[i].key, &name) != OK ||
            db_exec(
                tx->db, &inserted,
                "INSERT INTO logged_model_tags (model, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(ref->id), db_int(name), db_text(value_of(&tags[i]))) != OK)
            return FAILED;
        if (!inserted)
            return duplicate(tx, "tag", "tag", tags[i].key);
    }
    return OK;
}

enum status logged_model_create(struct store_tx *tx, const struct logged_model_create *create, int64_t *id)
{
    struct experiment experiment;
    if (check_name(tx, create->name) != OK || experiment_require_active(tx, create->experiment_id) != OK ||
        experiment_load(tx, create->experiment_id, &experiment) != OK)
        return FAILED;
    struct sv hex = id_new(tx->arena);
    struct sv model_id = arena_printf(tx->arena, "m-%.*s", SV_ARG(hex));
    struct sv folder = arena_printf(tx->arena, "models/%.*s/artifacts", SV_ARG(model_id));
    struct sv uri = artifact_uri_join(tx->arena, experiment.artifact_location, folder);
    struct sv name = create->name.len ? create->name : id_new_name(tx->arena);
    struct sv type = create->model_type.data ? create->model_type : SV("");
    struct sv source_run_id = create->source_run_id.data ? create->source_run_id : SV("");
    if (db_exec(tx->db, NULL,
                "INSERT INTO logged_models (model_id, experiment, status, name, model_type, source_run_id, "
                "artifact_uri, creation_time, last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(model_id), db_int(create->experiment_id), db_int(LOGGED_MODEL_PENDING), db_text(name),
                db_text(type), db_text(source_run_id), db_text(uri), db_int(tx->now_ms),
                db_int(tx->now_ms)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);

    struct logged_model_ref ref = {.id = *id, .experiment_id = create->experiment_id};
    if (insert_params(tx, &ref, create->params, create->param_count) != OK)
        return FAILED;
    return insert_tags(tx, &ref, create->tags, create->tag_count);
}

enum status logged_model_finalize(struct store_tx *tx, struct sv model_id, enum logged_model_status status,
                                  int64_t *id)
{
    struct logged_model_ref ref;
    if (logged_model_find(tx, model_id, &ref) != OK)
        return FAILED;
    *id = ref.id;
    return db_exec(tx->db, NULL, "UPDATE logged_models SET status = ?, last_update_time = ? WHERE id = ?",
                   db_int(status), db_int(tx->now_ms), db_int(ref.id));
}

enum status logged_model_delete(struct store_tx *tx, struct sv model_id)
{
    struct logged_model_ref ref;
    if (logged_model_find(tx, model_id, &ref) != OK)
        return FAILED;
    return db_exec(
        tx->db, NULL,
        "UPDATE logged_models SET lifecycle = 1, last_update_time = ? WHERE id = ? AND lifecycle = 0",
        db_int(tx->now_ms), db_int(ref.id));
}

/* --- Reading --- */

static enum status load_info(struct store_tx *tx, int64_t id, struct logged_model *model)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT model_id, experiment, name, creation_time, last_update_time, artifact_uri, status, "
                 "model_type, source_run_id, status_message FROM logged_models WHERE id = ?",
                 db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *model = (struct logged_model){
            .id = id,
            .model_id = db_column_text_copy(stmt, 0),
            .experiment_id = db_column_int(stmt, 1),
            .name = db_column_text_copy(stmt, 2),
            .creation_time = db_column_int(stmt, 3),
            .last_update_time = db_column_int(stmt, 4),
            .artifact_uri = db_column_text_copy(stmt, 5),
            .status = (enum logged_model_status)db_column_int(stmt, 6),
            .model_type = db_column_text_copy(stmt, 7),
            .source_run_id = db_column_text_copy(stmt, 8),
            .status_message = db_column_text_copy(stmt, 9),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : store_fail(tx, RESOURCE_DOES_NOT_EXIST, "The logged model has been removed.");
}

static enum status read_key_values(struct store_tx *tx, struct db_stmt *stmt, const struct key_value **items,
                                   size_t *count)
{
    struct row_list list = {0};
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&list, tx->arena, struct key_value) =
            (struct key_value){db_column_text_copy(stmt, 0), db_column_text_copy(stmt, 1)};
    *items = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status logged_model_load(struct store_tx *tx, int64_t id, struct logged_model *model)
{
    if (load_info(tx, id, model) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT names.name, logged_model_params.value FROM logged_model_params "
                 "JOIN names ON names.id = logged_model_params.name WHERE logged_model_params.model = ? "
                 "ORDER BY logged_model_params.name",
                 db_int(id));
    if (read_key_values(tx, stmt, &model->params, &model->param_count) != OK)
        return FAILED;
    stmt = db_query(tx->db,
                    "SELECT names.name, logged_model_tags.value FROM logged_model_tags "
                    "JOIN names ON names.id = logged_model_tags.name WHERE logged_model_tags.model = ? "
                    "ORDER BY logged_model_tags.name",
                    db_int(id));
    return read_key_values(tx, stmt, &model->tags, &model->tag_count);
}

enum status logged_model_artifact_uri(struct store_tx *tx, struct sv model_id, struct sv *uri)
{
    struct logged_model_ref ref;
    struct logged_model model;
    if (logged_model_find_existing(tx, model_id, &ref) != OK || load_info(tx, ref.id, &model) != OK)
        return FAILED;
    *uri = model.artifact_uri;
    return OK;
}
