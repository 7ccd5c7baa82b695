#ifndef TRACKLIGHT_SECURITY_ORIGIN_H
#define TRACKLIGHT_SECURITY_ORIGIN_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/sv.h"
#include "common/security/host.h"

/* Serialised origins (Fetch standard, "Origin header": scheme://host[:port], nothing behind) and the rules
 * that they are compared with. Part of common/security. */

#define ORIGIN_SCHEME_MAX_LENGTH 32

struct origin {
    char scheme[ORIGIN_SCHEME_MAX_LENGTH + 1]; /* lower case */
    struct host host;
    int port; /* as given, else the scheme's default, else HOST_NO_PORT */
};

/* False for "null", lists and everything else that is no single scheme://host[:port]. */
bool origin_parse(struct sv text, struct origin *origin);

/* http or https on localhost, 127.0.0.1 or [::1], any port. */
bool origin_is_local(const struct origin *origin);

/* Whether `host`, of a Host header, is where the origin's own pages come from. The scheme of the request is
 * not known behind a proxy, so a Host without port takes the default port of the origin's scheme. */
bool origin_is_of_host(const struct origin *origin, const struct host *host);

struct origin_rule {
    const char *scheme; /* a glob */
    struct host_rule host;
};

/* An entry such as https://app.example, http://10.*:8080 or http?://db*.corp; without port it stands for the
 * scheme's default port, but a host glob may run on into the port. Texts are in the arena. False if the entry
 * makes no sense. */
bool origin_rule_parse(struct sv entry, struct arena *arena, struct origin_rule *rule);

bool origin_rule_matches(const struct origin_rule *rule, const struct origin *origin);

#endif
