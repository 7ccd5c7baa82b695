#include "common/store/logged_models.h"

#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/logged_model_metrics.h"
#include "common/store/logged_model_search.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

/* Metrics that are read at a time: what a model of any size takes of memory. */
#define METRICS_PAGE 250

static const struct enum_name status_names[] = {
    {"LOGGED_MODEL_STATUS_UNSPECIFIED", LOGGED_MODEL_UNSPECIFIED},
    {"LOGGED_MODEL_PENDING", LOGGED_MODEL_PENDING},
    {"LOGGED_MODEL_READY", LOGGED_MODEL_READY},
    {"LOGGED_MODEL_UPLOAD_FAILED", LOGGED_MODEL_UPLOAD_FAILED},
    {NULL, 0},
};

/* --- A model as the API shows it --- */

static void put_info(struct json_writer *json, const struct logged_model *model)
{
    json_begin_object(json);
    json_put_string_field(json, "model_id", model->model_id);
    put_id_field(json, "experiment_id", model->experiment_id);
    json_put_string_field(json, "name", model->name);
    json_put_int_field(json, "creation_timestamp_ms", model->creation_time);
    json_put_int_field(json, "last_updated_timestamp_ms", model->last_update_time);
    json_put_string_field(json, "artifact_uri", model->artifact_uri);
    json_put_string_field(json, "status", sv_from(status_names[model->status].name));
    json_put_string_field(json, "model_type", model->model_type);
    json_put_string_field(json, "source_run_id", model->source_run_id);
    json_put_string_field_if_set(json, "status_message", model->status_message);
    put_key_values(json, "tags", model->tags, model->tag_count);
    json_end_object(json);
}

static void put_metric(struct json_writer *json, const struct logged_model_metric *metric)
{
    json_begin_object(json);
    json_put_string_field(json, "key", metric->metric.key);
    json_put_double_field(json, "value", metric->metric.value);
    json_put_int_field(json, "timestamp", metric->metric.timestamp);
    json_put_int_field(json, "step", metric->metric.step);
    json_put_string_field_if_set(json, "dataset_name", metric->dataset_name);
    json_put_string_field_if_set(json, "dataset_digest", metric->dataset_digest);
    json_put_string_field(json, "model_id", metric->model_id);
    json_put_string_field(json, "run_id", metric->run_id);
    json_end_object(json);
}

/* `metrics` has room for METRICS_PAGE. */
static enum status put_metrics(struct request *request, struct json_writer *json, int64_t model,
                               struct logged_model_metric *metrics)
{
    struct logged_model_cursor cursor = {0};
    bool any = false;
    size_t count;
    do {
        struct arena_mark mark = arena_mark(request->arena);
        if (logged_model_metrics(request_tx(request), model, &cursor, metrics, METRICS_PAGE, &count) != OK)
            return FAILED;
        if (count && !any) {
            json_key(json, "metrics");
            json_begin_array(json);
            any = true;
        }
        for (size_t i = 0; i < count; i++)
            put_metric(json, &metrics[i]);
        arena_rewind(request->arena, mark);
        /* The next snapshot is in the arena: nothing may be rewound to before it. */
        if (request->operation->access == ACCESS_STREAM_READ && reply_drain(request, false) != OK)
            return FAILED;
    } while (count == METRICS_PAGE);
    if (any)
        json_end_array(json);
    return OK;
}

/* Writes a model and keeps nothing of it. One that is not there any more fails before anything is written. */
static enum status put_model(struct request *request, struct json_writer *json, int64_t id,
                             struct logged_model_metric *metrics)
{
    struct arena_mark mark = arena_mark(request->arena);
    struct logged_model model;
    if (logged_model_load(request_tx(request), id, &model) != OK)
        return FAILED;
    json_begin_object(json);
    json_key(json, "info");
    put_info(json, &model);
    json_key(json, "data");
    json_begin_object(json);
    put_key_values(json, "params", model.params, model.param_count);
    arena_rewind(request->arena, mark);
    if (put_metrics(request, json, id, metrics) != OK)
        return FAILED;
    json_end_object(json);
    json_end_object(json);
    return OK;
}

static struct logged_model_metric *metrics_page(struct request *request)
{
    return ARENA_ARRAY(request->arena, struct logged_model_metric, METRICS_PAGE);
}

