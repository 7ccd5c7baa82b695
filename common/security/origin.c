#include "common/security/origin.h"

#include <stdio.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme_byte(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* Cuts "scheme://" off. */
static bool cut_scheme(struct sv *text, struct sv *scheme)
{
    size_t colon = sv_find(*text, ':');
    *scheme = sv_first(*text, colon);
    if (colon == 0 || colon > ORIGIN_SCHEME_MAX_LENGTH ||
        !sv_starts_with(sv_from_offset(*text, colon), SV("://")))
        return false;
    *text = sv_from_offset(*text, colon + 3);
    return true;
}

static int default_port(const char *scheme)
{
    if (strcmp(scheme, "http") == 0 || strcmp(scheme, "ws") == 0)
        return 80;
    if (strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0)
        return 443;
    return HOST_NO_PORT;
}

static bool is_web(const struct origin *origin)
{
    return strcmp(origin->scheme, "http") == 0 || strcmp(origin->scheme, "https") == 0;
}

bool origin_parse(struct sv text, struct origin *origin)
{
    memset(origin, 0, sizeof *origin);
    struct sv scheme;
    if (!cut_scheme(&text, &scheme) || !is_letter(scheme.data[0]))
        return false;
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.data[i];
        if (!is_scheme_byte(c))
            return false;
        origin->scheme[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    if (!host_parse(text, &origin->host))
        return false;
    origin->port = origin->host.port != HOST_NO_PORT ? origin->host.port : default_port(origin->scheme);
    return true;
}

bool origin_is_local(const struct origin *origin)
{
    const char *host = origin->host.text;
    return is_web(origin) && !origin->host.dotted &&
           (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0);
}

bool origin_is_of_host(const struct origin *origin, const struct host *host)
{
    int port = host->port != HOST_NO_PORT ? host->port : default_port(origin->scheme);
    return is_web(origin) && host_same(&origin->host, host) && origin->port == port;
}

bool origin_rule_parse(struct sv entry, struct arena *arena, struct origin_rule *rule)
{
    struct sv scheme;
    if (!cut_scheme(&entry, &scheme))
        return false;
    for (size_t i = 0; i < scheme.len; i++)
        if (!is_scheme_byte(scheme.data[i]) && scheme.data[i] != '*' && scheme.data[i] != '?')
            return false;
    /* CIDR is for hosts; here a slash would be a path. */
    if (sv_find(entry, '/') < entry.len || !host_rule_parse(entry, arena, &rule->host))
        return false;
    rule->scheme = host_lower(arena, scheme);
    return true;
}

/* A glob that ends in `*` covers "host:port" as well. */
static bool runs_into_port(const struct host_rule *rule, const struct origin *origin)
{
    bool glob = rule->kind == HOST_RULE_GLOB ||
                (rule->kind == HOST_RULE_GLOB_OF && rule->of == origin->host.kind && rule->of != HOST_IPV6);
    char text[HOST_NAME_MAX_LENGTH + 16];
    snprintf(text, sizeof text, "%s:%d", origin->host.text, origin->port);
    return glob && host_glob_matches(rule->pattern, text);
}

bool origin_rule_matches(const struct origin_rule *rule, const struct origin *origin)
{
    if (!host_glob_matches(rule->scheme, origin->scheme))
        return false;
    if (!rule->host.port && origin->port != default_port(origin->scheme))
        return runs_into_port(&rule->host, origin);
    return host_rule_matches_host(&rule->host, &origin->host) &&
           host_rule_matches_port(&rule->host, origin->port);
}
