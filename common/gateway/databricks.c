#include "common/gateway/oauth.h"
#include "common/gateway/openai.h"
#include "common/gateway/unified.h"

#define ENDPOINTS "serving-endpoints"

static bool uses_oauth(const struct provider_call *call)
{
    struct sv mode = provider_config(call, "auth_mode");
    if (mode.data)
        return sv_equal(mode, SV("oauth_m2m"));
    return !provider_secret(call, "api_key").data && provider_secret(call, "client_secret").data;
}

/* "https://host:port" of a URL. */
static struct sv origin_of(struct sv url)
{
    size_t at = 0;
    while (at < url.len && !sv_starts_with(sv_from_offset(url, at), SV("://")))
        at++;
    if (at == url.len)
        return url;
    at += 3;
    while (at < url.len && url.data[at] != '/' && url.data[at] != '?' && url.data[at] != '#')
        at++;
    return sv_first(url, at);
}

static enum status token(struct provider_call *call, struct provider_request *request, struct sv *key)
{
    struct sv base;
    *key = SV_ABSENT;
    if (!uses_oauth(call))
        return OK;
    struct sv client = provider_config(call, "client_id");
    struct sv secret = provider_secret(call, "client_secret");
    if (!client.data || !secret.data)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "The auth_mode 'oauth_m2m' of the provider '%s' needs 'client_id' in "
                                  "auth_config, and 'client_secret' in the secret.",
                                  call->row->name);
    if (provider_base(call, &base) != OK)
        return FAILED;
    request->url = provider_url(call, origin_of(base), SV("oidc/v1/token"));
    *key = oauth_key(call, request->url, client, secret);
    oauth_parameter(call, request, "grant_type", SV("client_credentials"));
    oauth_parameter(call, request, "scope", SV("all-apis"));
    if (oauth_basic(call, request, client, secret) != OK)
        return FAILED;
    return oauth_form(call, request);
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base, key;
    if (provider_base(call, &base) != OK)
        return FAILED;
    if (call->token)
        key = call->token->access;
    else if (provider_api_key(call, &key) != OK)
        return FAILED;
    if (provider_bearer(call, request, key) != OK)
        return FAILED;
    bool is_there = sv_ends_with(sv_first(base, sv_find(base, '?')), SV("/" ENDPOINTS));
    request->url = provider_url(
        call, base,
        arena_printf(call->arena, "%s%s", is_there ? "" : ENDPOINTS "/", openai_path(call->route)));
    return openai_finish(call, request, call->model, false);
}

const struct provider provider_databricks = {
    .title = "Databricks",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_SSE,
    .token = token,
    .read_token = oauth_read_token,
    .build = build,
    .event = unified_clean_event,
};
