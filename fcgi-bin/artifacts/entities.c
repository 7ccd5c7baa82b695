#include <string.h>

#include "common/artifacts/path.h"
#include "common/base/uri.h"
#include "common/store/artifact_location.h"
#include "common/store/logged_models.h"
#include "common/store/model_versions.h"
#include "common/store/runs.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* Artifacts of model versions and logged models, for the pages. */

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

/* "runs:/<run id>/<path>" (MLflow's name for a place below a run) as the URI of that place; others as they
 * are. */
static enum status follow_run(struct request *request, struct sv *location)
{
    struct run_ref ref;
    struct run_info info;
    if (!sv_equal_ignoring_case(uri_scheme(*location), SV("runs")))
        return OK;
    struct sv path = sv_from_offset(*location, strlen("runs:"));
    while (sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    struct sv run_id = sv_cut(&path, '/');
    struct store_tx *tx = request_tracking_tx(request, DB_READ);
    if (!tx || run_find(tx, run_id, &ref) != OK || run_info_load(tx, ref.id, &info) != OK)
        return FAILED;
    *location = path.len ? artifact_uri_join(request->arena, info.artifact_uri, path) : info.artifact_uri;
    return OK;
}

static enum status send_from_uri(struct request *request, struct sv uri, struct sv path)
{
    struct artifact_place place;
    if (artifact_locate(request_artifacts(request), request->arena, &request->error, uri, &place) != OK)
        return FAILED;
    return send_artifact(request, &place, path);
}

static enum status get_version_artifact(struct request *request, const void *input)
{
    const struct version_in *in = input;
    struct model_version version;
    struct sv path, location;
    if (artifact_file_path_check(request->arena, &request->error, in->path, &path) != OK ||
        request_begin(request, ACCESS_READ) != OK ||
        model_version_load(request_tx(request), in->name, in->version, &version) != OK)
        return FAILED;
    location = version.location.len ? version.location : version.source;
    if (follow_run(request, &location) != OK || request_commit(request) != OK)
        return FAILED;
    return send_from_uri(request, location, path);
}

static enum status get_model_artifact(struct request *request, const void *input)
{
    const struct model_in *in = input;
    struct sv path, uri;
    if (!in->artifact_file_path.len)
        return fail(request, BAD_REQUEST, "Request must include the \"artifact_file_path\" query parameter.");
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_file_path, &path) != OK ||
        request_begin(request, ACCESS_READ) != OK ||
        logged_model_artifact_uri(request_tx(request), in->model_id, &uri) != OK ||
        request_commit(request) != OK)
        return FAILED;
    return send_from_uri(request, uri, path);
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
        .registry = true,
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
    {.path = NULL},
};
