#include "common/store/gateway_endpoints.h"

#include "common/search/quote.h"
#include "common/store/list.h"
#include "common/store/validate.h"

/* --- Reading --- */

/* Of one endpoint, or the mapping that is named. */
#define MAPPINGS                                                                                             \
    "SELECT m.mapping_id, e.endpoint_id, d.model_definition_id, d.name, s.secret_id, s.name, d.provider, "   \
    "d.model_name, d.created_by, d.creation_time, d.last_updated_by, d.last_update_time, m.linkage, "        \
    "m.weight, m.fallback_order, m.created_by, m.creation_time FROM gateway_mappings m "                     \
    "JOIN gateway_endpoints e ON e.id = m.endpoint JOIN gateway_model_definitions d ON d.id = m.definition " \
    "LEFT JOIN gateway_secrets s ON s.id = d.secret "

static void read_mapping(struct db_stmt *stmt, struct gateway_mapping *mapping)
{
    *mapping = (struct gateway_mapping){
        .mapping_id = db_column_text_copy(stmt, 0),
        .endpoint_id = db_column_text_copy(stmt, 1),
        .definition = gateway_read_model(stmt, 2),
        .linkage = (enum gateway_linkage)db_column_int(stmt, 12),
        .weight = db_column_double(stmt, 13),
        .fallback_order = db_column_is_null(stmt, 14) ? GATEWAY_NO_ORDER : db_column_int(stmt, 14),
        .created_by = db_column_text_copy(stmt, 15),
        .creation_time = db_column_int(stmt, 16),
    };
}

static enum status load_mappings(struct store_tx *tx, int64_t id, struct gateway_endpoint *endpoint)
{
    struct row_list mappings = {0};
    struct db_stmt *stmt = db_query(tx->db, MAPPINGS "WHERE m.endpoint = ? ORDER BY m.id", db_int(id));
    while (stmt && db_step(stmt) == DB_ROW)
        read_mapping(stmt, ROW_LIST_ADD(&mappings, tx->arena, struct gateway_mapping));
    endpoint->mappings = mappings.items;
    endpoint->mapping_count = mappings.count;
    return db_done(stmt);
}

static enum status load_tags(struct store_tx *tx, int64_t id, struct gateway_endpoint *endpoint)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT key, value FROM gateway_tags WHERE endpoint = ? ORDER BY key", db_int(id));
    return key_values_read(tx, stmt, &endpoint->tags, &endpoint->tag_count);
}

#define ENDPOINTS                                                                                    \
    "SELECT e.id, e.endpoint_id, e.name, e.routing_strategy, e.has_fallback, e.fallback_strategy, "  \
    "e.fallback_max_attempts, e.created_by, e.creation_time, e.last_updated_by, e.last_update_time " \
    "FROM gateway_endpoints e "

struct found_endpoint {
    int64_t id;
    struct gateway_endpoint endpoint; /* without its mappings and tags */
};

static void read_endpoint(struct db_stmt *stmt, struct found_endpoint *found)
{
    found->id = db_column_int(stmt, 0);
    found->endpoint = (struct gateway_endpoint){
        .endpoint_id = db_column_text_copy(stmt, 1),
        .name = db_column_text_copy(stmt, 2),
        .splits_traffic = db_column_int(stmt, 3) == 1,
        .has_fallback = db_column_int(stmt, 4) != 0,
        .fallback =
            {
                .sequential = db_column_int(stmt, 5) == 1,
                .max_attempts = db_column_is_null(stmt, 6) ? GATEWAY_NO_ATTEMPTS : db_column_int(stmt, 6),
            },
        .audit = gateway_read_audit(stmt, 7),
    };
}

static enum status load_parts(struct store_tx *tx, const struct found_endpoint *found,
                              struct gateway_endpoint *endpoint)
{
    *endpoint = found->endpoint;
    return load_mappings(tx, found->id, endpoint) == OK ? load_tags(tx, found->id, endpoint) : FAILED;
}

