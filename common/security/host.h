#ifndef TRACKLIGHT_SECURITY_HOST_H
#define TRACKLIGHT_SECURITY_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The host[:port] of a Host header or of an origin (RFC 9110 section 7.2, RFC 3986 section 3.2.2), and the
 * rules of the allow-lists that it is compared with. Part of common/security. */

enum host_kind { HOST_NAME, HOST_IPV4, HOST_IPV6 };

#define HOST_NAME_MAX_LENGTH 253
#define HOST_NO_PORT         (-1)

struct host {
    enum host_kind kind;
    /* Lower case; a name without its trailing dot, an IPv6 address without brackets in canonical form. */
    char text[HOST_NAME_MAX_LENGTH + 1];
    char written[HOST_NAME_MAX_LENGTH + 1]; /* an IPv6 address in lower case, but spelled as it came */
    unsigned char address[16];              /* 4 bytes for IPv4, 16 for IPv6 */
    int port;                               /* 0..65535 or HOST_NO_PORT */
    bool dotted;                            /* came with a trailing dot */
};

/* False for anything that is not exactly one host with an optional decimal port. Only a strict dotted quad is
 * an IPv4 address, and an IPv6 address stands in brackets and has no zone; the rest is a name of letters,
 * digits, '-', '_' and '.'. */
bool host_parse(struct sv text, struct host *host);

/* Whether both are the same name or address; ports are not looked at. */
bool host_same(const struct host *a, const struct host *b);

enum host_rule_kind {
    HOST_RULE_NAME,
    HOST_RULE_RANGE,   /* addresses that share the first `prefix` bits */
    HOST_RULE_GLOB,    /* any host whose text the pattern matches */
    HOST_RULE_GLOB_OF, /* as before, but hosts of the kind `of` only */
};

struct host_rule {
    enum host_rule_kind kind;
    enum host_kind of;
    unsigned char address[16];
    unsigned prefix;
    const char *pattern;
    const char *port; /* a glob over the decimal port; NULL: the entry has none */
};

/* One entry of an allow-list: a name, an address, CIDR (RFC 4632) or a glob, with an optional port but for
 * CIDR. A glob of digits and dots stands for IPv4 addresses, one with colons for IPv6 addresses, one with
 * letters for names. Texts are in the arena. False if the entry makes no sense. */
bool host_rule_parse(struct sv entry, struct arena *arena, struct host_rule *rule);

bool host_rule_matches_host(const struct host_rule *rule, const struct host *host);

/* Whether the rule's port admits `port`; a rule without port and one with `*` admit every port and none. */
bool host_rule_matches_port(const struct host_rule *rule, int port);

/* A glob as of fnmatch(3) without escapes, on texts that are lower case already. */
bool host_glob_matches(const char *pattern, const char *text);

/* A lower-case copy with a NUL at its end. */
char *host_lower(struct arena *arena, struct sv text);

#endif
