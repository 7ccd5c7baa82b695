#include "common/store/scorer_model.h"

#include <json-c/json.h>
#include <string.h>

#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/store/gateway.h"
#include "common/store/gateway_route.h"

#define GATEWAY_SCHEME "gateway:/"

/* The part of a scorer that names a model, and the name; NULL for a scorer that asks none. */
static struct json_object *part_with_model(struct json_object *scorer, struct sv *model)
{
    static const char *const parts[] = {"instructions_judge_pydantic_data", "builtin_scorer_pydantic_data"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct json_object *part = json_object_object_get(scorer, parts[i]);
        if (!json_object_is_type(part, json_type_object))
            continue;
        struct json_object *value = json_object_object_get(part, "model");
        if (json_object_is_type(value, json_type_string)) {
            *model = json_string_view(value);
            return part;
        }
    }
    return NULL;
}

enum status scorer_model_find(struct store_tx *tx, struct json_object *scorer, struct scorer_model *model)
{
    struct sv name;
    *model = (struct scorer_model){0};
    if (!part_with_model(scorer, &name) || !sv_starts_with(name, SV(GATEWAY_SCHEME)))
        return OK;
    name = sv_from_offset(name, strlen(GATEWAY_SCHEME));
    struct db_stmt *stmt = db_query(tx->db, "SELECT id FROM gateway_endpoints WHERE name = ?", db_text(name));
    if (stmt && db_step(stmt) == DB_ROW)
        *model = (struct scorer_model){.uses_gateway = true, .endpoint = db_column_int(stmt, 0)};
    if (db_done(stmt) != OK)
        return FAILED;
    return model->uses_gateway ? OK : gateway_not_found(tx, "GatewayEndpoint", "name", name);
}

enum status scorer_model_adopt(struct store_tx *tx, int64_t endpoint, struct sv endpoint_id)
{
    struct sv model = arena_printf(tx->arena, GATEWAY_SCHEME "%.*s", SV_ARG(endpoint_id));
    return db_exec(tx->db, NULL,
                   "UPDATE scorer_versions SET uses_gateway = 1, gateway_endpoint = ? WHERE uses_gateway = 0 "
                   "AND json_valid(serialized) AND coalesce("
                   "json_extract(serialized, '$.instructions_judge_pydantic_data.model'), "
                   "json_extract(serialized, '$.builtin_scorer_pydantic_data.model')) = ?",
                   db_int(endpoint), db_text(model));
}

enum status scorer_model_endpoint(struct store_tx *tx, struct json_object *scorer, struct sv *endpoint_id)
{
    struct sv name;
    *endpoint_id = SV_ABSENT;
    if (!json_object_is_type(scorer, json_type_object) || !part_with_model(scorer, &name) ||
        !sv_starts_with(name, SV(GATEWAY_SCHEME)))
        return OK;
    return gateway_endpoint_id(tx, sv_from_offset(name, strlen(GATEWAY_SCHEME)), endpoint_id);
}

struct sv scorer_model_show(struct store_tx *tx, struct sv serialized, struct sv endpoint_name)
{
    struct json_object *scorer;
    struct sv problem, model, shown = serialized;
    struct sv wanted = arena_printf(tx->arena, GATEWAY_SCHEME "%.*s", SV_ARG(endpoint_name));
    if (json_parse(tx->arena, serialized, &scorer, &problem) != JSON_OK)
        return serialized;
    struct json_object *part = part_with_model(scorer, &model);
    if (part && !(endpoint_name.data && sv_equal(model, wanted))) {
        struct json_object *value =
            endpoint_name.data ? json_object_new_string_len(wanted.data, (int)wanted.len) : NULL;
        json_object_object_add(part, "model", value);
        shown = json_dump(tx->arena, scorer, false);
    }
    json_object_put(scorer);
    return shown;
}
