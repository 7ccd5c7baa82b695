#ifndef TRACKLIGHT_WEBHOOKS_RULES_H
#define TRACKLIGHT_WEBHOOKS_RULES_H

#include "common/base/config.h"
#include "common/base/error.h"
#include "common/net/target.h"

/* Which URLs may be called, and how long and how often it is tried. Whoever may make a webhook may send this
 * server somewhere, so by default it calls public addresses only. */
struct webhook_rules {
    struct sv schemes; /* "https", or "http,https" */
    struct target_policy targets;
    int64_t timeout_ms; /* to connect, and between two signs of life; twice that for all of it */
    int64_t max_retries;
};

/* False with a sentence in *problem if the settings make no sense. The rules refer to the arena. */
bool webhook_rules_from(const struct settings *settings, struct arena *arena, struct webhook_rules *rules,
                        struct sv *problem);

/* What can be said about a URL without asking a name server: INVALID_PARAMETER_VALUE for one that is not a
 * URL, of another scheme, without a host, with user or password, or with the literal address of a host that
 * is not to be called. */
enum status webhook_check_url(const struct webhook_rules *rules, struct arena *arena, struct error *error,
                              struct sv url);

/* The same, and resolves the host and checks its addresses. TEMPORARILY_UNAVAILABLE if it cannot be resolved
 * now. Where a proxy resolves the name (*proxied), only a literal address can be checked. */
enum status webhook_resolve(const struct webhook_rules *rules, struct arena *arena, struct error *error,
                            struct sv url, struct target *target, bool *proxied);

#endif
