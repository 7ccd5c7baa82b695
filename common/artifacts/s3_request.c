#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/artifacts/s3_internal.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/number.h"
#include "common/base/uri.h"
#include "common/net/aws_credentials.h"
#include "common/net/aws_xml.h"

#define HEADERS_MAX     96
#define ERROR_MAX_BYTES (256 * 1024)
#define PAUSE_FIRST_MS  100
#define PAUSE_MAX_MS    5000
#define AGAIN_FOR_MS    120000 /* no new try later than this after the first */
#define EMPTY_HASH      SV("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

/* --- Where a bucket is --- */

static bool is_dns_name(struct sv bucket)
{
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return bucket.len <= 63;
}

/* As boto3: with an endpoint of one's own the bucket is in the path unless asked for otherwise; at AWS it is
 * in the host's name unless TLS certificates would not match that (dots). */
static bool is_virtual_hosted(const struct s3_repository *s3)
{
    switch (s3->settings.addressing) {
    case S3_ADDRESSING_VIRTUAL:
        return true;
    case S3_ADDRESSING_PATH:
        return false;
    case S3_ADDRESSING_AUTO:
        break;
    }
    return !s3->settings.endpoint.data && is_dns_name(s3->bucket);
}

void s3_locate(struct s3_repository *s3)
{
    struct arena *arena = s3->common.arena;
    struct sv region = s3->settings.region, endpoint = s3->settings.endpoint;
    if (!endpoint.data)
        endpoint = arena_printf(arena, "https://s3.%.*s.amazonaws.com%s", SV_ARG(region),
                                sv_starts_with(region, SV("cn-")) ? ".cn" : "");
    struct sv scheme = uri_scheme(endpoint);
    struct sv authority = sv_from_offset(endpoint, scheme.len + 3);
    size_t slash = sv_find(authority, '/');
    struct sv path = sv_from_offset(authority, slash);
    authority = sv_first(authority, slash);
    s3->is_https = sv_equal_ignoring_case(scheme, SV("https"));
    if (is_virtual_hosted(s3)) {
        authority = arena_printf(arena, "%.*s.%.*s", SV_ARG(s3->bucket), SV_ARG(authority));
        s3->base_path = path;
    } else {
        s3->base_path = arena_printf(arena, "%.*s/%.*s", SV_ARG(path), SV_ARG(s3->bucket));
    }
    /* A default port is not part of what libcurl, and so the signature, calls the host. */
    struct sv port = s3->is_https ? SV(":443") : SV(":80");
    s3->host = sv_ends_with(authority, port) ? sv_first(authority, authority.len - port.len) : authority;
    s3->origin = arena_printf(arena, "%s://%.*s", s3->is_https ? "https" : "http", SV_ARG(authority));
}

static struct sv path_of(struct s3_repository *s3, struct sv key)
{
    struct arena *arena = s3->common.arena;
    if (key.len)
        return arena_printf(arena, "%.*s/%.*s", SV_ARG(s3->base_path), SV_ARG(sigv4_encode_path(arena, key)));
    return s3->base_path.len ? s3->base_path : SV("/");
}

struct sv s3_presign(struct s3_repository *s3, struct sv method, struct sv key,
                     const struct name_value *query, size_t query_count, int64_t expires_s)
{
    struct arena *arena = s3->common.arena;
    const struct name_value host = {SV("Host"), s3->host};
    struct sigv4_request request = {
        .method = method,
        .path = path_of(s3, key),
        .query = query,
        .query_count = query_count,
        .headers = &host,
        .header_count = 1,
        .payload_hash = SIGV4_UNSIGNED_PAYLOAD,
        .region = s3->settings.region,
        .service = SV("s3"),
        .time_s = clock_now_ms() / 1000,
    };
    struct sv text = s3->settings.is_anonymous
                         ? sigv4_query(arena, query, query_count)
                         : sigv4_presign(arena, &s3->settings.credentials, &request, expires_s);
    return arena_printf(arena, "%.*s%.*s?%.*s", SV_ARG(s3->origin), SV_ARG(request.path), SV_ARG(text));
}

/* --- One try --- */

