#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/artifacts/s3_internal.h"
#include "common/artifacts/s3_part_size.h"
#include "common/net/aws_xml.h"

#define URL_LIFETIME_S 3600
#define UPLOAD_ID_MAX  2048
#define ETAG_MAX       256

/* --- The three steps --- */

enum status s3_upload_create(struct s3_repository *s3, struct sv path, struct s3_answer *answer,
                             struct sv *upload_id)
{
    const struct name_value query[] = {{SV("uploads"), SV("")}};
    size_t count = 0;
    const struct name_value *headers = s3_object_headers(s3, path, &count);
    struct s3_call call = {
        .method = SV("POST"),
        .key = s3_key(s3, path),
        .query = query,
        .query_count = 1,
        .headers = headers,
        .header_count = count,
        .body = SV(""),
    };
    if (s3_send(s3, &call, answer) != OK)
        return FAILED;
    struct buffer *elements = http_scratch(s3->client, HTTP_SCRATCH_TEXT, 2L * S3_REPLY_MAX_BYTES);
    struct sv id = SV_ABSENT;
    if (aws_xml_parse(answer->body, elements))
        id = sv_trim(aws_xml_find(elements, 2, SV("UploadId")));
    if (id.len == 0 || id.len > UPLOAD_ID_MAX)
        return error_internal(s3->common.error, s3->common.arena, "S3: an upload of %.*s got no id",
                              SV_ARG(path));
    *upload_id = arena_copy(s3->common.arena, id);
    return OK;
}

static int compare_parts(const void *left, const void *right)
{
    const struct artifact_part *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static struct sv bare_etag(struct sv etag)
{
    etag = sv_trim(etag);
    if (etag.len >= 2 && etag.data[0] == '"' && etag.data[etag.len - 1] == '"')
        etag = sv_first(sv_from_offset(etag, 1), etag.len - 2);
    return etag;
}

static bool is_etag(struct sv etag)
{
    for (size_t i = 0; i < etag.len; i++) {
        char c = etag.data[i];
        if (c <= 0x20 || c > 0x7e || strchr("<>&\"'", c))
            return false;
    }
    return etag.len > 0 && etag.len <= ETAG_MAX;
}

static struct sv completion(struct arena *arena, const struct artifact_part *parts, size_t count)
{
    static const char head[] = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    static const char tail[] = "</CompleteMultipartUpload>";
    size_t size = sizeof(head) + sizeof(tail);
    for (size_t i = 0; i < count; i++)
        size += parts[i].etag.len + 96;
    char *out = arena_alloc(arena, size);
    size_t len = (size_t)snprintf(out, size, "%s", head);
    for (size_t i = 0; i < count; i++)
        len +=
            (size_t)snprintf(out + len, size - len,
                             "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>&quot;%.*s&quot;</ETag></Part>",
                             parts[i].number, SV_ARG(bare_etag(parts[i].etag)));
    len += (size_t)snprintf(out + len, size - len, "%s", tail);
    return (struct sv){out, len};
}

enum status s3_upload_complete(struct s3_repository *s3, struct sv key, struct sv upload_id,
                               const struct artifact_part *parts, size_t count, struct s3_answer *answer)
{
    const struct name_value query[] = {{SV("uploadId"), upload_id}};
    const struct name_value headers[] = {{SV("Content-Type"), SV("application/xml")}};
    struct s3_call call = {
        .method = SV("POST"),
        .key = key,
        .query = query,
        .query_count = 1,
        .headers = headers,
        .header_count = 1,
        .body = completion(s3->common.arena, parts, count),
        .is_slow = true,
        .errors_in_ok = true,
    };
    return s3_send(s3, &call, answer);
}

enum status s3_upload_abort(struct s3_repository *s3, struct sv key, struct sv upload_id,
                            struct s3_answer *answer)
{
    const struct name_value query[] = {{SV("uploadId"), upload_id}};
    struct s3_call call = {.method = SV("DELETE"), .key = key, .query = query, .query_count = 1};
    return s3_send(s3, &call, answer);
}

/* --- Uploads by clients --- */

static struct sv doing(struct s3_repository *s3, struct sv path)
{
    return arena_printf(s3->common.arena, "Failed to upload artifact '%.*s'", SV_ARG(path));
}

static enum status check(struct s3_repository *s3, struct sv path, struct sv upload_id)
{
    if (path.len == 0)
        return error_set(s3->common.error, s3->common.arena, INVALID_PARAMETER_VALUE, "Invalid path");
    if (upload_id.len == 0 || upload_id.len > UPLOAD_ID_MAX)
        return error_set(s3->common.error, s3->common.arena, INVALID_PARAMETER_VALUE,
                         "Missing value for required parameter 'upload_id'.");
    return OK;
}

enum status s3_multipart_create(struct repository *repository, struct sv path, int64_t parts,
                                struct sv *upload_id, struct artifact_part_url **urls)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    struct arena *arena = repository->arena;
    if (check(s3, path, SV("new")) != OK)
        return FAILED;
    if (parts < 1 || parts > S3_PARTS_MAX)
        return error_set(repository->error, arena, INVALID_PARAMETER_VALUE,
                         "Invalid value for parameter 'num_parts': it has to be from 1 to %d.", S3_PARTS_MAX);
    struct s3_answer answer;
    if (s3_upload_create(s3, path, &answer, upload_id) != OK)
        return s3_failed(s3, &answer, doing(s3, path), SV_ABSENT);
    *urls = ARENA_ARRAY(arena, struct artifact_part_url, (size_t)parts);
    struct sv key = s3_key(s3, path);
    for (int64_t i = 0; i < parts; i++) {
        const struct name_value query[] = {
            {SV("partNumber"), arena_printf(arena, "%" PRId64, i + 1)},
            {SV("uploadId"), *upload_id},
        };
        (*urls)[i].number = i + 1;
        (*urls)[i].url = s3_presign(s3, SV("PUT"), key, query, 2, URL_LIFETIME_S);
    }
    return OK;
}

