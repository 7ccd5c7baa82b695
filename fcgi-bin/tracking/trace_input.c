#include <json-c/json.h>
#include <math.h>

#include "common/base/number.h"
#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/http/input.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/store/assessments.h"
#include "fcgi-bin/tracking/traces.h"

const struct enum_name trace_state_names[] = {
    {"STATE_UNSPECIFIED", TRACE_UNSPECIFIED},
    {"TRACE_STATUS_UNSPECIFIED", TRACE_UNSPECIFIED},
    {"OK", TRACE_OK},
    {"ERROR", TRACE_ERROR},
    {"IN_PROGRESS", TRACE_IN_PROGRESS},
    {NULL, 0},
};

static struct sv path_join(struct request *request, const char *path, const char *name)
{
    return arena_printf(request->arena, "%s.%s", path, name);
}

enum status take_string_map(struct request *request, struct json_object *map, const char *path,
                            const struct key_value **items, size_t *count)
{
    *items = NULL;
    *count = 0;
    if (!map)
        return OK;
    if (!json_object_is_type(map, json_type_object))
        return fail_invalid_value(request, map, path);
    struct key_value *list =
        ARENA_ARRAY(request->arena, struct key_value, (size_t)json_object_object_length(map));
    json_object_object_foreach(map, key, value)
    {
        if (!json_object_is_type(value, json_type_string))
            return fail_invalid_value(request, value, path_join(request, path, key).data);
        list[*count] = (struct key_value){arena_copy(request->arena, sv_from(key)), json_string_view(value)};
        ++*count;
    }
    *items = list;
    return OK;
}

static enum status refuse_text(struct request *request, struct sv text, const char *path, const char *form)
{
    return fail(request, INVALID_PARAMETER_VALUE,
                "Invalid value '%.*s' for parameter '%s' supplied: it must be %s.",
                SV_ARG(sv_first(text, ERROR_VALUE_LIMIT)), path, form);
}

enum status take_timestamp(struct request *request, struct sv text, const char *path, int64_t *ms)
{
    if (timestamp_parse(text, ms))
        return OK;
    return refuse_text(request, text, path, "an RFC 3339 time such as \"2026-11-22T08:19:09.776Z\"");
}

enum status take_duration(struct request *request, struct sv text, const char *path, int64_t *ms)
{
    if (duration_parse(text, ms))
        return OK;
    return refuse_text(request, text, path, "a number of seconds such as \"0.296s\"");
}

/* --- Assessments --- */

/* Either spelling of a field's name; NULL if it is absent or null. */
static struct json_object *get(struct json_object *object, const char *name, const char *camel)
{
    struct json_object *value = json_object_object_get(object, name);
    return value || !camel ? value : json_object_object_get(object, camel);
}

static enum status take_text(struct request *request, struct json_object *object, const char *path,
                             const char *name, const char *camel, struct sv *text)
{
    struct json_object *value = get(object, name, camel);
    if (!value)
        return OK;
    if (!json_object_is_type(value, json_type_string))
        return fail_invalid_value(request, value, path_join(request, path, name).data);
    *text = json_string_view(value);
    return OK;
}

static enum status take_time(struct request *request, struct json_object *object, const char *path,
                             const char *name, const char *camel, int64_t *ms)
{
    struct sv text = SV_ABSENT;
    if (take_text(request, object, path, name, camel, &text) != OK)
        return FAILED;
    return text.data ? take_timestamp(request, text, path_join(request, path, name).data, ms) : OK;
}

static enum status take_source(struct request *request, struct json_object *object, const char *path,
                               struct assessment *assessment)
{
    static const struct enum_name names[] = {
        {"SOURCE_TYPE_UNSPECIFIED", SOURCE_UNSPECIFIED},
        {"HUMAN", SOURCE_HUMAN},
        {"LLM_JUDGE", SOURCE_LLM_JUDGE},
        {"AI_JUDGE", SOURCE_LLM_JUDGE},
        {"CODE", SOURCE_CODE},
        {NULL, 0},
    };
    struct json_object *source = json_object_object_get(object, "source");
    if (!source)
        return OK;
    const char *where = path_join(request, path, "source").data;
    if (!json_object_is_type(source, json_type_object))
        return fail_invalid_value(request, source, where);
    if (take_text(request, source, where, "source_id", "sourceId", &assessment->source_id) != OK)
        return FAILED;
    struct json_object *type = get(source, "source_type", "sourceType");
    if (!type)
        return OK;
    for (const struct enum_name *name = names; name->name; name++) {
        bool is_number =
            json_object_is_type(type, json_type_int) && json_object_get_int64(type) == name->value;
        bool is_name = json_object_is_type(type, json_type_string) &&
                       sv_equal(json_string_view(type), sv_from(name->name));
        if (is_number || is_name) {
            assessment->source_type = (enum assessment_source)name->value;
            return OK;
        }
    }
    return fail_invalid_value(request, type, path_join(request, where, "source_type").data);
}