static struct sv payload_hash(const struct s3_repository *s3, const struct s3_call *call,
                              char hex[SIGV4_HASH_LENGTH])
{
    if (call->body.len == 0)
        return EMPTY_HASH;
    if (call->many_bytes && s3->is_https)
        return SIGV4_UNSIGNED_PAYLOAD;
    sigv4_hash(call->body, hex);
    return (struct sv){hex, SIGV4_HASH_LENGTH};
}

static enum http_outcome begin(struct s3_repository *s3, struct http_client *client,
                               const struct s3_call *call, struct http_reply *reply)
{
    struct arena *arena = s3->common.arena;
    const struct s3_settings *settings = &s3->settings;
    struct arena_mark mark = arena_mark(arena);
    struct name_value headers[HEADERS_MAX];
    size_t count = 0;
    headers[count++] = (struct name_value){SV("Host"), s3->host};
    for (size_t i = 0; i < call->header_count && count < HEADERS_MAX - 1; i++)
        headers[count++] = call->headers[i];
    if (settings->bucket_owner.data)
        headers[count++] = (struct name_value){SV("x-amz-expected-bucket-owner"), settings->bucket_owner};
    char hash[SIGV4_HASH_LENGTH];
    struct sigv4_request request = {
        .method = call->method,
        .path = path_of(s3, call->key),
        .query = call->query,
        .query_count = call->query_count,
        .headers = headers,
        .header_count = count,
        .payload_hash = payload_hash(s3, call, hash),
        .region = settings->region,
        .service = SV("s3"),
        .time_s = clock_now_ms() / 1000,
    };
    struct sv query = sigv4_query(arena, call->query, call->query_count);
    struct http_call out = {
        .method = call->method,
        .url = arena_printf(arena, "%.*s%.*s%s%.*s", SV_ARG(s3->origin), SV_ARG(request.path),
                            query.len ? "?" : "", SV_ARG(query)),
        .headers = headers,
        .header_count = count,
        .body = call->body,
        .connect_ms = settings->connect_ms,
        .idle_ms = call->is_slow ? settings->slow_ms : settings->idle_ms,
        .ca_file = settings->ca_file,
        .trust_anybody = settings->trust_anybody,
        .http1 = true,
    };
    if (!settings->is_anonymous)
        out.headers = sigv4_sign(arena, &settings->credentials, &request, &out.header_count);
    enum http_outcome outcome = http_begin(client, &out, reply);
    arena_rewind(arena, mark);
    return outcome;
}

/* Takes the body of an answer into the scratch buffer. */
static enum http_outcome take_body(struct http_client *client, struct buffer *body)
{
    char piece[16 * 1024];
    long got;
    while ((got = http_read(client, piece, sizeof(piece), -1)) > 0 && !body->failed)
        buffer_append(body, piece, (size_t)got);
    if (body->failed)
        return HTTP_TOO_LARGE;
    return got == 0 ? HTTP_OK : http_outcome(client);
}

static void take_code(struct http_client *client, struct sv body, struct s3_answer *answer)
{
    struct buffer *elements = http_scratch(client, HTTP_SCRATCH_TEXT, 2 * ERROR_MAX_BYTES);
    if (body.len == 0 || body.len > ERROR_MAX_BYTES || !aws_xml_parse(body, elements))
        return;
    struct sv code = sv_first(aws_xml_find(elements, 2, SV("Code")), sizeof(answer->code) - 1);
    if (code.len)
        memcpy(answer->code, code.data, code.len);
    answer->code[code.len] = '\0';
    struct sv message = aws_xml_find(elements, 2, SV("Message"));
    log_info("S3 answered %d %.*s: %.*s", answer->reply.status, SV_ARG(code), SV_ARG(sv_first(message, 300)));
}

static bool is_error_document(struct http_client *client, struct sv body)
{
    struct buffer *elements = http_scratch(client, HTTP_SCRATCH_TEXT, 2 * ERROR_MAX_BYTES);
    return body.len <= ERROR_MAX_BYTES && aws_xml_parse(body, elements) &&
           aws_xml_find(elements, 1, SV("Error")).data;
}

