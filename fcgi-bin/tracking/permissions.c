#include "common/store/permissions.h"

#include "common/search/quote.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/tracking/tracking.h"

/* One input for all kinds of things; each row's fields are those of its kind. */
struct permission_in {
    struct sv experiment_id;
    struct sv name;
    struct sv scorer_name;
    struct sv secret_id;
    struct sv endpoint_id;
    struct sv model_definition_id;
    struct sv username;
    struct sv permission;
};

#define USERNAME FIELD(struct permission_in, username, STRING, .required = true)
#define LEVEL    FIELD(struct permission_in, permission, STRING, .required = true)

/* Two tables for a kind: with the level, and without. */
#define KIND_FIELDS(kind_, ...)                                                       \
    static const struct field kind_##_fields[] = {__VA_ARGS__, USERNAME, FIELDS_END}; \
    static const struct field kind_##_level_fields[] = {__VA_ARGS__, USERNAME, LEVEL, FIELDS_END}

KIND_FIELDS(experiment, FIELD(struct permission_in, experiment_id, ID, .required = true));
KIND_FIELDS(model, FIELD(struct permission_in, name, STRING, .required = true));
KIND_FIELDS(scorer, FIELD(struct permission_in, experiment_id, ID, .required = true),
            FIELD(struct permission_in, scorer_name, STRING, .required = true));
KIND_FIELDS(secret, FIELD(struct permission_in, secret_id, STRING, .required = true));
KIND_FIELDS(endpoint, FIELD(struct permission_in, endpoint_id, STRING, .required = true));
KIND_FIELDS(definition, FIELD(struct permission_in, model_definition_id, STRING, .required = true));

static const struct kind {
    const char *key; /* of a row in a reply */
    const char *id;  /* of the thing in it */
} kinds[] = {
    [PERMISSION_ON_EXPERIMENT] = {"experiment_permission", "experiment_id"},
    [PERMISSION_ON_REGISTERED_MODEL] = {"registered_model_permission", "name"},
    [PERMISSION_ON_SCORER] = {"scorer_permission", "experiment_id"},
    [PERMISSION_ON_SECRET] = {"gateway_secret_permission", "secret_id"},
    [PERMISSION_ON_ENDPOINT] = {"gateway_endpoint_permission", "endpoint_id"},
    [PERMISSION_ON_MODEL_DEFINITION] = {"gateway_model_definition_permission", "model_definition_id"},
};

static struct permission_target target_of(const struct request *request, const struct permission_in *in)
{
    switch (request->operation->needs.resource) {
    case RESOURCE_REGISTERED_MODEL:
        return (struct permission_target){.resource = PERMISSION_ON_REGISTERED_MODEL, .id = in->name};
    case RESOURCE_SCORER:
        return (struct permission_target){
            .resource = PERMISSION_ON_SCORER, .id = in->experiment_id, .name = in->scorer_name};
    case RESOURCE_SECRET:
        return (struct permission_target){.resource = PERMISSION_ON_SECRET, .id = in->secret_id};
    case RESOURCE_ENDPOINT:
        return (struct permission_target){.resource = PERMISSION_ON_ENDPOINT, .id = in->endpoint_id};
    case RESOURCE_MODEL_DEFINITION:
        return (struct permission_target){.resource = PERMISSION_ON_MODEL_DEFINITION,
                                          .id = in->model_definition_id};
    default:
        return (struct permission_target){.resource = PERMISSION_ON_EXPERIMENT, .id = in->experiment_id};
    }
}

void put_permission(struct json_writer *json, const struct permission_target *target,
                    enum permission permission, int64_t user_id)
{
    json_begin_object(json);
    json_put_string_field(json, kinds[target->resource].id, target->id);
    json_put_string_field(json, "permission", sv_from(permission_name(permission)));
    if (target->resource == PERMISSION_ON_SCORER)
        json_put_string_field(json, "scorer_name", target->name);
    json_put_int_field(json, "user_id", user_id);
    json_end_object(json);
}

static enum status reply_permission(struct request *request, const struct permission_target *target,
                                    enum permission permission, int64_t user_id)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, kinds[target->resource].key);
    put_permission(json, target, permission, user_id);
    json_end_object(json);
    return OK;
}

