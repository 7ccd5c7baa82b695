#include <json-c/json.h>
#include <stdio.h>

#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/json/json_read.h"
#include "fcgi-bin/tracking/traces.h"

/* What clients were written against: long values are cut on their way out. */
#define SHOWN_METADATA  250
#define SHOWN_TAG_KEY   250
#define SHOWN_TAG_VALUE 4096

static void put_map(struct json_writer *json, const char *name, const struct key_value *items, size_t count,
                    size_t key_limit, size_t value_limit)
{
    if (count == 0)
        return;
    json_key(json, name);
    json_begin_object(json);
    for (size_t i = 0; i < count; i++) {
        json_key_sv(json, utf8_first(items[i].key, key_limit));
        json_put_string(json, utf8_first(items[i].value, value_limit));
    }
    json_end_object(json);
}

/* --- Assessments --- */

static const char *const source_names[] = {
    [SOURCE_UNSPECIFIED] = "SOURCE_TYPE_UNSPECIFIED",
    [SOURCE_HUMAN] = "HUMAN",
    [SOURCE_LLM_JUDGE] = "LLM_JUDGE",
    [SOURCE_CODE] = "CODE",
};

static void put_raw_field(struct json_writer *json, const char *key, struct sv value)
{
    json_key(json, key);
    json_put_raw(json, value);
}

static bool is_structure(struct sv value)
{
    return value.len && (value.data[0] == '{' || value.data[0] == '[');
}

static void put_value(struct json_writer *json, const struct assessment *assessment)
{
    json_key(json, assessment->kind == ASSESSMENT_EXPECTATION ? "expectation" : "feedback");
    json_begin_object(json);
    if (assessment->kind == ASSESSMENT_EXPECTATION && is_structure(assessment->value)) {
        json_key(json, "serialized_value");
        json_begin_object(json);
        json_put_string_field(json, "serialization_format", SV("JSON_FORMAT"));
        json_put_string_field(json, "value", assessment->value);
        json_end_object(json);
    } else {
        put_raw_field(json, "value", assessment->value);
    }
    if (assessment->error.data)
        put_raw_field(json, "error", assessment->error);
    json_end_object(json);
}

void put_assessment(struct request *request, struct json_writer *json, const struct assessment *assessment)
{
    struct arena *arena = request->arena;
    json_begin_object(json);
    json_put_string_field(json, "assessment_id", assessment->assessment_id);
    json_put_string_field(json, "assessment_name", assessment->name);
    json_put_string_field(json, "trace_id", assessment->trace_id);
    json_put_string_field_if_set(json, "span_id", assessment->span_id);
    json_key(json, "source");
    json_begin_object(json);
    json_put_string_field(json, "source_type", sv_from(source_names[assessment->source_type]));
    if (assessment->source_id.len)
        json_put_string_field(json, "source_id", assessment->source_id);
    json_end_object(json);
    json_put_string_field(json, "create_time", timestamp_format(arena, assessment->create_time));
    json_put_string_field(json, "last_update_time", timestamp_format(arena, assessment->last_update_time));
    put_value(json, assessment);
    json_put_string_field_if_set(json, "rationale", assessment->rationale);
    if (assessment->metadata.len)
        put_raw_field(json, "metadata", assessment->metadata);
    json_put_string_field_if_set(json, "overrides", assessment->overrides);
    json_put_bool_field(json, "valid", assessment->valid);
    json_end_object(json);
}

/* --- Traces --- */

void put_trace_info(struct request *request, struct json_writer *json, const struct trace *trace)
{
    const struct trace_info *info = &trace->info;
    json_begin_object(json);
    json_put_string_field(json, "trace_id", info->trace_id);
    json_put_string_field_if_set(json, "client_request_id", info->client_request_id);
    json_key(json, "trace_location");
    json_begin_object(json);
    json_put_string_field(json, "type", SV("MLFLOW_EXPERIMENT"));
    json_key(json, "mlflow_experiment");
    json_begin_object(json);
    put_id_field(json, "experiment_id", info->experiment_id);
    json_end_object(json);
    json_end_object(json);
    json_put_string_field_if_set(json, "request_preview", info->request_preview);
    json_put_string_field_if_set(json, "response_preview", info->response_preview);
    json_put_string_field(json, "request_time", timestamp_format(request->arena, info->request_time));
    if (info->has_duration)
        json_put_string_field(json, "execution_duration", duration_format(request->arena, info->duration));
    json_put_string_field(json, "state", sv_from(trace_status_name(info->status)));
    put_map(json, "trace_metadata", trace->metadata, trace->metadata_count, SHOWN_METADATA, SHOWN_METADATA);
    put_map(json, "tags", trace->tags, trace->tag_count, SHOWN_TAG_KEY, SHOWN_TAG_VALUE);
    if (trace->assessment_count) {
        json_key(json, "assessments");
        json_begin_array(json);
        for (size_t i = 0; i < trace->assessment_count; i++)
            put_assessment(request, json, &trace->assessments[i]);
        json_end_array(json);
    }
    json_end_object(json);
}

static void put_pairs(struct json_writer *json, const char *name, const struct key_value *items, size_t count,
                      size_t key_limit, size_t value_limit)
{
    if (count == 0)
        return;
    json_key(json, name);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "key", utf8_first(items[i].key, key_limit));
        json_put_string_field(json, "value", utf8_first(items[i].value, value_limit));
        json_end_object(json);
    }
    json_end_array(json);
}

void put_trace_info_2(struct request *request, struct json_writer *json, const struct trace *trace)
{
    (void)request;
    const struct trace_info *info = &trace->info;
    const char *status =
        info->status == TRACE_UNSPECIFIED ? "TRACE_STATUS_UNSPECIFIED" : trace_status_name(info->status);
    json_begin_object(json);
    json_put_string_field(json, "request_id", info->trace_id);
    put_id_field(json, "experiment_id", info->experiment_id);
    json_put_int_field(json, "timestamp_ms", info->request_time);
    json_put_int_field(json, "execution_time_ms", info->has_duration ? info->duration : 0);
    json_put_string_field(json, "status", sv_from(status));
    put_pairs(json, "request_metadata", trace->metadata, trace->metadata_count, SHOWN_METADATA,
              SHOWN_METADATA);
    put_pairs(json, "tags", trace->tags, trace->tag_count, SHOWN_TAG_KEY, SHOWN_TAG_VALUE);
    json_end_object(json);
}
