#include <inttypes.h>

#include "common/artifacts/s3_internal.h"
#include "common/base/log.h"
#include "common/base/number.h"

#define RESUMES_MAX 5 /* without a byte in between */

struct artifact_source {
    struct s3_repository *s3;
    struct http_client *client;
    uint64_t exchange; /* the client's, while it is ours */
    struct sv path, key, etag;
    int64_t at, end; /* offsets in the object of the next byte and behind the last one */
    unsigned resumes;
};

static struct sv doing(struct s3_repository *s3, struct sv path)
{
    return arena_printf(s3->common.arena, "Failed to read artifact '%.*s'", SV_ARG(path));
}

static struct sv without_quotes(struct sv etag)
{
    if (sv_starts_with(etag, SV("W/")))
        etag = sv_from_offset(etag, 2);
    if (etag.len >= 2 && etag.data[0] == '"' && etag.data[etag.len - 1] == '"')
        etag = sv_first(sv_from_offset(etag, 1), etag.len - 2);
    return etag;
}

static void take_info(struct s3_repository *s3, const struct http_client *client, int64_t size,
                      struct artifact_info *info)
{
    int64_t modified_s = http_date(http_header(client, SV("Last-Modified")));
    info->size = size;
    info->modified_s = modified_s < 0 ? 0 : modified_s;
    info->etag = arena_copy(s3->common.arena, without_quotes(http_header(client, SV("ETag"))));
}

/* The status alone means "no such key" only if the bucket is there, which the code tells, except for HEAD. */
static bool is_missing(const struct s3_answer *answer)
{
    return s3_answered(answer, "NoSuchKey") ||
           (answer->outcome == HTTP_OK && answer->reply.status == 404 && !answer->code[0]);
}

enum status s3_stat(struct repository *repository, struct sv path, struct artifact_info *info)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    if (path.len == 0)
        return s3_missing(s3, path);
    struct s3_call call = {.method = SV("HEAD"), .key = s3_key(s3, path)};
    struct s3_answer answer;
    if (s3_send(s3, &call, &answer) != OK)
        return is_missing(&answer) ? s3_missing(s3, path) : s3_failed(s3, &answer, doing(s3, path), path);
    if (answer.reply.content_length < 0)
        return error_internal(repository->error, repository->arena, "S3: no size of %.*s", SV_ARG(path));
    take_info(s3, s3->client, answer.reply.content_length, info);
    return OK;
}

/* "bytes 0-9/443": what came, and of how much. */
static bool take_content_range(struct sv text, int64_t *from, int64_t *to, int64_t *size)
{
    if (!sv_starts_with(text, SV("bytes ")))
        return false;
    text = sv_from_offset(text, 6);
    size_t dash = sv_find(text, '-'), slash = sv_find(text, '/');
    return dash < slash && slash < text.len && parse_int64(sv_first(text, dash), 0, INT64_MAX, from) &&
           parse_int64(sv_first(sv_from_offset(text, dash + 1), slash - dash - 1), *from, INT64_MAX, to) &&
           parse_int64(sv_from_offset(text, slash + 1), *to + 1, INT64_MAX, size);
}

static struct sv range_text(struct arena *arena, int64_t from, int64_t to)
{
    if (to < 0)
        return arena_printf(arena, "bytes=%" PRId64 "-", from);
    return arena_printf(arena, "bytes=%" PRId64 "-%" PRId64, from, to);
}

