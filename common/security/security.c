#include "common/security/security.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/network.h"
#include "common/security/host.h"
#include "common/security/origin.h"

#define LIST_MAX_BYTES  ((size_t)64 * 1024)
#define RULES_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct security {
    struct arena *arena; /* owns the rules */
    bool disabled;
    bool any_host;
    bool any_origin;
    struct host_rule *hosts;
    size_t host_count;
    struct origin_rule *origins;
    size_t origin_count;
    struct network *proxies;
    size_t proxy_count;
    struct sv frame_options;
    size_t configured;
};

/* Loopback and private networks (RFC 1918, RFC 4193). */
static const char default_hosts[] =
    "localhost,127.0.0.0/8,[::1],0.0.0.0,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7";

static size_t count_entries(struct sv list)
{
    size_t count = 0;
    while (list.data)
        count += sv_trim(sv_cut(&list, ',')).len > 0;
    return count;
}

static bool parse_hosts(struct security *security, struct sv list, struct arena *arena, struct sv *problem)
{
    security->hosts = ARENA_ARRAY(security->arena, struct host_rule, count_entries(list) + 1);
    while (list.data) {
        struct sv entry = sv_trim(sv_cut(&list, ','));
        if (entry.len == 0)
            continue;
        if (sv_equal(entry, SV("*"))) {
            security->any_host = true;
            continue;
        }
        if (!host_rule_parse(entry, security->arena, &security->hosts[security->host_count])) {
            *problem =
                arena_printf(arena,
                             "Bad entry '%.*s' in the allowed hosts: it must be a host name, an address or a "
                             "range, such as mlflow.example.org, 10.1.2.3:5000, *.example.org or 10.0.0.0/8.",
                             SV_ARG(entry));
            return false;
        }
        security->host_count++;
    }
    return true;
}

static bool parse_origins(struct security *security, struct sv list, struct arena *arena, struct sv *problem)
{
    security->origins = ARENA_ARRAY(security->arena, struct origin_rule, count_entries(list) + 1);
    while (list.data) {
        struct sv entry = sv_trim(sv_cut(&list, ','));
        if (entry.len == 0)
            continue;
        if (sv_equal(entry, SV("*"))) {
            security->any_origin = true;
            continue;
        }
        if (!origin_rule_parse(entry, security->arena, &security->origins[security->origin_count])) {
            *problem =
                arena_printf(arena,
                             "Bad entry '%.*s' in the allowed CORS origins: it must be an origin without "
                             "a path, such as https://app.example.org, http://10.1.2.3:8080 or "
                             "https://*.example.org.",
                             SV_ARG(entry));
            return false;
        }
        security->origin_count++;
    }
    return true;
}

static bool parse_frame_options(struct security *security, struct sv value, struct arena *arena,
                                struct sv *problem)
{
    value = value.data ? sv_trim(value) : SV("SAMEORIGIN");
    if (sv_equal_ignoring_case(value, SV("SAMEORIGIN"))) {
        security->frame_options = SV("SAMEORIGIN");
    } else if (sv_equal_ignoring_case(value, SV("DENY"))) {
        security->frame_options = SV("DENY");
    } else if (value.len > 0 && !sv_equal_ignoring_case(value, SV("NONE"))) {
        *problem = arena_printf(arena, "Bad X-Frame-Options '%.*s': it must be SAMEORIGIN, DENY or NONE.",
                                SV_ARG(value));
        return false;
    }
    return true;
}

static bool parse_proxies(struct security *security, struct sv list, struct arena *arena, struct sv *problem)
{
    struct sv text;
    if (networks_parse(security->arena, list, &security->proxies, &security->proxy_count, &text))
        return true;
    *problem = arena_printf(arena, "Bad trusted proxies: %.*s", SV_ARG(text));
    return false;
}

struct security *security_new(const struct security_settings *settings, struct arena *arena,
                              struct sv *problem)
{
    if (settings->allowed_hosts.len > LIST_MAX_BYTES || settings->allowed_origins.len > LIST_MAX_BYTES) {
        *problem = arena_printf(arena, "The lists of allowed hosts and origins may have %zu bytes at most.",
                                LIST_MAX_BYTES);
        return NULL;
    }
    struct security *security = calloc(1, sizeof *security);
    if (!security)
        abort();
    security->arena = arena_new(RULES_MAX_BYTES);
    security->disabled = settings->disabled;
    security->configured = count_entries(settings->allowed_hosts) + count_entries(settings->allowed_origins);

