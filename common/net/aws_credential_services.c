#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/number.h"
#include "common/json/json_read.h"
#include "common/net/aws_credentials_internal.h"
#include "common/net/aws_xml.h"
#include "common/net/http_client.h"

#define MEMORY_MAX_BYTES  (4UL * 1024 * 1024)
#define ANSWER_MAX_BYTES  (64 * 1024)
#define SECRET_MAX_BYTES  4096
#define RENEW_BEFORE_S    300
#define TRY_AGAIN_AFTER_S 15
#define WITHOUT_EXPIRY_S  900
#define CONNECT_MS        1000
#define TOTAL_MS          5000
#define WEB_IDENTITY_MS   20000
#define CONTAINER_ADDRESS "http://169.254.170.2"
#define METADATA_ADDRESS  "http://169.254.169.254"
#define METADATA_TOKEN_S  "21600"

/* What a service gave, for all threads. */
static struct {
    pthread_mutex_t mutex;
    char access_key[SECRET_MAX_BYTES], secret_key[SECRET_MAX_BYTES], token[SECRET_MAX_BYTES];
    int64_t expires_s; /* 0: nothing is kept */
    int64_t failed_s;  /* when nothing could be had */
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* What one service answered. Everything is in its own arena: an escape from a request's would leave the
 * mutex locked. */
struct answer {
    struct arena *arena;
    struct sv access_key, secret_key, token, expires;
};

static struct sv environment(const char *name)
{
    struct sv value = sv_from(getenv(name));
    return value.len ? value : SV_ABSENT;
}

/* --- Calls --- */

static struct sv ask(struct answer *answer, struct http_call *call)
{
    struct http_client *client = http_client_of_thread(HTTP_FOR_CALLS);
    if (!client)
        return SV_ABSENT;
    call->connect_ms = CONNECT_MS;
    if (!call->total_ms)
        call->total_ms = TOTAL_MS;
    call->ca_file = environment("AWS_CA_BUNDLE");
    struct http_reply reply;
    struct buffer *body = http_scratch(client, HTTP_SCRATCH_BODY, ANSWER_MAX_BYTES);
    enum http_outcome outcome = http_exchange(client, call, &reply, body);
    if (outcome == HTTP_OK && reply.status == 200)
        return arena_copy(answer->arena, body->len ? buffer_sv(body) : SV(""));
    if (outcome == HTTP_OK)
        log_warning("AWS: the credentials service %.*s answered %d", SV_ARG(call->url), reply.status);
    else
        log_info("AWS: the credentials service %.*s cannot be reached: %s", SV_ARG(call->url),
                 http_problem(client));
    return SV_ABSENT;
}

static struct sv json_field(struct answer *answer, struct json_object *root, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(root, name, &value) || !json_object_is_type(value, json_type_string))
        return SV_ABSENT;
    return arena_copy(answer->arena, json_string_view(value));
}

static bool take_json(struct answer *answer, struct sv text)
{
    struct json_object *root = NULL;
    struct sv problem;
    if (!text.data || json_parse(answer->arena, text, &root, &problem) != JSON_OK)
        return false;
    answer->access_key = json_field(answer, root, "AccessKeyId");
    answer->secret_key = json_field(answer, root, "SecretAccessKey");
    answer->token = json_field(answer, root, "Token");
    answer->expires = json_field(answer, root, "Expiration");
    json_object_put(root);
    return answer->access_key.len && answer->secret_key.len;
}

