#include "common/gateway/openai.h"

#include "common/gateway/unified.h"

const char *openai_path(enum gateway_route route)
{
    switch (route) {
    case GATEWAY_CHAT:
    case GATEWAY_OPENAI_CHAT:
        return "chat/completions";
    case GATEWAY_EMBEDDINGS:
    case GATEWAY_OPENAI_EMBEDDINGS:
        return "embeddings";
    case GATEWAY_OPENAI_RESPONSES:
        return "responses";
    case GATEWAY_ANTHROPIC_MESSAGES:
    case GATEWAY_GEMINI_GENERATE:
    case GATEWAY_GEMINI_STREAM:
    case GATEWAY_ROUTES:
        break;
    }
    return NULL;
}

enum status openai_check_route(struct provider_call *call)
{
    bool refused = call->route == GATEWAY_CHAT ? call->row->embeddings_only : call->row->chat_only;
    if (!refused)
        return OK;
    return provider_fail(call, 501, "The %s route is not implemented for %s models.",
                         call->route == GATEWAY_CHAT ? "chat" : "embeddings", call->row->name);
}

enum status openai_row_headers(struct provider_call *call, struct provider_request *request)
{
    const struct name_value *header = call->row->extra_headers;
    for (; header && header->name.data; header++) {
        if (provider_header(call, request, header->name, header->value) != OK)
            return FAILED;
    }
    header = call->row->config_headers;
    for (; header && header->name.data; header++) {
        struct sv value = provider_config(call, header->value.data);
        if (value.data && provider_header(call, request, header->name, value) != OK)
            return FAILED;
    }
    return OK;
}

enum status openai_finish(struct provider_call *call, struct provider_request *request, struct sv model,
                          bool include_usage)
{
    if (provider_payload_body(call, request, model, include_usage) != OK)
        return FAILED;
    bool unified = call->route == GATEWAY_CHAT || call->route == GATEWAY_EMBEDDINGS;
    return unified ? OK : provider_client_headers(call, request);
}

/* auth_config.api_type "azure": a key; "azuread": a token that the secret holds ready. */
static enum status build_azure(struct provider_call *call, struct provider_request *request, struct sv key,
                               bool bearer)
{
    struct sv base = provider_config(call, "api_base");
    struct sv deployment = provider_config(call, "deployment_name");
    struct sv api_version = provider_config(call, "api_version");
    if (!base.data || !deployment.data || !api_version.data)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "OpenAI with the api_type '%s' needs 'api_base', 'deployment_name' and "
                                  "'api_version' in the auth_config of the secret.",
                                  bearer ? "azuread" : "azure");
    enum status added =
        bearer ? provider_bearer(call, request, key) : provider_header(call, request, SV("api-key"), key);
    return added == OK ? azure_finish(call, request, base, deployment, api_version) : FAILED;
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv key, base;
    if (provider_api_key(call, &key) != OK)
        return FAILED;
    struct sv api_type = provider_config(call, "api_type");
    if (sv_equal(api_type, SV("azure")) || sv_equal(api_type, SV("azuread")))
        return build_azure(call, request, key, sv_equal(api_type, SV("azuread")));
    if (provider_base(call, &base) != OK || provider_bearer(call, request, key) != OK ||
        openai_row_headers(call, request) != OK)
        return FAILED;
    request->url = provider_url(call, base, sv_from(openai_path(call->route)));
    return openai_finish(call, request, call->model, true);
}

const struct provider provider_openai = {
    .title = "OpenAI",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_OPENAI_RESPONSES),
    .framing = FRAMING_SSE,
    .build = build,
    .event = unified_clean_event,
    .path = openai_path,
};