static enum status reply_model(struct request *request, int64_t id)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "model");
    if (put_model(request, json, id, metrics_page(request)) != OK)
        return FAILED;
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv experiment_id;
    struct sv name;
    struct sv model_type;
    struct sv source_run_id;
    struct list params;
    struct list tags;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, experiment_id, ID, .required = true),
    FIELD(struct create_in, name, STRING),
    FIELD(struct create_in, model_type, STRING),
    FIELD(struct create_in, source_run_id, STRING),
    FIELD(struct create_in, params, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct create_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status create_logged_model(struct request *request, const void *input)
{
    const struct create_in *in = input;
    struct logged_model_create create = {
        .name = in->name,
        .model_type = in->model_type,
        .source_run_id = in->source_run_id,
        .params = in->params.items,
        .param_count = in->params.count,
        .tags = in->tags.items,
        .tag_count = in->tags.count,
    };
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &create.experiment_id) != OK ||
        logged_model_create(request_tx(request), &create, &id) != OK)
        return FAILED;
    return reply_model(request, id);
}

/* --- get, finalize, delete: the model is that of the path, whatever the body says --- */

struct get_in {
    struct sv model_id;
    struct opt_bool allow_deleted;
};

static const struct field get_fields[] = {
    FIELD(struct get_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct get_in, allow_deleted, BOOL),
    FIELDS_END,
};

static enum status get_logged_model(struct request *request, const void *input)
{
    const struct get_in *in = input;
    struct store_tx *tx = request_tx(request);
    struct logged_model_ref ref;
    bool deleted_too = in->allow_deleted.set && in->allow_deleted.value;
    enum status status = deleted_too ? logged_model_find(tx, in->model_id, &ref)
                                     : logged_model_find_existing(tx, in->model_id, &ref);
    if (status != OK)
        return FAILED;
    return reply_model(request, ref.id);
}

struct finalize_in {
    struct sv model_id;
    struct opt_int64 status;
};

static const struct field finalize_fields[] = {
    FIELD(struct finalize_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct finalize_in, status, ENUM, .required = true, .enums = status_names),
    FIELDS_END,
};

static enum status finalize_logged_model(struct request *request, const void *input)
{
    const struct finalize_in *in = input;
    int64_t id;
    if (logged_model_finalize(request_tx(request), in->model_id, (enum logged_model_status)in->status.value,
                              &id) != OK)
        return FAILED;
    return reply_model(request, id);
}

