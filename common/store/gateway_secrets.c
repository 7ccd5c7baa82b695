#include "common/store/gateway_secrets.h"

#include "common/base/utf8.h"
#include "common/search/quote.h"
#include "common/store/list.h"
#include "common/store/validate.h"

enum status gateway_secret_check_name(struct arena *arena, struct error *error, struct sv name)
{
    if (name.len > GATEWAY_NAME_MAX && utf8_length(name) > GATEWAY_NAME_MAX)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "'secret_name' exceeds the maximum length of %d characters", GATEWAY_NAME_MAX);
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.data[i] < ' ')
            return error_set(error, arena, INVALID_PARAMETER_VALUE, "'secret_name' has a control character.");
    }
    return OK;
}

#define COLUMNS                                                                                 \
    "SELECT secret_id, name, masked_values, provider, auth_config, created_by, creation_time, " \
    "last_updated_by, last_update_time FROM gateway_secrets "

static void read_secret(struct db_stmt *stmt, struct gateway_secret *secret)
{
    *secret = (struct gateway_secret){
        .secret_id = db_column_text_copy(stmt, 0),
        .name = db_column_text_copy(stmt, 1),
        .masked_values = db_column_text_copy(stmt, 2),
        .provider = db_column_text_copy(stmt, 3),
        .auth_config = db_column_text_copy(stmt, 4),
        .audit = gateway_read_audit(stmt, 5),
    };
}

enum status gateway_secret_load(struct store_tx *tx, struct sv secret_id, struct gateway_secret *secret)
{
    struct db_stmt *stmt = db_query(tx->db, COLUMNS "WHERE secret_id = ?", db_text(secret_id));
    bool found = stmt && db_step(stmt) == DB_ROW;
    if (found)
        read_secret(stmt, secret);
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : gateway_not_found(tx, "GatewaySecret", "secret_id", secret_id);
}

enum status gateway_secret_list(struct store_tx *tx, struct sv provider,
                                const struct permission_filter *readable, struct gateway_secret_list *list)
{
    struct row_list secrets = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 COLUMNS "WHERE (?1 IS NULL OR provider = ?1) "
                         "AND (secret_id IN (SELECT value FROM json_each(?2))) = ?3 ORDER BY id",
                 db_text(provider), permission_filter_list(readable), permission_filter_listed(readable));
    while (stmt && db_step(stmt) == DB_ROW)
        read_secret(stmt, ROW_LIST_ADD(&secrets, tx->arena, struct gateway_secret));
    *list = (struct gateway_secret_list){secrets.items, secrets.count};
    return db_done(stmt);
}

enum status gateway_secret_create(struct store_tx *tx, const struct gateway_secret_new *secret)
{
    const struct gateway_secret_value *value = &secret->value;
    if (validate_length(tx, secret->provider, GATEWAY_PROVIDER_MAX, NO_ITEM, "provider") != OK ||
        validate_length(tx, secret->created_by, GATEWAY_NAME_MAX, NO_ITEM, "created_by") != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "INSERT INTO gateway_secrets (secret_id, name, encrypted_value, wrapped_dek, kek_version, "
                "masked_values, provider, auth_config, created_by, creation_time, last_updated_by, "
                "last_update_time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(secret->secret_id), db_text(secret->name), db_blob(value->encrypted_value),
                db_blob(value->wrapped_dek), db_int(value->kek_version), db_text(value->masked_values),
                db_text(secret->provider), db_text(secret->auth_config), db_text(secret->created_by),
                db_int(tx->now_ms), db_text(secret->created_by), db_int(tx->now_ms)) == OK)
        return OK;
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    struct sv shown = search_clip(secret->name);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS, "Secret with name '%.*s' already exists", SV_ARG(shown));
}

static enum status replace_value(struct store_tx *tx, int64_t id, const struct gateway_secret_value *value)
{
    return db_exec(tx->db, NULL,
                   "UPDATE gateway_secrets SET encrypted_value = ?, wrapped_dek = ?, kek_version = ?, "
                   "masked_values = ? WHERE id = ?",
                   db_blob(value->encrypted_value), db_blob(value->wrapped_dek), db_int(value->kek_version),
                   db_text(value->masked_values), db_int(id));
}

enum status gateway_secret_update(struct store_tx *tx, struct sv secret_id,
                                  const struct gateway_secret_value *value, struct sv auth_config,
                                  struct sv updated_by)
{
    int64_t id;
    if (validate_length(tx, updated_by, GATEWAY_NAME_MAX, NO_ITEM, "updated_by") != OK ||
        gateway_secret_find(tx, secret_id, &id) != OK || (value && replace_value(tx, id, value) != OK))
        return FAILED;
    return db_exec(tx->db, NULL,
                   "UPDATE gateway_secrets SET auth_config = coalesce(?, auth_config), last_updated_by = ?, "
                   "last_update_time = ? WHERE id = ?",
                   db_text(auth_config), db_text(updated_by), db_int(tx->now_ms), db_int(id));
}

enum status gateway_secret_delete(struct store_tx *tx, struct sv secret_id)
{
    int64_t id;
    if (gateway_secret_find(tx, secret_id, &id) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM gateway_secrets WHERE id = ?", db_int(id));
}

/* --- Rotation of the passphrase --- */

enum status gateway_secret_list_keys(struct store_tx *tx, struct gateway_secret_keys *keys)
{
    struct row_list rows = {0};
    struct db_stmt *stmt =
        db_query0(tx->db, "SELECT id, secret_id, wrapped_dek, kek_version FROM gateway_secrets ORDER BY id");
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&rows, tx->arena, struct gateway_secret_key) = (struct gateway_secret_key){
            .id = db_column_int(stmt, 0),
            .secret_id = db_column_text_copy(stmt, 1),
            .wrapped_dek = arena_copy(tx->arena, db_column_blob(stmt, 2)),
            .kek_version = db_column_int(stmt, 3),
        };
    *keys = (struct gateway_secret_keys){rows.items, rows.count};
    return db_done(stmt);
}

enum status gateway_secret_rewrap(struct store_tx *tx, int64_t id, struct sv wrapped_dek, int64_t kek_version)
{
    return db_exec(tx->db, NULL, "UPDATE gateway_secrets SET wrapped_dek = ?, kek_version = ? WHERE id = ?",
                   db_blob(wrapped_dek), db_int(kek_version), db_int(id));
}
