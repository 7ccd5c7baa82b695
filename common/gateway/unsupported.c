#include "common/gateway/provider.h"

/* Providers whose formats nobody translates. What they are told to do instead works for each of them: all can
 * be reached through something that speaks OpenAI's. */
static enum status build(struct provider_call *call, struct provider_request *request)
{
    (void)request;
    return provider_fail(call, 501,
                         "The provider '%s' has a format of its own, which this gateway does not translate. "
                         "Put an OpenAI-compatible server in front of it, and use the provider 'openai_like' "
                         "with that server's address as 'api_base'.",
                         call->row->name);
}

const struct provider provider_unsupported = {
    .title = "Unsupported",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_SSE,
    .build = build,
};
