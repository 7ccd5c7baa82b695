#include "common/store/gateway_endpoints.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json/json_read.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

/* --- Output --- */

static void put_mapping(struct json_writer *json, const struct gateway_mapping *mapping)
{
    json_begin_object(json);
    json_put_string_field(json, "mapping_id", mapping->mapping_id);
    json_put_string_field(json, "endpoint_id", mapping->endpoint_id);
    json_put_string_field(json, "model_definition_id", mapping->definition.model_definition_id);
    json_key(json, "model_definition");
    put_gateway_model(json, &mapping->definition);
    json_put_double_field(json, "weight", mapping->weight);
    json_put_int_field(json, "created_at", mapping->creation_time);
    json_put_string_field_if_set(json, "created_by", mapping->created_by);
    json_put_string_field(json, "linkage_type",
                          mapping->linkage == GATEWAY_FALLBACK ? SV("FALLBACK") : SV("PRIMARY"));
    if (mapping->fallback_order != GATEWAY_NO_ORDER)
        json_put_int_field(json, "fallback_order", mapping->fallback_order);
    json_end_object(json);
}

static void put_fallback(struct json_writer *json, const struct gateway_fallback *fallback)
{
    json_key(json, "fallback_config");
    json_begin_object(json);
    if (fallback->sequential)
        json_put_string_field(json, "strategy", SV("SEQUENTIAL"));
    if (fallback->max_attempts != GATEWAY_NO_ATTEMPTS)
        json_put_int_field(json, "max_attempts", fallback->max_attempts);
    json_end_object(json);
}

/* Unlike those of other messages, created_by and last_updated_by are always there. */
static void put_endpoint(struct json_writer *json, const struct gateway_endpoint *endpoint)
{
    json_begin_object(json);
    json_put_string_field(json, "endpoint_id", endpoint->endpoint_id);
    json_put_string_field(json, "name", endpoint->name);
    json_put_int_field(json, "created_at", endpoint->audit.creation_time);
    json_put_int_field(json, "last_updated_at", endpoint->audit.last_update_time);
    if (endpoint->mapping_count) {
        json_key(json, "model_mappings");
        json_begin_array(json);
        for (size_t i = 0; i < endpoint->mapping_count; i++)
            put_mapping(json, &endpoint->mappings[i]);
        json_end_array(json);
    }
    json_put_string_field(json, "created_by", endpoint->audit.created_by);
    json_put_string_field(json, "last_updated_by", endpoint->audit.last_updated_by);
    put_key_values(json, "tags", endpoint->tags, endpoint->tag_count);
    if (endpoint->splits_traffic)
        json_put_string_field(json, "routing_strategy", SV("REQUEST_BASED_TRAFFIC_SPLIT"));
    if (endpoint->has_fallback)
        put_fallback(json, &endpoint->fallback);
    json_end_object(json);
}

static enum status reply_endpoint(struct request *request, struct sv endpoint_id)
{
    struct gateway_endpoint endpoint;
    if (gateway_endpoint_load(request_tx(request), endpoint_id, &endpoint) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "endpoint");
    put_endpoint(json, &endpoint);
    json_end_object(json);
    return OK;
}

/* --- Input --- */

/* LINKAGE_TYPE_UNSPECIFIED is what is left out. */
static const struct enum_name linkage_names[] = {
    {"LINKAGE_TYPE_UNSPECIFIED", 0},
    {"PRIMARY", GATEWAY_PRIMARY},
    {"FALLBACK", GATEWAY_FALLBACK},
    {NULL, 0},
};

struct config_in {
    struct sv model_definition_id;
    struct opt_int64 linkage_type;
    struct opt_double weight;
    struct opt_int64 fallback_order;
};

static const struct field config_fields[] = {
    FIELD(struct config_in, model_definition_id, STRING, .required = true),
    FIELD(struct config_in, linkage_type, ENUM, .enums = linkage_names),
    FIELD(struct config_in, weight, DOUBLE),
    FIELD(struct config_in, fallback_order, INT32),
    FIELDS_END,
};

struct fallback_in {
    struct json_object *strategy;
    struct opt_int64 max_attempts;
};

static const struct field fallback_fields[] = {
    FIELD(struct fallback_in, strategy, JSON),
    FIELD(struct fallback_in, max_attempts, INT32),
    FIELDS_END,
};

/* Strategies that are not known are as none, so that clients of later versions are understood. Number 1 is
 * the only one of either kind. */
static bool is_strategy(struct json_object *value, struct sv name)
{
    if (json_object_is_type(value, json_type_int))
        return json_object_get_int64(value) == 1;
    return json_object_is_type(value, json_type_string) && sv_equal(json_string_view(value), name);
}

/* The shortest decimal that stands for the same single-precision number, which is what the API's type holds.
 */
static double shortest_float(double value)
{
    float rounded = (float)value;
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)rounded);
        double shorter = strtod(text, NULL);
        if ((float)shorter == rounded)
            return shorter;
    }
    return (double)rounded;
}

