#include <string.h>

#include "common/artifacts/media_type.h"
#include "common/artifacts/path.h"
#include "common/http/conditional.h"
#include "common/http/url.h"
#include "fcgi-bin/artifacts/artifacts.h"

/* One FastCGI record down, and pieces of uploads. */
#define PIECE_BYTES       65528
#define REPLACED_ATTEMPTS 4

/* Smaller artifacts cost less when the program sends them than when the web server opens them a second time.
 */
#define HAND_OVER_MIN_BYTES ((int64_t)64 * 1024)

enum status open_place(struct request *request, const struct artifact_place *place,
                       struct repository **repository)
{
    const struct settings *settings = request_service(request)->settings;
    struct repository_settings *rules = ARENA_NEW(request->arena, struct repository_settings);
    *rules = (struct repository_settings){
        .sync = settings->artifacts_sync,
        .size_limit = settings->artifacts_size_limit,
        .free_space_limit = settings->artifacts_free_space_limit,
    };
    return repository_open(rules, request->arena, &request->error, place->root, repository);
}

/* --- Down --- */

struct download {
    struct repository *repository;
    const struct artifact_place *place;
    struct sv path; /* from the repository's root */
    struct artifact_info info;
    struct representation representation;
    struct artifact_range range;
    enum range_outcome outcome;
};

/* Stored pages must never run in the page's origin: they are saved, not shown, and sandboxed if shown anyway.
 */
static void put_headers(struct request *request, const struct download *download)
{
    request->reply.content_type = media_type_of(download->path);
    reply_header(request, "content-disposition", content_disposition(request->arena, download->path));
    reply_header(request, "etag", download->representation.etag);
    reply_header(request, "last-modified", http_date_text(request->arena, download->info.modified_s));
    reply_header(request, "cache-control", SV("no-cache"));
    reply_header(request, "content-security-policy", SV("sandbox; default-src 'none'"));
    reply_header(request, "x-content-type-options", SV("nosniff"));
}

static void describe(struct request *request, struct download *download)
{
    download->representation = (struct representation){
        .etag = arena_printf(request->arena, "\"%.*s\"", SV_ARG(download->info.etag)),
        .modified_s = download->info.modified_s,
        .size = download->info.size,
    };
}

static enum status answer_unsatisfiable(struct request *request, const struct download *download)
{
    struct json_writer *json = reply_json(request);
    request->reply.status = 416;
    reply_header(request, "content-range",
                 arena_printf(request->arena, "bytes */%lld", (long long)download->info.size));
    json_begin_object(json);
    json_put_string_field(json, "error_code", SV("INVALID_PARAMETER_VALUE"));
    json_put_string_field(json, "message",
                          arena_printf(request->arena,
                                       "The range begins beyond the %lld bytes of the artifact.",
                                       (long long)download->info.size));
    json_end_object(json);
    return OK;
}

/* The web server opens the file itself, by name: good only where nobody else can put a link into its way.
 * Ranges are ours: web servers differ in what they make of odd ones. */
static bool web_server_sends(struct request *request, const struct download *download)
{
    const struct settings *settings = request_service(request)->settings;
    return download->info.size >= HAND_OVER_MIN_BYTES && download->place->in_destination &&
           !sv_equal(settings->x_sendfile, SV("off")) && !request_header(request, "range").data;
}

/* Percent-encoded but for slashes: web servers decode the name once. */
static struct sv encode_path(struct arena *arena, struct sv path)
{
    struct sv encoded = SV(""), rest = path;
    for (bool first = true; rest.data; first = false) {
        struct sv segment = url_encode(arena, sv_cut(&rest, '/'));
        encoded = arena_printf(arena, "%.*s%s%.*s", SV_ARG(encoded), first ? "" : "/", SV_ARG(segment));
    }
    return encoded;
}

static enum status hand_over(struct request *request, const struct download *download, struct sv file)
{
    const struct settings *settings = request_service(request)->settings;
    put_headers(request, download);
    request->reply.status = 200;
    if (sv_equal(settings->x_sendfile, SV("x-accel-redirect"))) {
        /* nginx says itself that it takes ranges. */
        reply_header(request, "x-accel-redirect",
                     arena_printf(request->arena, "%.*s%.*s", SV_ARG(settings->x_accel_prefix),
                                  SV_ARG(encode_path(request->arena, download->path))));
        return OK;
    }
    reply_header(request, "accept-ranges", SV("bytes"));
    reply_header(request, "x-sendfile", encode_path(request->arena, file));
    return OK;
}

