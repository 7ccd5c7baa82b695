#include "common/artifacts/s3_settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/number.h"
#include "common/base/uri.h"
#include "common/json/json_read.h"
#include "common/net/aws_credentials.h"

#define CONNECT_MS     10000
#define IDLE_MS        60000
#define SLOW_MS        300000
#define ATTEMPTS       5
#define ATTEMPTS_MAX   20
#define TIMEOUT_MAX_MS 3600000
#define EXTRA_ARGS_MAX 64
#define DEFAULT_REGION "us-east-1"

static struct sv from_environment(struct arena *arena, const char *name)
{
    struct sv value = sv_from(getenv(name));
    return value.len ? arena_copy(arena, value) : SV_ABSENT;
}

static struct sv first_of(struct arena *arena, const char *const *names)
{
    for (; *names; names++) {
        struct sv value = from_environment(arena, *names);
        if (value.len)
            return value;
    }
    return SV_ABSENT;
}

/* As MLflow reads its switches. */
static bool is_on(struct sv value)
{
    return sv_equal_ignoring_case(value, SV("true")) || sv_equal(value, SV("1"));
}

/* --- MLFLOW_S3_UPLOAD_EXTRA_ARGS --- */

static const struct {
    struct sv argument, header;
} extra_arguments[] = {
    {SV("ACL"), SV("x-amz-acl")},
    {SV("CacheControl"), SV("Cache-Control")},
    {SV("ContentDisposition"), SV("Content-Disposition")},
    {SV("ContentEncoding"), SV("Content-Encoding")},
    {SV("ContentLanguage"), SV("Content-Language")},
    {SV("ContentType"), SV("Content-Type")},
    {SV("ExpectedBucketOwner"), SV("x-amz-expected-bucket-owner")},
    {SV("Expires"), SV("Expires")},
    {SV("GrantFullControl"), SV("x-amz-grant-full-control")},
    {SV("GrantRead"), SV("x-amz-grant-read")},
    {SV("GrantReadACP"), SV("x-amz-grant-read-acp")},
    {SV("GrantWriteACP"), SV("x-amz-grant-write-acp")},
    {SV("ObjectLockLegalHoldStatus"), SV("x-amz-object-lock-legal-hold")},
    {SV("ObjectLockMode"), SV("x-amz-object-lock-mode")},
    {SV("ObjectLockRetainUntilDate"), SV("x-amz-object-lock-retain-until-date")},
    {SV("RequestPayer"), SV("x-amz-request-payer")},
    {SV("ServerSideEncryption"), SV("x-amz-server-side-encryption")},
    {SV("SSEKMSKeyId"), SV("x-amz-server-side-encryption-aws-kms-key-id")},
    {SV("SSEKMSEncryptionContext"), SV("x-amz-server-side-encryption-context")},
    {SV("StorageClass"), SV("x-amz-storage-class")},
    {SV("Tagging"), SV("x-amz-tagging")},
    {SV("WebsiteRedirectLocation"), SV("x-amz-website-redirect-location")},
};

struct extra {
    struct arena *arena;
    struct name_value headers[EXTRA_ARGS_MAX];
    size_t count;
    struct sv problem;
};

static bool is_header_text(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte > 0x7e)
            return false;
    }
    return true;
}

static bool add_extra(struct extra *extra, struct sv name, struct sv header, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string) || !is_header_text(json_string_view(value)) ||
        !is_header_text(header)) {
        extra->problem = arena_printf(extra->arena, "'%.*s' is not a plain ASCII string", SV_ARG(name));
        return false;
    }
    if (extra->count == EXTRA_ARGS_MAX) {
        extra->problem = SV("there are too many");
        return false;
    }
    extra->headers[extra->count++] = (struct name_value){arena_copy(extra->arena, header),
                                                         arena_copy(extra->arena, json_string_view(value))};
    return true;
}

static bool add_metadata(struct extra *extra, struct json_object *object)
{
    if (!json_object_is_type(object, json_type_object)) {
        extra->problem = SV("'Metadata' is not an object");
        return false;
    }
    struct json_object_iterator each = json_object_iter_begin(object), end = json_object_iter_end(object);
    for (; !json_object_iter_equal(&each, &end); json_object_iter_next(&each)) {
        struct sv name = sv_from(json_object_iter_peek_name(&each));
        struct sv header = arena_printf(extra->arena, "x-amz-meta-%.*s", SV_ARG(name));
        if (!add_extra(extra, name, header, json_object_iter_peek_value(&each)))
            return false;
    }
    return true;
}

static bool add_argument(struct extra *extra, struct sv name, struct json_object *value)
{
    if (sv_equal(name, SV("Metadata")))
        return add_metadata(extra, value);
    for (size_t i = 0; i < sizeof(extra_arguments) / sizeof(extra_arguments[0]); i++) {
        if (sv_equal(name, extra_arguments[i].argument))
            return add_extra(extra, name, extra_arguments[i].header, value);
    }
    extra->problem = arena_printf(extra->arena, "'%.*s' is not known here", SV_ARG(sv_first(name, 100)));
    return false;
}

bool s3_extra_headers(struct arena *arena, struct sv json, struct name_value **headers, size_t *count,
                      struct sv *problem)
{
    struct extra extra = {.arena = arena};
    struct json_object *root = NULL;
    if (json_parse(arena, json, &root, problem) != JSON_OK || !json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        *problem = SV("it is not a JSON object");
        return false;
    }
    bool good = true;
    struct json_object_iterator each = json_object_iter_begin(root), end = json_object_iter_end(root);
    for (; good && !json_object_iter_equal(&each, &end); json_object_iter_next(&each))
        good = add_argument(&extra, sv_from(json_object_iter_peek_name(&each)),
                            json_object_iter_peek_value(&each));
    json_object_put(root);
    *problem = extra.problem;
    *count = extra.count;
    *headers = ARENA_ARRAY(arena, struct name_value, extra.count + 1);
    if (extra.count)
        memcpy(*headers, extra.headers, extra.count * sizeof(**headers));
    return good;
}

