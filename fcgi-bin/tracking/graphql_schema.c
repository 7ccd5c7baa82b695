#include "common/store/datasets.h"
#include "common/store/experiments.h"
#include "fcgi-bin/tracking/graphql.h"

/* MLflow 3.8's GraphQL schema. Names, types and what stands for unset values are those of its protobuf
 * messages: numbers of 64 bits are strings, unset texts "", unset numbers "0", lists never null. */

#define TEXT(type_, member_, name_)                                                                   \
    {                                                                                                 \
        .name = name_, .shape = GRAPHQL_TEXT, .scalar = "String", .offset = offsetof(type_, member_), \
    }
/* A number that the API shows as a text. */
#define ID(type_, member_, name_)                                                                     \
    {                                                                                                 \
        .name = name_, .shape = GRAPHQL_LONG, .scalar = "String", .offset = offsetof(type_, member_), \
    }
#define LONG(type_, member_, name_)                                                                       \
    {                                                                                                     \
        .name = name_, .shape = GRAPHQL_LONG, .scalar = "LongString", .offset = offsetof(type_, member_), \
    }
#define REAL(type_, member_, name_)                                                                  \
    {                                                                                                \
        .name = name_, .shape = GRAPHQL_REAL, .scalar = "Float", .offset = offsetof(type_, member_), \
    }
#define TRUTH(type_, member_, name_)                                                                    \
    {                                                                                                   \
        .name = name_, .shape = GRAPHQL_TRUTH, .scalar = "Boolean", .offset = offsetof(type_, member_), \
    }
#define FIXED(text_, scalar_, name_)                                                 \
    {                                                                                \
        .name = name_, .shape = GRAPHQL_TEXT, .scalar = (scalar_), .fixed = (text_), \
    }
#define NAMED(resolve_, scalar_, name_)                                                   \
    {                                                                                     \
        .name = name_, .shape = GRAPHQL_TEXT, .scalar = (scalar_), .resolve = (resolve_), \
    }
#define ONE(shown_, offset_, name_)                                                  \
    {                                                                                \
        .name = name_, .shape = GRAPHQL_ONE, .type = &(shown_), .offset = (offset_), \
    }
#define ONE_BY(shown_, resolve_, name_)                                                \
    {                                                                                  \
        .name = name_, .shape = GRAPHQL_ONE, .type = &(shown_), .resolve = (resolve_), \
    }
#define MANY(shown_, type_, member_, count_, item_, name_)                                           \
    {                                                                                                \
        .name = name_, .shape = GRAPHQL_MANY, .type = &(shown_), .offset = offsetof(type_, member_), \
        .count_offset = offsetof(type_, count_), .size = sizeof(item_),                              \
    }
#define MANY_BY(shown_, resolve_, name_)                                                \
    {                                                                                   \
        .name = name_, .shape = GRAPHQL_MANY, .type = &(shown_), .resolve = (resolve_), \
    }
#define FIELDS(...) ((const struct graphql_field[]){__VA_ARGS__, {.name = NULL}})

/* --- What several types have --- */

static enum graphql_outcome nothing(struct graphql_call *call, const void *parent,
                                    struct graphql_result *result)
{
    (void)call;
    (void)parent;
    result->is_null = true;
    return GRAPHQL_DONE;
}

static enum graphql_outcome no_items(struct graphql_call *call, const void *parent,
                                     struct graphql_result *result)
{
    (void)call;
    (void)parent;
    result->count = 0;
    return GRAPHQL_DONE;
}

/* A message that is never set shows the defaults of its fields. */
static enum graphql_outcome unset(struct graphql_call *call, const void *parent,
                                  struct graphql_result *result)
{
    (void)call;
    (void)parent;
    result->object = NULL;
    return GRAPHQL_DONE;
}

