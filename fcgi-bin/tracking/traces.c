#include "fcgi-bin/tracking/traces.h"

#include <json-c/json.h>

#include "common/base/number.h"
#include "common/http/input.h"
#include "common/store/assessments.h"
#include "common/store/experiments.h"
#include "common/store/trace_requests.h"

#define LOCATION_EXPERIMENT 1

static enum status reply_trace(struct request *request, int64_t id)
{
    struct trace trace;
    if (trace_load(request_tx(request), id, &trace) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "trace");
    json_begin_object(json);
    json_key(json, "trace_info");
    put_trace_info(request, json, &trace);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* --- start: the client reports a trace --- */

struct experiment_location_in {
    struct sv experiment_id;
};

static const struct field experiment_location_fields[] = {
    FIELD(struct experiment_location_in, experiment_id, ID),
    FIELDS_END,
};

struct location_in {
    struct opt_int64 type;
    struct opt_object mlflow_experiment;
};

static const struct enum_name location_types[] = {
    {"TRACE_LOCATION_TYPE_UNSPECIFIED", 0},
    {"MLFLOW_EXPERIMENT", LOCATION_EXPERIMENT},
    {"INFERENCE_TABLE", 2},
    {NULL, 0},
};

static const struct field location_fields[] = {
    FIELD(struct location_in, type, ENUM, .enums = location_types),
    FIELD(struct location_in, mlflow_experiment, OBJECT, .fields = experiment_location_fields,
          .size = sizeof(struct experiment_location_in)),
    FIELDS_END,
};

struct info_in {
    struct sv trace_id;
    struct sv client_request_id;
    struct opt_object trace_location;
    struct sv request_preview;
    struct sv response_preview;
    struct sv request_time;
    struct sv execution_duration;
    struct opt_int64 state;
    struct json_object *trace_metadata;
    struct json_object *assessments;
    struct json_object *tags;
};

static const struct field info_fields[] = {
    FIELD(struct info_in, trace_id, STRING, .required = true),
    FIELD(struct info_in, client_request_id, STRING),
    FIELD(struct info_in, trace_location, OBJECT, .fields = location_fields,
          .size = sizeof(struct location_in)),
    FIELD(struct info_in, request_preview, STRING),
    FIELD(struct info_in, response_preview, STRING),
    FIELD(struct info_in, request_time, STRING),
    FIELD(struct info_in, execution_duration, STRING),
    FIELD(struct info_in, state, ENUM, .enums = trace_state_names),
    FIELD(struct info_in, trace_metadata, JSON),
    FIELD(struct info_in, assessments, JSON),
    FIELD(struct info_in, tags, JSON),
    FIELDS_END,
};

struct trace_in {
    struct opt_object trace_info;
};

static const struct field trace_fields[] = {
    FIELD(struct trace_in, trace_info, OBJECT, .required = true, .fields = info_fields,
          .size = sizeof(struct info_in)),
    FIELDS_END,
};

struct start_in {
    struct opt_object trace;
};

static const struct field start_fields[] = {
    FIELD(struct start_in, trace, OBJECT, .required = true, .fields = trace_fields,
          .size = sizeof(struct trace_in)),
    FIELDS_END,
};

static enum status take_location(struct request *request, const struct info_in *in, int64_t *experiment)
{
    const struct location_in *location = in->trace_location.value;
    const struct experiment_location_in *place = location ? location->mlflow_experiment.value : NULL;
    if (!place || !place->experiment_id.len)
        return fail(request, INVALID_PARAMETER_VALUE, "trace_location.mlflow_experiment is required");
    if (location->type.set && location->type.value != LOCATION_EXPERIMENT)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Trace location type %s does not match the provided location MLFLOW_EXPERIMENT.",
                    location_types[location->type.value].name);
    return experiment_parse_id(request_tx(request), place->experiment_id, experiment);
}

static enum status take_report(struct request *request, const struct info_in *in, struct trace_report *report)
{
    struct trace_info *info = &report->info;
    info->trace_id = in->trace_id;
    info->client_request_id = in->client_request_id;
    info->request_preview = in->request_preview;
    info->response_preview = in->response_preview;
    info->status = in->state.set ? (enum trace_status)in->state.value : TRACE_UNSPECIFIED;
    report->has_status = in->state.set;
    report->has_request_time = in->request_time.data != NULL;
    info->has_duration = in->execution_duration.data != NULL;
    if (take_location(request, in, &info->experiment_id) != OK)
        return FAILED;
    if (in->request_time.data &&
        take_timestamp(request, in->request_time, "trace.trace_info.request_time", &info->request_time) != OK)
        return FAILED;
    if (info->has_duration && take_duration(request, in->execution_duration,
                                            "trace.trace_info.execution_duration", &info->duration) != OK)
        return FAILED;
    if (take_string_map(request, in->tags, "trace.trace_info.tags", &report->tags, &report->tag_count) != OK)
        return FAILED;
    return take_string_map(request, in->trace_metadata, "trace.trace_info.trace_metadata", &report->metadata,
                           &report->metadata_count);
}