/* protobuf's Value knows doubles only, and none that JSON cannot write. A copy, or NULL. */
static struct json_object *with_doubles(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double: {
        double number = json_object_get_double(value);
        return isfinite(number) ? json_object_new_double(number) : NULL;
    }
    case json_type_array: {
        struct json_object *copy = json_object_new_array();
        for (size_t i = 0; copy && i < json_object_array_length(value); i++) {
            struct json_object *item = json_object_array_get_idx(value, i);
            struct json_object *changed = item ? with_doubles(item) : NULL; /* as deep as what was parsed */
            if (item && !changed) {
                json_object_put(copy);
                return NULL;
            }
            json_object_array_add(copy, changed);
        }
        return copy;
    }
    case json_type_object: {
        struct json_object *copy = json_object_new_object();
        json_object_object_foreach(value, key, item)
        {
            struct json_object *changed = item ? with_doubles(item) : NULL;
            if (!copy || (item && !changed)) {
                json_object_put(copy);
                return NULL;
            }
            json_object_object_add(copy, key, changed);
        }
        return copy;
    }
    default:
        return json_object_get(value);
    }
}

static enum status take_value(struct request *request, struct json_object *value, const char *path,
                              struct sv *text)
{
    struct json_object *copy = with_doubles(value);
    if (!copy)
        return fail_invalid_value(request, value, path);
    *text = json_dump(request->arena, copy, false);
    json_object_put(copy);
    return OK;
}

static enum status take_error(struct request *request, struct json_object *error, const char *path,
                              struct assessment *assessment)
{
    static const struct {
        const char *name, *camel;
    } fields[] = {
        {"error_code", "errorCode"}, {"error_message", "errorMessage"}, {"stack_trace", "stackTrace"}};
    if (!json_object_is_type(error, json_type_object))
        return fail_invalid_value(request, error, path);
    struct arena_text out;
    arena_text_init(&out, request->arena);
    arena_text_add(&out, SV("{"));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct sv text = SV_ABSENT;
        if (take_text(request, error, path, fields[i].name, fields[i].camel, &text) != OK)
            return FAILED;
        if (!text.data)
            continue;
        size_t length = utf8_length(text);
        if (i == 2 && length > ASSESSMENT_STACK_TRACE_MAX) {
            struct sv head = SV("[Stack trace is truncated]\n...\n");
            struct sv dropped = utf8_first(text, length - (ASSESSMENT_STACK_TRACE_MAX - head.len));
            text = arena_printf(request->arena, "%.*s%.*s", SV_ARG(head),
                                SV_ARG(sv_from_offset(text, dropped.len)));
        }
        arena_text_add(&out, out.len > 1 ? SV(", ") : SV(""));
        json_dump_string(&out, sv_from(fields[i].name));
        arena_text_add(&out, SV(": "));
        json_dump_string(&out, text);
    }
    arena_text_add(&out, SV("}"));
    assessment->error = arena_text_sv(&out);
    return OK;
}

static enum status take_feedback(struct request *request, struct json_object *feedback, const char *path,
                                 struct assessment *assessment)
{
    if (!json_object_is_type(feedback, json_type_object))
        return fail_invalid_value(request, feedback, path);
    struct json_object *value = json_object_object_get(feedback, "value");
    struct json_object *error = json_object_object_get(feedback, "error");
    if (!value && !error)
        return fail(request, INVALID_PARAMETER_VALUE, "Either `value` or `error` must be provided.");
    assessment->kind = ASSESSMENT_FEEDBACK;
    assessment->value = SV("null");
    if (value && take_value(request, value, path_join(request, path, "value").data, &assessment->value) != OK)
        return FAILED;
    return error ? take_error(request, error, path_join(request, path, "error").data, assessment) : OK;
}

