#include "common/store/datasets.h"

#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "fcgi-bin/tracking/tracking.h"

/* --- log-inputs --- */

static const struct field dataset_fields[] = {
    FIELD(struct dataset, name, STRING, .required = true),
    FIELD(struct dataset, digest, STRING, .required = true),
    FIELD(struct dataset, source_type, STRING, .required = true),
    FIELD(struct dataset, source, STRING, .required = true),
    FIELD(struct dataset, schema, STRING),
    FIELD(struct dataset, profile, STRING),
    FIELDS_END,
};

struct dataset_input_in {
    struct list tags;
    struct opt_object dataset;
};

static const struct field dataset_input_fields[] = {
    FIELD(struct dataset_input_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct dataset_input_in, dataset, OBJECT, .required = true, .fields = dataset_fields,
          .size = sizeof(struct dataset)),
    FIELDS_END,
};

struct model_in {
    struct sv model_id;
    struct opt_int64 step;
};

static const struct field model_fields[] = {
    FIELD(struct model_in, step, INT64),
    FIELD(struct model_in, model_id, STRING, .required = true),
    FIELDS_END,
};

struct inputs_in {
    struct sv run_id;
    struct list datasets;
    struct list models;
};

static const struct field inputs_fields[] = {
    FIELD(struct inputs_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct inputs_in, datasets, OBJECTS, .fields = dataset_input_fields,
          .size = sizeof(struct dataset_input_in)),
    FIELD(struct inputs_in, models, OBJECTS, .fields = model_fields, .size = sizeof(struct model_in)),
    FIELDS_END,
};

static struct run_model *take_models(struct request *request, const struct list *list)
{
    const struct model_in *items = list->items;
    struct run_model *models = ARENA_ARRAY(request->arena, struct run_model, list->count);
    for (size_t i = 0; i < list->count; i++)
        models[i] = (struct run_model){.model_id = items[i].model_id, .step = items[i].step.value};
    return models;
}

static enum status log_inputs(struct request *request, const void *input)
{
    const struct inputs_in *in = input;
    const struct dataset_input_in *items = in->datasets.items;
    struct dataset_input *datasets = ARENA_ARRAY(request->arena, struct dataset_input, in->datasets.count);
    for (size_t i = 0; i < in->datasets.count; i++)
        datasets[i] = (struct dataset_input){
            .dataset = *(const struct dataset *)items[i].dataset.value,
            .tags = items[i].tags.items,
            .tag_count = items[i].tags.count,
        };
    if (run_log_inputs(request_tx(request), in->run_id, datasets, in->datasets.count,
                       take_models(request, &in->models), in->models.count) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- outputs --- */

struct outputs_in {
    struct sv run_id;
    struct list models;
};

static const struct field outputs_fields[] = {
    FIELD(struct outputs_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct outputs_in, models, OBJECTS, .required = true, .fields = model_fields,
          .size = sizeof(struct model_in)),
    FIELDS_END,
};

static enum status log_outputs(struct request *request, const void *input)
{
    const struct outputs_in *in = input;
    if (run_log_outputs(request_tx(request), in->run_id, take_models(request, &in->models),
                        in->models.count) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- search-datasets --- */

struct search_in {
    struct list experiment_ids;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, experiment_ids, IDS),
    FIELDS_END,
};

static void put_summaries(struct json_writer *json, const struct dataset_summary *summaries, size_t count)
{
    json_begin_object(json);
    if (count) {
        json_key(json, "dataset_summaries");
        json_begin_array(json);
        for (size_t i = 0; i < count; i++) {
            json_begin_object(json);
            put_id_field(json, "experiment_id", summaries[i].experiment_id);
            json_put_string_field(json, "name", summaries[i].name);
            json_put_string_field(json, "digest", summaries[i].digest);
            json_put_string_field_if_set(json, "context", summaries[i].context);
            json_end_object(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

enum status take_dataset_experiments(struct request *request, const struct sv *texts, size_t count,
                                     int64_t **ids)
{
    *ids = ARENA_ARRAY(request->arena, int64_t, SEARCH_DATASETS_EXPERIMENTS_MAX);
    if (count == 0)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "SearchDatasets request must specify at least one experiment_id.");
    if (count > SEARCH_DATASETS_EXPERIMENTS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "SearchDatasets request cannot specify more than %d experiment_ids. Received %zu "
                    "experiment_ids.",
                    SEARCH_DATASETS_EXPERIMENTS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        if (experiment_parse_id(request_tx(request), texts[i], &(*ids)[i]) != OK)
            return FAILED;
    }
    return OK;
}

static enum status search_datasets(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct dataset_summary *summaries;
    int64_t *ids;
    size_t count;
    if (take_dataset_experiments(request, in->experiment_ids.items, in->experiment_ids.count, &ids) != OK ||
        dataset_search(request_tx(request), ids, in->experiment_ids.count, SEARCH_DATASETS_ROWS_MAX,
                       &summaries, &count) != OK)
        return FAILED;
    put_summaries(reply_json(request), summaries, count);
    return OK;
}

const struct operation dataset_operations[] = {
    {
        .name = "logInputs",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/log-inputs",
        .handler = log_inputs,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .also = ALSO(NEEDS_IF(LOGGED_MODEL, READ, "models.model_id")),
        .input = INPUT(struct inputs_in, inputs_fields),
    },
    {
        .name = "logOutputs",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/outputs",
        .handler = log_outputs,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .also = ALSO(NEEDS_IF(LOGGED_MODEL, EDIT, "models.model_id")),
        .input = INPUT(struct outputs_in, outputs_fields),
    },
    {
        .name = "searchDatasets",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/experiments/search-datasets",
        .handler = search_datasets,
        .access = ACCESS_READ,
        .needs = NEEDS(EXPERIMENT, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {.path = NULL},
};
