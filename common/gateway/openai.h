#ifndef TRACKLIGHT_GATEWAY_OPENAI_H
#define TRACKLIGHT_GATEWAY_OPENAI_H

#include "common/gateway/provider.h"

/* What the adapters of providers that speak OpenAI's formats share. */

/* "chat/completions", "embeddings", "responses"; NULL for routes of other formats. */
const char *openai_path(enum gateway_route route);

/* Refuses (501) a unified route that the call's row does not have: chat_only, embeddings_only. */
enum status openai_check_route(struct provider_call *call);

/* The row's extra_headers and config_headers; the second only where auth_config has the entry. */
enum status openai_row_headers(struct provider_call *call, struct provider_request *request);

/* The end of every request: the body with `model` (absent: without one), and for passthrough routes the
 * client's headers. */
enum status openai_finish(struct provider_call *call, struct provider_request *request, struct sv model,
                          bool include_usage);

/* A request to a deployment of Azure OpenAI, but for its credentials; the caller adds these before. The base
 * is auth_config.api_base. */
enum status azure_finish(struct provider_call *call, struct provider_request *request, struct sv base,
                         struct sv deployment, struct sv api_version);

#endif