static enum status take_serialized(struct request *request, struct json_object *serialized, const char *path,
                                   struct assessment *assessment)
{
    struct sv format = SV_ABSENT, text = SV_ABSENT;
    if (!json_object_is_type(serialized, json_type_object))
        return fail_invalid_value(request, serialized, path);
    if (take_text(request, serialized, path, "serialization_format", "serializationFormat", &format) != OK ||
        take_text(request, serialized, path, "value", NULL, &text) != OK)
        return FAILED;
    if (!sv_equal(format, SV("JSON_FORMAT")))
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Unknown serialization format: %.*s. Only JSON_FORMAT is supported.",
                    SV_ARG(sv_first(format, ERROR_VALUE_LIMIT)));
    struct json_object *value;
    if (take_json_text(request, text.data ? text : SV(""), path_join(request, path, "value").data, &value) !=
        OK)
        return FAILED;
    assessment->value = json_dump(request->arena, value, false);
    return OK;
}

static enum status take_expectation(struct request *request, struct json_object *expectation,
                                    const char *path, struct assessment *assessment)
{
    if (!json_object_is_type(expectation, json_type_object))
        return fail_invalid_value(request, expectation, path);
    assessment->kind = ASSESSMENT_EXPECTATION;
    struct json_object *serialized = get(expectation, "serialized_value", "serializedValue");
    if (serialized)
        return take_serialized(request, serialized, path_join(request, path, "serialized_value").data,
                               assessment);
    struct json_object *value = json_object_object_get(expectation, "value");
    if (!value)
        return fail(request, INVALID_PARAMETER_VALUE, "The `value` field must be specified.");
    return take_value(request, value, path_join(request, path, "value").data, &assessment->value);
}

static enum status take_kind(struct request *request, struct json_object *value, const char *path,
                             struct assessment *assessment)
{
    struct json_object *feedback = json_object_object_get(value, "feedback");
    struct json_object *expectation = json_object_object_get(value, "expectation");
    if (feedback && expectation)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "An assessment is either `feedback` or an `expectation`, not both.");
    if (feedback)
        return take_feedback(request, feedback, path_join(request, path, "feedback").data, assessment);
    if (expectation)
        return take_expectation(request, expectation, path_join(request, path, "expectation").data,
                                assessment);
    return OK;
}

static enum status take_metadata(struct request *request, struct json_object *value, const char *path,
                                 struct assessment *assessment)
{
    struct json_object *metadata = json_object_object_get(value, "metadata");
    const struct key_value *items = NULL;
    size_t count = 0;
    if (!metadata)
        return OK;
    if (take_string_map(request, metadata, path_join(request, path, "metadata").data, &items, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(items[i].key, SV("mlflow.assessment.sourceRunId")))
            assessment->run_id = items[i].value;
    }
    if (count)
        assessment->metadata = json_dump(request->arena, metadata, false);
    return OK;
}

enum status take_assessment(struct request *request, struct json_object *value, const char *path,
                            struct assessment *assessment)
{
    *assessment = (struct assessment){.valid = true};
    if (!json_object_is_type(value, json_type_object))
        return fail_invalid_value(request, value, path);
    if (take_text(request, value, path, "assessment_id", "assessmentId", &assessment->assessment_id) != OK ||
        take_text(request, value, path, "assessment_name", "assessmentName", &assessment->name) != OK ||
        take_text(request, value, path, "span_id", "spanId", &assessment->span_id) != OK ||
        take_text(request, value, path, "rationale", NULL, &assessment->rationale) != OK ||
        take_text(request, value, path, "overrides", NULL, &assessment->overrides) != OK ||
        take_time(request, value, path, "create_time", "createTime", &assessment->create_time) != OK ||
        take_time(request, value, path, "last_update_time", "lastUpdateTime",
                  &assessment->last_update_time) != OK ||
        take_source(request, value, path, assessment) != OK ||
        take_kind(request, value, path, assessment) != OK)
        return FAILED;
    return take_metadata(request, value, path, assessment);
}
