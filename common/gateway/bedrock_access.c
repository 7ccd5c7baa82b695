#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/timestamp.h"
#include "common/gateway/bedrock.h"
#include "common/gateway/oauth.h"
#include "common/net/aws_credentials.h"
#include "common/net/aws_xml.h"
#include "common/net/sigv4.h"

#define ROLE_SESSION_NAME SV("ai-gateway-bedrock")
#define ROLE_SECONDS      900
#define REPLY_MAX_BYTES   (256UL * 1024)

static struct sv environment(const char *name)
{
    struct sv value = sv_from(getenv(name));
    return value.len ? value : SV_ABSENT;
}

/* --- Settings --- */

enum bedrock_mode bedrock_mode(const struct provider_call *call)
{
    struct sv mode = provider_config(call, "auth_mode");
    if (sv_equal(mode, SV("access_keys")))
        return BEDROCK_ACCESS_KEYS;
    if (sv_equal(mode, SV("iam_role")))
        return BEDROCK_ROLE;
    if (mode.data)
        return sv_equal(mode, SV("api_key")) ? BEDROCK_API_KEY : BEDROCK_DEFAULT_CHAIN;
    if (provider_secret(call, "api_key").data || !provider_secret(call, "aws_access_key_id").data)
        return BEDROCK_API_KEY;
    return provider_config(call, "aws_role_name").data ? BEDROCK_ROLE : BEDROCK_ACCESS_KEYS;
}

static bool is_plain_name(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return text.len > 0 && text.len <= 63;
}

enum status bedrock_region(struct provider_call *call, struct sv *region)
{
    *region = provider_config(call, "aws_region_name");
    if (!region->data)
        *region = environment("AWS_REGION");
    if (!region->data)
        *region = environment("AWS_DEFAULT_REGION");
    if (!region->data && bedrock_mode(call) == BEDROCK_DEFAULT_CHAIN)
        *region = aws_config_value(call->arena, SV("region"));
    if (!region->data)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "The provider '%s' needs 'aws_region_name' in auth_config.",
                                  call->row->name);
    if (!is_plain_name(*region))
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "'aws_region_name' in auth_config must look like us-east-1.");
    return OK;
}

static enum status own_keys(struct provider_call *call, struct sigv4_credentials *credentials)
{
    *credentials = (struct sigv4_credentials){
        .access_key = provider_secret(call, "aws_access_key_id"),
        .secret_key = provider_secret(call, "aws_secret_access_key"),
        .session_token = provider_secret(call, "aws_session_token"),
    };
    if (credentials->access_key.data && credentials->secret_key.data)
        return OK;
    return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                              "The secret for the provider '%s' needs 'aws_access_key_id' and "
                              "'aws_secret_access_key'.",
                              call->row->name);
}

/* --- Signatures --- */

struct place {
    struct sv host; /* as libcurl sends it: without the port that the scheme implies */
    struct sv path; /* "/" at least */
};

/* FAILED (400) for what has no host, or a query: that would have to be signed. */
static enum status place_of(struct provider_call *call, struct sv url, struct place *place)
{
    bool is_http = sv_equal_ignoring_case(sv_first(url, 7), SV("http://"));
    bool is_https = sv_equal_ignoring_case(sv_first(url, 8), SV("https://"));
    struct sv rest = sv_from_offset(url, is_http ? 7 : 8);
    struct sv implied = is_http ? SV(":80") : SV(":443");
    place->host = sv_first(rest, sv_find(rest, '/'));
    place->path = sv_from_offset(rest, place->host.len);
    if (!place->path.len)
        place->path = SV("/");
    if ((!is_http && !is_https) || !place->host.len || sv_find(rest, '?') < rest.len ||
        sv_find(rest, '#') < rest.len || sv_find(place->host, '@') < place->host.len)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "The address of AWS in auth_config must look like https://host, without a "
                                  "query.");
    if (sv_ends_with(place->host, implied))
        place->host = sv_first(place->host, place->host.len - implied.len);
    return OK;
}

/* Replaces the request's headers by signed ones. */
static enum status sign(struct provider_call *call, struct provider_request *request,
                        const struct sigv4_credentials *credentials, struct sv region, struct sv service)
{
    struct place place;
    char hash[SIGV4_HASH_LENGTH];
    if (place_of(call, request->url, &place) != OK ||
        provider_header(call, request, SV("host"), place.host) != OK)
        return FAILED;
    sigv4_hash(request->body, hash);
    const struct sigv4_request to_sign = {
        .method = SV("POST"),
        .path = place.path,
        .headers = request->headers,
        .header_count = request->header_count,
        .payload_hash = {hash, sizeof(hash)},
        .region = region,
        .service = service,
        .time_s = call->now_ms / 1000,
    };
    size_t count = 0;
    struct name_value *headers = sigv4_sign(call->arena, credentials, &to_sign, &count);
    *request = (struct provider_request){.url = request->url, .body = request->body};
    for (size_t i = 0; i < count; i++) {
        if (provider_header(call, request, headers[i].name, headers[i].value) != OK)
            return FAILED;
    }
    return OK;
}

enum status bedrock_authorize(struct provider_call *call, struct provider_request *request)
{
    struct sigv4_credentials credentials;
    struct sv key, region;
    enum bedrock_mode mode = bedrock_mode(call);
    if (mode == BEDROCK_API_KEY)
        return provider_api_key(call, &key) == OK ? provider_bearer(call, request, key) : FAILED;
    if (bedrock_region(call, &region) != OK)
        return FAILED;
    if (mode == BEDROCK_ACCESS_KEYS) {
        if (own_keys(call, &credentials) != OK)
            return FAILED;
    } else if (call->token) {
        credentials = (struct sigv4_credentials){
            .access_key = call->token->access,
            .secret_key = call->token->secret,
            .session_token = call->token->session,
        };
    } else {
        return provider_fail(call, 502, "There are no AWS credentials for Bedrock.");
    }
    return sign(call, request, &credentials, region, SV("bedrock"));
}

