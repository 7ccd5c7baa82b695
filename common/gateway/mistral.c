#include "common/gateway/openai.h"
#include "common/gateway/unified.h"

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base, key;
    if (provider_base(call, &base) != OK || provider_api_key(call, &key) != OK ||
        provider_bearer(call, request, key) != OK)
        return FAILED;
    request->url = provider_url(call, base, sv_from(openai_path(call->route)));
    return openai_finish(call, request, call->model, false);
}

/* Embeddings are told under the name that the model definition has for the model. */
static enum status translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage)
{
    if (call->route == GATEWAY_CHAT)
        return unified_clean_chat(call, reply, out, usage);
    return unified_clean_embeddings_as(call, call->model, reply, out, usage);
}

const struct provider provider_mistral = {
    .title = "Mistral",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_SSE,
    .build = build,
    .translate = translate,
    .event = unified_clean_event,
};