/* AssumeRoleWithWebIdentity of the AWS Security Token Service. */
static bool ask_web_identity(struct answer *answer, struct sv region)
{
    struct sv session = environment("AWS_ROLE_SESSION_NAME"), endpoint = environment("AWS_ENDPOINT_URL_STS");
    struct sv token = aws_file_content(answer->arena, environment("AWS_WEB_IDENTITY_TOKEN_FILE"));
    if (!token.data) {
        log_warning("AWS: the file of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read");
        return false;
    }
    const struct name_value form[] = {
        {SV("Action"), SV("AssumeRoleWithWebIdentity")},
        {SV("Version"), SV("2011-06-15")},
        {SV("RoleArn"), environment("AWS_ROLE_ARN")},
        {SV("RoleSessionName"), session.data ? session : SV("tracklight")},
        {SV("WebIdentityToken"), sv_trim(token)},
    };
    const struct name_value headers[] = {{SV("Content-Type"), SV("application/x-www-form-urlencoded")}};
    struct http_call call = {
        .method = SV("POST"),
        .url = endpoint.data ? endpoint
                             : arena_printf(answer->arena, "https://sts.%.*s.amazonaws.com/", SV_ARG(region)),
        .headers = headers,
        .header_count = 1,
        .body = sigv4_query(answer->arena, form, sizeof(form) / sizeof(form[0])),
        .total_ms = WEB_IDENTITY_MS,
    };
    struct sv text = ask(answer, &call);
    struct buffer *elements =
        http_scratch(http_client_of_thread(HTTP_FOR_CALLS), HTTP_SCRATCH_TEXT, 4 * ANSWER_MAX_BYTES);
    if (!text.data || !aws_xml_parse(text, elements))
        return false;
    answer->access_key = arena_copy(answer->arena, aws_xml_find(elements, 4, SV("AccessKeyId")));
    answer->secret_key = arena_copy(answer->arena, aws_xml_find(elements, 4, SV("SecretAccessKey")));
    answer->token = arena_copy(answer->arena, aws_xml_find(elements, 4, SV("SessionToken")));
    answer->expires = arena_copy(answer->arena, aws_xml_find(elements, 4, SV("Expiration")));
    return answer->access_key.len && answer->secret_key.len;
}

/* Amazon ECS's and EKS's agents. */
static bool ask_container(struct answer *answer)
{
    struct sv relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct sv file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct sv token = file.data ? sv_trim(aws_file_content(answer->arena, file))
                                : environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const struct name_value headers[] = {{SV("Authorization"), token}};
    struct http_call call = {
        .method = SV("GET"),
        .url = relative.data ? arena_printf(answer->arena, CONTAINER_ADDRESS "%.*s", SV_ARG(relative))
                             : environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        .headers = headers,
        .header_count = token.len ? 1 : 0,
        .no_proxy = true,
    };
    return take_json(answer, ask(answer, &call));
}

/* EC2's instance metadata service, version 2. */
static bool ask_metadata(struct answer *answer)
{
    struct sv base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (!base.data)
        base = SV(METADATA_ADDRESS);
    while (sv_ends_with(base, SV("/")))
        base = sv_first(base, base.len - 1);
    const struct name_value lifetime[] = {{SV("X-aws-ec2-metadata-token-ttl-seconds"), SV(METADATA_TOKEN_S)}};
    struct http_call call = {
        .method = SV("PUT"),
        .url = arena_printf(answer->arena, "%.*s/latest/api/token", SV_ARG(base)),
        .headers = lifetime,
        .header_count = 1,
        .body = SV(""),
        .no_proxy = true,
    };
    struct sv token = ask(answer, &call);
    if (!token.data)
        return false;
    const struct name_value headers[] = {{SV("X-aws-ec2-metadata-token"), sv_trim(token)}};
    call.method = SV("GET");
    call.headers = headers;
    call.body = SV_ABSENT;
    call.url = arena_printf(answer->arena, "%.*s/latest/meta-data/iam/security-credentials/", SV_ARG(base));
    struct sv roles = ask(answer, &call);
    struct sv role = roles.data ? sv_trim(sv_cut(&roles, '\n')) : SV_ABSENT;
    if (!role.len)
        return false;
    call.url =
        arena_printf(answer->arena, "%.*s%.*s", SV_ARG(call.url), SV_ARG(sigv4_encode(answer->arena, role)));
    return take_json(answer, ask(answer, &call));
}

static bool metadata_is_off(void)
{
    return sv_equal_ignoring_case(environment("AWS_EC2_METADATA_DISABLED"), SV("true"));
}

/* --- Keeping --- */