enum status gateway_endpoint_load(struct store_tx *tx, struct sv endpoint_id,
                                  struct gateway_endpoint *endpoint)
{
    struct found_endpoint found = {0};
    struct db_stmt *stmt = db_query(tx->db, ENDPOINTS "WHERE e.endpoint_id = ?", db_text(endpoint_id));
    if (stmt && db_step(stmt) == DB_ROW)
        read_endpoint(stmt, &found);
    if (db_done(stmt) != OK)
        return FAILED;
    return found.id ? load_parts(tx, &found, endpoint)
                    : gateway_not_found(tx, "GatewayEndpoint", "endpoint_id", endpoint_id);
}

enum status gateway_endpoint_list(struct store_tx *tx, struct sv provider,
                                  const struct permission_filter *readable,
                                  struct gateway_endpoint_list *list)
{
    struct row_list rows = {0};
    struct db_stmt *stmt = db_query(
        tx->db,
        ENDPOINTS
        "WHERE (?1 IS NULL OR EXISTS (SELECT 1 FROM gateway_mappings m JOIN gateway_model_definitions d "
        "ON d.id = m.definition WHERE m.endpoint = e.id AND d.provider = ?1)) "
        "AND (e.endpoint_id IN (SELECT value FROM json_each(?2))) = ?3 ORDER BY e.id",
        db_text(provider), permission_filter_list(readable), permission_filter_listed(readable));
    while (stmt && db_step(stmt) == DB_ROW)
        read_endpoint(stmt, ROW_LIST_ADD(&rows, tx->arena, struct found_endpoint));
    if (db_done(stmt) != OK)
        return FAILED;
    const struct found_endpoint *found = rows.items;
    struct gateway_endpoint *endpoints = ARENA_ARRAY(tx->arena, struct gateway_endpoint, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        if (load_parts(tx, &found[i], &endpoints[i]) != OK)
            return FAILED;
    }
    *list = (struct gateway_endpoint_list){endpoints, rows.count};
    return OK;
}

/* --- Mappings --- */

static enum status fail_attached(struct store_tx *tx, struct sv endpoint_id,
                                 const struct gateway_model_config *config)
{
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    struct sv shown = search_clip(config->model_definition_id);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS,
                      "Model definition '%.*s' is already attached to endpoint '%.*s'", SV_ARG(shown),
                      SV_ARG(endpoint_id));
}

static enum status add_mapping(struct store_tx *tx, int64_t endpoint, struct sv endpoint_id,
                               const struct gateway_model_config *config, struct sv by, struct sv *mapping_id)
{
    int64_t definition;
    bool ordered = config->fallback_order != GATEWAY_NO_ORDER;
    if (gateway_model_find(tx, config->model_definition_id, &definition) != OK)
        return FAILED;
    *mapping_id = gateway_new_id(tx->arena, 'm');
    if (db_exec(tx->db, NULL,
                "INSERT INTO gateway_mappings (mapping_id, endpoint, definition, linkage, weight, "
                "fallback_order, "
                "created_by, creation_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(*mapping_id), db_int(endpoint), db_int(definition), db_int(config->linkage),
                db_double(config->weight), ordered ? db_int(config->fallback_order) : db_null(), db_text(by),
                db_int(tx->now_ms)) != OK)
        return fail_attached(tx, endpoint_id, config);
    return OK;
}

static enum status add_mappings(struct store_tx *tx, int64_t endpoint, struct sv endpoint_id,
                                const struct gateway_endpoint_change *change)
{
    struct sv mapping_id;
    for (size_t i = 0; i < change->config_count; i++) {
        if (add_mapping(tx, endpoint, endpoint_id, &change->configs[i], change->by, &mapping_id) != OK)
            return FAILED;
    }
    return OK;
}

static enum status load_mapping(struct store_tx *tx, struct sv mapping_id, struct gateway_mapping *mapping)
{
    struct db_stmt *stmt = db_query(tx->db, MAPPINGS "WHERE m.mapping_id = ?", db_text(mapping_id));
    if (stmt && db_step(stmt) == DB_ROW)
        read_mapping(stmt, mapping);
    return db_done(stmt);
}

