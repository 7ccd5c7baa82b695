#include "common/store/gateway_models.h"

#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

void put_gateway_model(struct json_writer *json, const struct gateway_model *model)
{
    json_begin_object(json);
    json_put_string_field(json, "model_definition_id", model->model_definition_id);
    json_put_string_field(json, "name", model->name);
    json_put_string_field_if_set(json, "secret_id", model->secret_id);
    json_put_string_field_if_set(json, "secret_name", model->secret_name);
    json_put_string_field(json, "provider", model->provider);
    json_put_string_field(json, "model_name", model->model_name);
    put_gateway_audit(json, &model->audit);
    json_end_object(json);
}

static enum status reply_model(struct request *request, struct sv model_definition_id)
{
    struct gateway_model model;
    if (gateway_model_load(request_tx(request), model_definition_id, &model) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "model_definition");
    put_gateway_model(json, &model);
    json_end_object(json);
    return OK;
}

/* --- create, update --- */

struct change_in {
    struct sv model_definition_id;
    struct sv name;
    struct sv secret_id;
    struct sv provider;
    struct sv model_name;
    struct sv created_by;
    struct sv updated_by;
};

static const struct field create_fields[] = {
    FIELD(struct change_in, name, STRING, .required = true),
    FIELD(struct change_in, secret_id, STRING, .required = true),
    FIELD(struct change_in, provider, STRING, .required = true),
    FIELD(struct change_in, model_name, STRING, .required = true),
    FIELD(struct change_in, created_by, STRING),
    FIELDS_END,
};

static const struct field update_fields[] = {
    FIELD(struct change_in, model_definition_id, STRING, .required = true),
    FIELD(struct change_in, name, STRING),
    FIELD(struct change_in, secret_id, STRING),
    FIELD(struct change_in, model_name, STRING),
    FIELD(struct change_in, provider, STRING),
    FIELD(struct change_in, updated_by, STRING),
    FIELDS_END,
};

static struct gateway_model_change take_change(const struct change_in *in, struct sv by)
{
    return (struct gateway_model_change){
        .name = gateway_text(in->name),
        .secret_id = gateway_text(in->secret_id),
        .provider = gateway_text(in->provider),
        .model_name = gateway_text(in->model_name),
        .by = gateway_text(by),
    };
}

static enum status create_model(struct request *request, const void *input)
{
    const struct change_in *in = input;
    struct gateway_model_change change = take_change(in, in->created_by);
    struct sv id;
    if (gateway_model_create(request_tx(request), &change, &id) != OK ||
        permit_grant_creator(request, PERMISSION_ON_MODEL_DEFINITION, id, SV_ABSENT) != OK)
        return FAILED;
    return reply_model(request, id);
}

static enum status update_model(struct request *request, const void *input)
{
    const struct change_in *in = input;
    struct gateway_model_change change = take_change(in, in->updated_by);
    if (gateway_model_update(request_tx(request), in->model_definition_id, &change) != OK)
        return FAILED;
    return reply_model(request, in->model_definition_id);
}

/* --- get, delete, list --- */

struct id_in {
    struct sv model_definition_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, model_definition_id, STRING, .required = true),
    FIELDS_END,
};

static enum status get_model(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return reply_model(request, in->model_definition_id);
}

static enum status delete_model(struct request *request, const void *input)
{
    const struct id_in *in = input;
    if (gateway_model_delete(request_tx(request), in->model_definition_id) != OK ||
        permit_drop(request, PERMISSION_ON_MODEL_DEFINITION, in->model_definition_id, SV_ABSENT) != OK)
        return FAILED;
    return reply_empty(request);
}

struct list_in {
    struct sv provider;
    struct sv secret_id;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, provider, STRING),
    FIELD(struct list_in, secret_id, STRING),
    FIELDS_END,
};

static enum status list_models(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct gateway_model_list list;
    const struct permission_filter *readable;
    if (permit_filter(request, PERMISSION_ON_MODEL_DEFINITION, PERMISSION_READ, &readable) != OK ||
        gateway_model_list(request_tx(request), gateway_text(in->provider), gateway_text(in->secret_id),
                           readable, &list) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (list.count) {
        json_key(json, "model_definitions");
        json_begin_array(json);
        for (size_t i = 0; i < list.count; i++)
            put_gateway_model(json, &list.items[i]);
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

const struct operation gateway_model_operations[] = {
    {
        .name = "createGatewayModelDefinition",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/model-definitions/create",
        .handler = create_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(SECRET, USE),
        .input = INPUT(struct change_in, create_fields),
    },
    {
        .name = "getGatewayModelDefinition",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/model-definitions/get",
        .handler = get_model,
        .access = ACCESS_READ,
        .needs = NEEDS(MODEL_DEFINITION, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "updateGatewayModelDefinition",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/model-definitions/update",
        .handler = update_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(MODEL_DEFINITION, EDIT),
        .also = ALSO(NEEDS_IF(SECRET, USE, "secret_id")),
        .input = INPUT(struct change_in, update_fields),
    },
    {
        .name = "deleteGatewayModelDefinition",
        .area = "gateway-management",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/model-definitions/delete",
        .handler = delete_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(MODEL_DEFINITION, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "listGatewayModelDefinitions",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/model-definitions/list",
        .handler = list_models,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct list_in, list_fields),
    },
    {.path = NULL},
};
