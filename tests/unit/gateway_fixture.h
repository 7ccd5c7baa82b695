#ifndef TRACKLIGHT_TESTS_GATEWAY_FIXTURE_H
#define TRACKLIGHT_TESTS_GATEWAY_FIXTURE_H

#include "common/gateway/provider.h"

/* One call of a provider, from JSON texts, and what its adapter makes of it, as texts. All memory lasts until
 * the next call. cmocka's header must come before this one. */

#define FIXTURE_NOW_MS 1795335612444

/* NULL: no such part. The call is made for the provider's row, or provider_compatible if there is none. */
struct provider_call *fixture_call(const char *provider, enum gateway_route route, const char *secret,
                                   const char *config, const char *payload);
void fixture_end(void);

/* The request that `build` makes of the call: "METHOD url\nname: value\n...\n\nbody", in its order. A refusal
 * is "status detail", with the code's name in place of the status where the client sees an object. */
const char *fixture_request(void);
/* The same for `token`; `key` gets the token's key, absent if none is needed. */
const char *fixture_token_request(struct sv *key);
/* What `read_token` reads: "access expires_ms", or the refusal. */
const char *fixture_read_token(const char *body);

/* The unified reply to a provider's reply, or the refusal. */
const char *fixture_reply(const char *reply);

/* What a stream of server-sent events becomes: the frames as they go out; behind them "(done)" at the logical
 * end, or "(error detail)". */
const char *fixture_stream(const char *events);

/* "input output total cached" as the last reply or stream told them. */
const char *fixture_usage(void);

#endif
