#include <json-c/json.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/json/json_read.h"
#include "common/security/envelope.h"
#include "common/store/scorer_model.h"

/* The gateway's secrets, model definitions and endpoints (since MLflow 3.8). Secrets stay encrypted: they are
 * taken as they are, or wrapped anew where the passphrase here is another. */

enum { LINKAGE_PRIMARY = 1, LINKAGE_FALLBACK = 2, STRATEGY_SPLIT = 1, STRATEGY_SEQUENTIAL = 1 };

static enum status look_up(struct db_stmt *stmt, bool *exists)
{
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

/* --- Secrets --- */

static struct sv wrapped_key(struct import *import, struct foreign_rows *rows, int64_t version)
{
    struct sv wrapped = foreign_blob(rows, "wrapped_dek"), rewrapped;
    if (!import->envelope || envelope_fits(import->envelope, wrapped, version))
        return wrapped;
    if (import->old_envelope && envelope_rewrap(import->old_envelope, wrapped, version, import->envelope,
                                                version, import->arena, &rewrapped))
        return rewrapped;
    import_remark(import,
                  "Secret '%.*s' cannot be decrypted with the passphrase that is set here. Set "
                  "MLFLOW_CRYPTO_KEK_PASSPHRASE to the old server's, or set the secret again.",
                  SV_ARG(import_text(rows, "secret_name")));
    return wrapped;
}

static enum status take_secret(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct sv name = import_text(rows, "secret_name");
    int64_t version = foreign_int(rows, "kek_version", 1), created = foreign_int(rows, "created_at", 0);
    bool exists;
    if (!tx || look_up(db_query(tx->db, "SELECT 1 FROM gateway_secrets WHERE name = ?", db_text(name)),
                       &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (db_exec(tx->db, NULL,
                "INSERT INTO gateway_secrets (secret_id, name, encrypted_value, wrapped_dek, kek_version, "
                "masked_values, provider, auth_config, created_by, creation_time, last_updated_by, "
                "last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(import_text(rows, "secret_id")), db_text(name),
                db_blob(foreign_blob(rows, "encrypted_value")), db_blob(wrapped_key(import, rows, version)),
                db_int(version), db_text(import_text(rows, "masked_value")),
                db_text(foreign_text(rows, "provider")), db_text(foreign_text(rows, "auth_config")),
                db_text(foreign_text(rows, "created_by")), db_int(created),
                db_text(foreign_text(rows, "last_updated_by")),
                db_int(foreign_int(rows, "last_updated_at", created))) != OK)
        return FAILED;
    import_taken(import, 1);
    return OK;
}

/* --- Model definitions --- */

static enum status take_definition(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct sv name = import_text(rows, "name");
    int64_t created = foreign_int(rows, "created_at", 0);
    bool exists;
    if (!tx ||
        look_up(db_query(tx->db, "SELECT 1 FROM gateway_model_definitions WHERE name = ?", db_text(name)),
                &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (db_exec(
            tx->db, NULL,
            "INSERT INTO gateway_model_definitions (model_definition_id, name, secret, provider, model_name, "
            "created_by, creation_time, last_updated_by, last_update_time) "
            "VALUES (?, ?, (SELECT id FROM gateway_secrets WHERE secret_id = ?), ?, ?, ?, ?, ?, ?)",
            db_text(import_text(rows, "model_definition_id")), db_text(name),
            db_text(foreign_text(rows, "secret_id")), db_text(import_text(rows, "provider")),
            db_text(import_text(rows, "model_name")), db_text(foreign_text(rows, "created_by")),
            db_int(created), db_text(foreign_text(rows, "last_updated_by")),
            db_int(foreign_int(rows, "last_updated_at", created))) != OK)
        return FAILED;
    import_taken(import, 1);
    return OK;
}

/* --- Endpoints --- */

struct fallback {
    bool there;
    struct db_value strategy, max_attempts;
};

static struct fallback read_fallback(struct store_tx *tx, struct sv text)
{
    struct fallback fallback = {false, db_null(), db_null()};
    struct json_object *json = NULL, *value;
    struct sv problem;
    if (text.data && json_parse(tx->arena, text, &json, &problem) == JSON_OK &&
        json_object_is_type(json, json_type_object)) {
        fallback.there = true;
        if (json_object_object_get_ex(json, "strategy", &value) &&
            json_object_is_type(value, json_type_string))
            fallback.strategy = db_int(STRATEGY_SEQUENTIAL);
        if (json_object_object_get_ex(json, "max_attempts", &value) &&
            json_object_is_type(value, json_type_int))
            fallback.max_attempts = db_int(json_object_get_int64(value));
    }
    json_object_put(json);
    return fallback;
}

static enum status put_mappings(struct import *import, struct store_tx *tx, struct sv endpoint_id,
                                int64_t endpoint)
{
    struct foreign_rows *rows = foreign_query(
        import->from, "SELECT * FROM endpoint_model_mappings WHERE endpoint_id = ? ORDER BY rowid",
        endpoint_id, SV_ABSENT, tx->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows)) {
        bool fallback = sv_equal(foreign_text(rows, "linkage_type"), SV("FALLBACK"));
        double weight = foreign_double(rows, "weight");
        status = db_exec(
            tx->db, NULL,
            "INSERT INTO gateway_mappings (mapping_id, endpoint, definition, linkage, weight, "
            "fallback_order, "
            "created_by, creation_time) SELECT ?, ?, id, ?, ?, ?, ?, ? FROM gateway_model_definitions "
            "WHERE model_definition_id = ? ON CONFLICT DO NOTHING",
            db_text(import_text(rows, "mapping_id")), db_int(endpoint),
            db_int(fallback ? LINKAGE_FALLBACK : LINKAGE_PRIMARY), db_double(weight >= 0 ? weight : 0),
            import_int_or_null(rows, "fallback_order"), db_text(foreign_text(rows, "created_by")),
            db_int(foreign_int(rows, "created_at", 0)), db_text(import_text(rows, "model_definition_id")));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_bindings(struct import *import, struct store_tx *tx, struct sv endpoint_id,
                                int64_t endpoint)
{
    struct foreign_rows *rows = foreign_query(
        import->from,
        "SELECT * FROM endpoint_bindings WHERE endpoint_id = ? AND resource_type = 'scorer_job' "
        "ORDER BY rowid",
        endpoint_id, SV_ABSENT, tx->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows)) {
        int64_t created = foreign_int(rows, "created_at", 0);
        status = db_exec(
            tx->db, NULL,
            "INSERT INTO gateway_bindings (endpoint, resource_type, resource_id, created_by, "
            "creation_time, last_updated_by, last_update_time) VALUES (?, 'scorer_job', ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            db_int(endpoint), db_text(import_text(rows, "resource_id")),
            db_text(foreign_text(rows, "created_by")), db_int(created),
            db_text(foreign_text(rows, "last_updated_by")),
            db_int(foreign_int(rows, "last_updated_at", created)));
    }
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_endpoint_tags(struct import *import, struct store_tx *tx, struct sv endpoint_id,
                                     int64_t endpoint)
{
    struct foreign_rows *rows =
        foreign_query(import->from, "SELECT * FROM endpoint_tags WHERE endpoint_id = ? ORDER BY rowid",
                      endpoint_id, SV_ABSENT, tx->error);
    enum status status = rows ? OK : FAILED;
    while (status == OK && foreign_next(rows))
        status =
            db_exec(tx->db, NULL,
                    "INSERT INTO gateway_tags (endpoint, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    db_int(endpoint), db_text(import_text(rows, "key")), db_text(import_text(rows, "value")));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_endpoint(struct store_tx *tx, struct foreign_rows *rows, struct sv id, struct sv name)
{
    struct fallback fallback = read_fallback(tx, foreign_text(rows, "fallback_config_json"));
    int64_t created = foreign_int(rows, "created_at", 0);
    return db_exec(tx->db, NULL,
                   "INSERT INTO gateway_endpoints (endpoint_id, name, routing_strategy, has_fallback, "
                   "fallback_strategy, fallback_max_attempts, created_by, creation_time, last_updated_by, "
                   "last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   db_text(id), db_text(name),
                   foreign_text(rows, "routing_strategy").len ? db_int(STRATEGY_SPLIT) : db_null(),
                   db_int(fallback.there), fallback.strategy, fallback.max_attempts,
                   db_text(foreign_text(rows, "created_by")), db_int(created),
                   db_text(foreign_text(rows, "last_updated_by")),
                   db_int(foreign_int(rows, "last_updated_at", created)));
}

static enum status take_endpoint(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    bool exists;
    if (!tx)
        return FAILED;
    struct sv id = arena_copy(tx->arena, import_text(rows, "endpoint_id"));
    struct sv name = foreign_text(rows, "name").len ? import_text(rows, "name") : id;
    if (look_up(db_query(tx->db, "SELECT 1 FROM gateway_endpoints WHERE name = ?", db_text(name)), &exists) !=
        OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_endpoint(tx, rows, id, name) != OK)
        return FAILED;
    int64_t endpoint = db_last_insert_id(tx->db);
    if (put_mappings(import, tx, id, endpoint) != OK || put_bindings(import, tx, id, endpoint) != OK ||
        put_endpoint_tags(import, tx, id, endpoint) != OK || scorer_model_adopt(tx, endpoint, id) != OK)
        return FAILED;
    import_taken(import, 4);
    return OK;
}

enum status import_gateway(struct import *import)
{
    if (!foreign_has_table(import->from, "secrets") || !foreign_has_table(import->from, "endpoints"))
        return OK;
    if (import_rows(import, IMPORT_SECRETS, import->store, NULL, "SELECT * FROM secrets ORDER BY rowid",
                    take_secret) != OK ||
        import_rows(import, IMPORT_MODEL_DEFINITIONS, import->store, NULL,
                    "SELECT * FROM model_definitions ORDER BY rowid", take_definition) != OK)
        return FAILED;
    return import_rows(import, IMPORT_ENDPOINTS, import->store, NULL,
                       "SELECT * FROM endpoints ORDER BY rowid", take_endpoint);
}
