#ifndef TRACKLIGHT_GATEWAY_OAUTH_H
#define TRACKLIGHT_GATEWAY_OAUTH_H

#include "common/gateway/provider.h"

/* Access tokens (OAuth 2.0, RFC 6749) for adapters whose provider wants one. */

/* Adds a parameter to a body of application/x-www-form-urlencoded that grows in `request`. */
void oauth_parameter(struct provider_call *call, struct provider_request *request, const char *name,
                     struct sv value);

/* The content-type of such a body. */
enum status oauth_form(struct provider_call *call, struct provider_request *request);

/* "authorization: Basic …" (RFC 7617). */
enum status oauth_basic(struct provider_call *call, struct provider_request *request, struct sv client_id,
                        struct sv client_secret);

/* A key for a kept token: another URL, client, or secret gives another one; it does not tell the secret. */
struct sv oauth_key(struct provider_call *call, struct sv url, struct sv client_id, struct sv client_secret);

/* Reads {"access_token", "expires_in"} (section 5.1). A token that does not say how long it lasts is taken
 * for good for five minutes. FAILED (502) if there is none. */
enum status oauth_read_token(struct provider_call *call, struct sv body, struct gateway_token *token);

#endif
