#include "common/store/gateway_route.h"

#include "common/store/gateway.h"
#include "common/store/list.h"

static enum status load_models(struct store_tx *tx, int64_t endpoint, struct gateway_routing *routing)
{
    struct row_list models = {0};
    struct db_stmt *stmt = db_query(
        tx->db,
        "SELECT m.linkage, m.weight, m.fallback_order, d.model_definition_id, d.provider, d.model_name, "
        "s.auth_config, s.secret_id, s.name, s.encrypted_value, s.wrapped_dek, s.kek_version "
        "FROM gateway_mappings m JOIN gateway_model_definitions d ON d.id = m.definition "
        "JOIN gateway_secrets s ON s.id = d.secret WHERE m.endpoint = ? ORDER BY m.id",
        db_int(endpoint));
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&models, tx->arena, struct gateway_route_model) = (struct gateway_route_model){
            .linkage = (enum gateway_linkage)db_column_int(stmt, 0),
            .weight = db_column_double(stmt, 1),
            .fallback_order = db_column_is_null(stmt, 2) ? GATEWAY_NO_ORDER : db_column_int(stmt, 2),
            .definition_id = db_column_text_copy(stmt, 3),
            .provider = db_column_text_copy(stmt, 4),
            .model_name = db_column_text_copy(stmt, 5),
            .auth_config = db_column_text_copy(stmt, 6),
            .secret_id = db_column_text_copy(stmt, 7),
            .secret_name = db_column_text_copy(stmt, 8),
            .encrypted_value = arena_copy(tx->arena, db_column_blob(stmt, 9)),
            .wrapped_dek = arena_copy(tx->arena, db_column_blob(stmt, 10)),
            .kek_version = db_column_int(stmt, 11),
        };
    routing->models = models.items;
    routing->count = models.count;
    return db_done(stmt);
}

enum status gateway_route_load(struct store_tx *tx, struct sv name, struct gateway_routing *routing)
{
    int64_t endpoint = 0;
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, endpoint_id, name, routing_strategy, has_fallback, "
                                    "fallback_max_attempts FROM gateway_endpoints WHERE name = ?",
                                    db_text(name));
    if (stmt && db_step(stmt) == DB_ROW) {
        endpoint = db_column_int(stmt, 0);
        *routing = (struct gateway_routing){
            .endpoint_id = db_column_text_copy(stmt, 1),
            .name = db_column_text_copy(stmt, 2),
            .splits_traffic = db_column_int(stmt, 3) == 1,
            .has_fallback = db_column_int(stmt, 4) != 0,
            .max_attempts = db_column_int(stmt, 5),
        };
    }
    if (db_done(stmt) != OK)
        return FAILED;
    return endpoint ? load_models(tx, endpoint, routing)
                    : gateway_not_found(tx, "GatewayEndpoint", "name", name);
}

enum status gateway_changes(struct store_tx *tx, int64_t *counter)
{
    struct db_stmt *stmt = db_query0(tx->db, "SELECT counter FROM gateway_changes WHERE id = 1");
    *counter = stmt && db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status gateway_endpoint_id(struct store_tx *tx, struct sv name, struct sv *endpoint_id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT endpoint_id FROM gateway_endpoints WHERE name = ?", db_text(name));
    *endpoint_id = stmt && db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    return db_done(stmt);
}