static enum status take_config(struct request *request, const struct config_in *in,
                               struct gateway_model_config *config)
{
    double weight = in->weight.set ? in->weight.value : 1.0;
    if (!(weight >= 0 && weight <= (double)FLT_MAX))
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value for parameter 'weight' supplied: it must be a number of at least 0.");
    *config = (struct gateway_model_config){
        .model_definition_id = in->model_definition_id,
        .linkage = in->linkage_type.value == GATEWAY_FALLBACK ? GATEWAY_FALLBACK : GATEWAY_PRIMARY,
        .weight = shortest_float(weight),
        .fallback_order = in->fallback_order.set ? in->fallback_order.value : GATEWAY_NO_ORDER,
    };
    return OK;
}

struct change_in {
    struct sv endpoint_id;
    struct sv name;
    struct list model_configs;
    struct json_object *routing_strategy;
    struct opt_object fallback_config; /* struct fallback_in */
    struct sv created_by;
    struct sv updated_by;
};

static enum status take_fallback(struct request *request, const struct fallback_in *in,
                                 const struct gateway_fallback **taken)
{
    if (!in)
        return OK;
    if (in->max_attempts.set && in->max_attempts.value < 0)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value %lld for parameter 'fallback_config.max_attempts' supplied: it must be at "
                    "least 0.",
                    (long long)in->max_attempts.value);
    struct gateway_fallback *fallback = ARENA_NEW(request->arena, struct gateway_fallback);
    fallback->sequential = is_strategy(in->strategy, SV("SEQUENTIAL"));
    fallback->max_attempts = in->max_attempts.set ? in->max_attempts.value : GATEWAY_NO_ATTEMPTS;
    *taken = fallback;
    return OK;
}

static enum status take_change(struct request *request, const struct change_in *in, struct sv by,
                               struct gateway_endpoint_change *change)
{
    const struct config_in *items = in->model_configs.items;
    size_t count = in->model_configs.count;
    struct gateway_model_config *configs = ARENA_ARRAY(request->arena, struct gateway_model_config, count);
    *change = (struct gateway_endpoint_change){
        .name = gateway_text(in->name),
        .configs = configs,
        .config_count = count,
        .splits_traffic = is_strategy(in->routing_strategy, SV("REQUEST_BASED_TRAFFIC_SPLIT")),
        .by = gateway_text(by),
    };
    for (size_t i = 0; i < count; i++) {
        if (take_config(request, &items[i], &configs[i]) != OK)
            return FAILED;
    }
    return take_fallback(request, in->fallback_config.value, &change->fallback);
}

/* --- create, update --- */

static const struct field create_fields[] = {
    FIELD(struct change_in, name, STRING, .required = true),
    FIELD(struct change_in, model_configs, OBJECTS, .required = true, .fields = config_fields,
          .size = sizeof(struct config_in)),
    FIELD(struct change_in, created_by, STRING),
    FIELD(struct change_in, routing_strategy, JSON),
    FIELD(struct change_in, fallback_config, OBJECT, .fields = fallback_fields,
          .size = sizeof(struct fallback_in)),
    FIELDS_END,
};

static const struct field update_fields[] = {
    FIELD(struct change_in, endpoint_id, STRING, .required = true),
    FIELD(struct change_in, name, STRING),
    FIELD(struct change_in, model_configs, OBJECTS, .fields = config_fields,
          .size = sizeof(struct config_in)),
    FIELD(struct change_in, updated_by, STRING),
    FIELD(struct change_in, routing_strategy, JSON),
    FIELD(struct change_in, fallback_config, OBJECT, .fields = fallback_fields,
          .size = sizeof(struct fallback_in)),
    FIELDS_END,
};

static enum status create_endpoint(struct request *request, const void *input)
{
    const struct change_in *in = input;
    struct gateway_endpoint_change change;
    struct sv id;
    if (take_change(request, in, in->created_by, &change) != OK ||
        gateway_endpoint_create(request_tx(request), &change, &id) != OK ||
        permit_grant_creator(request, PERMISSION_ON_ENDPOINT, id, SV_ABSENT) != OK)
        return FAILED;
    return reply_endpoint(request, id);
}

static enum status update_endpoint(struct request *request, const void *input)
{
    const struct change_in *in = input;
    struct gateway_endpoint_change change;
    if (take_change(request, in, in->updated_by, &change) != OK ||
        gateway_endpoint_update(request_tx(request), in->endpoint_id, &change) != OK)
        return FAILED;
    return reply_endpoint(request, in->endpoint_id);
}

/* --- get, delete, list --- */

struct id_in {
    struct sv endpoint_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, endpoint_id, STRING, .required = true),
    FIELDS_END,
};

static enum status get_endpoint(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return reply_endpoint(request, in->endpoint_id);
}

static enum status delete_endpoint(struct request *request, const void *input)
{
    const struct id_in *in = input;
    if (gateway_endpoint_delete(request_tx(request), in->endpoint_id) != OK ||
        permit_drop(request, PERMISSION_ON_ENDPOINT, in->endpoint_id, SV_ABSENT) != OK)
        return FAILED;
    return reply_empty(request);
}

