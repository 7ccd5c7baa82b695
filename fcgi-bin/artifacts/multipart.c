#include <stdlib.h>

#include "common/artifacts/path.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* Uploads whose parts the client sends to the object store itself. */

#define PARTS_MAX 10000 /* of S3 */

struct multipart_in {
    struct sv artifact_path;
    struct sv path;
    struct opt_int64 num_parts;
    struct sv upload_id;
    struct list parts;
};

struct part_in {
    struct opt_int64 part_number;
    struct sv etag;
    struct sv url;
};

static const struct field part_fields[] = {
    FIELD(struct part_in, part_number, INT64),
    FIELD(struct part_in, etag, STRING),
    FIELD(struct part_in, url, STRING),
    FIELDS_END,
};

static const struct field create_fields[] = {
    FIELD(struct multipart_in, artifact_path, STRING, .in_path = true),
    FIELD(struct multipart_in, path, STRING),
    FIELD(struct multipart_in, num_parts, INT64),
    FIELDS_END,
};

static const struct field complete_fields[] = {
    FIELD(struct multipart_in, artifact_path, STRING, .in_path = true),
    FIELD(struct multipart_in, path, STRING),
    FIELD(struct multipart_in, upload_id, STRING),
    FIELD(struct multipart_in, parts, OBJECTS, .fields = part_fields, .size = sizeof(struct part_in)),
    FIELDS_END,
};

static const struct field abort_fields[] = {
    FIELD(struct multipart_in, artifact_path, STRING, .in_path = true),
    FIELD(struct multipart_in, path, STRING),
    FIELD(struct multipart_in, upload_id, STRING),
    FIELDS_END,
};

static enum status missing(struct request *request, const char *name)
{
    fail(request, INVALID_PARAMETER_VALUE, "Missing value for required parameter '%s'." API_DOCS_TAIL, name);
    return FAILED;
}

/* The client sends the path of its own file, of whatever system: only the last component counts. */
static struct sv last_component(struct sv path)
{
    size_t from = path.len;
    while (from > 0 && path.data[from - 1] != '/' && path.data[from - 1] != '\\')
        from--;
    return sv_from_offset(path, from);
}

/* Checks in MLflow's order: folder, body, then whether the store can do it at all. */
static enum status open_multipart(struct request *request, const struct multipart_in *in, bool needs_parts,
                                  struct repository **repository, struct sv *path)
{
    struct artifact_place place = artifact_destination(request_artifacts(request), request->arena);
    struct sv folder, name;
    if (artifact_path_check(request->arena, &request->error, in->artifact_path, &folder) != OK)
        return FAILED;
    if (!in->path.len)
        return missing(request, "path");
    if (needs_parts && !in->parts.count)
        return missing(request, "parts");
    if (artifact_file_path_check(request->arena, &request->error, last_component(in->path), &name) != OK ||
        open_place(request, &place, repository) != OK)
        return FAILED;
    *path = artifact_path_join(request->arena, folder, name);
    if ((*repository)->kind->multipart_create)
        return OK;
    (*repository)->kind->end(*repository);
    fail(request, NOT_IMPLEMENTED, "Multipart upload is not supported for the current artifact repository");
    return FAILED;
}

static void put_credentials(struct json_writer *json, struct sv upload_id,
                            const struct artifact_part_url *urls, size_t count)
{
    json_begin_object(json);
    if (upload_id.data)
        json_put_string_field(json, "upload_id", upload_id);
    json_key(json, "credentials");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "url", urls[i].url);
        json_put_int_field(json, "part_number", urls[i].number);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static enum status create(struct request *request, const void *input)
{
    const struct multipart_in *in = input;
    struct repository *repository;
    struct artifact_part_url *urls = NULL;
    struct sv path, upload_id = SV_ABSENT;
    if (open_multipart(request, in, false, &repository, &path) != OK)
        return FAILED;
    int64_t parts = in->num_parts.set ? in->num_parts.value : 0;
    enum status status = FAILED;
    if (parts < 1 || parts > PARTS_MAX)
        fail(request, INVALID_PARAMETER_VALUE,
             "Invalid value %lld for parameter 'num_parts' supplied: it must be from 1 to %d.",
             (long long)parts, PARTS_MAX);
    else
        status = repository->kind->multipart_create(repository, path, parts, &upload_id, &urls);
    repository->kind->end(repository);
    if (status != OK)
        return FAILED;
    put_credentials(reply_json(request), upload_id, urls, (size_t)parts);
    return OK;
}

