#include "common/store/run_data.h"

#include "common/store/limits.h"
#include "fcgi-bin/tracking/tracking.h"

/* --- parameters and tags --- */

struct key_value_in {
    struct sv run_id;
    struct sv key;
    struct sv value;
};

static const struct field key_value_fields[] = {
    FIELD(struct key_value_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct key_value_in, key, STRING, .required = true),
    FIELD(struct key_value_in, value, STRING),
    FIELDS_END,
};

static enum status log_parameter(struct request *request, const void *input)
{
    const struct key_value_in *in = input;
    if (run_log_param(request_tx(request), in->run_id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status set_tag(struct request *request, const void *input)
{
    const struct key_value_in *in = input;
    if (run_set_tag(request_tx(request), in->run_id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv run_id;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (run_delete_tag(request_tx(request), in->run_id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- metrics --- */

struct metric_in {
    struct sv run_id; /* of log-metric only */
    struct sv key;
    struct opt_double value;
    struct opt_int64 timestamp;
    struct opt_int64 step;
    struct sv model_id;
    struct sv dataset_name;
    struct sv dataset_digest;
};

#define METRIC_FIELDS                                                                                      \
    FIELD(struct metric_in, key, STRING, .required = true),                                                \
        FIELD(struct metric_in, value, DOUBLE, .required = true),                                          \
        FIELD(struct metric_in, timestamp, INT64, .required = true), FIELD(struct metric_in, step, INT64), \
        FIELD(struct metric_in, model_id, STRING), FIELD(struct metric_in, dataset_name, STRING),          \
        FIELD(struct metric_in, dataset_digest, STRING)

static const struct field log_metric_fields[] = {
    FIELD(struct metric_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    METRIC_FIELDS,
    FIELDS_END,
};

static const struct field metric_fields[] = {METRIC_FIELDS, FIELDS_END};

static struct metric_input metric_input(const struct metric_in *in)
{
    return (struct metric_input){
        .metric = {.key = in->key,
                   .value = in->value.value,
                   .timestamp = in->timestamp.value,
                   .step = in->step.value},
        .model_id = in->model_id,
        .dataset_name = in->dataset_name,
        .dataset_digest = in->dataset_digest,
    };
}

static enum status log_metric(struct request *request, const void *input)
{
    const struct metric_in *in = input;
    struct metric_input metric = metric_input(in);
    if (metric_log(request_tx(request), in->run_id, &metric) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- batches --- */

struct batch_in {
    struct sv run_id;
    struct list metrics;
    struct list params;
    struct list tags;
};

static const struct field batch_fields[] = {
    FIELD(struct batch_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct batch_in, metrics, OBJECTS, .fields = metric_fields, .size = sizeof(struct metric_in)),
    FIELD(struct batch_in, params, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct batch_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status log_batch(struct request *request, const void *input)
{
    const struct batch_in *in = input;
    if (request->body.len > BATCH_BYTES_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Batched logging API requests must be at most %d bytes, got a request of size %zu.",
                    BATCH_BYTES_MAX, request->body.len);
    struct metric_input *metrics = ARENA_ARRAY(request->arena, struct metric_input, in->metrics.count);
    for (size_t i = 0; i < in->metrics.count; i++)
        metrics[i] = metric_input(&((const struct metric_in *)in->metrics.items)[i]);
    struct run_batch batch = {
        .metrics = metrics,
        .metric_count = in->metrics.count,
        .params = in->params.items,
        .param_count = in->params.count,
        .tags = in->tags.items,
        .tag_count = in->tags.count,
    };
    if (run_log_batch(request_tx(request), in->run_id, &batch) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- log-model --- */

struct log_model_in {
    struct sv run_id;
    struct sv model_json;
};

static const struct field log_model_fields[] = {
    FIELD(struct log_model_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct log_model_in, model_json, STRING, .required = true),
    FIELDS_END,
};

static enum status log_model(struct request *request, const void *input)
{
    const struct log_model_in *in = input;
    if (run_log_model(request_tx(request), in->run_id, in->model_json) != OK)
        return FAILED;
    return reply_empty(request);
}

const struct operation run_data_operations[] = {
    {
        .name = "logMetric",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/log-metric",
        .handler = log_metric,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .also = ALSO(NEEDS_IF(LOGGED_MODEL, EDIT, "model_id")),
        .input = INPUT(struct metric_in, log_metric_fields),
    },
    {
        .name = "logParam",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/log-parameter",
        .handler = log_parameter,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .input = INPUT(struct key_value_in, key_value_fields),
    },
    {
        .name = "setTag",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/set-tag",
        .handler = set_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .input = INPUT(struct key_value_in, key_value_fields),
    },
    {
        .name = "deleteTag",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/delete-tag",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {
        .name = "logBatch",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/log-batch",
        .handler = log_batch,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .also = ALSO(NEEDS_IF(LOGGED_MODEL, EDIT, "metrics.model_id")),
        .input = INPUT(struct batch_in, batch_fields),
    },
    {
        .name = "logModel",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/log-model",
        .handler = log_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .input = INPUT(struct log_model_in, log_model_fields),
    },
    {.path = NULL},
};