static enum status store_assessments(struct request *request, struct json_object *list,
                                     const struct trace_info *trace)
{
    static const char path[] = "trace.trace_info.assessments";
    if (!list)
        return OK;
    if (!json_object_is_type(list, json_type_array))
        return fail_invalid_value(request, list, path);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct assessment assessment;
        struct sv where = arena_printf(request->arena, "%s[%zu]", path, i);
        if (take_assessment(request, json_object_array_get_idx(list, i), where.data, &assessment) != OK)
            return FAILED;
        if (!assessment.value.data)
            return fail(request, INVALID_PARAMETER_VALUE, "Unknown assessment type: None");
        if (assessment_report(request_tx(request), trace, &assessment) != OK)
            return FAILED;
    }
    return OK;
}

static enum status start_trace(struct request *request, const void *input)
{
    const struct start_in *in = input;
    const struct trace_in *trace = in->trace.value;
    const struct info_in *info = trace->trace_info.value;
    struct trace_report report = {0};
    struct trace_info stored;
    if (take_report(request, info, &report) != OK ||
        trace_report_store(request_tx(request), &report, &stored) != OK ||
        store_assessments(request, info->assessments, &stored) != OK)
        return FAILED;
    return reply_trace(request, stored.id);
}

/* --- info --- */

struct id_in {
    struct sv trace_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, trace_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status get_trace_info(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct trace_info info;
    if (trace_find(request_tx(request), in->trace_id, &info) != OK)
        return FAILED;
    return reply_trace(request, info.id);
}

/* --- tags --- */

struct set_tag_in {
    struct sv trace_id;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct set_tag_in, trace_id, STRING, .required = true, .in_path = true),
    FIELD(struct set_tag_in, key, STRING, .required = true),
    FIELD(struct set_tag_in, value, STRING),
    FIELDS_END,
};

