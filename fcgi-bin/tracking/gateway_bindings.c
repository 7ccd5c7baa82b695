#include "common/store/gateway_bindings.h"

#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

static void put_binding(struct json_writer *json, const struct gateway_binding *binding)
{
    json_begin_object(json);
    json_put_string_field(json, "endpoint_id", binding->endpoint_id);
    json_put_string_field(json, "resource_type", binding->resource_type);
    json_put_string_field(json, "resource_id", binding->resource_id);
    put_gateway_audit(json, &binding->audit);
    json_end_object(json);
}

struct binding_in {
    struct sv endpoint_id;
    struct sv resource_type;
    struct sv resource_id;
    struct sv created_by;
};

static const struct field create_fields[] = {
    FIELD(struct binding_in, endpoint_id, STRING, .required = true),
    FIELD(struct binding_in, resource_type, STRING, .required = true),
    FIELD(struct binding_in, resource_id, STRING, .required = true),
    FIELD(struct binding_in, created_by, STRING),
    FIELDS_END,
};

static const struct field delete_fields[] = {
    FIELD(struct binding_in, endpoint_id, STRING, .required = true),
    FIELD(struct binding_in, resource_type, STRING, .required = true),
    FIELD(struct binding_in, resource_id, STRING, .required = true),
    FIELDS_END,
};

static const struct field list_fields[] = {
    FIELD(struct binding_in, endpoint_id, STRING),
    FIELD(struct binding_in, resource_type, STRING),
    FIELD(struct binding_in, resource_id, STRING),
    FIELDS_END,
};

static enum status create_binding(struct request *request, const void *input)
{
    const struct binding_in *in = input;
    struct gateway_binding binding;
    if (gateway_binding_create(request_tx(request), in->endpoint_id, in->resource_type, in->resource_id,
                               gateway_text(in->created_by), &binding) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "binding");
    put_binding(json, &binding);
    json_end_object(json);
    return OK;
}

static enum status delete_binding(struct request *request, const void *input)
{
    const struct binding_in *in = input;
    if (gateway_binding_delete(request_tx(request), in->endpoint_id, in->resource_type, in->resource_id) !=
        OK)
        return FAILED;
    return reply_empty(request);
}

static enum status list_bindings(struct request *request, const void *input)
{
    const struct binding_in *in = input;
    struct gateway_binding_list list;
    if (gateway_binding_list(request_tx(request), gateway_text(in->endpoint_id),
                             gateway_text(in->resource_type), gateway_text(in->resource_id), &list) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (list.count) {
        json_key(json, "bindings");
        json_begin_array(json);
        for (size_t i = 0; i < list.count; i++)
            put_binding(json, &list.items[i]);
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

const struct operation gateway_binding_operations[] = {
    {
        .name = "createEndpointBinding",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/bindings/create",
        .handler = create_binding,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .input = INPUT(struct binding_in, create_fields),
    },
    {
        .name = "deleteEndpointBinding",
        .area = "gateway-management",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/bindings/delete",
        .handler = delete_binding,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .input = INPUT(struct binding_in, delete_fields),
    },
    {
        .name = "listEndpointBindings",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/bindings/list",
        .handler = list_bindings,
        .access = ACCESS_READ,
        .needs = NEEDS(ENDPOINT, READ),
        .input = INPUT(struct binding_in, list_fields),
    },
    {.path = NULL},
};