/* --- The rest --- */

static enum status wrong(struct arena *arena, struct error *error, const char *name, const char *why)
{
    return error_internal(error, arena, "S3 is not set up: %s %s", name, why);
}

static enum status read_addressing(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    struct sv style = from_environment(arena, "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE");
    if (!style.data || sv_equal(style, SV("auto")))
        settings->addressing = S3_ADDRESSING_AUTO;
    else if (sv_equal(style, SV("path")))
        settings->addressing = S3_ADDRESSING_PATH;
    else if (sv_equal(style, SV("virtual")))
        settings->addressing = S3_ADDRESSING_VIRTUAL;
    else
        return wrong(arena, error, "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "must be auto, path or virtual");
    return OK;
}

static enum status read_signing(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    struct sv version = from_environment(arena, "MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION");
    settings->is_anonymous = sv_equal_ignoring_case(version, SV("unsigned"));
    if (version.data && !settings->is_anonymous && !sv_equal_ignoring_case(version, SV("s3v4")))
        return wrong(arena, error, "MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION", "must be s3v4 or unsigned");
    return OK;
}

static enum status read_endpoint(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    static const char *const names[] = {"MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
                                        NULL};
    settings->endpoint = first_of(arena, names);
    if (!settings->endpoint.data)
        settings->endpoint = aws_config_value(arena, SV("endpoint_url"));
    if (!settings->endpoint.data)
        return OK;
    struct sv scheme = uri_scheme(settings->endpoint);
    struct sv rest = sv_from_offset(settings->endpoint, scheme.len);
    if ((!sv_equal_ignoring_case(scheme, SV("http")) && !sv_equal_ignoring_case(scheme, SV("https"))) ||
        !sv_starts_with(rest, SV("://")) || rest.len < 4 || sv_find(rest, '?') < rest.len ||
        sv_find(rest, '#') < rest.len || sv_find(rest, '@') < rest.len || !is_header_text(rest))
        return wrong(arena, error, "MLFLOW_S3_ENDPOINT_URL", "must look like https://host:port");
    while (sv_ends_with(settings->endpoint, SV("/")))
        settings->endpoint = sv_first(settings->endpoint, settings->endpoint.len - 1);
    return OK;
}

static enum status read_number(struct arena *arena, struct error *error, const char *name, int64_t max,
                               int64_t otherwise, int64_t *number)
{
    struct sv text = from_environment(arena, name);
    *number = otherwise;
    if (text.data && !parse_int64(text, 1, max, number))
        return wrong(arena, error, name, "must be a positive number within its limits");
    return OK;
}

static enum status read_limits(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    int64_t attempts = 0;
    if (read_number(arena, error, "TRACKLIGHT_S3_CONNECT_TIMEOUT_MS", TIMEOUT_MAX_MS, CONNECT_MS,
                    &settings->connect_ms) != OK ||
        read_number(arena, error, "TRACKLIGHT_S3_IDLE_TIMEOUT_MS", TIMEOUT_MAX_MS, IDLE_MS,
                    &settings->idle_ms) != OK ||
        read_number(arena, error, "AWS_MAX_ATTEMPTS", ATTEMPTS_MAX, ATTEMPTS, &attempts) != OK)
        return FAILED;
    settings->attempts = (unsigned)attempts;
    settings->slow_ms = settings->idle_ms > SLOW_MS ? settings->idle_ms : SLOW_MS;
    return OK;
}

static enum status read_object_headers(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    struct sv json = from_environment(arena, "MLFLOW_S3_UPLOAD_EXTRA_ARGS"), problem = SV_ABSENT;
    struct name_value *headers = NULL;
    if (json.data && !s3_extra_headers(arena, json, &headers, &settings->object_header_count, &problem))
        return wrong(arena, error, "MLFLOW_S3_UPLOAD_EXTRA_ARGS cannot be used:", arena_cstr(arena, problem));
    settings->object_headers = headers;
    return OK;
}

static bool is_plain_name(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_'))
            return false;
    }
    return text.len > 0;
}

static enum status read_region(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    settings->region = first_of(arena, names);
    if (!settings->region.data)
        settings->region = aws_config_value(arena, SV("region"));
    if (!settings->region.data)
        settings->region = SV(DEFAULT_REGION);
    if (!is_plain_name(settings->region))
        return wrong(arena, error, "AWS_REGION", "is no name of a region");
    return OK;
}

enum status s3_settings_read(struct s3_settings *settings, struct arena *arena, struct error *error)
{
    *settings = (struct s3_settings){
        .bucket_owner = from_environment(arena, "MLFLOW_S3_EXPECTED_BUCKET_OWNER"),
        .ca_file = from_environment(arena, "AWS_CA_BUNDLE"),
        .trust_anybody = is_on(from_environment(arena, "MLFLOW_S3_IGNORE_TLS")),
    };
    if (settings->bucket_owner.data && !is_plain_name(settings->bucket_owner))
        return wrong(arena, error, "MLFLOW_S3_EXPECTED_BUCKET_OWNER", "is no account id");
    if (read_addressing(settings, arena, error) != OK || read_signing(settings, arena, error) != OK ||
        read_endpoint(settings, arena, error) != OK || read_region(settings, arena, error) != OK ||
        read_limits(settings, arena, error) != OK || read_object_headers(settings, arena, error) != OK)
        return FAILED;
    if (settings->is_anonymous)
        return OK;
    return aws_credentials_find(arena, error, settings->region, &settings->credentials);
}