static enum status set_tag(struct request *request, const void *input)
{
    const struct set_tag_in *in = input;
    if (trace_set_tag(request_tx(request), in->trace_id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv trace_id;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, trace_id, STRING, .required = true, .in_path = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (trace_remove_tag(request_tx(request), in->trace_id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- deleting --- */

struct delete_in {
    struct sv experiment_id;
    struct opt_int64 max_timestamp_millis;
    struct opt_int64 max_traces;
    struct list request_ids;
};

static const struct field delete_fields[] = {
    FIELD(struct delete_in, experiment_id, ID, .required = true),
    FIELD(struct delete_in, max_timestamp_millis, INT64),
    FIELD(struct delete_in, max_traces, INT32),
    FIELD(struct delete_in, request_ids, STRINGS),
    FIELDS_END,
};

/* In slices, each of which is one transaction: what an error leaves undone can be asked for again. */
static enum status delete_traces(struct request *request, const void *input)
{
    const struct delete_in *in = input;
    struct trace_deletion deletion = {
        .has_timestamp = in->max_timestamp_millis.set,
        .timestamp = in->max_timestamp_millis.value,
        .has_max_traces = in->max_traces.set,
        .max_traces = in->max_traces.value,
        .trace_ids = in->request_ids.items,
        .trace_id_count = in->request_ids.count,
    };
    struct trace_deletion_progress progress = {0};
    while (!progress.done) {
        struct arena_mark mark = arena_mark(request->arena);
        if (request_begin(request, ACCESS_WRITE) != OK ||
            experiment_parse_id(request_tx(request), in->experiment_id, &deletion.experiment) != OK ||
            trace_delete_slice(request_tx(request), &deletion, &progress) != OK ||
            request_commit(request) != OK)
            return FAILED;
        arena_rewind(request->arena, mark);
    }
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_int_field(json, "traces_deleted", progress.deleted);
    json_end_object(json);
    return OK;
}

/* --- links --- */

struct link_run_in {
    struct list trace_ids;
    struct sv run_id;
};

static const struct field link_run_fields[] = {
    FIELD(struct link_run_in, trace_ids, STRINGS),
    FIELD(struct link_run_in, run_id, STRING, .required = true),
    FIELDS_END,
};

static enum status link_traces_to_run(struct request *request, const void *input)
{
    const struct link_run_in *in = input;
    if (trace_link_many(request_tx(request), in->trace_ids.items, in->trace_ids.count, in->run_id) != OK)
        return FAILED;
    return reply_empty(request);
}

struct prompt_in {
    struct sv name;
    struct sv version;
};

static const struct field prompt_fields[] = {
    FIELD(struct prompt_in, name, STRING, .required = true),
    FIELD(struct prompt_in, version, ID, .required = true),
    FIELDS_END,
};

struct link_prompts_in {
    struct sv trace_id;
    struct list prompt_versions;
};

static const struct field link_prompts_fields[] = {
    FIELD(struct link_prompts_in, trace_id, STRING, .required = true),
    FIELD(struct link_prompts_in, prompt_versions, OBJECTS, .required = true, .fields = prompt_fields,
          .size = sizeof(struct prompt_in)),
    FIELDS_END,
};

static enum status link_prompts(struct request *request, const void *input)
{
    const struct link_prompts_in *in = input;
    const struct prompt_in *prompts = in->prompt_versions.items;
    for (size_t i = 0; i < in->prompt_versions.count; i++) {
        int64_t version;
        if (!parse_int64(prompts[i].version, 1, INT64_MAX, &version))
            return fail(
                request, INVALID_PARAMETER_VALUE,
                "Invalid value '%.*s' for parameter 'prompt_versions[%zu].version' supplied: it must be a "
                "positive integer.",
                SV_ARG(sv_first(prompts[i].version, ERROR_VALUE_LIMIT)), i);
        struct sv prompt =
            arena_printf(request->arena, "%.*s/%lld", SV_ARG(prompts[i].name), (long long)version);
        if (trace_link_prompt(request_tx(request), in->trace_id, prompt) != OK)
            return FAILED;
    }
    return reply_empty(request);
}

/* Where a new trace will be; of one that is there already its own experiment counts. */
#define START_EXPERIMENT "trace.trace_info.trace_location.mlflow_experiment.experiment_id"

#define ROW(name_, method_, root_, path_, handler_, access_, needs_, type_, fields_, ...)                 \
    {                                                                                                     \
        .name = name_, .area = "traces", .method = METHOD_##method_, .root = ROOT_##root_, .path = path_, \
        .handler = handler_, .access = ACCESS_##access_, .needs = needs_, .input = INPUT(type_, fields_), \
        __VA_ARGS__                                                                                       \
    }

const struct operation trace_operations[] = {
    ROW("startTraceV3", POST, API_3, "/mlflow/traces", start_trace, WRITE,
        NEEDS_IF(EXPERIMENT, EDIT, START_EXPERIMENT), struct start_in, start_fields,
        .also = ALSO(NEEDS_IF(TRACE, EDIT, "trace.trace_info.trace_id"))),
    ROW("getTraceInfoV3", GET, API_3, "/mlflow/traces/{trace_id}", get_trace_info, READ, NEEDS(TRACE, READ),
        struct id_in, id_fields),
    ROW("setTraceTagV3", PATCH, API_3, "/mlflow/traces/{trace_id}/tags", set_tag, WRITE, NEEDS(TRACE, EDIT),
        struct set_tag_in, set_tag_fields),
    ROW("deleteTraceTagV3", DELETE, API_3, "/mlflow/traces/{trace_id}/tags", delete_tag, WRITE,
        NEEDS(TRACE, EDIT), struct delete_tag_in, delete_tag_fields),
    ROW("deleteTracesV3", POST, API_3, "/mlflow/traces/delete-traces", delete_traces, NONE,
        NEEDS(EXPERIMENT, MANAGE), struct delete_in, delete_fields),
    ROW("deleteTraces", POST, API_2, "/mlflow/traces/delete-traces", delete_traces, NONE,
        NEEDS(EXPERIMENT, MANAGE), struct delete_in, delete_fields),
    ROW("linkTracesToRun", POST, API_2, "/mlflow/traces/link-to-run", link_traces_to_run, WRITE,
        NEEDS(RUN, EDIT), struct link_run_in, link_run_fields,
        .also = ALSO(NEEDS_IF(TRACE, EDIT, "trace_ids"))),
    ROW("linkPromptsToTrace", POST, API_2, "/mlflow/traces/link-prompts", link_prompts, WRITE,
        NEEDS(TRACE, EDIT), struct link_prompts_in, link_prompts_fields),
    {.path = NULL},
};
