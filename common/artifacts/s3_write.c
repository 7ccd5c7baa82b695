#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/artifacts/s3_internal.h"
#include "common/artifacts/s3_part_size.h"
#include "common/base/log.h"

#define FIRST_BUFFER_BYTES (64L * 1024)

struct artifact_sink {
    struct s3_repository *s3;
    struct sv path, key;
    int64_t size; /* as announced; -1 if it was not */
    int64_t written;

    char *buffer; /* the part being filled */
    size_t filled, capacity;

    struct sv upload_id; /* absent until the first part is full */
    struct artifact_part *parts;
    size_t part_count, part_capacity;
};

static struct sv doing(const struct artifact_sink *sink)
{
    return arena_printf(sink->s3->common.arena, "Failed to write artifact '%.*s'", SV_ARG(sink->path));
}

static enum status too_large(struct s3_repository *s3, int64_t limit)
{
    return error_set(s3->common.error, s3->common.arena, PAYLOAD_TOO_LARGE,
                     "The artifact is larger than the %" PRId64 " bytes that this server takes.", limit);
}

static int64_t size_limit(const struct s3_repository *s3)
{
    int64_t limit = s3->limits ? s3->limits->size_limit : 0;
    return limit > 0 && limit < S3_OBJECT_MAX_BYTES ? limit : S3_OBJECT_MAX_BYTES;
}

enum status s3_create(struct repository *repository, struct sv path, int64_t size,
                      struct artifact_sink **created)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    if (path.len == 0)
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE, "Invalid path");
    if (size > size_limit(s3))
        return too_large(s3, size_limit(s3));
    struct artifact_sink *sink = ARENA_NEW(repository->arena, struct artifact_sink);
    sink->s3 = s3;
    sink->path = path;
    sink->key = s3_key(s3, path);
    sink->size = size;
    *created = sink;
    return OK;
}

/* --- Parts --- */

static enum status grow(struct artifact_sink *sink, int64_t part_size)
{
    int64_t capacity = sink->capacity ? 2 * (int64_t)sink->capacity : FIRST_BUFFER_BYTES;
    if (sink->size >= 0 && sink->size - (sink->written - (int64_t)sink->filled) < capacity)
        capacity = sink->size - (sink->written - (int64_t)sink->filled);
    if (capacity > part_size)
        capacity = part_size;
    char *buffer = (size_t)capacity > sink->capacity ? realloc(sink->buffer, (size_t)capacity) : NULL;
    if (!buffer)
        return error_set(sink->s3->common.error, sink->s3->common.arena, TEMPORARILY_UNAVAILABLE,
                         "There is no memory for this upload now. Try again later.");
    sink->buffer = buffer;
    sink->capacity = (size_t)capacity;
    return OK;
}

static void note_part(struct artifact_sink *sink, struct sv etag)
{
    struct arena *arena = sink->s3->common.arena;
    if (sink->part_count == sink->part_capacity) {
        size_t capacity = sink->part_capacity ? 2 * sink->part_capacity : 16;
        struct artifact_part *parts = ARENA_ARRAY(arena, struct artifact_part, capacity);
        if (sink->part_count)
            memcpy(parts, sink->parts, sink->part_count * sizeof(*parts));
        sink->parts = parts;
        sink->part_capacity = capacity;
    }
    sink->parts[sink->part_count] =
        (struct artifact_part){.number = (int64_t)sink->part_count + 1, .etag = arena_copy(arena, etag)};
    sink->part_count++;
}

static enum status send_part(struct artifact_sink *sink)
{
    struct s3_repository *s3 = sink->s3;
    struct arena *arena = s3->common.arena;
    struct s3_answer answer;
    if (!sink->upload_id.data && s3_upload_create(s3, sink->path, &answer, &sink->upload_id) != OK)
        return s3_failed(s3, &answer, doing(sink), SV_ABSENT);
    const struct name_value query[] = {
        {SV("partNumber"), arena_printf(arena, "%zu", sink->part_count + 1)},
        {SV("uploadId"), sink->upload_id},
    };
    struct s3_call call = {
        .method = SV("PUT"),
        .key = sink->key,
        .query = query,
        .query_count = 2,
        .body = {sink->buffer, sink->filled},
        .many_bytes = true,
    };
    if (s3_send(s3, &call, &answer) != OK)
        return s3_failed(s3, &answer, doing(sink), SV_ABSENT);
    struct sv etag = http_header(s3->client, SV("ETag"));
    if (!etag.len)
        return error_internal(s3->common.error, arena, "S3: a part of %.*s got no ETag", SV_ARG(sink->path));
    note_part(sink, etag);
    sink->filled = 0;
    return OK;
}

