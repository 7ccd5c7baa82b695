#ifndef TRACKLIGHT_SECURITY_SECURITY_H
#define TRACKLIGHT_SECURITY_SECURITY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The host and origin rules of the security middleware of MLflow 3.8's server, with its holes closed. Pure
 * functions over parsed rules: no I/O, no request. */

#define HOST_REFUSED_TEXT   "Invalid Host header - possible DNS rebinding attack detected"
#define ORIGIN_REFUSED_TEXT "Cross-origin request blocked"

struct security;

struct security_settings {
    bool disabled;             /* MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE */
    struct sv allowed_hosts;   /* comma list; absent or empty: the defaults */
    struct sv allowed_origins; /* comma list; absent or empty: none but localhost */
    struct sv frame_options;   /* X-Frame-Options; "" or NONE: no such header */
    struct sv trusted_proxies; /* comma list of networks whose X-Forwarded-… headers count; absent: none */
};

/* Parses the rules once. NULL if an entry makes no sense; then *problem (in the arena) names it. Free with
 * security_free. Reading is thread-safe. */
struct security *security_new(const struct security_settings *settings, struct arena *arena,
                              struct sv *problem);
void security_free(struct security *security);

bool security_disabled(const struct security *security);

/* Whether a request with this Host header may be answered. */
bool security_host_allowed(const struct security *security, struct sv host);

/* Whether a state-changing request (POST, PUT, PATCH, DELETE) with this Origin may be carried out. Absent
 * origins pass; the origin of the very host that was asked passes (`host` is the admitted Host header). */
bool security_origin_allowed(const struct security *security, struct sv origin, struct sv host);

/* The CORS answer to an Origin (Fetch standard). allow_origin absent: no CORS headers at all. */
struct cors {
    struct sv allow_origin;
    bool allow_credentials;
    bool vary_origin;
};
struct cors security_cors(const struct security *security, struct sv origin);

/* The X-Frame-Options value, upper case; absent for none. */
struct sv security_frame_options(const struct security *security);

/* Who a request comes from: `peer`, unless that is a trusted proxy. Then it is the last address of its
 * X-Forwarded-For (absent: none) that is not a trusted proxy's, and *by_proxy is set. Part of one of them. */
struct sv security_client(const struct security *security, struct sv peer, struct sv forwarded_for,
                          bool *by_proxy);

/* How many host and origin entries were configured, for the start-up message. */
size_t security_host_count(const struct security *security);

#endif
