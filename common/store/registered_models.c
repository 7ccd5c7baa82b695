#include "common/store/registered_models.h"

#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/registry_events.h"
#include "common/store/text.h"
#include "common/store/validate.h"

static enum status no_model(struct store_tx *tx, struct sv name)
{
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Registered Model with name=%.*s not found",
                      SV_ARG(shown));
}

static enum status check_name(struct store_tx *tx, struct sv name)
{
    struct sv shown = search_clip(name);
    /* A models: URI could not name it. */
    if (sv_find(name, '/') < name.len || sv_find(name, ':') < name.len)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid model name '%.*s'. Names cannot contain '/' or ':'.", SV_ARG(shown));
    return validate_length(tx, name, MODEL_NAME_MAX, NO_ITEM, "name");
}

/* *id is 0 if no model has the name. */
static enum status look_up(struct store_tx *tx, struct sv name, int64_t *id)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT id FROM registered_models WHERE name = ?", db_text(name));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status registered_model_find(struct store_tx *tx, struct sv name, int64_t *id)
{
    if (look_up(tx, name, id) != OK)
        return FAILED;
    return *id ? OK : no_model(tx, name);
}

enum status registered_model_is_prompt(struct store_tx *tx, int64_t id, bool *is_prompt)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT 1 FROM registered_model_tags WHERE model = ? AND key = '" PROMPT_TAG "'", db_int(id));
    if (!stmt)
        return FAILED;
    *is_prompt = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status load_tags(struct store_tx *tx, struct registered_model *model)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT key, value FROM registered_model_tags WHERE model = ? ORDER BY id",
                 db_int(model->id));
    return key_values_read(tx, stmt, &model->tags, &model->tag_count);
}

static enum status load_aliases(struct store_tx *tx, struct registered_model *model)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias", db_int(model->id));
    if (!stmt)
        return FAILED;
    struct row_list aliases = {0};
    while (db_step(stmt) == DB_ROW) {
        struct model_alias *alias = ROW_LIST_ADD(&aliases, tx->arena, struct model_alias);
        alias->alias = db_column_text_copy(stmt, 0);
        alias->version = db_column_int(stmt, 1);
    }
    model->aliases = aliases.items;
    model->alias_count = aliases.count;
    return db_done(stmt);
}

enum status registered_model_load_by_id(struct store_tx *tx, int64_t id, struct registered_model *model)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT id, name, creation_time, last_update_time, description FROM registered_models "
                 "WHERE id = ?",
                 db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *model = (struct registered_model){
            .id = db_column_int(stmt, 0),
            .name = db_column_text_copy(stmt, 1),
            .creation_time = db_column_int(stmt, 2),
            .last_update_time = db_column_int(stmt, 3),
            .description = db_column_text_copy(stmt, 4),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    if (!found)
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "The registered model was deleted meanwhile.");
    if (load_tags(tx, model) != OK || load_aliases(tx, model) != OK)
        return FAILED;
    return model_version_load_latest(tx, id, &model->latest, &model->latest_count);
}

enum status registered_model_load(struct store_tx *tx, struct sv name, struct registered_model *model)
{
    int64_t id;
    if (registered_model_find(tx, name, &id) != OK)
        return FAILED;
    return registered_model_load_by_id(tx, id, model);
}

static enum status already_exists(struct store_tx *tx, struct sv name, int64_t holder, bool is_prompt)
{
    static const char *const kinds[] = {"registered model", "prompt"};
    bool holder_is_prompt = false;
    if (registered_model_is_prompt(tx, holder, &holder_is_prompt) != OK)
        return FAILED;
    struct sv shown = search_clip(name);
    if (is_prompt == holder_is_prompt)
        return store_fail(tx, RESOURCE_ALREADY_EXISTS, "%s (name=%.*s) already exists.",
                          is_prompt ? "Prompt" : "Registered Model", SV_ARG(shown));
    return store_fail(tx, RESOURCE_ALREADY_EXISTS,
                      "Tried to create a %s with name '%.*s', but the name is already taken by a %s. MLflow "
                      "does not allow creating a model and a prompt with the same name.",
                      kinds[is_prompt], SV_ARG(shown), kinds[holder_is_prompt]);
}

