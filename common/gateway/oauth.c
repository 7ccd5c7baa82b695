#include "common/gateway/oauth.h"

#include <json-c/json.h>
#include <openssl/crypto.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/number.h"

#define SECONDS_UNTOLD 300
#define SECONDS_MAX    (366LL * 24 * 3600)

void oauth_parameter(struct provider_call *call, struct provider_request *request, const char *name,
                     struct sv value)
{
    request->body =
        arena_printf(call->arena, "%.*s%s%s=%.*s", SV_ARG(request->body), request->body.len ? "&" : "", name,
                     SV_ARG(provider_encode(call->arena, value)));
}

enum status oauth_form(struct provider_call *call, struct provider_request *request)
{
    return provider_header(call, request, SV("content-type"), SV("application/x-www-form-urlencoded"));
}

enum status oauth_basic(struct provider_call *call, struct provider_request *request, struct sv client_id,
                        struct sv client_secret)
{
    struct buffer pair;
    buffer_init_in(&pair, call->arena, client_id.len + client_secret.len + 1);
    buffer_append_sv(&pair, client_id);
    buffer_append_byte(&pair, ':');
    buffer_append_sv(&pair, client_secret);
    struct sv encoded = base64_encode(call->arena, buffer_sv(&pair));
    return provider_header(call, request, SV("authorization"),
                           arena_printf(call->arena, "Basic %.*s", SV_ARG(encoded)));
}

struct sv oauth_key(struct provider_call *call, struct sv url, struct sv client_id, struct sv client_secret)
{
    /* The lengths keep the parts apart. */
    struct buffer whole;
    buffer_init_in(&whole, call->arena, url.len + client_id.len + client_secret.len + 64);
    buffer_printf(&whole, "%zu %zu ", url.len, client_id.len);
    buffer_append_sv(&whole, url);
    buffer_append_sv(&whole, client_id);
    buffer_append_sv(&whole, client_secret);
    return sha256_hex(call->arena, buffer_sv(&whole));
}

static int64_t lifetime(struct json_object *answer)
{
    int64_t seconds = provider_int(answer, "expires_in", 0);
    struct sv text = provider_text(answer, "expires_in"); /* some send digits */
    if (text.data && !parse_int64(text, 0, SECONDS_MAX, &seconds))
        seconds = 0;
    return seconds > 0 && seconds <= SECONDS_MAX ? seconds : SECONDS_UNTOLD;
}

enum status oauth_read_token(struct provider_call *call, struct sv body, struct gateway_token *token)
{
    struct json_object *answer;
    provider_parse(call, body, &answer);
    struct sv access = provider_text(answer, "access_token");
    if (!access.len)
        return provider_fail(
            call, 502, "The answer to the request for an access token of the provider '%s' has no token.",
            call->row->name);
    *token = (struct gateway_token){.access = arena_copy(call->arena, access),
                                    .expires_ms = call->now_ms + lifetime(answer) * 1000};
    OPENSSL_cleanse((char *)access.data, access.len);
    return OK;
}