/* The object of an answer is what the resolver of the field has found. */
static enum graphql_outcome itself(struct graphql_call *call, const void *parent,
                                   struct graphql_result *result)
{
    (void)call;
    result->object = parent;
    return GRAPHQL_DONE;
}

static const struct graphql_type error_detail_type = {
    "ErrorDetail",
    FIELDS(FIXED("", "String", "field"), FIXED("", "String", "message")),
};

static const struct graphql_type api_error_type = {
    "ApiError",
    FIELDS(FIXED("", "String", "code"), FIXED("", "String", "message"), FIXED("", "String", "helpUrl"),
           FIXED("", "String", "traceId"), MANY_BY(error_detail_type, no_items, "errorDetails")),
};

#define API_ERROR ONE_BY(api_error_type, nothing, "apiError")

#define PAIR_TYPE(variable_, name_)                \
    static const struct graphql_type variable_ = { \
        name_, FIELDS(TEXT(struct key_value, key, "key"), TEXT(struct key_value, value, "value"))}

PAIR_TYPE(experiment_tag_type, "MlflowExperimentTag");
PAIR_TYPE(run_tag_type, "MlflowRunTag");
PAIR_TYPE(param_type, "MlflowParam");
PAIR_TYPE(input_tag_type, "MlflowInputTag");
PAIR_TYPE(version_tag_type, "MlflowModelVersionTag");

/* --- Experiments --- */

static enum graphql_outcome experiment_stage(struct graphql_call *call, const void *parent,
                                             struct graphql_result *result)
{
    const struct experiment *experiment = parent;
    (void)call;
    result->text = sv_from(lifecycle_name(experiment->lifecycle));
    return GRAPHQL_DONE;
}

static const struct graphql_type experiment_type = {
    "MlflowExperiment",
    FIELDS(ID(struct experiment, id, "experimentId"), TEXT(struct experiment, name, "name"),
           TEXT(struct experiment, artifact_location, "artifactLocation"),
           NAMED(experiment_stage, "String", "lifecycleStage"),
           LONG(struct experiment, last_update_time, "lastUpdateTime"),
           LONG(struct experiment, creation_time, "creationTime"),
           MANY(experiment_tag_type, struct experiment, tags, tag_count, struct key_value, "tags")),
};

static const struct graphql_type get_experiment_type = {
    "MlflowGetExperimentResponse",
    FIELDS(ONE_BY(experiment_type, itself, "experiment"), API_ERROR),
};

/* --- Model versions --- */

static enum graphql_outcome version_stage(struct graphql_call *call, const void *parent,
                                          struct graphql_result *result)
{
    const struct model_version *version = parent;
    (void)call;
    result->text = sv_from(model_stage_name(version->stage));
    return GRAPHQL_DONE;
}

static const struct graphql_type model_param_type = {
    "MlflowModelParam",
    FIELDS(FIXED("", "String", "name"), FIXED("", "String", "value")),
};

/* Versions have none, so its numbers are never asked for. */
static const struct graphql_type model_metric_type = {
    "MlflowModelMetric",
    FIELDS(FIXED("", "String", "key"), FIXED("", "Float", "value"), FIXED("", "LongString", "timestamp"),
           FIXED("", "LongString", "step"), FIXED("", "String", "datasetName"),
           FIXED("", "String", "datasetDigest"), FIXED("", "String", "modelId"),
           FIXED("", "String", "runId")),
};

static const struct graphql_type deployment_job_state_type = {
    "MlflowModelVersionDeploymentJobState",
    FIELDS(FIXED("", "String", "jobId"), FIXED("", "String", "runId"),
           FIXED("DEPLOYMENT_JOB_CONNECTION_STATE_UNSPECIFIED", "MlflowDeploymentJobConnectionState",
                 "jobState"),
           FIXED("DEPLOYMENT_JOB_RUN_STATE_UNSPECIFIED",
                 "MlflowModelVersionDeploymentJobStateDeploymentJobRunState", "runState"),
           FIXED("", "String", "currentTaskName")),
};