/* One try. With `stream` a good answer is left open to be read. */
static enum status try_once(struct s3_repository *s3, struct http_client *client, const struct s3_call *call,
                            bool stream, struct s3_answer *answer)
{
    unsigned attempts = answer->attempts + 1;
    *answer = (struct s3_answer){.attempts = attempts, .problem = http_problem(client)};
    answer->outcome = begin(s3, client, call, &answer->reply);
    if (answer->outcome != HTTP_OK)
        return FAILED;
    bool good = answer->reply.status >= 200 && answer->reply.status < 300;
    if (good && stream)
        return OK;
    size_t ceiling = call->reply_ceiling ? call->reply_ceiling : S3_REPLY_MAX_BYTES;
    struct buffer *body = http_scratch(client, HTTP_SCRATCH_BODY, ceiling);
    answer->outcome = take_body(client, body);
    http_end(client);
    if (answer->outcome != HTTP_OK)
        return FAILED;
    answer->body = body->len ? buffer_sv(body) : SV("");
    if (good && call->errors_in_ok && is_error_document(client, answer->body))
        good = false;
    if (!good)
        take_code(client, answer->body, answer);
    return good ? OK : FAILED;
}

/* --- Trying again --- */

bool s3_answered(const struct s3_answer *answer, const char *code)
{
    return answer->outcome == HTTP_OK && strcmp(answer->code, code) == 0;
}

static bool is_one_of(const struct s3_answer *answer, const char *const *codes)
{
    for (; *codes; codes++) {
        if (s3_answered(answer, *codes))
            return true;
    }
    return false;
}

bool s3_is_passing(const struct s3_answer *answer)
{
    static const char *const codes[] = {
        "SlowDown",
        "RequestTimeout",
        "InternalError",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "RequestThrottled",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "OperationAborted",
        "PriorRequestNotComplete",
        NULL,
    };
    switch (answer->outcome) {
    case HTTP_NOT_REACHED:
    case HTTP_TIMED_OUT:
    case HTTP_BROKEN:
        return true;
    case HTTP_OK:
        break;
    default:
        return false;
    }
    int status = answer->reply.status;
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504 || is_one_of(answer, codes);
}

/* Doubling pauses, each somewhere in its upper half, so that many servers do not come back at once. */
void s3_pause(const struct http_client *client, unsigned attempt)
{
    int64_t ms = PAUSE_FIRST_MS;
    for (unsigned i = 1; i < attempt && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    if (ms > PAUSE_MAX_MS)
        ms = PAUSE_MAX_MS;
    int64_t after_s = 0;
    if (parse_int64(http_header(client, SV("Retry-After")), 0, PAUSE_MAX_MS / 1000, &after_s) &&
        after_s * 1000 > ms)
        ms = after_s * 1000;
    uint32_t random = 0;
    random_bytes(&random, sizeof(random));
    ms = ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&pause, &pause) != 0)
        continue;
}

/* A bucket of another region says which in a header; it is signed for that one from then on. */
static bool correct_region(struct s3_repository *s3, const struct http_client *client,
                           const struct s3_answer *answer)
{
    if (s3->region_corrected || answer->outcome != HTTP_OK ||
        (answer->reply.status != 301 && answer->reply.status != 307 && answer->reply.status != 400))
        return false;
    struct sv region = http_header(client, SV("x-amz-bucket-region"));
    if (region.len == 0 || region.len > 64 || sv_equal(region, s3->settings.region) ||
        strcspn(arena_cstr(s3->common.arena, region), "/.:@?# ") != region.len)
        return false;
    s3->settings.region = arena_copy(s3->common.arena, region);
    s3->region_corrected = true;
    s3_locate(s3);
    return true;
}