struct list_in {
    struct sv provider;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, provider, STRING),
    FIELDS_END,
};

static enum status list_endpoints(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct gateway_endpoint_list list;
    const struct permission_filter *readable;
    if (permit_filter(request, PERMISSION_ON_ENDPOINT, PERMISSION_READ, &readable) != OK ||
        gateway_endpoint_list(request_tx(request), gateway_text(in->provider), readable, &list) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (list.count) {
        json_key(json, "endpoints");
        json_begin_array(json);
        for (size_t i = 0; i < list.count; i++)
            put_endpoint(json, &list.items[i]);
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

/* --- models/attach, models/detach --- */

struct attach_in {
    struct sv endpoint_id;
    struct opt_object model_config; /* struct config_in */
    struct sv created_by;
};

static const struct field attach_fields[] = {
    FIELD(struct attach_in, endpoint_id, STRING, .required = true),
    FIELD(struct attach_in, model_config, OBJECT, .required = true, .fields = config_fields,
          .size = sizeof(struct config_in)),
    FIELD(struct attach_in, created_by, STRING),
    FIELDS_END,
};

static enum status attach_model(struct request *request, const void *input)
{
    const struct attach_in *in = input;
    struct gateway_model_config config;
    struct gateway_mapping mapping = {0};
    if (take_config(request, in->model_config.value, &config) != OK ||
        gateway_endpoint_attach(request_tx(request), in->endpoint_id, &config, gateway_text(in->created_by),
                                &mapping) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "mapping");
    put_mapping(json, &mapping);
    json_end_object(json);
    return OK;
}

struct detach_in {
    struct sv endpoint_id;
    struct sv model_definition_id;
};

static const struct field detach_fields[] = {
    FIELD(struct detach_in, endpoint_id, STRING, .required = true),
    FIELD(struct detach_in, model_definition_id, STRING, .required = true),
    FIELDS_END,
};

static enum status detach_model(struct request *request, const void *input)
{
    const struct detach_in *in = input;
    if (gateway_endpoint_detach(request_tx(request), in->endpoint_id, in->model_definition_id) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- set-tag, delete-tag --- */

struct tag_in {
    struct sv endpoint_id;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct tag_in, endpoint_id, STRING, .required = true),
    FIELD(struct tag_in, key, STRING, .required = true),
    FIELD(struct tag_in, value, STRING),
    FIELDS_END,
};

static const struct field delete_tag_fields[] = {
    FIELD(struct tag_in, endpoint_id, STRING, .required = true),
    FIELD(struct tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status set_tag(struct request *request, const void *input)
{
    const struct tag_in *in = input;
    if (gateway_endpoint_set_tag(request_tx(request), in->endpoint_id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status delete_tag(struct request *request, const void *input)
{
    const struct tag_in *in = input;
    if (gateway_endpoint_delete_tag(request_tx(request), in->endpoint_id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* Who creates or updates an endpoint must also be allowed to use the model definitions that it names. */
const struct operation gateway_endpoint_operations[] = {
    {
        .name = "createGatewayEndpoint",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/create",
        .handler = create_endpoint,
        .access = ACCESS_WRITE,
        .needs = NEEDS_IN(MODEL_DEFINITION, USE, "model_configs.model_definition_id"),
        .input = INPUT(struct change_in, create_fields),
    },
    {
        .name = "getGatewayEndpoint",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/get",
        .handler = get_endpoint,
        .access = ACCESS_READ,
        .needs = NEEDS(ENDPOINT, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "updateGatewayEndpoint",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/update",
        .handler = update_endpoint,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .also = ALSO(NEEDS_IF(MODEL_DEFINITION, USE, "model_configs.model_definition_id")),
        .input = INPUT(struct change_in, update_fields),
    },
    {
        .name = "deleteGatewayEndpoint",
        .area = "gateway-management",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/delete",
        .handler = delete_endpoint,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "listGatewayEndpoints",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/list",
        .handler = list_endpoints,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct list_in, list_fields),
    },
    {
        .name = "attachModelToEndpoint",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/models/attach",
        .handler = attach_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .also = ALSO(NEEDS_IF(MODEL_DEFINITION, USE, "model_config.model_definition_id")),
        .input = INPUT(struct attach_in, attach_fields),
    },
    {
        .name = "detachModelFromEndpoint",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/models/detach",
        .handler = detach_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .input = INPUT(struct detach_in, detach_fields),
    },
    {
        .name = "setGatewayEndpointTag",
        .area = "gateway-management",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/set-tag",
        .handler = set_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .input = INPUT(struct tag_in, set_tag_fields),
    },
    {
        .name = "deleteGatewayEndpointTag",
        .area = "gateway-management",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/endpoints/delete-tag",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ENDPOINT, EDIT),
        .input = INPUT(struct tag_in, delete_tag_fields),
    },
    {.path = NULL},
};
