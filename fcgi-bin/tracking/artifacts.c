#include "common/artifacts/path.h"
#include "common/artifacts/repository.h"
#include "common/artifacts/resolve.h"
#include "common/store/logged_models.h"
#include "fcgi-bin/tracking/tracking.h"

struct list_in {
    struct sv run_id;
    struct sv path;
};

static const struct field list_fields[] = {
    FIELD(struct list_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct list_in, path, STRING),
    FIELDS_END,
};

static void put_files(struct request *request, struct json_writer *json, struct sv folder,
                      const struct artifact_entry *files, size_t count)
{
    if (count == 0)
        return;
    struct sv prefix = folder.len ? arena_printf(request->arena, "%.*s/", SV_ARG(folder)) : SV("");
    json_key(json, "files");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct sv path = arena_printf(request->arena, "%.*s%.*s", SV_ARG(prefix), SV_ARG(files[i].name));
        json_begin_object(json);
        json_put_string_field(json, "path", path);
        json_put_bool_field(json, "is_dir", files[i].is_dir);
        if (!files[i].is_dir)
            json_put_int_field(json, "file_size", files[i].size);
        json_end_object(json);
        arena_rewind(request->arena, mark);
    }
    json_end_array(json);
}

/* The run's artifact URI; the transaction is over when it returns, so that none is open while folders are
 * read. */
static enum status find_artifact_uri(struct request *request, struct sv run_id, struct sv *uri)
{
    struct run_ref ref;
    struct run_info info;
    if (request_begin(request, ACCESS_READ) != OK || run_find(request_tx(request), run_id, &ref) != OK ||
        run_info_load(request_tx(request), ref.id, &info) != OK)
        return FAILED;
    *uri = info.artifact_uri;
    return request_commit(request);
}

enum status list_artifact_files(struct request *request, struct sv uri, struct sv folder,
                                struct artifact_entry **files, size_t *count)
{
    static const struct repository_settings settings = {0};
    struct artifact_place place;
    struct repository *repository;
    if (artifact_locate(request_artifacts(request), request->arena, &request->error, uri, &place) != OK ||
        repository_open(&settings, request->arena, &request->error, place.root, &repository) != OK)
        return FAILED;
    struct sv path = artifact_path_join(request->arena, place.prefix, folder);
    enum status status = repository->kind->list(repository, path, files, count);
    repository->kind->end(repository);
    return status;
}

static enum status reply_files(struct request *request, struct sv uri, struct sv folder)
{
    struct artifact_entry *files;
    size_t count;
    if (list_artifact_files(request, uri, folder, &files, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "root_uri", uri);
    put_files(request, json, folder, files, count);
    json_end_object(json);
    return OK;
}

static enum status list_artifacts(struct request *request, const void *input)
{
    const struct list_in *in = input;
    struct sv folder, uri;
    if (artifact_path_check(request->arena, &request->error, in->path, &folder) != OK ||
        find_artifact_uri(request, in->run_id, &uri) != OK)
        return FAILED;
    return reply_files(request, uri, folder);
}

/* --- of a logged model --- */

struct directories_in {
    struct sv model_id;
    struct sv artifact_directory_path;
};

static const struct field directories_fields[] = {
    FIELD(struct directories_in, model_id, STRING, .required = true, .in_path = true),
    FIELD(struct directories_in, artifact_directory_path, STRING),
    FIELDS_END,
};

static enum status find_model_artifact_uri(struct request *request, struct sv model_id, struct sv *uri)
{
    if (request_begin(request, ACCESS_READ) != OK ||
        logged_model_artifact_uri(request_tx(request), model_id, uri) != OK)
        return FAILED;
    return request_commit(request);
}

static enum status list_logged_model_artifacts(struct request *request, const void *input)
{
    const struct directories_in *in = input;
    struct sv folder, uri;
    if (artifact_path_check(request->arena, &request->error, in->artifact_directory_path, &folder) != OK ||
        find_model_artifact_uri(request, in->model_id, &uri) != OK)
        return FAILED;
    return reply_files(request, uri, folder);
}

const struct operation artifact_operations[] = {
    {
        .name = "listArtifacts",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/artifacts/list",
        .handler = list_artifacts,
        .access = ACCESS_NONE,
        .needs = NEEDS(RUN, READ),
        .input = INPUT(struct list_in, list_fields),
    },
    {
        .name = "listLoggedModelArtifacts",
        .area = "logged-models",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/logged-models/{model_id}/artifacts/directories",
        .handler = list_logged_model_artifacts,
        .access = ACCESS_NONE,
        .needs = NEEDS(LOGGED_MODEL, READ),
        .input = INPUT(struct directories_in, directories_fields),
    },
    {.path = NULL},
};