struct id_in {
    struct sv model_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, model_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status delete_logged_model(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return logged_model_delete(request_tx(request), in->model_id) == OK ? reply_empty(request) : FAILED;
}

/* --- params and tags --- */

struct params_in {
    struct sv model_id;
    struct list params;
};

static const struct field params_fields[] = {
    FIELD(struct params_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct params_in, params, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status log_params(struct request *request, const void *input)
{
    const struct params_in *in = input;
    if (logged_model_log_params(request_tx(request), in->model_id, in->params.items, in->params.count) != OK)
        return FAILED;
    return reply_empty(request);
}

struct tags_in {
    struct sv model_id;
    struct list tags;
};

static const struct field tags_fields[] = {
    FIELD(struct tags_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct tags_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status set_tags(struct request *request, const void *input)
{
    const struct tags_in *in = input;
    if (logged_model_set_tags(request_tx(request), in->model_id, in->tags.items, in->tags.count) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv model_id;
    struct sv tag_key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct delete_tag_in, tag_key, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (logged_model_delete_tag(request_tx(request), in->model_id, in->tag_key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- search --- */

static const struct field dataset_fields[] = {
    {.name = "dataset_name", .type = FIELD_STRING, .offset = offsetof(struct logged_model_dataset, name)},
    {.name = "dataset_digest", .type = FIELD_STRING, .offset = offsetof(struct logged_model_dataset, digest)},
    FIELDS_END,
};

struct order_in {
    struct sv field_name;
    struct opt_bool ascending;
    struct sv dataset_name;
    struct sv dataset_digest;
};

static const struct field order_fields[] = {
    FIELD(struct order_in, field_name, STRING, .required = true),
    FIELD(struct order_in, ascending, BOOL),
    FIELD(struct order_in, dataset_name, STRING),
    FIELD(struct order_in, dataset_digest, STRING),
    FIELDS_END,
};

struct search_in {
    struct list experiment_ids;
    struct sv filter;
    struct list datasets;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, experiment_ids, IDS, .required = true),
    FIELD(struct search_in, filter, STRING),
    FIELD(struct search_in, datasets, OBJECTS, .fields = dataset_fields,
          .size = sizeof(struct logged_model_dataset)),
    FIELD(struct search_in, max_results, INT32),
    FIELD(struct search_in, order_by, OBJECTS, .fields = order_fields, .size = sizeof(struct order_in)),
    FIELD(struct search_in, page_token, STRING),
    FIELDS_END,
};

static struct logged_model_order *take_order(struct request *request, const struct list *list)
{
    const struct order_in *items = list->items;
    struct logged_model_order *order = ARENA_ARRAY(request->arena, struct logged_model_order, list->count);
    for (size_t i = 0; i < list->count; i++)
        order[i] = (struct logged_model_order){
            .field_name = items[i].field_name,
            .ascending = !items[i].ascending.set || items[i].ascending.value,
            .dataset = {items[i].dataset_name, items[i].dataset_digest},
        };
    return order;
}

/* Writes the models one by one, so that a page of any size takes little memory. A model that vanished since
 * the search is left out. */
static enum status put_page(struct request *request, struct json_writer *json,
                            const struct logged_model_page *page)
{
    struct logged_model_metric *metrics = metrics_page(request);
    json_key(json, "models");
    json_begin_array(json);
    for (size_t i = 0; i < page->count; i++) {
        if (put_model(request, json, page->ids[i], metrics) == OK)
            continue;
        if (request->error.code != RESOURCE_DOES_NOT_EXIST)
            return FAILED;
        error_clear(&request->error);
    }
    json_end_array(json);
    return OK;
}

static enum status search_logged_models(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct logged_model_search search = {
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .filter = in->filter,
        .datasets = in->datasets.items,
        .dataset_count = in->datasets.count,
        .order_by = take_order(request, &in->order_by),
        .order_by_count = in->order_by.count,
        .max_results = in->max_results.set ? in->max_results.value : LOGGED_MODELS_RESULTS_DEFAULT,
        .page_token = in->page_token,
    };
    struct logged_model_page page;
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search.readable) != OK ||
        logged_model_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (page.count && put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

const struct operation logged_model_operations[] = {
    {
        .name = "createLoggedModel",
        .area = "logged-models",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models",
        .handler = create_logged_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, EDIT),
        .also = ALSO(NEEDS_IF(RUN, READ, "source_run_id")),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "searchLoggedModels",
        .area = "logged-models",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/search",
        .handler = search_logged_models,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {
        .name = "getLoggedModel",
        .area = "logged-models",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}",
        .handler = get_logged_model,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(LOGGED_MODEL, READ),
        .input = INPUT(struct get_in, get_fields),
    },
    {
        .name = "finalizeLoggedModel",
        .area = "logged-models",
        .method = METHOD_PATCH,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}",
        .handler = finalize_logged_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(LOGGED_MODEL, EDIT),
        .input = INPUT(struct finalize_in, finalize_fields),
    },
    {
        .name = "deleteLoggedModel",
        .area = "logged-models",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}",
        .handler = delete_logged_model,
        .access = ACCESS_WRITE,
        .needs = NEEDS(LOGGED_MODEL, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "LogLoggedModelParams",
        .area = "logged-models",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}/params",
        .handler = log_params,
        .access = ACCESS_WRITE,
        .needs = NEEDS(LOGGED_MODEL, EDIT),
        .input = INPUT(struct params_in, params_fields),
    },
    {
        .name = "setLoggedModelTags",
        .area = "logged-models",
        .method = METHOD_PATCH,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}/tags",
        .handler = set_tags,
        .access = ACCESS_WRITE,
        .needs = NEEDS(LOGGED_MODEL, EDIT),
        .input = INPUT(struct tags_in, tags_fields),
    },
    {
        .name = "deleteLoggedModelTag",
        .area = "logged-models",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}/tags/{tag_key}",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(LOGGED_MODEL, MANAGE),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {.path = NULL},
};