static const struct graphql_type model_version_type = {
    "MlflowModelVersion",
    FIELDS(TEXT(struct model_version, name, "name"), ID(struct model_version, version, "version"),
           LONG(struct model_version, creation_time, "creationTimestamp"),
           LONG(struct model_version, last_update_time, "lastUpdatedTimestamp"),
           FIXED("", "String", "userId"), NAMED(version_stage, "String", "currentStage"),
           TEXT(struct model_version, description, "description"),
           TEXT(struct model_version, source, "source"), TEXT(struct model_version, run_id, "runId"),
           FIXED("READY", "MlflowModelVersionStatus", "status"), FIXED("", "String", "statusMessage"),
           MANY(version_tag_type, struct model_version, tags, tag_count, struct key_value, "tags"),
           TEXT(struct model_version, run_link, "runLink"),
           {.name = "aliases",
            .shape = GRAPHQL_TEXTS,
            .scalar = "String",
            .offset = offsetof(struct model_version, aliases),
            .count_offset = offsetof(struct model_version, alias_count)},
           FIXED("", "String", "modelId"), MANY_BY(model_param_type, no_items, "modelParams"),
           MANY_BY(model_metric_type, no_items, "modelMetrics"),
           ONE_BY(deployment_job_state_type, unset, "deploymentJobState")),
};

static const struct graphql_type search_model_versions_type = {
    "MlflowSearchModelVersionsResponse",
    FIELDS(MANY_BY(model_version_type, graphql_versions_found, "modelVersions"),
           TEXT(struct graphql_versions, next_page_token, "nextPageToken"), API_ERROR),
};

/* --- Runs --- */

static enum graphql_outcome run_status(struct graphql_call *call, const void *parent,
                                       struct graphql_result *result)
{
    const struct run_info *info = parent;
    (void)call;
    result->text = run_status_name(info->status);
    return GRAPHQL_DONE;
}

static enum graphql_outcome run_stage(struct graphql_call *call, const void *parent,
                                      struct graphql_result *result)
{
    const struct run_info *info = parent;
    (void)call;
    result->text = sv_from(lifecycle_name(info->lifecycle));
    return GRAPHQL_DONE;
}

static enum graphql_outcome run_end_time(struct graphql_call *call, const void *parent,
                                         struct graphql_result *result)
{
    const struct run_info *info = parent;
    (void)call;
    result->number = info->has_end_time ? info->end_time : 0;
    return GRAPHQL_DONE;
}

static const struct graphql_type run_info_type = {
    "MlflowRunInfo",
    FIELDS(TEXT(struct run_info, run_id, "runId"), TEXT(struct run_info, run_id, "runUuid"),
           TEXT(struct run_info, name, "runName"), ID(struct run_info, experiment_id, "experimentId"),
           TEXT(struct run_info, user_id, "userId"), NAMED(run_status, "MlflowRunStatus", "status"),
           LONG(struct run_info, start_time, "startTime"),
           {.name = "endTime", .shape = GRAPHQL_LONG, .scalar = "LongString", .resolve = run_end_time},
           TEXT(struct run_info, artifact_uri, "artifactUri"), NAMED(run_stage, "String", "lifecycleStage")),
};

static const struct graphql_type metric_type = {
    "MlflowMetricExtension",
    FIELDS(TEXT(struct metric, key, "key"), REAL(struct metric, value, "value"),
           LONG(struct metric, timestamp, "timestamp"), LONG(struct metric, step, "step"),
           FIXED("", "String", "datasetName"), FIXED("", "String", "datasetDigest"),
           FIXED("", "String", "modelId"), FIXED("", "String", "runId")),
};

static const struct graphql_type run_data_type = {
    "MlflowRunData",
    FIELDS(MANY(metric_type, struct run, metrics, metric_count, struct metric, "metrics"),
           MANY(param_type, struct run, params, param_count, struct key_value, "params"),
           MANY(run_tag_type, struct run, tags, tag_count, struct key_value, "tags")),
};