static enum status send_again(struct s3_repository *s3, struct http_client *client,
                              const struct s3_call *call, bool stream, struct s3_answer *answer)
{
    static const char *const stale[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", NULL};
    int64_t began_us = clock_monotonic_us();
    *answer = (struct s3_answer){0};
    for (;;) {
        if (try_once(s3, client, call, stream, answer) == OK)
            return OK;
        if (correct_region(s3, client, answer))
            continue;
        if (is_one_of(answer, stale))
            aws_credentials_forget();
        if (!s3_is_passing(answer) || answer->attempts >= s3->settings.attempts ||
            clock_monotonic_us() - began_us > AGAIN_FOR_MS * 1000L)
            return FAILED;
        log_info("S3: %.*s fails (%d %s%s), attempt %u of %u", SV_ARG(call->method), answer->reply.status,
                 answer->code, answer->outcome == HTTP_OK ? "" : http_problem(client), answer->attempts,
                 s3->settings.attempts);
        s3_pause(client, answer->attempts);
    }
}

enum status s3_send(struct s3_repository *s3, const struct s3_call *call, struct s3_answer *answer)
{
    return send_again(s3, s3->client, call, false, answer);
}

enum status s3_begin(struct s3_repository *s3, struct http_client *client, const struct s3_call *call,
                     struct s3_answer *answer)
{
    return send_again(s3, client, call, true, answer);
}

/* --- What a failure means --- */

static const struct {
    const char *code;
    enum error_code means;
} meanings[] = {
    {"AccessDenied", PERMISSION_DENIED},
    {"AllAccessDisabled", PERMISSION_DENIED},
    {"AccountProblem", PERMISSION_DENIED},
    {"InvalidObjectState", PERMISSION_DENIED},
    {"NoSuchBucket", RESOURCE_DOES_NOT_EXIST},
    {"NoSuchKey", RESOURCE_DOES_NOT_EXIST},
    {"NoSuchUpload", RESOURCE_DOES_NOT_EXIST},
    {"InvalidAccessKeyId", UNAUTHENTICATED},
    {"SignatureDoesNotMatch", UNAUTHENTICATED},
    {"ExpiredToken", UNAUTHENTICATED},
    {"InvalidToken", UNAUTHENTICATED},
    {"TokenRefreshRequired", UNAUTHENTICATED},
    {"InvalidPart", INVALID_PARAMETER_VALUE},
    {"InvalidPartOrder", INVALID_PARAMETER_VALUE},
    {"EntityTooSmall", INVALID_PARAMETER_VALUE},
    {"InvalidRange", INVALID_PARAMETER_VALUE},
    {"KeyTooLongError", INVALID_PARAMETER_VALUE},
    {"EntityTooLarge", PAYLOAD_TOO_LARGE},
    {"QuotaExceeded", INSUFFICIENT_STORAGE},
};

static enum error_code meaning_of(const struct s3_answer *answer)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (s3_answered(answer, meanings[i].code))
            return meanings[i].means;
    }
    switch (answer->reply.status) {
    case 401:
        return UNAUTHENTICATED;
    case 403:
        return PERMISSION_DENIED;
    case 404:
        return RESOURCE_DOES_NOT_EXIST;
    case 413:
        return PAYLOAD_TOO_LARGE;
    case 416:
        return INVALID_PARAMETER_VALUE;
    case 507:
        return INSUFFICIENT_STORAGE;
    default:
        return s3_is_passing(answer) ? TEMPORARILY_UNAVAILABLE : INTERNAL_ERROR;
    }
}

enum status s3_failed(struct s3_repository *s3, const struct s3_answer *answer, struct sv doing,
                      struct sv path)
{
    struct arena *arena = s3->common.arena;
    struct error *error = s3->common.error;
    if (answer->outcome != HTTP_OK) {
        log_warning("%.*s: %s (%u attempts)", SV_ARG(doing), answer->problem, answer->attempts);
        if (s3_is_passing(answer))
            return error_set(error, arena, TEMPORARILY_UNAVAILABLE,
                             "%.*s: the S3 service cannot be reached. Try again later.", SV_ARG(doing));
        return error_internal(error, arena, "%.*s: %s", SV_ARG(doing), answer->problem);
    }
    enum error_code means = meaning_of(answer);
    log_warning("%.*s: S3 answered %d %s (%u attempts)", SV_ARG(doing), answer->reply.status, answer->code,
                answer->attempts);
    if (means == INTERNAL_ERROR)
        return error_internal(error, arena, "%.*s: S3 answered %d %s", SV_ARG(doing), answer->reply.status,
                              answer->code);
    if (s3_answered(answer, "NoSuchKey") && path.len)
        return error_set(error, arena, means, "No such artifact: '%.*s'", SV_ARG(path));
    char status[32];
    snprintf(status, sizeof(status), "status %d", answer->reply.status);
    return error_set(error, arena, means, "%.*s: S3 answered %s.", SV_ARG(doing),
                     answer->code[0] ? answer->code : status);
}