    struct sv hosts = settings->allowed_hosts;
    if (count_entries(hosts) == 0)
        hosts = sv_from(default_hosts);
    if (!parse_hosts(security, hosts, arena, problem) ||
        !parse_origins(security, settings->allowed_origins, arena, problem) ||
        !parse_frame_options(security, settings->frame_options, arena, problem) ||
        !parse_proxies(security, settings->trusted_proxies, arena, problem)) {
        security_free(security);
        return NULL;
    }
    return security;
}

void security_free(struct security *security)
{
    if (!security)
        return;
    arena_free(security->arena);
    free(security);
}

bool security_disabled(const struct security *security)
{
    return security->disabled;
}

bool security_host_allowed(const struct security *security, struct sv host)
{
    struct host parsed;
    if (security->disabled || security->any_host)
        return true;
    if (!host_parse(host, &parsed))
        return false;
    for (size_t i = 0; i < security->host_count; i++) {
        const struct host_rule *rule = &security->hosts[i];
        if (host_rule_matches_host(rule, &parsed) && host_rule_matches_port(rule, parsed.port))
            return true;
    }
    return false;
}

static bool is_configured(const struct security *security, const struct origin *origin)
{
    for (size_t i = 0; i < security->origin_count; i++)
        if (origin_rule_matches(&security->origins[i], origin))
            return true;
    return false;
}

bool security_origin_allowed(const struct security *security, struct sv origin, struct sv host)
{
    struct origin parsed;
    struct host own;
    if (!origin.data || security->disabled || security->any_origin)
        return true;
    if (!origin_parse(origin, &parsed))
        return false;
    return origin_is_local(&parsed) || (host_parse(host, &own) && origin_is_of_host(&parsed, &own)) ||
           is_configured(security, &parsed);
}

struct cors security_cors(const struct security *security, struct sv origin)
{
    struct cors cors = {.allow_origin = SV_ABSENT};
    struct origin parsed;
    if (!origin.data || security->disabled)
        return cors;
    if (security->any_origin) {
        cors.allow_origin = SV("*");
        return cors;
    }
    if (!origin_parse(origin, &parsed))
        return cors;
    if ((strcmp(parsed.scheme, "http") == 0 && origin_is_local(&parsed)) ||
        is_configured(security, &parsed)) {
        cors.allow_origin = origin;
        cors.allow_credentials = true;
        cors.vary_origin = true;
    }
    return cors;
}

struct sv security_frame_options(const struct security *security)
{
    return security->disabled ? SV_ABSENT : security->frame_options;
}

/* "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711", "2001:db8::1". */
static struct sv without_port(struct sv text)
{
    size_t colon = sv_find(text, ':');
    if (text.len && text.data[0] == '[')
        return sv_from_offset(sv_first(text, sv_find(text, ']')), 1);
    bool one_colon =
        colon < text.len && sv_find(sv_from_offset(text, colon + 1), ':') == text.len - colon - 1;
    return one_colon ? sv_first(text, colon) : text;
}

static bool is_proxy(const struct security *security, struct sv literal)
{
    uint8_t address[ADDRESS_BYTES];
    return security->proxy_count && address_parse(literal, address) &&
           networks_hold(security->proxies, security->proxy_count, address);
}

struct sv security_client(const struct security *security, struct sv peer, struct sv forwarded_for,
                          bool *by_proxy)
{
    struct sv client = peer;
    uint8_t address[ADDRESS_BYTES];
    *by_proxy = is_proxy(security, peer);
    /* What stands before the first stranger, seen from the end, that stranger may have made up. */
    while (forwarded_for.len && is_proxy(security, client)) {
        size_t from = forwarded_for.len;
        while (from && forwarded_for.data[from - 1] != ',')
            from--;
        struct sv literal = without_port(sv_trim(sv_from_offset(forwarded_for, from)));
        if (!address_parse(literal, address))
            break;
        client = literal;
        forwarded_for = sv_first(forwarded_for, from ? from - 1 : 0);
    }
    return client;
}

size_t security_host_count(const struct security *security)
{
    return security->configured;
}