static bool is_number(struct sv text, size_t from, size_t len, int *number)
{
    int64_t value = 0;
    if (!parse_int64(sv_first(sv_from_offset(text, from), len), 0, 9999, &value))
        return false;
    *number = (int)value;
    return true;
}

/* "2026-11-23T18:00:00Z" (ISO 8601); 0 for anything else. */
static int64_t parse_time(struct sv text)
{
    struct tm parts = {0};
    if (text.len < 20 || text.data[4] != '-' || text.data[10] != 'T' ||
        !is_number(text, 0, 4, &parts.tm_year) || !is_number(text, 5, 2, &parts.tm_mon) ||
        !is_number(text, 8, 2, &parts.tm_mday) || !is_number(text, 11, 2, &parts.tm_hour) ||
        !is_number(text, 14, 2, &parts.tm_min) || !is_number(text, 17, 2, &parts.tm_sec))
        return 0;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return (int64_t)timegm(&parts);
}

static bool keep(char into[SECRET_MAX_BYTES], struct sv text)
{
    if (text.len >= SECRET_MAX_BYTES)
        return false;
    OPENSSL_cleanse(into, SECRET_MAX_BYTES);
    if (text.len)
        memcpy(into, text.data, text.len);
    into[text.len] = '\0';
    return true;
}

static void forget(void)
{
    OPENSSL_cleanse(kept.access_key, sizeof(kept.access_key));
    OPENSSL_cleanse(kept.secret_key, sizeof(kept.secret_key));
    OPENSSL_cleanse(kept.token, sizeof(kept.token));
    kept.expires_s = 0;
}

void aws_credentials_forget(void)
{
    pthread_mutex_lock(&kept.mutex);
    forget();
    kept.failed_s = 0;
    pthread_mutex_unlock(&kept.mutex);
}

static bool renew(struct sv region, int64_t now_s)
{
    struct answer answer = {.arena = arena_new(MEMORY_MAX_BYTES)};
    bool good = false;
    if (environment("AWS_WEB_IDENTITY_TOKEN_FILE").data && environment("AWS_ROLE_ARN").data)
        good = ask_web_identity(&answer, region);
    else if (environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").data ||
             environment("AWS_CONTAINER_CREDENTIALS_FULL_URI").data)
        good = ask_container(&answer);
    else if (!metadata_is_off())
        good = ask_metadata(&answer);
    if (good) {
        int64_t expires_s = parse_time(answer.expires);
        good = keep(kept.access_key, answer.access_key) && keep(kept.secret_key, answer.secret_key) &&
               keep(kept.token, answer.token);
        kept.expires_s = expires_s ? expires_s : now_s + WITHOUT_EXPIRY_S;
        if (!good)
            forget();
    }
    arena_free(answer.arena);
    return good;
}

enum status aws_service_credentials(struct arena *arena, struct sv region,
                                    struct sigv4_credentials *credentials)
{
    char access_key[SECRET_MAX_BYTES], secret_key[SECRET_MAX_BYTES], token[SECRET_MAX_BYTES];
    int64_t now_s = clock_now_ms() / 1000;
    pthread_mutex_lock(&kept.mutex);
    if (kept.expires_s - RENEW_BEFORE_S <= now_s && now_s - kept.failed_s >= TRY_AGAIN_AFTER_S) {
        kept.failed_s = renew(region, now_s) ? 0 : now_s;
        if (kept.failed_s && kept.expires_s <= now_s)
            forget();
    }
    bool good = kept.expires_s > now_s;
    memcpy(access_key, kept.access_key, sizeof(access_key));
    memcpy(secret_key, kept.secret_key, sizeof(secret_key));
    memcpy(token, kept.token, sizeof(token));
    pthread_mutex_unlock(&kept.mutex);
    if (good) {
        credentials->access_key = arena_copy(arena, sv_from(access_key));
        credentials->secret_key = arena_copy(arena, sv_from(secret_key));
        credentials->session_token = token[0] ? arena_copy(arena, sv_from(token)) : SV_ABSENT;
    }
    OPENSSL_cleanse(secret_key, sizeof(secret_key));
    OPENSSL_cleanse(token, sizeof(token));
    return good ? OK : FAILED;
}
