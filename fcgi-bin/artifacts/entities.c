#include "common/artifacts/path.h"
#include "common/base/number.h"
#include "common/http/input_value.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* Artifacts of model versions, logged models and traces, for the pages. */

struct version_in {
    struct sv name;
    struct sv version;
    struct sv path;
};

static const struct field version_fields[] = {
    FIELD(struct version_in, path, STRING, .required = true),
    FIELD(struct version_in, name, STRING, .required = true),
    FIELD(struct version_in, version, STRING, .required = true),
    FIELDS_END,
};

struct model_in {
    struct sv model_id;
    struct sv artifact_file_path;
};

static const struct field model_fields[] = {
    FIELD(struct model_in, model_id, STRING, .in_path = true),
    FIELD(struct model_in, artifact_file_path, STRING),
    FIELDS_END,
};

struct trace_in {
    struct sv request_id;
};

static const struct field trace_fields[] = {
    FIELD(struct trace_in, request_id, STRING),
    FIELDS_END,
};

/* Of what a client sent and a message repeats. */
static struct sv shown(struct sv text)
{
    return input_excerpt(text);
}

static enum status get_version_artifact(struct request *request, const void *input)
{
    const struct version_in *in = input;
    struct sv path, name = shown(in->name), version = shown(in->version);
    int64_t number;
    if (!parse_int64(in->version, INT32_MIN, INT32_MAX, &number))
        return fail(request, INVALID_PARAMETER_VALUE, "Parameter 'version' must be an integer, got '%.*s'.",
                    SV_ARG(version));
    if (artifact_file_path_check(request->arena, &request->error, in->path, &path) != OK)
        return FAILED;
    return fail(request, RESOURCE_DOES_NOT_EXIST, "Model Version (name=%.*s, version=%lld) not found",
                SV_ARG(name), (long long)number);
}

static enum status get_model_artifact(struct request *request, const void *input)
{
    const struct model_in *in = input;
    struct sv path, model_id = shown(in->model_id);
    if (!in->artifact_file_path.len)
        return fail(request, BAD_REQUEST, "Request must include the \"artifact_file_path\" query parameter.");
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_file_path, &path) != OK)
        return FAILED;
    return fail(request, RESOURCE_DOES_NOT_EXIST, "Logged model with ID '%.*s' not found.", SV_ARG(model_id));
}

static enum status get_trace_artifact(struct request *request, const void *input)
{
    const struct trace_in *in = input;
    struct sv request_id = shown(in->request_id);
    if (!in->request_id.len)
        return fail(request, BAD_REQUEST, "Request must include the \"request_id\" query parameter.");
    return fail(request, RESOURCE_DOES_NOT_EXIST, "Trace with ID %.*s is not found.", SV_ARG(request_id));
}

const struct operation entity_artifact_operations[] = {
    {
        .name = "getModelVersionArtifact",
        .area = "artifacts",
        .method = METHOD_GET,
        .root = ROOT_PREFIXED,
        .path = "/model-versions/get-artifact",
        .handler = get_version_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct version_in, version_fields),
        .raw_body = true,
    },
    {
        .name = "getLoggedModelArtifact",
        .area = "logged-models",
        .method = METHOD_GET,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/logged-models/{model_id}/artifacts/files",
        .handler = get_model_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS(LOGGED_MODEL, READ),
        .input = INPUT(struct model_in, model_fields),
        .raw_body = true,
    },
    {
        .name = "getTraceArtifact",
        .area = "traces",
        .method = METHOD_GET,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/get-trace-artifact",
        .handler = get_trace_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS(TRACE, READ),
        .input = INPUT(struct trace_in, trace_fields),
        .raw_body = true,
    },
    {
        .name = "getTraceArtifact",
        .area = "traces",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/get-trace-artifact",
        .handler = get_trace_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS(TRACE, READ),
        .input = INPUT(struct trace_in, trace_fields),
        .raw_body = true,
    },
    {.path = NULL},
};