enum status gateway_endpoint_attach(struct store_tx *tx, struct sv endpoint_id,
                                    const struct gateway_model_config *config, struct sv by,
                                    struct gateway_mapping *mapping)
{
    int64_t id;
    struct sv mapping_id;
    if (validate_length(tx, by, GATEWAY_NAME_MAX, NO_ITEM, "created_by") != OK ||
        gateway_endpoint_find(tx, endpoint_id, &id) != OK ||
        add_mapping(tx, id, endpoint_id, config, by, &mapping_id) != OK ||
        db_exec(tx->db, NULL,
                "UPDATE gateway_endpoints SET last_updated_by = coalesce(?, last_updated_by), "
                "last_update_time = ? "
                "WHERE id = ?",
                db_text(by), db_int(tx->now_ms), db_int(id)) != OK)
        return FAILED;
    return load_mapping(tx, mapping_id, mapping);
}

enum status gateway_endpoint_detach(struct store_tx *tx, struct sv endpoint_id, struct sv model_definition_id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "DELETE FROM gateway_mappings WHERE id = (SELECT min(m.id) FROM gateway_mappings m "
                "JOIN gateway_endpoints e ON e.id = m.endpoint JOIN gateway_model_definitions d ON d.id = "
                "m.definition "
                "WHERE e.endpoint_id = ? AND d.model_definition_id = ?)",
                db_text(endpoint_id), db_text(model_definition_id)) != OK)
        return FAILED;
    if (changed)
        return OK;
    struct sv model = search_clip(model_definition_id), endpoint = search_clip(endpoint_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST,
                      "Model definition '%.*s' is not attached to endpoint '%.*s'", SV_ARG(model),
                      SV_ARG(endpoint));
}

/* --- Writing --- */

static enum status check_change(struct store_tx *tx, const struct gateway_endpoint_change *change,
                                const char *by)
{
    if (change->config_count > GATEWAY_MODELS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "An endpoint can have at most %d models.",
                          GATEWAY_MODELS_MAX);
    if (validate_length(tx, change->name, GATEWAY_NAME_MAX, NO_ITEM, "name") != OK)
        return FAILED;
    return validate_length(tx, change->by, GATEWAY_NAME_MAX, NO_ITEM, by);
}

/* All that are missing are named in one message. */
static enum status check_models(struct store_tx *tx, const struct gateway_endpoint_change *change)
{
    struct sv missing = SV_ABSENT;
    for (size_t i = 0; i < change->config_count; i++) {
        int64_t id;
        struct sv wanted = change->configs[i].model_definition_id;
        struct sv shown = sv_first(search_clip(wanted), GATEWAY_NAME_MAX);
        if (gateway_model_find(tx, wanted, &id) == OK)
            continue;
        if (tx->error->code != RESOURCE_DOES_NOT_EXIST)
            return FAILED;
        error_clear(tx->error);
        missing =
            missing.data ? arena_printf(tx->arena, "%.*s, %.*s", SV_ARG(missing), SV_ARG(shown)) : shown;
    }
    if (!missing.data)
        return OK;
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Model definitions not found: %.*s", SV_ARG(missing));
}

static enum status fail_name(struct store_tx *tx, struct sv name)
{
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    struct sv shown = search_clip(name);
    return store_fail(tx, BAD_REQUEST, "Endpoint with name '%.*s' already exists", SV_ARG(shown));
}

static bool has_fallback_model(const struct gateway_endpoint_change *change)
{
    for (size_t i = 0; i < change->config_count; i++) {
        if (change->configs[i].linkage == GATEWAY_FALLBACK)
            return true;
    }
    return false;
}

static struct db_value strategy_value(const struct gateway_fallback *fallback)
{
    return fallback && fallback->sequential ? db_int(1) : db_null();
}

static struct db_value attempts_value(const struct gateway_fallback *fallback)
{
    bool given = fallback && fallback->max_attempts != GATEWAY_NO_ATTEMPTS;
    return given ? db_int(fallback->max_attempts) : db_null();
}