static const struct graphql_type dataset_type = {
    "MlflowDataset",
    FIELDS(TEXT(struct dataset, name, "name"), TEXT(struct dataset, digest, "digest"),
           TEXT(struct dataset, source_type, "sourceType"), TEXT(struct dataset, source, "source"),
           TEXT(struct dataset, schema, "schema"), TEXT(struct dataset, profile, "profile")),
};

static const struct graphql_type dataset_input_type = {
    "MlflowDatasetInput",
    FIELDS(MANY(input_tag_type, struct dataset_input, tags, tag_count, struct key_value, "tags"),
           ONE(dataset_type, offsetof(struct dataset_input, dataset), "dataset")),
};

static const struct graphql_type model_input_type = {
    "MlflowModelInput",
    FIELDS(TEXT(struct run_model, model_id, "modelId")),
};

static const struct graphql_type run_inputs_type = {
    "MlflowRunInputs",
    FIELDS(
        MANY(dataset_input_type, struct run, dataset_inputs, dataset_input_count, struct dataset_input,
             "datasetInputs"),
        MANY(model_input_type, struct run, model_inputs, model_input_count, struct run_model, "modelInputs")),
};

static const struct graphql_type model_output_type = {
    "MlflowModelOutput",
    FIELDS(TEXT(struct run_model, model_id, "modelId"), LONG(struct run_model, step, "step")),
};

static const struct graphql_type run_outputs_type = {
    "MlflowRunOutputs",
    FIELDS(MANY(model_output_type, struct run, model_outputs, model_output_count, struct run_model,
                "modelOutputs")),
};

static const struct graphql_type run_type = {
    "MlflowRunExtension",
    FIELDS(ONE(run_info_type, offsetof(struct run, info), "info"), ONE(run_data_type, 0, "data"),
           ONE(run_inputs_type, 0, "inputs"), ONE(run_outputs_type, 0, "outputs"),
           ONE_BY(experiment_type, graphql_experiment_of_run, "experiment"),
           MANY_BY(model_version_type, graphql_versions_of_run, "modelVersions")),
};

static const struct graphql_type get_run_type = {
    "MlflowGetRunResponse",
    FIELDS(ONE_BY(run_type, itself, "run"), API_ERROR),
};

static const struct graphql_type search_runs_type = {
    "MlflowSearchRunsResponse",
    FIELDS(MANY_BY(run_type, graphql_runs_found, "runs"),
           TEXT(struct graphql_runs, next_page_token, "nextPageToken"), API_ERROR),
};

/* --- Metrics, datasets, artifacts --- */

static const struct graphql_type metric_with_run_id_type = {
    "MlflowMetricWithRunId",
    FIELDS(TEXT(struct graphql_point, key, "key"), REAL(struct graphql_point, value, "value"),
           LONG(struct graphql_point, timestamp, "timestamp"), LONG(struct graphql_point, step, "step"),
           TEXT(struct graphql_point, run_id, "runId")),
};

static const struct graphql_type metric_interval_type = {
    "MlflowGetMetricHistoryBulkIntervalResponse",
    FIELDS(MANY_BY(metric_with_run_id_type, graphql_points_found, "metrics"), API_ERROR),
};

static const struct graphql_type dataset_summary_type = {
    "MlflowDatasetSummary",
    FIELDS(ID(struct dataset_summary, experiment_id, "experimentId"),
           TEXT(struct dataset_summary, name, "name"), TEXT(struct dataset_summary, digest, "digest"),
           TEXT(struct dataset_summary, context, "context")),
};

static const struct graphql_type search_datasets_type = {
    "MlflowSearchDatasetsResponse",
    FIELDS(MANY(dataset_summary_type, struct graphql_summaries, items, count, struct dataset_summary,
                "datasetSummaries"),
           API_ERROR),
};

