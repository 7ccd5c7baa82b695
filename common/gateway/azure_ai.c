#include "common/gateway/openai.h"
#include "common/gateway/unified.h"

#define DEFAULT_API_VERSION "2024-05-01-preview"

/* base + "/models", unless the base says so itself, with a version in its query. */
static struct sv models_url(struct provider_call *call, struct sv base)
{
    struct sv path = sv_first(base, sv_find(base, '?'));
    bool is_there = sv_ends_with(path, SV("/models"));
    struct sv end = arena_printf(call->arena, "%s%s", is_there ? "" : "models/", openai_path(call->route));
    struct sv url = provider_url(call, base, end);
    struct sv version = provider_config(call, "api_version");
    if (!version.data && path.len < base.len)
        return url;
    return provider_url_parameter(call, url, SV("api-version"),
                                  version.data ? version : SV(DEFAULT_API_VERSION));
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base, key;
    if (provider_base(call, &base) != OK || provider_api_key(call, &key) != OK ||
        provider_header(call, request, SV("api-key"), key) != OK)
        return FAILED;
    request->url = models_url(call, base);
    return openai_finish(call, request, call->model, false);
}

const struct provider provider_azure_ai = {
    .title = "Azure AI",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_SSE,
    .build = build,
    .event = unified_clean_event,
};