enum status s3_write(struct artifact_sink *sink, const char *bytes, size_t len)
{
    struct s3_repository *s3 = sink->s3;
    int64_t limit = sink->size >= 0 ? sink->size : size_limit(s3);
    if ((int64_t)len > limit - sink->written) {
        if (sink->size < 0)
            return too_large(s3, limit);
        return error_set(s3->common.error, s3->common.arena, INVALID_PARAMETER_VALUE,
                         "The artifact is longer than was announced.");
    }
    while (len) {
        int64_t part_size = s3_part_size(sink->size, (int64_t)sink->part_count + 1);
        if ((int64_t)sink->filled >= part_size && send_part(sink) != OK)
            return FAILED;
        if (sink->filled == sink->capacity && grow(sink, part_size) != OK)
            return FAILED;
        size_t room = sink->capacity - sink->filled;
        if ((int64_t)room > part_size - (int64_t)sink->filled)
            room = (size_t)(part_size - (int64_t)sink->filled);
        if (room > len)
            room = len;
        memcpy(sink->buffer + sink->filled, bytes, room);
        sink->filled += room;
        sink->written += (int64_t)room;
        bytes += room;
        len -= room;
    }
    return OK;
}

/* --- Ends --- */

static enum status put_whole(struct artifact_sink *sink)
{
    struct s3_repository *s3 = sink->s3;
    size_t count = 0;
    const struct name_value *headers = s3_object_headers(s3, sink->path, &count);
    struct s3_call call = {
        .method = SV("PUT"),
        .key = sink->key,
        .headers = headers,
        .header_count = count,
        .body = sink->filled ? (struct sv){sink->buffer, sink->filled} : SV(""),
        .many_bytes = true,
    };
    struct s3_answer answer;
    if (s3_send(s3, &call, &answer) != OK)
        return s3_failed(s3, &answer, doing(sink), SV_ABSENT);
    return OK;
}

/* An answer may be lost after the upload was completed; the next try then finds no upload, but the object. */
static bool is_there(struct artifact_sink *sink)
{
    struct s3_call call = {.method = SV("HEAD"), .key = sink->key};
    struct s3_answer answer;
    return s3_send(sink->s3, &call, &answer) == OK && answer.reply.content_length == sink->written;
}

static enum status put_parts(struct artifact_sink *sink)
{
    struct s3_repository *s3 = sink->s3;
    if (sink->filled && send_part(sink) != OK)
        return FAILED;
    struct s3_answer answer;
    enum status status =
        s3_upload_complete(s3, sink->key, sink->upload_id, sink->parts, sink->part_count, &answer);
    bool may_be_done = status != OK && answer.attempts > 1 && s3_answered(&answer, "NoSuchUpload");
    if (status != OK && !(may_be_done && is_there(sink)))
        return s3_failed(s3, &answer, doing(sink), SV_ABSENT);
    sink->upload_id = SV_ABSENT;
    return OK;
}

enum status s3_finish(struct artifact_sink *sink)
{
    struct s3_repository *s3 = sink->s3;
    enum status status = OK;
    if (sink->size >= 0 && sink->written != sink->size)
        status = error_set(s3->common.error, s3->common.arena, INVALID_PARAMETER_VALUE,
                           "The artifact is shorter than was announced.");
    if (status == OK)
        status = sink->upload_id.data ? put_parts(sink) : put_whole(sink);
    s3_abandon(sink);
    return status;
}

void s3_abandon(struct artifact_sink *sink)
{
    struct s3_answer answer;
    if (sink->upload_id.data && s3_upload_abort(sink->s3, sink->key, sink->upload_id, &answer) != OK &&
        !s3_answered(&answer, "NoSuchUpload"))
        log_warning(
            "S3: the parts of a broken upload of %.*s may be left (%d %s): a lifecycle rule removes them",
            SV_ARG(sink->path), answer.reply.status, answer.code);
    sink->upload_id = SV_ABSENT;
    free(sink->buffer);
    sink->buffer = NULL;
}
