#include "common/store/assessments.h"

#include <json-c/json.h>

#include "common/http/input.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "fcgi-bin/tracking/traces.h"

static enum status reply_assessment(struct request *request, const struct assessment *assessment)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "assessment");
    put_assessment(request, json, assessment);
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv trace_id;
    struct json_object *assessment;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, trace_id, STRING, .required = true, .in_path = true),
    FIELD(struct create_in, assessment, JSON, .required = true),
    FIELDS_END,
};

static enum status create_assessment(struct request *request, const void *input)
{
    const struct create_in *in = input;
    struct assessment assessment;
    struct trace_info trace;
    if (take_assessment(request, in->assessment, "assessment", &assessment) != OK)
        return FAILED;
    if (!assessment.value.data)
        return fail(request, INVALID_PARAMETER_VALUE, "Unknown assessment type: None");
    if (trace_find(request_tx(request), in->trace_id, &trace) != OK ||
        assessment_create(request_tx(request), &trace, &assessment) != OK)
        return FAILED;
    return reply_assessment(request, &assessment);
}

/* --- get, delete --- */

struct id_in {
    struct sv trace_id;
    struct sv assessment_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, trace_id, STRING, .required = true, .in_path = true),
    FIELD(struct id_in, assessment_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status get_assessment(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct assessment assessment;
    if (assessment_find(request_tx(request), in->trace_id, in->assessment_id, &assessment) != OK)
        return FAILED;
    return reply_assessment(request, &assessment);
}

static enum status delete_assessment(struct request *request, const void *input)
{
    const struct id_in *in = input;
    if (assessment_delete(request_tx(request), in->trace_id, in->assessment_id) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- update --- */

struct update_in {
    struct sv trace_id;
    struct sv assessment_id;
    struct json_object *assessment;
    struct json_object *update_mask;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, trace_id, STRING, .required = true, .in_path = true),
    FIELD(struct update_in, assessment_id, STRING, .required = true, .in_path = true),
    FIELD(struct update_in, assessment, JSON, .required = true),
    FIELD(struct update_in, update_mask, JSON),
    FIELDS_END,
};

/* What there is, with what is new on top; nothing is ever taken out. */
static struct sv merge_metadata(struct request *request, struct sv old, struct sv fresh)
{
    struct json_object *both, *changes;
    struct sv problem;
    if (!old.len)
        return fresh;
    if (json_parse(request->arena, old, &both, &problem) != JSON_OK)
        return fresh;
    struct sv merged = fresh;
    if (json_parse(request->arena, fresh, &changes, &problem) == JSON_OK) {
        json_object_object_foreach(changes, key, value)
        {
            json_object_object_add(both, key, json_object_get(value));
        }
        merged = json_dump(request->arena, both, false);
        json_object_put(changes);
    }
    json_object_put(both);
    return merged;
}

static enum status change_value(struct request *request, const struct assessment *given,
                                enum assessment_kind kind, struct assessment *assessment)
{
    bool is_feedback = kind == ASSESSMENT_FEEDBACK;
    if (assessment->kind != kind)
        return fail(request, INVALID_PARAMETER_VALUE, "Cannot update %s value on %s assessment.",
                    is_feedback ? "feedback" : "expectation", is_feedback ? "an Expectation" : "a Feedback");
    if (!given->value.data || given->kind != kind)
        return fail(request, INVALID_PARAMETER_VALUE, "The update names `%s`, but the assessment has none.",
                    is_feedback ? "feedback" : "expectation");
    assessment->value = given->value;
    assessment->error = given->error;
    return OK;
}

static enum status take_valid(struct request *request, struct json_object *value,
                              struct assessment *assessment)
{
    struct json_object *valid = json_object_object_get(value, "valid");
    if (valid && !json_object_is_type(valid, json_type_boolean))
        return fail_invalid_value(request, valid, "assessment.valid");
    assessment->valid = valid && json_object_get_boolean(valid);
    return OK;
}

/* One path of the mask (a FieldMask: camelCase, separated by commas); one that means nothing here changes
 * nothing. */
static enum status apply(struct request *request, struct sv path, struct json_object *value,
                         const struct assessment *given, struct assessment *assessment)
{
    if (sv_equal(path, SV("assessmentName")) || sv_equal(path, SV("assessment_name")))
        assessment->name = given->name.data ? given->name : SV("");
    else if (sv_equal(path, SV("rationale")))
        assessment->rationale = given->rationale.data ? given->rationale : SV("");
    else if (sv_equal(path, SV("metadata")) && given->metadata.len)
        assessment->metadata = merge_metadata(request, assessment->metadata, given->metadata);
    else if (sv_equal(path, SV("feedback")))
        return change_value(request, given, ASSESSMENT_FEEDBACK, assessment);
    else if (sv_equal(path, SV("expectation")))
        return change_value(request, given, ASSESSMENT_EXPECTATION, assessment);
    else if (sv_equal(path, SV("valid")))
        return take_valid(request, value, assessment);
    return OK;
}

static enum status update_assessment(struct request *request, const void *input)
{
    const struct update_in *in = input;
    struct assessment given, assessment;
    if (in->update_mask && !json_object_is_type(in->update_mask, json_type_string) &&
        !json_object_is_type(in->update_mask, json_type_object))
        return fail_invalid_value(request, in->update_mask, "update_mask");
    if (take_assessment(request, in->assessment, "assessment", &given) != OK ||
        assessment_find(request_tx(request), in->trace_id, in->assessment_id, &assessment) != OK)
        return FAILED;
    struct sv mask = json_object_is_type(in->update_mask, json_type_string)
                         ? json_string_view(in->update_mask)
                         : SV_ABSENT;
    while (mask.data) {
        if (apply(request, sv_trim(sv_cut(&mask, ',')), in->assessment, &given, &assessment) != OK)
            return FAILED;
    }
    if (assessment_update(request_tx(request), &assessment) != OK)
        return FAILED;
    return reply_assessment(request, &assessment);
}

#define ROW(name_, method_, path_, handler_, access_, needs_, type_, fields_)                            \
    {                                                                                                    \
        .name = name_, .area = "traces", .method = METHOD_##method_, .root = ROOT_API_3, .path = path_,  \
        .handler = handler_, .access = ACCESS_##access_, .needs = needs_, .input = INPUT(type_, fields_) \
    }

const struct operation assessment_operations[] = {
    ROW("createAssessment", POST, "/mlflow/traces/{trace_id}/assessments", create_assessment, WRITE,
        NEEDS(TRACE, EDIT), struct create_in, create_fields),
    ROW("GetAssessment", GET, "/mlflow/traces/{trace_id}/assessments/{assessment_id}", get_assessment, READ,
        NEEDS(TRACE, READ), struct id_in, id_fields),
    ROW("updateAssessment", PATCH, "/mlflow/traces/{trace_id}/assessments/{assessment_id}", update_assessment,
        WRITE, NEEDS(TRACE, EDIT), struct update_in, update_fields),
    ROW("deleteAssessment", DELETE, "/mlflow/traces/{trace_id}/assessments/{assessment_id}",
        delete_assessment, WRITE, NEEDS(TRACE, EDIT), struct id_in, id_fields),
    {.path = NULL},
};