static const struct graphql_type file_info_type = {
    "MlflowFileInfo",
    FIELDS(TEXT(struct graphql_file, path, "path"), TRUTH(struct graphql_file, is_dir, "isDir"),
           LONG(struct graphql_file, size, "fileSize")),
};

static const struct graphql_type list_artifacts_type = {
    "MlflowListArtifactsResponse",
    FIELDS(TEXT(struct graphql_files, root_uri, "rootUri"),
           MANY_BY(file_info_type, graphql_files_found, "files"), FIXED("", "String", "nextPageToken"),
           API_ERROR),
};

/* --- Fields that answer what they are asked --- */

static enum graphql_outcome take_input_string(struct graphql_call *call, const void *parent,
                                              struct graphql_result *result)
{
    (void)parent;
    result->object = graphql_item(call->arguments, SV("inputString"));
    return GRAPHQL_DONE;
}

static enum graphql_outcome put_input_string(struct graphql_call *call, const void *parent,
                                             struct graphql_result *result)
{
    const struct graphql_value *value = parent;
    (void)call;
    result->is_null = !value || value->kind == GRAPHQL_NULL;
    if (value)
        result->text = value->text;
    return GRAPHQL_DONE;
}

static const struct graphql_type test_type = {
    "Test",
    FIELDS(NAMED(put_input_string, "String", "output")),
};

static const struct graphql_type test_mutation_type = {
    "TestMutation",
    FIELDS(NAMED(put_input_string, "String", "output")),
};

static const struct graphql_input_field input_string[] = {
    {.name = "inputString", .type = &graphql_string_type},
    {.name = NULL},
};

/* --- What goes in --- */

static const struct graphql_input_type long_type = {.name = "LongString", .kind = GRAPHQL_IN_LONG};