enum status s3_open(struct repository *repository, struct sv path, struct artifact_range range,
                    struct artifact_info *info, struct artifact_source **opened)
{
    struct s3_repository *s3 = (struct s3_repository *)repository;
    if (path.len == 0)
        return s3_missing(s3, path);
    struct artifact_source *source = ARENA_NEW(repository->arena, struct artifact_source);
    source->s3 = s3;
    source->path = path;
    source->key = s3_key(s3, path);
    source->client = http_client_of_thread(HTTP_FOR_DOWNLOADS);
    if (!source->client)
        return error_internal(repository->error, repository->arena, "S3: no memory for an HTTP client");
    bool is_whole = range.from == 0 && range.to < 0;
    const struct name_value header = {SV("Range"), range_text(repository->arena, range.from, range.to)};
    struct s3_call call = {
        .method = SV("GET"), .key = source->key, .headers = &header, .header_count = is_whole ? 0 : 1};
    struct s3_answer answer;
    if (s3_begin(s3, source->client, &call, &answer) != OK)
        return is_missing(&answer) ? s3_missing(s3, path) : s3_failed(s3, &answer, doing(s3, path), path);
    source->exchange = http_exchange_id(source->client);
    int64_t from = 0, to = answer.reply.content_length - 1, size = answer.reply.content_length;
    if (size < 0 || (!is_whole && (answer.reply.status != 206 ||
                                   !take_content_range(http_header(source->client, SV("Content-Range")),
                                                       &from, &to, &size)))) {
        http_end(source->client);
        return error_internal(repository->error, repository->arena, "S3: the length of %.*s is not told",
                              SV_ARG(path));
    }
    source->at = from;
    source->end = to + 1;
    take_info(s3, source->client, size, info);
    source->etag = info->etag;
    *opened = source;
    return OK;
}

/* Asks for the rest after the connection was lost; only of the same object. */
static enum status resume(struct artifact_source *source)
{
    struct s3_repository *s3 = source->s3;
    struct arena *arena = s3->common.arena;
    if (++source->resumes > RESUMES_MAX)
        return error_set(s3->common.error, arena, TEMPORARILY_UNAVAILABLE,
                         "%.*s: the connection to S3 was lost. Try again later.",
                         SV_ARG(doing(s3, source->path)));
    log_info("S3: reading %.*s goes on at %" PRId64 ": %s", SV_ARG(source->path), source->at,
             http_problem(source->client));
    http_end(source->client);
    s3_pause(source->client, source->resumes);
    struct arena_mark mark = arena_mark(arena);
    const struct name_value headers[] = {
        {SV("Range"), range_text(arena, source->at, source->end - 1)},
        {SV("If-Match"), arena_printf(arena, "\"%.*s\"", SV_ARG(source->etag))},
    };
    struct s3_call call = {.method = SV("GET"),
                           .key = source->key,
                           .headers = headers,
                           .header_count = source->etag.len ? 2 : 1};
    struct s3_answer answer;
    enum status status = s3_begin(s3, source->client, &call, &answer);
    arena_rewind(arena, mark);
    if (status != OK && answer.outcome == HTTP_OK &&
        (answer.reply.status == 412 || answer.reply.status == 404))
        return error_set(s3->common.error, arena, RESOURCE_CONFLICT,
                         "%.*s: it was changed meanwhile. Try again.", SV_ARG(doing(s3, source->path)));
    if (status != OK)
        return s3_failed(s3, &answer, doing(s3, source->path), source->path);
    source->exchange = http_exchange_id(source->client);
    if (answer.reply.status != 206 || answer.reply.content_length != source->end - source->at)
        return error_internal(s3->common.error, arena, "S3: the rest of %.*s is not what was asked for",
                              SV_ARG(source->path));
    return OK;
}

long s3_read(struct artifact_source *source, char *bytes, size_t len)
{
    struct s3_repository *s3 = source->s3;
    while (source->at < source->end) {
        if (source->exchange != http_exchange_id(source->client)) {
            error_internal(s3->common.error, s3->common.arena, "S3: two downloads at once in one thread");
            return -1;
        }
        long got = http_read(source->client, bytes, len, -1);
        if (got > source->end - source->at)
            got = (long)(source->end - source->at);
        if (got > 0) {
            source->at += got;
            source->resumes = 0;
            return got;
        }
        if (resume(source) != OK)
            return -1;
    }
    return 0;
}

struct sv s3_file_name(struct artifact_source *source)
{
    (void)source;
    return SV_ABSENT;
}

void s3_close(struct artifact_source *source)
{
    if (source->exchange == http_exchange_id(source->client))
        http_end(source->client);
}