static enum status put_tag(struct store_tx *tx, int64_t id, const struct key_value *tag)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO registered_model_tags (model, key, value) VALUES (?, ?, ?) "
                   "ON CONFLICT (model, key) DO UPDATE SET value = excluded.value",
                   db_int(id), db_text(tag->key), db_text(tag->value));
}

/* An empty description is none. */
static struct db_value description_value(struct sv description)
{
    return description.len ? db_text(description) : db_null();
}

enum status registered_model_create(struct store_tx *tx, struct sv name, struct sv description,
                                    const struct key_value *tags, size_t tag_count)
{
    struct key_value *checked = ARENA_ARRAY(tx->arena, struct key_value, tag_count);
    if (check_name(tx, name) != OK ||
        validate_length(tx, description, MODEL_TEXT_MAX, NO_ITEM, "description") != OK)
        return FAILED;
    for (size_t i = 0; i < tag_count; i++) {
        checked[i] = tags[i];
        if (registry_tag_check(tx, &checked[i]) != OK)
            return FAILED;
    }
    int64_t holder;
    if (look_up(tx, name, &holder) != OK)
        return FAILED;
    if (holder)
        return already_exists(tx, name, holder, registry_tags_have_prompt(tags, tag_count));
    if (db_exec(tx->db, NULL,
                "INSERT INTO registered_models (name, creation_time, last_update_time, description) "
                "VALUES (?, ?, ?, ?)",
                db_text(name), db_int(tx->now_ms), db_int(tx->now_ms), description_value(description)) != OK)
        return FAILED;
    int64_t id = db_last_insert_id(tx->db);
    for (size_t i = 0; i < tag_count; i++) {
        if (put_tag(tx, id, &checked[i]) != OK)
            return FAILED;
    }
    return registry_event_model_created(tx, id);
}

enum status registered_model_update(struct store_tx *tx, struct sv name, struct sv description)
{
    int64_t changed = 0;
    if (validate_length(tx, description, MODEL_TEXT_MAX, NO_ITEM, "description") != OK ||
        db_exec(tx->db, &changed,
                "UPDATE registered_models SET description = ?, last_update_time = ? WHERE name = ?",
                description_value(description), db_int(tx->now_ms), db_text(name)) != OK)
        return FAILED;
    return changed ? OK : no_model(tx, name);
}

enum status registered_model_rename(struct store_tx *tx, struct sv name, struct sv new_name)
{
    int64_t id, holder;
    if (registered_model_find(tx, name, &id) != OK || look_up(tx, new_name, &holder) != OK)
        return FAILED;
    struct sv shown = search_clip(new_name);
    if (holder && holder != id)
        return store_fail(tx, RESOURCE_ALREADY_EXISTS, "Registered Model (name=%.*s) already exists.",
                          SV_ARG(shown));
    if (holder != id && check_name(tx, new_name) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL, "UPDATE registered_models SET name = ?, last_update_time = ? WHERE id = ?",
                db_text(new_name), db_int(tx->now_ms), db_int(id)) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "UPDATE model_versions SET last_update_time = ? WHERE model = ?",
                   db_int(tx->now_ms), db_int(id));
}

enum status registered_model_delete(struct store_tx *tx, struct sv name)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed, "DELETE FROM registered_models WHERE name = ?", db_text(name)) != OK)
        return FAILED;
    return changed ? OK : no_model(tx, name);
}

enum status registered_model_set_tag(struct store_tx *tx, struct sv name, struct sv key, struct sv value)
{
    struct key_value tag = {key, value};
    int64_t id;
    if (registry_tag_check(tx, &tag) != OK || registered_model_find(tx, name, &id) != OK ||
        put_tag(tx, id, &tag) != OK)
        return FAILED;
    return registry_event_model_tag(tx, id, name, key, tag.value);
}

enum status registered_model_delete_tag(struct store_tx *tx, struct sv name, struct sv key)
{
    struct key_value tag = {key, SV_ABSENT};
    int64_t id;
    if (registry_tag_check(tx, &tag) != OK || registered_model_find(tx, name, &id) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM registered_model_tags WHERE model = ? AND key = ?", db_int(id),
                db_text(key)) != OK)
        return FAILED;
    return registry_event_model_tag(tx, id, name, key, SV_ABSENT);
}

enum status registered_model_touch(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL, "UPDATE registered_models SET last_update_time = ? WHERE id = ?",
                   db_int(tx->now_ms), db_int(id));
}
