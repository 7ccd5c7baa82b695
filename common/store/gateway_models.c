#include "common/store/gateway_models.h"

#include "common/search/quote.h"
#include "common/store/list.h"
#include "common/store/validate.h"

struct gateway_model gateway_read_model(struct db_stmt *stmt, int column)
{
    return (struct gateway_model){
        .model_definition_id = db_column_text_copy(stmt, column),
        .name = db_column_text_copy(stmt, column + 1),
        .secret_id = db_column_text_copy(stmt, column + 2),
        .secret_name = db_column_text_copy(stmt, column + 3),
        .provider = db_column_text_copy(stmt, column + 4),
        .model_name = db_column_text_copy(stmt, column + 5),
        .audit = gateway_read_audit(stmt, column + 6),
    };
}

#define COLUMNS                                                                                           \
    "SELECT d.model_definition_id, d.name, s.secret_id, s.name, d.provider, d.model_name, d.created_by, " \
    "d.creation_time, d.last_updated_by, d.last_update_time FROM gateway_model_definitions d "            \
    "LEFT JOIN gateway_secrets s ON s.id = d.secret "

enum status gateway_model_load(struct store_tx *tx, struct sv model_definition_id,
                               struct gateway_model *model)
{
    struct db_stmt *stmt =
        db_query(tx->db, COLUMNS "WHERE d.model_definition_id = ?", db_text(model_definition_id));
    bool found = stmt && db_step(stmt) == DB_ROW;
    if (found)
        *model = gateway_read_model(stmt, 0);
    if (db_done(stmt) != OK)
        return FAILED;
    return found
               ? OK
               : gateway_not_found(tx, "GatewayModelDefinition", "model_definition_id", model_definition_id);
}

enum status gateway_model_list(struct store_tx *tx, struct sv provider, struct sv secret_id,
                               const struct permission_filter *readable, struct gateway_model_list *list)
{
    struct row_list models = {0};
    struct db_stmt *stmt = db_query(
        tx->db,
        COLUMNS "WHERE (?1 IS NULL OR d.provider = ?1) AND (?2 IS NULL OR s.secret_id = ?2) "
                "AND (d.model_definition_id IN (SELECT value FROM json_each(?3))) = ?4 ORDER BY d.id",
        db_text(provider), db_text(secret_id), permission_filter_list(readable),
        permission_filter_listed(readable));
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&models, tx->arena, struct gateway_model) = gateway_read_model(stmt, 0);
    *list = (struct gateway_model_list){models.items, models.count};
    return db_done(stmt);
}

static enum status check_change(struct store_tx *tx, const struct gateway_model_change *change,
                                const char *by)
{
    if (validate_length(tx, change->name, GATEWAY_NAME_MAX, NO_ITEM, "name") != OK ||
        validate_length(tx, change->provider, GATEWAY_PROVIDER_MAX, NO_ITEM, "provider") != OK ||
        validate_length(tx, change->model_name, GATEWAY_MODEL_NAME_MAX, NO_ITEM, "model_name") != OK)
        return FAILED;
    return validate_length(tx, change->by, GATEWAY_NAME_MAX, NO_ITEM, by);
}

static enum status fail_name(struct store_tx *tx, struct sv name)
{
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS, "Model definition with name '%.*s' already exists",
                      SV_ARG(shown));
}

enum status gateway_model_create(struct store_tx *tx, const struct gateway_model_change *change,
                                 struct sv *model_definition_id)
{
    int64_t secret;
    if (check_change(tx, change, "created_by") != OK ||
        gateway_secret_find(tx, change->secret_id, &secret) != OK)
        return FAILED;
    *model_definition_id = gateway_new_id(tx->arena, 'd');
    if (db_exec(
            tx->db, NULL,
            "INSERT INTO gateway_model_definitions (model_definition_id, name, secret, provider, model_name, "
            "created_by, creation_time, last_updated_by, last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
            "?)",
            db_text(*model_definition_id), db_text(change->name), db_int(secret), db_text(change->provider),
            db_text(change->model_name), db_text(change->by), db_int(tx->now_ms), db_text(change->by),
            db_int(tx->now_ms)) != OK)
        return fail_name(tx, change->name);
    return OK;
}

enum status gateway_model_update(struct store_tx *tx, struct sv model_definition_id,
                                 const struct gateway_model_change *change)
{
    int64_t id, secret = 0;
    if (check_change(tx, change, "updated_by") != OK ||
        gateway_model_find(tx, model_definition_id, &id) != OK ||
        (change->secret_id.data && gateway_secret_find(tx, change->secret_id, &secret) != OK))
        return FAILED;
    if (db_exec(
            tx->db, NULL,
            "UPDATE gateway_model_definitions SET name = coalesce(?, name), secret = coalesce(?, secret), "
            "provider = coalesce(?, provider), model_name = coalesce(?, model_name), "
            "last_updated_by = coalesce(?, last_updated_by), last_update_time = ? WHERE id = ?",
            db_text(change->name), secret ? db_int(secret) : db_null(), db_text(change->provider),
            db_text(change->model_name), db_text(change->by), db_int(tx->now_ms), db_int(id)) != OK)
        return fail_name(tx, change->name);
    return OK;
}

enum status gateway_model_delete(struct store_tx *tx, struct sv model_definition_id)
{
    int64_t id;
    if (gateway_model_find(tx, model_definition_id, &id) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL, "DELETE FROM gateway_model_definitions WHERE id = ?", db_int(id)) == OK)
        return OK;
    if (!db_failed_foreign_key(tx->db))
        return FAILED;
    db_forgive(tx->db);
    return store_fail(
        tx, WRONG_STATE,
        "Cannot delete model definition that is currently in use by endpoints. Detach it from all "
        "endpoints first.");
}