static const char *const view_types[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL", NULL};
static const struct graphql_input_type view_type = {
    .name = "MlflowViewType",
    .kind = GRAPHQL_IN_ENUM,
    .values = view_types,
};

#define IN_TEXT(name_)                               \
    {                                                \
        .name = name_, .type = &graphql_string_type, \
    }
#define IN_TEXTS(name_)                                               \
    {                                                                 \
        .name = name_, .type = &graphql_string_type, .is_list = true, \
    }
#define IN_INT(name_)                             \
    {                                             \
        .name = name_, .type = &graphql_int_type, \
    }

/* An input type, and the argument `input` that is of it. */
#define INPUT_TYPE(variable_, name_, ...)                                                                    \
    static const struct graphql_input_field variable_##_fields[] = {__VA_ARGS__, {.name = NULL}};            \
    static const struct graphql_input_type variable_ = {                                                     \
        .name = name_, .kind = GRAPHQL_IN_OBJECT, .fields = variable_##_fields};                             \
    static const struct graphql_input_field variable_##_argument[] = {{.name = "input", .type = &variable_}, \
                                                                      {.name = NULL}}

INPUT_TYPE(get_experiment_input, "MlflowGetExperimentInput", IN_TEXT("experimentId"));
INPUT_TYPE(get_run_input, "MlflowGetRunInput", IN_TEXT("runId"), IN_TEXT("runUuid"));
INPUT_TYPE(list_artifacts_input, "MlflowListArtifactsInput", IN_TEXT("runId"), IN_TEXT("runUuid"),
           IN_TEXT("path"), IN_TEXT("pageToken"));
INPUT_TYPE(search_runs_input, "MlflowSearchRunsInput", IN_TEXTS("experimentIds"), IN_TEXT("filter"),
           {.name = "runViewType", .type = &view_type}, IN_INT("maxResults"), IN_TEXTS("orderBy"),
           IN_TEXT("pageToken"));
INPUT_TYPE(search_model_versions_input, "MlflowSearchModelVersionsInput", IN_TEXT("filter"),
           {.name = "maxResults", .type = &long_type}, IN_TEXTS("orderBy"), IN_TEXT("pageToken"));
INPUT_TYPE(search_datasets_input, "MlflowSearchDatasetsInput", IN_TEXTS("experimentIds"));
INPUT_TYPE(metric_interval_input, "MlflowGetMetricHistoryBulkIntervalInput", IN_TEXTS("runIds"),
           IN_TEXT("metricKey"), IN_INT("startStep"), IN_INT("endStep"), IN_INT("maxResults"));

/* --- The roots --- */

#define ROOT(shown_, resolve_, arguments_, name_)                                          \
    {                                                                                      \
        .name = name_, .shape = GRAPHQL_ONE, .type = &(shown_), .arguments = (arguments_), \
        .resolve = (resolve_),                                                             \
    }

static const struct graphql_type query_type = {
    "Query",
    FIELDS(ROOT(get_experiment_type, graphql_get_experiment, get_experiment_input_argument,
                "mlflowGetExperiment"),
           ROOT(metric_interval_type, graphql_metric_interval, metric_interval_input_argument,
                "mlflowGetMetricHistoryBulkInterval"),
           ROOT(get_run_type, graphql_get_run, get_run_input_argument, "mlflowGetRun"),
           ROOT(list_artifacts_type, graphql_list_artifacts, list_artifacts_input_argument,
                "mlflowListArtifacts"),
           ROOT(search_model_versions_type, graphql_search_model_versions,
                search_model_versions_input_argument, "mlflowSearchModelVersions"),
           ROOT(search_runs_type, graphql_search_runs, search_runs_input_argument, "mlflowSearchRuns"),
           ROOT(test_type, take_input_string, input_string, "test")),
};

static const struct graphql_type mutation_type = {
    "Mutation",
    FIELDS(ROOT(search_datasets_type, graphql_search_datasets, search_datasets_input_argument,
                "mlflowSearchDatasets"),
           ROOT(search_runs_type, graphql_search_runs, search_runs_input_argument, "mlflowSearchRuns"),
           ROOT(test_mutation_type, take_input_string, input_string, "testMutation")),
};

static const struct graphql_type *const types[] = {
    &error_detail_type,
    &api_error_type,
    &experiment_tag_type,
    &run_tag_type,
    &param_type,
    &input_tag_type,
    &version_tag_type,
    &experiment_type,
    &get_experiment_type,
    &model_param_type,
    &model_metric_type,
    &deployment_job_state_type,
    &model_version_type,
    &search_model_versions_type,
    &run_info_type,
    &metric_type,
    &run_data_type,
    &dataset_type,
    &dataset_input_type,
    &model_input_type,
    &run_inputs_type,
    &model_output_type,
    &run_outputs_type,
    &run_type,
    &get_run_type,
    &search_runs_type,
    &metric_with_run_id_type,
    &metric_interval_type,
    &dataset_summary_type,
    &search_datasets_type,
    &file_info_type,
    &list_artifacts_type,
    &test_type,
    &test_mutation_type,
    NULL,
};

static const struct graphql_input_type *const input_types[] = {
    &graphql_string_type,
    &graphql_int_type,
    &graphql_boolean_type,
    &long_type,
    &view_type,
    &get_experiment_input,
    &get_run_input,
    &list_artifacts_input,
    &search_runs_input,
    &search_model_versions_input,
    &search_datasets_input,
    &metric_interval_input,
    NULL,
};

static const struct graphql_input_field component_name[] = {
    {.name = "name", .type = &graphql_string_type, .required = true},
    {.name = NULL},
};

static const struct graphql_directive_type operation_directives[] = {
    {"component", component_name},
    {NULL, NULL},
};

const struct graphql_schema mlflow_schema = {
    .query = &query_type,
    .mutation = &mutation_type,
    .types = types,
    .input_types = input_types,
    .operation_directives = operation_directives,
};