enum status gateway_endpoint_create(struct store_tx *tx, const struct gateway_endpoint_change *change,
                                    struct sv *endpoint_id)
{
    if (!change->config_count)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Endpoint must have at least one model configuration");
    if (check_change(tx, change, "created_by") != OK || check_models(tx, change) != OK)
        return FAILED;
    *endpoint_id = gateway_new_id(tx->arena, 'e');
    if (db_exec(tx->db, NULL,
                "INSERT INTO gateway_endpoints (endpoint_id, name, routing_strategy, has_fallback, "
                "fallback_strategy, "
                "fallback_max_attempts, created_by, creation_time, last_updated_by, last_update_time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(*endpoint_id), db_text(change->name), change->splits_traffic ? db_int(1) : db_null(),
                db_int(change->fallback || has_fallback_model(change)), strategy_value(change->fallback),
                attempts_value(change->fallback), db_text(change->by), db_int(tx->now_ms),
                db_text(change->by), db_int(tx->now_ms)) != OK)
        return fail_name(tx, change->name);
    return add_mappings(tx, db_last_insert_id(tx->db), *endpoint_id, change);
}

static enum status replace_mappings(struct store_tx *tx, int64_t id, struct sv endpoint_id,
                                    const struct gateway_endpoint_change *change)
{
    if (!change->config_count)
        return OK;
    if (db_exec(tx->db, NULL, "DELETE FROM gateway_mappings WHERE endpoint = ?", db_int(id)) != OK)
        return FAILED;
    return add_mappings(tx, id, endpoint_id, change);
}

static enum status replace_fallback(struct store_tx *tx, int64_t id,
                                    const struct gateway_endpoint_change *change)
{
    if (!change->config_count && !change->fallback)
        return OK;
    return db_exec(
        tx->db, NULL,
        "UPDATE gateway_endpoints SET has_fallback = 1, fallback_strategy = ?, fallback_max_attempts = ? "
        "WHERE id = ?",
        strategy_value(change->fallback), attempts_value(change->fallback), db_int(id));
}

enum status gateway_endpoint_update(struct store_tx *tx, struct sv endpoint_id,
                                    const struct gateway_endpoint_change *change)
{
    int64_t id;
    if (check_change(tx, change, "updated_by") != OK || gateway_endpoint_find(tx, endpoint_id, &id) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "UPDATE gateway_endpoints SET name = coalesce(?, name), "
                "routing_strategy = coalesce(?, routing_strategy), last_updated_by = coalesce(?, "
                "last_updated_by), "
                "last_update_time = ? WHERE id = ?",
                db_text(change->name), change->splits_traffic ? db_int(1) : db_null(), db_text(change->by),
                db_int(tx->now_ms), db_int(id)) != OK)
        return fail_name(tx, change->name);
    return replace_mappings(tx, id, endpoint_id, change) == OK ? replace_fallback(tx, id, change) : FAILED;
}

enum status gateway_endpoint_delete(struct store_tx *tx, struct sv endpoint_id)
{
    int64_t id;
    if (gateway_endpoint_find(tx, endpoint_id, &id) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM gateway_endpoints WHERE id = ?", db_int(id));
}

/* --- Tags --- */

enum status gateway_endpoint_set_tag(struct store_tx *tx, struct sv endpoint_id, struct sv key,
                                     struct sv value)
{
    int64_t id;
    if (validate_length(tx, key, GATEWAY_TAG_KEY_MAX, NO_ITEM, "key") != OK ||
        validate_length(tx, value, GATEWAY_TAG_VALUE_MAX, NO_ITEM, "value") != OK ||
        gateway_endpoint_find(tx, endpoint_id, &id) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "INSERT INTO gateway_tags (endpoint, key, value) VALUES (?, ?, ?) "
                   "ON CONFLICT (endpoint, key) DO UPDATE SET value = excluded.value",
                   db_int(id), db_text(key), db_text(value.data ? value : SV("")));
}

enum status gateway_endpoint_delete_tag(struct store_tx *tx, struct sv endpoint_id, struct sv key)
{
    int64_t id;
    if (gateway_endpoint_find(tx, endpoint_id, &id) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM gateway_tags WHERE endpoint = ? AND key = ?", db_int(id),
                   db_text(key));
}
