#include "common/artifacts/path.h"
#include "fcgi-bin/artifacts/artifacts.h"

struct path_in {
    struct sv artifact_path;
};

static const struct field path_fields[] = {
    FIELD(struct path_in, artifact_path, STRING, .in_path = true),
    FIELDS_END,
};

struct list_in {
    struct sv path;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, path, STRING),
    FIELDS_END,
};

static struct artifact_place destination(struct request *request)
{
    return artifact_destination(request_artifacts(request), request->arena);
}

static enum status list(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct artifact_place place = destination(request);
    struct repository *repository;
    struct artifact_entry *entries;
    size_t count;
    struct sv path;
    if (artifact_path_check(request->arena, &request->error, in->path.data ? in->path : SV(""), &path) !=
            OK ||
        open_place(request, &place, &repository) != OK)
        return FAILED;
    enum status status = repository->kind->list(repository, path, &entries, &count);
    repository->kind->end(repository);
    if (status != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (count) {
        json_key(json, "files");
        json_begin_array(json);
        for (size_t i = 0; i < count; i++) {
            json_begin_object(json);
            json_put_string_field(json, "path", entries[i].name);
            json_put_bool_field(json, "is_dir", entries[i].is_dir);
            if (!entries[i].is_dir)
                json_put_int_field(json, "file_size", entries[i].size);
            json_end_object(json);
        }
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

static enum status download(struct request *request, const void *input)
{
    const struct path_in *in = input;
    struct artifact_place place = destination(request);
    struct sv path;
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_path, &path) != OK)
        return FAILED;
    return send_artifact(request, &place, path);
}

/* A path that ends with a slash, or with a dot that stands for the folder itself, names no file. */
static bool names_a_folder(struct sv path)
{
    return sv_ends_with(path, SV("/")) || sv_ends_with(path, SV("/."));
}

static enum status upload(struct request *request, const void *input)
{
    static const struct receive_rules rules = {0};
    const struct path_in *in = input;
    struct artifact_place place = destination(request);
    struct sv path;
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_path, &path) != OK)
        return FAILED;
    if (names_a_folder(in->artifact_path))
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Artifact path must include a filename (cannot end with '/').");
    if (receive_artifact(request, &place, path, &rules) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status remove_artifact(struct request *request, const void *input)
{
    const struct path_in *in = input;
    struct artifact_place place = destination(request);
    struct repository *repository;
    struct sv path;
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_path, &path) != OK ||
        open_place(request, &place, &repository) != OK)
        return FAILED;
    enum status status = repository->kind->remove(repository, path);
    repository->kind->end(repository);
    return status == OK ? reply_empty(request) : FAILED;
}

const struct operation proxy_operations[] = {
    {
        .name = "listArtifacts",
        .area = "artifacts",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/artifacts",
        .handler = list,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, READ),
        .input = INPUT(struct list_in, list_fields),
        .artifact_proxy = true,
    },
    {
        .name = "downloadArtifact",
        .area = "artifacts",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/artifacts/{artifact_path...}",
        .handler = download,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, READ),
        .input = INPUT(struct path_in, path_fields),
        .raw_body = true,
        .artifact_proxy = true,
    },
    {
        .name = "uploadArtifact",
        .area = "artifacts",
        .method = METHOD_PUT,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/artifacts/{artifact_path...}",
        .handler = upload,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, EDIT),
        .input = INPUT(struct path_in, path_fields),
        .any_content_type = true,
        .raw_body = true,
        .artifact_proxy = true,
    },
    {
        .name = "deleteArtifact",
        .area = "artifacts",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/artifacts/{artifact_path...}",
        .handler = remove_artifact,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, MANAGE),
        .input = INPUT(struct path_in, path_fields),
        .raw_body = true,
        .artifact_proxy = true,
    },
    {.path = NULL},
};