enum status s3_multipart_complete(struct repository *repository, struct sv path, struct sv upload_id,
                                  const struct artifact_part *parts, size_t count)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    struct arena *arena = repository->arena;
    if (check(s3, path, upload_id) != OK)
        return FAILED;
    if (count < 1 || count > S3_PARTS_MAX)
        return error_set(repository->error, arena, INVALID_PARAMETER_VALUE,
                         "Invalid value for parameter 'parts': there have to be from 1 to %d.", S3_PARTS_MAX);
    struct artifact_part *sorted = ARENA_ARRAY(arena, struct artifact_part, count);
    memcpy(sorted, parts, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_parts);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].number < 1 || sorted[i].number > S3_PARTS_MAX ||
            (i && sorted[i].number == sorted[i - 1].number) || !is_etag(bare_etag(sorted[i].etag)))
            return error_set(
                repository->error, arena, INVALID_PARAMETER_VALUE,
                "Invalid value for parameter 'parts': each needs a number of its own from 1 to %d and the "
                "ETag that its upload was answered with.",
                S3_PARTS_MAX);
    }
    struct s3_answer answer;
    if (s3_upload_complete(s3, s3_key(s3, path), upload_id, sorted, count, &answer) != OK)
        return s3_failed(s3, &answer, doing(s3, path), SV_ABSENT);
    return OK;
}

enum status s3_multipart_abort(struct repository *repository, struct sv path, struct sv upload_id)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    if (check(s3, path, upload_id) != OK)
        return FAILED;
    struct s3_answer answer;
    if (s3_upload_abort(s3, s3_key(s3, path), upload_id, &answer) != OK)
        return s3_failed(s3, &answer, doing(s3, path), SV_ABSENT);
    return OK;
}
