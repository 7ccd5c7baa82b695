#include "common/store/experiments.h"
#include "common/store/trace_requests.h"
#include "fcgi-bin/tracking/traces.h"

/* Traces as API 2.0 has them: begun and ended by the client, without spans. */

static enum status reply_info(struct request *request, int64_t id)
{
    struct trace trace;
    if (trace_load(request_tx(request), id, &trace) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "trace_info");
    put_trace_info_2(request, json, &trace);
    json_end_object(json);
    return OK;
}

struct start_in {
    struct sv experiment_id;
    struct opt_int64 timestamp_ms;
    struct list request_metadata;
    struct list tags;
};

static const struct field start_fields[] = {
    FIELD(struct start_in, experiment_id, ID, .required = true),
    FIELD(struct start_in, timestamp_ms, INT64),
    FIELD(struct start_in, request_metadata, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct start_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status start_trace(struct request *request, const void *input)
{
    const struct start_in *in = input;
    struct trace_info info;
    int64_t experiment;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        trace_begin(request_tx(request), experiment, in->timestamp_ms.value, in->request_metadata.items,
                    in->request_metadata.count, in->tags.items, in->tags.count, &info) != OK)
        return FAILED;
    return reply_info(request, info.id);
}

struct end_in {
    struct sv request_id;
    struct opt_int64 timestamp_ms;
    struct opt_int64 status;
    struct list request_metadata;
    struct list tags;
};

static const struct field end_fields[] = {
    FIELD(struct end_in, request_id, STRING, .required = true, .in_path = true),
    FIELD(struct end_in, timestamp_ms, INT64),
    FIELD(struct end_in, status, ENUM, .enums = trace_state_names),
    FIELD(struct end_in, request_metadata, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct end_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status end_trace(struct request *request, const void *input)
{
    const struct end_in *in = input;
    struct trace_info info;
    enum trace_status status = in->status.set ? (enum trace_status)in->status.value : TRACE_UNSPECIFIED;
    if (trace_end(request_tx(request), in->request_id, in->timestamp_ms.value, status,
                  in->request_metadata.items, in->request_metadata.count, in->tags.items, in->tags.count,
                  &info) != OK)
        return FAILED;
    return reply_info(request, info.id);
}

struct id_in {
    struct sv request_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, request_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status get_trace_info(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct trace_info info;
    if (trace_find(request_tx(request), in->request_id, &info) != OK)
        return FAILED;
    return reply_info(request, info.id);
}

struct set_tag_in {
    struct sv request_id;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct set_tag_in, request_id, STRING, .required = true, .in_path = true),
    FIELD(struct set_tag_in, key, STRING, .required = true),
    FIELD(struct set_tag_in, value, STRING),
    FIELDS_END,
};

static enum status set_tag(struct request *request, const void *input)
{
    const struct set_tag_in *in = input;
    if (trace_set_tag(request_tx(request), in->request_id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv request_id;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, request_id, STRING, .required = true, .in_path = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (trace_remove_tag(request_tx(request), in->request_id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

#define ROW(name_, method_, path_, handler_, access_, needs_, type_, fields_)                            \
    {                                                                                                    \
        .name = name_, .area = "traces", .method = METHOD_##method_, .root = ROOT_API_2, .path = path_,  \
        .handler = handler_, .access = ACCESS_##access_, .needs = needs_, .input = INPUT(type_, fields_) \
    }

const struct operation trace_2_operations[] = {
    ROW("startTrace", POST, "/mlflow/traces", start_trace, WRITE, NEEDS(EXPERIMENT, EDIT), struct start_in,
        start_fields),
    ROW("endTrace", PATCH, "/mlflow/traces/{request_id}", end_trace, WRITE, NEEDS(TRACE, EDIT), struct end_in,
        end_fields),
    ROW("getTraceInfo", GET, "/mlflow/traces/{request_id}/info", get_trace_info, READ, NEEDS(TRACE, READ),
        struct id_in, id_fields),
    ROW("setTraceTag", PATCH, "/mlflow/traces/{request_id}/tags", set_tag, WRITE, NEEDS(TRACE, EDIT),
        struct set_tag_in, set_tag_fields),
    ROW("deleteTraceTag", DELETE, "/mlflow/traces/{request_id}/tags", delete_tag, WRITE, NEEDS(TRACE, EDIT),
        struct delete_tag_in, delete_tag_fields),
    {.path = NULL},
};
