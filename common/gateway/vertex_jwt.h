#ifndef TRACKLIGHT_GATEWAY_VERTEX_JWT_H
#define TRACKLIGHT_GATEWAY_VERTEX_JWT_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* What a Google service account shows to get an access token: a JSON Web Token (RFC 7519, RFC 7523) that is
 * good for an hour, signed with RS256 (RFC 7515, RFC 7518 section 3.3). */

struct service_account {
    struct sv email;       /* "client_email" */
    struct sv private_key; /* PEM; RSA with 2048 to 8192 bits */
    struct sv key_id;      /* "private_key_id"; may be absent */
    struct sv token_uri;
};

/* In the arena. Absent if the key cannot be used. */
struct sv vertex_jwt(struct arena *arena, const struct service_account *account, int64_t now_s);

#endif