static enum status send_bytes(struct request *request, const struct repository_kind *kind,
                              struct artifact_source *source, int64_t left)
{
    char *piece = arena_alloc(request->arena, PIECE_BYTES);
    if (reply_stream_begin(request, left) != OK)
        return FAILED;
    while (left) {
        long got = kind->read(source, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
        if (got < 0)
            return FAILED;
        if (got == 0)
            return error_internal(&request->error, request->arena,
                                  "an artifact ended %lld bytes before its end", (long long)left);
        if (reply_stream_write(request, piece, (size_t)got) != OK)
            return FAILED;
        left -= got;
    }
    return OK;
}

static enum status send_source(struct request *request, const struct download *download,
                               struct artifact_source *source)
{
    int64_t size = download->info.size, length = size;
    struct sv file = download->repository->kind->file_name(source);
    if (file.data && web_server_sends(request, download))
        return hand_over(request, download, file);
    put_headers(request, download);
    reply_header(request, "accept-ranges", SV("bytes"));
    request->reply.status = 200;
    if (download->outcome == RANGE_PART) {
        length = download->range.to - download->range.from + 1;
        request->reply.status = 206;
        reply_header(request, "content-range",
                     arena_printf(request->arena, "bytes %lld-%lld/%lld", (long long)download->range.from,
                                  (long long)download->range.to, (long long)size));
    }
    return send_bytes(request, download->repository->kind, source, length);
}

/* Looks at the artifact without opening its content. True if that makes the reply, with *status. */
static bool answer_condition(struct request *request, struct download *download, enum status *status)
{
    download->outcome = RANGE_NONE;
    download->range = (struct artifact_range){0, -1};
    struct sv none_match = request_header(request, "if-none-match");
    struct sv modified_since = request_header(request, "if-modified-since");
    struct sv range = request_header(request, "range");
    bool head_only = request->method == METHOD_HEAD;
    if (!none_match.data && !modified_since.data && !range.data && !head_only)
        return false;
    *status = download->repository->kind->stat(download->repository, download->path, &download->info);
    if (*status != OK)
        return true;
    describe(request, download);
    if (http_not_modified(&download->representation, none_match, modified_since)) {
        put_headers(request, download);
        request->reply.content_type = NULL;
        request->reply.status = 304;
        return true;
    }
    if (head_only) {
        put_headers(request, download);
        reply_header(request, "accept-ranges", SV("bytes"));
        request->reply.status = 200;
        *status = reply_stream_begin(request, download->info.size);
        return true;
    }
    int64_t from, to;
    download->outcome =
        http_range(&download->representation, range, request_header(request, "if-range"), &from, &to);
    if (download->outcome == RANGE_PART)
        download->range = (struct artifact_range){from, to};
    if (download->outcome != RANGE_UNSATISFIABLE)
        return false;
    *status = answer_unsatisfiable(request, download);
    return true;
}

static enum status send_from(struct request *request, struct download *download)
{
    const struct repository_kind *kind = download->repository->kind;
    for (int attempt = 0; attempt < REPLACED_ATTEMPTS; attempt++) {
        enum status status;
        struct artifact_source *source;
        if (answer_condition(request, download, &status))
            return status;
        struct sv seen = download->info.etag;
        if (kind->open(download->repository, download->path, download->range, &download->info, &source) != OK)
            return FAILED;
        /* The artifact may have been replaced since it was looked at. */
        bool same = !seen.data || sv_equal(seen, download->info.etag);
        if (same) {
            describe(request, download);
            status = send_source(request, download, source);
        }
        kind->close(source);
        if (same)
            return status;
    }
    return fail(request, TEMPORARILY_UNAVAILABLE, "The artifact is being replaced all the time. Try again.");
}

enum status send_artifact(struct request *request, const struct artifact_place *place, struct sv path)
{
    struct download download = {
        .place = place,
        .path = artifact_path_join(request->arena, place->prefix, path),
    };
    if (open_place(request, place, &download.repository) != OK)
        return FAILED;
    enum status status = send_from(request, &download);
    download.repository->kind->end(download.repository);
    return status;
}

/* --- Up --- */

/* Reads one piece; 0 at the end of the body, which must not come early. -1 after fail(). */
static long next_piece(struct request *request, char *piece, int64_t received)
{
    int64_t wanted = PIECE_BYTES;
    if (request->content_length >= 0 && request->content_length - received < wanted)
        wanted = request->content_length - received;
    if (wanted == 0)
        return 0;
    long got = request->transport->read(request, piece, (size_t)wanted);
    if (got == -2)
        fail(request, REQUEST_TIMEOUT, "The request body did not arrive in time.");
    else if (got < 0)
        fail(request, BAD_REQUEST, "The request body could not be read.");
    else if (got == 0 && received < request->content_length)
        fail(request, BAD_REQUEST, "The request body ended after %lld of %lld bytes.", (long long)received,
             (long long)request->content_length);
    return request->error.code == ERROR_NONE ? got : -1;
}

static enum status receive_into(struct request *request, const struct repository_kind *kind,
                                struct artifact_sink *sink, char *piece, long got,
                                const struct receive_rules *rules)
{
    int64_t received = 0;
    for (; got > 0; got = next_piece(request, piece, received)) {
        received += got;
        if (rules->most && received > rules->most)
            return fail(request, INVALID_PARAMETER_VALUE, "%s", rules->most_text);
        if (kind->write(sink, piece, (size_t)got) != OK)
            return FAILED;
    }
    return got < 0 ? FAILED : OK;
}

enum status receive_artifact(struct request *request, const struct artifact_place *place, struct sv path,
                             const struct receive_rules *rules)
{
    struct repository *repository;
    struct artifact_sink *sink;
    char *piece = arena_alloc(request->arena, PIECE_BYTES);
    struct sv whole = artifact_path_join(request->arena, place->prefix, path);
    if (rules->most && request->content_length > rules->most)
        return fail(request, INVALID_PARAMETER_VALUE, "%s", rules->most_text);
    if (rules->empty_text && request->content_length == 0)
        return fail(request, INVALID_PARAMETER_VALUE, "%s", rules->empty_text);
    if (open_place(request, place, &repository) != OK)
        return FAILED;
    /* What comes of the path is known before the first byte is waited for. */
    enum status status = repository->kind->create(repository, whole, request->content_length, &sink);
    if (status == OK) {
        long got = next_piece(request, piece, 0);
        if (got == 0 && rules->empty_text)
            fail(request, INVALID_PARAMETER_VALUE, "%s", rules->empty_text);
        status = receive_into(request, repository->kind, sink, piece, got, rules);
        if (status == OK && request->error.code == ERROR_NONE) {
            status = repository->kind->finish(sink);
        } else {
            repository->kind->abandon(sink);
            status = FAILED;
        }
    }
    repository->kind->end(repository);
    return status;
}
