#include "common/gateway/openai.h"
#include "common/gateway/unified.h"

static enum status add_key(struct provider_call *call, struct provider_request *request)
{
    struct sv key;
    if (call->row->key_optional && !provider_secret(call, "api_key").data)
        return OK;
    if (provider_api_key(call, &key) != OK)
        return FAILED;
    if (call->row->key_header)
        return provider_header(call, request, sv_from(call->row->key_header), key);
    return provider_bearer(call, request, key);
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base;
    if (openai_check_route(call) != OK || provider_base(call, &base) != OK || add_key(call, request) != OK ||
        openai_row_headers(call, request) != OK)
        return FAILED;
    request->url = provider_url(call, base, sv_from(openai_path(call->route)));
    return openai_finish(call, request, call->model, !call->row->no_stream_options);
}

const struct provider provider_like_openai = {
    .title = "LiteLLM",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_SSE,
    .build = build,
    .event = unified_clean_event,
};