static enum status take_level(struct request *request, struct sv text, enum permission *permission)
{
    if (permission_parse(text, permission))
        return OK;
    struct sv shown = search_clip(text);
    return fail(request, INVALID_PARAMETER_VALUE,
                "Invalid permission '%.*s'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', "
                "'NO_PERMISSIONS')",
                SV_ARG(shown));
}

/* The change is made before it is put down, and put down before it is answered. */
static enum status finish(struct request *request, const struct permission_in *in,
                          const struct permission_target *target)
{
    if (request_commit(request) != OK)
        return FAILED;
    auth_audit(request, request->operation->name,
               arena_printf(request->arena, "%.*s: %.*s on %s %.*s%s%.*s", SV_ARG(in->username),
                            SV_ARG(in->permission.data ? in->permission : SV("nothing")),
                            kinds[target->resource].id, SV_ARG(target->id), target->name.len ? " " : "",
                            SV_ARG(target->name)));
    return OK;
}

static enum status create_permission(struct request *request, const void *input)
{
    const struct permission_in *in = input;
    const struct permission_target target = target_of(request, in);
    enum permission permission;
    int64_t user_id;
    if (take_level(request, in->permission, &permission) != OK ||
        permission_create(request_tx(request), in->username, &target, permission, &user_id) != OK ||
        finish(request, in, &target) != OK)
        return FAILED;
    return reply_permission(request, &target, permission, user_id);
}

static enum status get_permission(struct request *request, const void *input)
{
    const struct permission_in *in = input;
    const struct permission_target target = target_of(request, in);
    enum permission permission;
    int64_t user_id;
    if (permission_get(request_tx(request), in->username, &target, &permission, &user_id) != OK)
        return FAILED;
    return reply_permission(request, &target, permission, user_id);
}

static enum status update_permission(struct request *request, const void *input)
{
    const struct permission_in *in = input;
    const struct permission_target target = target_of(request, in);
    enum permission permission;
    if (take_level(request, in->permission, &permission) != OK ||
        permission_update(request_tx(request), in->username, &target, permission) != OK ||
        finish(request, in, &target) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status delete_permission(struct request *request, const void *input)
{
    const struct permission_in *in = input;
    const struct permission_target target = target_of(request, in);
    if (permission_delete(request_tx(request), in->username, &target) != OK ||
        finish(request, in, &target) != OK)
        return FAILED;
    return reply_empty(request);
}

#define ROW(name_, method_, root_, path_, handler_, access_, resource_, fields_)                            \
    {                                                                                                       \
        .name = name_, .area = "auth", .method = METHOD_##method_, .root = root_, .path = "/mlflow/" path_, \
        .handler = handler_, .access = ACCESS_##access_, .users = true,                                     \
        .query_or_body = METHOD_##method_ == METHOD_DELETE, .needs = NEEDS(resource_, MANAGE),              \
        .input = INPUT(struct permission_in, fields_),                                                      \
    }

/* The four rows of a kind of things. */
#define ROWS(name_, root_, path_, resource_, fields_)                                                        \
    ROW("create" name_ "Permission", POST, root_, path_ "/permissions/create", create_permission, WRITE,     \
        resource_, fields_##_level_fields),                                                                  \
        ROW("get" name_ "Permission", GET, root_, path_ "/permissions/get", get_permission, READ, resource_, \
            fields_##_fields),                                                                               \
        ROW("update" name_ "Permission", PATCH, root_, path_ "/permissions/update", update_permission,       \
            WRITE, resource_, fields_##_level_fields),                                                       \
        ROW("delete" name_ "Permission", DELETE, root_, path_ "/permissions/delete", delete_permission,      \
            WRITE, resource_, fields_##_fields)

const struct operation permission_operations[] = {
    ROWS("Experiment", ROOT_API_2_ONLY, "experiments", EXPERIMENT, experiment),
    ROWS("RegisteredModel", ROOT_API_2_ONLY, "registered-models", REGISTERED_MODEL, model),
    ROWS("Scorer", ROOT_API_3_ONLY, "scorers", SCORER, scorer),
    ROWS("GatewaySecret", ROOT_API_3_ONLY, "gateway/secrets", SECRET, secret),
    ROWS("GatewayEndpoint", ROOT_API_3_ONLY, "gateway/endpoints", ENDPOINT, endpoint),
    ROWS("GatewayModelDefinition", ROOT_API_3_ONLY, "gateway/model-definitions", MODEL_DEFINITION,
         definition),
    {.path = NULL},
};