static int compare_parts(const void *left, const void *right)
{
    int64_t a = ((const struct artifact_part *)left)->number,
            b = ((const struct artifact_part *)right)->number;
    return a < b ? -1 : a > b;
}

static enum status take_parts(struct request *request, const struct list *list, struct artifact_part **parts)
{
    const struct part_in *given = list->items;
    if (list->count > PARTS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE, "An upload has at most %d parts.", PARTS_MAX);
    *parts = ARENA_ARRAY(request->arena, struct artifact_part, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (!given[i].part_number.set || given[i].part_number.value < 1 ||
            given[i].part_number.value > PARTS_MAX)
            return missing(request, "parts[].part_number");
        (*parts)[i] = (struct artifact_part){given[i].part_number.value, given[i].etag, given[i].url};
    }
    qsort(*parts, list->count, sizeof(**parts), compare_parts);
    return OK;
}

static enum status complete(struct request *request, const void *input)
{
    const struct multipart_in *in = input;
    struct repository *repository;
    struct artifact_part *parts = NULL;
    struct sv path;
    if (open_multipart(request, in, true, &repository, &path) != OK)
        return FAILED;
    enum status status = take_parts(request, &in->parts, &parts);
    if (status == OK)
        status =
            repository->kind->multipart_complete(repository, path, in->upload_id, parts, in->parts.count);
    repository->kind->end(repository);
    return status == OK ? reply_empty(request) : FAILED;
}

static enum status abort_upload(struct request *request, const void *input)
{
    const struct multipart_in *in = input;
    struct repository *repository;
    struct sv path;
    if (open_multipart(request, in, false, &repository, &path) != OK)
        return FAILED;
    enum status status = repository->kind->multipart_abort(repository, path, in->upload_id);
    repository->kind->end(repository);
    return status == OK ? reply_empty(request) : FAILED;
}

static enum status presigned(struct request *request, const void *input)
{
    const struct multipart_in *in = input;
    struct sv path;
    if (artifact_file_path_check(request->arena, &request->error, in->artifact_path, &path) != OK)
        return FAILED;
    return fail(request, NOT_IMPLEMENTED,
                "Multipart download is not supported for the current artifact repository");
}

static const struct field presigned_fields[] = {
    FIELD(struct multipart_in, artifact_path, STRING, .in_path = true),
    FIELDS_END,
};

const struct operation multipart_operations[] = {
    {
        .name = "createMultipartUpload",
        .area = "artifacts",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/mpu/create/{artifact_path...}",
        .handler = create,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, EDIT),
        .input = INPUT(struct multipart_in, create_fields),
        .artifact_proxy = true,
    },
    {
        .name = "completeMultipartUpload",
        .area = "artifacts",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/mpu/complete/{artifact_path...}",
        .handler = complete,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, EDIT),
        .input = INPUT(struct multipart_in, complete_fields),
        .artifact_proxy = true,
    },
    {
        .name = "abortMultipartUpload",
        .area = "artifacts",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/mpu/abort/{artifact_path...}",
        .handler = abort_upload,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, EDIT),
        .input = INPUT(struct multipart_in, abort_fields),
        .artifact_proxy = true,
    },
    {
        .name = "getPresignedDownloadUrl",
        .area = "artifacts",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow-artifacts/presigned/{artifact_path...}",
        .handler = presigned,
        .access = ACCESS_NONE,
        .needs = NEEDS(ARTIFACT_PATH, READ),
        .input = INPUT(struct multipart_in, presigned_fields),
        .raw_body = true,
        .artifact_proxy = true,
    },
    {.path = NULL},
};
