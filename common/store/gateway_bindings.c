#include "common/store/gateway_bindings.h"

#include "common/search/quote.h"
#include "common/store/list.h"
#include "common/store/validate.h"

enum status gateway_binding_create(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                   struct sv resource_id, struct sv by, struct gateway_binding *binding)
{
    int64_t endpoint;
    struct sv shown = search_clip(resource_type);
    if (!sv_equal(resource_type, SV("scorer_job")))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid resource_type '%.*s'. Valid types are: scorer_job", SV_ARG(shown));
    if (validate_length(tx, resource_id, GATEWAY_NAME_MAX, NO_ITEM, "resource_id") != OK ||
        validate_length(tx, by, GATEWAY_NAME_MAX, NO_ITEM, "created_by") != OK ||
        gateway_endpoint_find(tx, endpoint_id, &endpoint) != OK)
        return FAILED;
    *binding = (struct gateway_binding){
        .endpoint_id = endpoint_id,
        .resource_type = resource_type,
        .resource_id = resource_id,
        .audit = {by, tx->now_ms, by, tx->now_ms},
    };
    if (db_exec(
            tx->db, NULL,
            "INSERT INTO gateway_bindings (endpoint, resource_type, resource_id, created_by, creation_time, "
            "last_updated_by, last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
            db_int(endpoint), db_text(resource_type), db_text(resource_id), db_text(by), db_int(tx->now_ms),
            db_text(by), db_int(tx->now_ms)) == OK)
        return OK;
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    shown = search_clip(resource_id);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS,
                      "Resource '%.*s' of type '%.*s' is already bound to endpoint '%.*s'", SV_ARG(shown),
                      SV_ARG(resource_type), SV_ARG(endpoint_id));
}

enum status gateway_binding_delete(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                   struct sv resource_id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "DELETE FROM gateway_bindings WHERE endpoint = (SELECT id FROM gateway_endpoints WHERE "
                "endpoint_id = ?) "
                "AND resource_type = ? AND resource_id = ?",
                db_text(endpoint_id), db_text(resource_type), db_text(resource_id)) != OK)
        return FAILED;
    if (changed)
        return OK;
    struct sv endpoint = search_clip(endpoint_id), type = search_clip(resource_type),
              id = search_clip(resource_id);
    return store_fail(
        tx, RESOURCE_DOES_NOT_EXIST,
        "GatewayEndpointBinding not found (endpoint_id='%.*s', resource_type='%.*s', resource_id='%.*s')",
        SV_ARG(endpoint), SV_ARG(type), SV_ARG(id));
}

enum status gateway_binding_list(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                 struct sv resource_id, struct gateway_binding_list *list)
{
    struct row_list bindings = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT e.endpoint_id, b.resource_type, b.resource_id, b.created_by, b.creation_time, "
                 "b.last_updated_by, "
                 "b.last_update_time FROM gateway_bindings b JOIN gateway_endpoints e ON e.id = b.endpoint "
                 "WHERE (?1 IS NULL OR e.endpoint_id = ?1) AND (?2 IS NULL OR b.resource_type = ?2) "
                 "AND (?3 IS NULL OR b.resource_id = ?3) ORDER BY e.id, b.resource_type, b.resource_id",
                 db_text(endpoint_id), db_text(resource_type), db_text(resource_id));
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&bindings, tx->arena, struct gateway_binding) = (struct gateway_binding){
            .endpoint_id = db_column_text_copy(stmt, 0),
            .resource_type = db_column_text_copy(stmt, 1),
            .resource_id = db_column_text_copy(stmt, 2),
            .audit = gateway_read_audit(stmt, 3),
        };
    *list = (struct gateway_binding_list){bindings.items, bindings.count};
    return db_done(stmt);
}
