#include "fcgi-bin/tracking/tracking.h"

/* A run as the API shows it. Empty lists are left out; the objects around them are not. */

struct sv run_status_name(enum run_status status)
{
    switch (status) {
    case RUN_RUNNING:
        return SV("RUNNING");
    case RUN_SCHEDULED:
        return SV("SCHEDULED");
    case RUN_FINISHED:
        return SV("FINISHED");
    case RUN_FAILED:
        return SV("FAILED");
    case RUN_KILLED:
        return SV("KILLED");
    }
    return SV("RUNNING");
}

void put_run_info(struct json_writer *json, const struct run_info *info)
{
    json_begin_object(json);
    json_put_string_field(json, "run_id", info->run_id);
    json_put_string_field(json, "run_uuid", info->run_id);
    json_put_string_field(json, "run_name", info->name);
    put_id_field(json, "experiment_id", info->experiment_id);
    json_put_string_field(json, "user_id", info->user_id);
    json_put_string_field(json, "status", run_status_name(info->status));
    json_put_int_field(json, "start_time", info->start_time);
    /* An end time of 0 reads as unset. */
    if (info->has_end_time && info->end_time != 0)
        json_put_int_field(json, "end_time", info->end_time);
    json_put_string_field(json, "artifact_uri", info->artifact_uri);
    json_put_string_field(json, "lifecycle_stage", sv_from(lifecycle_name(info->lifecycle)));
    json_end_object(json);
}

static void put_data(struct json_writer *json, const struct run *run)
{
    json_begin_object(json);
    if (run->metric_count) {
        json_key(json, "metrics");
        json_begin_array(json);
        for (size_t i = 0; i < run->metric_count; i++) {
            json_begin_object(json);
            json_put_string_field(json, "key", run->metrics[i].key);
            json_put_double_field(json, "value", run->metrics[i].value);
            json_put_int_field(json, "timestamp", run->metrics[i].timestamp);
            json_put_int_field(json, "step", run->metrics[i].step);
            json_end_object(json);
        }
        json_end_array(json);
    }
    put_key_values(json, "params", run->params, run->param_count);
    put_key_values(json, "tags", run->tags, run->tag_count);
    json_end_object(json);
}

static void put_dataset_input(struct json_writer *json, const struct dataset_input *input)
{
    const struct dataset *dataset = &input->dataset;
    json_begin_object(json);
    put_key_values(json, "tags", input->tags, input->tag_count);
    json_key(json, "dataset");
    json_begin_object(json);
    json_put_string_field(json, "name", dataset->name);
    json_put_string_field(json, "digest", dataset->digest);
    json_put_string_field(json, "source_type", dataset->source_type);
    json_put_string_field(json, "source", dataset->source);
    json_put_string_field_if_set(json, "schema", dataset->schema);
    json_put_string_field_if_set(json, "profile", dataset->profile);
    json_end_object(json);
    json_end_object(json);
}

static void put_inputs(struct json_writer *json, const struct run *run, enum run_parts parts)
{
    json_begin_object(json);
    if (run->dataset_input_count) {
        json_key(json, "dataset_inputs");
        json_begin_array(json);
        for (size_t i = 0; i < run->dataset_input_count; i++)
            put_dataset_input(json, &run->dataset_inputs[i]);
        json_end_array(json);
    }
    if (run->model_input_count && parts == RUN_WHOLE) {
        json_key(json, "model_inputs");
        json_begin_array(json);
        for (size_t i = 0; i < run->model_input_count; i++) {
            json_begin_object(json);
            json_put_string_field(json, "model_id", run->model_inputs[i].model_id);
            json_end_object(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

static void put_outputs(struct json_writer *json, const struct run *run)
{
    json_begin_object(json);
    if (run->model_output_count) {
        json_key(json, "model_outputs");
        json_begin_array(json);
        for (size_t i = 0; i < run->model_output_count; i++) {
            json_begin_object(json);
            json_put_string_field(json, "model_id", run->model_outputs[i].model_id);
            json_put_int_field(json, "step", run->model_outputs[i].step);
            json_end_object(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
}

void put_run(struct json_writer *json, const struct run *run, enum run_parts parts)
{
    json_begin_object(json);
    json_key(json, "info");
    put_run_info(json, &run->info);
    json_key(json, "data");
    put_data(json, run);
    json_key(json, "inputs");
    put_inputs(json, run, parts);
    if (parts != RUN_CREATED) {
        json_key(json, "outputs");
        put_outputs(json, run);
    }
    json_end_object(json);
}
