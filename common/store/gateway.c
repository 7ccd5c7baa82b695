#include "common/store/gateway.h"

#include "common/base/id.h"
#include "common/search/quote.h"

enum status gateway_not_found(struct store_tx *tx, const char *entity, const char *field, struct sv value)
{
    struct sv shown = search_clip(value);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "%s not found (%s='%.*s')", entity, field, SV_ARG(shown));
}

/* Ends the use of a statement that gives the id, if there is one. */
static enum status read_id(struct store_tx *tx, struct db_stmt *stmt, int64_t *id, const char *entity,
                           const char *field, struct sv value)
{
    *id = stmt && db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    return *id ? OK : gateway_not_found(tx, entity, field, value);
}

enum status gateway_secret_find(struct store_tx *tx, struct sv secret_id, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM gateway_secrets WHERE secret_id = ?", db_text(secret_id));
    return read_id(tx, stmt, id, "GatewaySecret", "secret_id", secret_id);
}

enum status gateway_model_find(struct store_tx *tx, struct sv model_definition_id, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM gateway_model_definitions WHERE model_definition_id = ?",
                 db_text(model_definition_id));
    return read_id(tx, stmt, id, "GatewayModelDefinition", "model_definition_id", model_definition_id);
}

enum status gateway_endpoint_find(struct store_tx *tx, struct sv endpoint_id, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM gateway_endpoints WHERE endpoint_id = ?", db_text(endpoint_id));
    return read_id(tx, stmt, id, "GatewayEndpoint", "endpoint_id", endpoint_id);
}

struct sv gateway_new_id(struct arena *arena, char letter)
{
    struct sv id = id_new(arena);
    return arena_printf(arena, "%c-%.*s", letter, SV_ARG(id));
}

struct gateway_audit gateway_read_audit(struct db_stmt *stmt, int column)
{
    return (struct gateway_audit){
        .created_by = db_column_text_copy(stmt, column),
        .creation_time = db_column_int(stmt, column + 1),
        .last_updated_by = db_column_text_copy(stmt, column + 2),
        .last_update_time = db_column_int(stmt, column + 3),
    };
}
