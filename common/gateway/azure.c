#include "common/gateway/oauth.h"
#include "common/gateway/openai.h"
#include "common/gateway/unified.h"

#define DEFAULT_API_VERSION "2024-02-01"
#define DEFAULT_AUTHORITY   "https://login.microsoftonline.com"
#define SCOPE               "https://cognitiveservices.azure.com/.default"

/* The first version whose chat completions know stream_options. */
#define STREAM_OPTIONS_SINCE "2024-09"

enum status azure_finish(struct provider_call *call, struct provider_request *request, struct sv base,
                         struct sv deployment, struct sv api_version)
{
    struct sv path = arena_printf(call->arena, "openai/deployments/%.*s/%s",
                                  SV_ARG(provider_encode(call->arena, deployment)), openai_path(call->route));
    request->url =
        provider_url_parameter(call, provider_url(call, base, path), SV("api-version"), api_version);
    return openai_finish(call, request, SV_ABSENT, sv_compare(api_version, SV(STREAM_OPTIONS_SINCE)) >= 0);
}

static bool uses_service_principal(const struct provider_call *call)
{
    struct sv mode = provider_config(call, "auth_mode");
    if (mode.data)
        return sv_equal(mode, SV("service_principal"));
    return !provider_secret(call, "api_key").data && provider_secret(call, "client_secret").data;
}

static enum status token(struct provider_call *call, struct provider_request *request, struct sv *key)
{
    *key = SV_ABSENT;
    if (!uses_service_principal(call))
        return OK;
    struct sv tenant = provider_config(call, "tenant_id");
    struct sv client = provider_config(call, "client_id");
    struct sv secret = provider_secret(call, "client_secret");
    struct sv authority = provider_config(call, "authority_host");
    if (!tenant.data || !client.data || !secret.data)
        return provider_fail_code(
            call, INVALID_PARAMETER_VALUE,
            "The auth_mode 'service_principal' of the provider '%s' needs 'tenant_id' and "
            "'client_id' in auth_config, and 'client_secret' in the secret.",
            call->row->name);
    struct sv path =
        arena_printf(call->arena, "%.*s/oauth2/v2.0/token", SV_ARG(provider_encode(call->arena, tenant)));
    request->url = provider_url(call, authority.data ? authority : SV(DEFAULT_AUTHORITY), path);
    *key = oauth_key(call, request->url, client, secret);
    oauth_parameter(call, request, "grant_type", SV("client_credentials"));
    oauth_parameter(call, request, "client_id", client);
    oauth_parameter(call, request, "client_secret", secret);
    oauth_parameter(call, request, "scope", SV(SCOPE));
    return oauth_form(call, request);
}

static enum status add_credentials(struct provider_call *call, struct provider_request *request)
{
    struct sv key;
    if (call->token)
        return provider_bearer(call, request, call->token->access);
    if (provider_api_key(call, &key) != OK)
        return FAILED;
    return provider_header(call, request, SV("api-key"), key);
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base;
    struct sv api_version = provider_config(call, "api_version");
    if (provider_base(call, &base) != OK || add_credentials(call, request) != OK)
        return FAILED;
    return azure_finish(call, request, base, call->model,
                        api_version.data ? api_version : SV(DEFAULT_API_VERSION));
}

const struct provider provider_azure = {
    .title = "Azure OpenAI",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_RESPONSES),
    .framing = FRAMING_SSE,
    .token = token,
    .read_token = oauth_read_token,
    .build = build,
    .event = unified_clean_event,
    .path = openai_path,
};
