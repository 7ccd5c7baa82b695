#include "common/artifacts/path.h"
#include "common/store/runs.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* Artifacts of runs, for the pages. */

#define UPLOAD_LIMIT_BYTES (10L * 1024 * 1024)

struct get_in {
    struct sv run_id;
    struct sv path;
};

static const struct field get_fields[] = {
    FIELD(struct get_in, run_id, STRING, .alias = "run_uuid"),
    FIELD(struct get_in, path, STRING, .required = true),
    FIELDS_END,
};

struct upload_in {
    struct sv run_uuid;
    struct sv path;
};

static const struct field upload_fields[] = {
    FIELD(struct upload_in, run_uuid, STRING),
    FIELD(struct upload_in, path, STRING),
    FIELDS_END,
};

/* Where a run's artifacts lie; the transaction is over when it returns, so that none is open while bytes
 * flow. */
static enum status find_place(struct request *request, struct sv run_id, bool to_write,
                              struct artifact_place *place)
{
    struct run_ref ref;
    struct run_info info;
    if (request_begin(request, ACCESS_READ) != OK)
        return FAILED;
    enum status status = to_write ? run_find_active(request_tx(request), run_id, &ref)
                                  : run_find(request_tx(request), run_id, &ref);
    if (status != OK || run_info_load(request_tx(request), ref.id, &info) != OK ||
        request_commit(request) != OK)
        return FAILED;
    return artifact_locate(request_artifacts(request), request->arena, &request->error, info.artifact_uri,
                           place);
}

static enum status get_artifact(struct request *request, const void *input)
{
    const struct get_in *in = input;
    struct artifact_place place;
    struct sv path;
    if (artifact_file_path_check(request->arena, &request->error, in->path, &path) != OK)
        return FAILED;
    if (!in->run_id.len)
        return fail(request, RESOURCE_DOES_NOT_EXIST, "Run with id=None not found");
    if (find_place(request, in->run_id, false, &place) != OK)
        return FAILED;
    return send_artifact(request, &place, path);
}

static enum status upload_artifact(struct request *request, const void *input)
{
    static const struct receive_rules rules = {
        .most = UPLOAD_LIMIT_BYTES,
        .most_text = "Artifact size is too large. Max size is 10MB.",
        .empty_text = "Request must specify data.",
    };
    const struct upload_in *in = input;
    struct artifact_place place;
    struct sv path;
    if (!in->run_uuid.len)
        return fail(request, INVALID_PARAMETER_VALUE, "Request must specify run_uuid.");
    if (!in->path.len)
        return fail(request, INVALID_PARAMETER_VALUE, "Request must specify path.");
    if (artifact_file_path_check(request->arena, &request->error, in->path, &path) != OK ||
        find_place(request, in->run_uuid, true, &place) != OK ||
        receive_artifact(request, &place, path, &rules) != OK)
        return FAILED;
    return reply_text(request, 200, "application/json", SV(""));
}

const struct operation run_artifact_operations[] = {
    {
        .name = "getArtifact",
        .area = "artifacts",
        .method = METHOD_GET,
        .root = ROOT_PREFIXED,
        .path = "/get-artifact",
        .handler = get_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS_IF(RUN, READ, "run_id"),
        .input = INPUT(struct get_in, get_fields),
        .raw_body = true,
    },
    {
        .name = "uploadArtifact",
        .area = "artifacts",
        .method = METHOD_POST,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/upload-artifact",
        .handler = upload_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS_IF(RUN, EDIT, "run_uuid"),
        .input = INPUT(struct upload_in, upload_fields),
        .any_content_type = true,
        .raw_body = true,
    },
    {.path = NULL},
};