/* --- AWS's default chain --- */

enum status bedrock_prepare(struct provider_call *call)
{
    struct sigv4_credentials credentials;
    struct error error = {.code = ERROR_NONE};
    struct sv region;
    if (bedrock_mode(call) != BEDROCK_DEFAULT_CHAIN)
        return OK;
    if (!call->server_credentials)
        return provider_fail_code(
            call, PERMISSION_DENIED,
            "This server's own AWS credentials may not be used by the provider '%s'. Set "
            "'auth_mode' in auth_config to api_key, access_keys or iam_role, or let the "
            "administrator set gateway_server_credentials = true.",
            call->row->name);
    if (bedrock_region(call, &region) != OK)
        return FAILED;
    if (aws_credentials_find(call->arena, &error, region, &credentials) != OK) {
        log_warning("%.*s", SV_ARG(error.detail));
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "This server has no AWS credentials of its own for the provider '%s'. Set "
                                  "'auth_mode' in auth_config to api_key, access_keys or iam_role, or give "
                                  "the server credentials.",
                                  call->row->name);
    }
    struct gateway_token *token = ARENA_NEW(call->arena, struct gateway_token);
    *token = (struct gateway_token){
        .access = credentials.access_key,
        .secret = credentials.secret_key,
        .session = credentials.session_token,
        .expires_ms = call->now_ms, /* aws_credentials.h keeps them */
    };
    call->token = token;
    return OK;
}

/* --- AssumeRole of the AWS Security Token Service (API version 2011-06-15) --- */

static enum status sts_url(struct provider_call *call, struct sv region, struct sv *url)
{
    struct sv endpoint = provider_config(call, "aws_sts_endpoint");
    if (!endpoint.data) {
        const char *domain = sv_starts_with(region, SV("cn-")) ? "amazonaws.com.cn" : "amazonaws.com";
        *url = arena_printf(call->arena, "https://sts.%.*s.%s/", SV_ARG(region), domain);
        return OK;
    }
    struct place place;
    if (place_of(call, endpoint, &place) != OK)
        return FAILED;
    bool has_path = sv_ends_with(endpoint, SV("/")) || place.path.len > 1;
    *url = has_path ? endpoint : arena_printf(call->arena, "%.*s/", SV_ARG(endpoint));
    return OK;
}

enum status bedrock_token(struct provider_call *call, struct provider_request *request, struct sv *key)
{
    struct sigv4_credentials credentials;
    struct sv region, role = provider_config(call, "aws_role_name");
    struct sv session = provider_config(call, "aws_session_name");
    *key = SV_ABSENT;
    if (bedrock_mode(call) != BEDROCK_ROLE)
        return OK;
    if (!role.data)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "The auth_mode 'iam_role' of the provider '%s' needs 'aws_role_name' in "
                                  "auth_config.",
                                  call->row->name);
    if (!session.data)
        session = ROLE_SESSION_NAME;
    if (own_keys(call, &credentials) != OK || bedrock_region(call, &region) != OK ||
        sts_url(call, region, &request->url) != OK)
        return FAILED;
    *key = oauth_key(call, request->url, credentials.access_key,
                     arena_printf(call->arena, "%zu %zu %.*s%.*s%.*s%.*s", role.len, session.len,
                                  SV_ARG(role), SV_ARG(session), SV_ARG(credentials.session_token),
                                  SV_ARG(credentials.secret_key)));
    oauth_parameter(call, request, "Action", SV("AssumeRole"));
    oauth_parameter(call, request, "Version", SV("2011-06-15"));
    oauth_parameter(call, request, "RoleArn", role);
    oauth_parameter(call, request, "RoleSessionName", session);
    oauth_parameter(call, request, "DurationSeconds", arena_printf(call->arena, "%d", ROLE_SECONDS));
    if (call->key_only)
        return OK;
    if (oauth_form(call, request) != OK)
        return FAILED;
    return sign(call, request, &credentials, region, SV("sts"));
}

/* AssumeRoleResponse / AssumeRoleResult / Credentials / the texts. */
enum status bedrock_read_token(struct provider_call *call, struct sv body, struct gateway_token *token)
{
    struct buffer elements;
    /* All room at once: an escape from the arena must not leave the parser behind. */
    buffer_init_in(&elements, call->arena, REPLY_MAX_BYTES);
    bool is_read =
        buffer_reserve(&elements, REPLY_MAX_BYTES) != NULL && body.data && aws_xml_parse(body, &elements);
    *token = (struct gateway_token){
        .access = is_read ? aws_xml_find(&elements, 4, SV("AccessKeyId")) : SV_ABSENT,
        .secret = is_read ? aws_xml_find(&elements, 4, SV("SecretAccessKey")) : SV_ABSENT,
        .session = is_read ? aws_xml_find(&elements, 4, SV("SessionToken")) : SV_ABSENT,
        .expires_ms = call->now_ms + ROLE_SECONDS * 1000L,
    };
    if (!token->access.len || !token->secret.len || !token->session.len)
        return provider_fail(call, 502, "The answer of AWS to AssumeRole has no credentials.");
    int64_t expires_ms = 0;
    if (timestamp_parse(sv_trim(aws_xml_find(&elements, 4, SV("Expiration"))), &expires_ms))
        token->expires_ms = expires_ms;
    return OK;
}
