#ifndef TRACKLIGHT_NET_TARGET_H
#define TRACKLIGHT_NET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/network.h"
#include "common/base/sv.h"

/* Where this server may be sent by somebody who is not its administrator: a host is resolved once, every
 * address that it has is checked, and the connection is pinned to those addresses, so that a name cannot
 * mean one thing when it is checked and another when it is used. */

enum address_class {
    ADDRESS_PUBLIC,
    ADDRESS_UNSPECIFIED, /* 0.0.0.0/8, :: */
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE,    /* RFC 1918, RFC 6598, unique and site local, local-use NAT64 */
    ADDRESS_LINK_LOCAL, /* with the metadata services at 169.254.169.254 and their like */
    ADDRESS_METADATA,   /* metadata services at other addresses */
    ADDRESS_MULTICAST,
    ADDRESS_RESERVED /* documentation, benchmarks, protocol assignments (RFC 6890), what is not assigned */
};

/* By the IANA special-purpose address registries. Addresses that carry an IPv4 address (mapped, compatible,
 * NAT64, 6to4, ISATAP) are what that one is. */
enum address_class address_class_of(const uint8_t address[ADDRESS_BYTES]);

struct target_policy {
    const struct network *allowed; /* whatever class they are of */
    size_t allowed_count;
    bool allow_loopback;
    bool allow_private; /* loopback and private addresses; never link-local ones and metadata services */
    bool proxied;       /* a proxy resolves: only a literal address, and "localhost", can be checked */
};

struct target {
    struct sv host; /* as in the URL, without brackets */
    uint16_t port;
    bool is_https;
    struct sv pinned; /* for http_call; absent if nothing is to be pinned */
};

/* Checks an http or https URL and resolves its host. INVALID_PARAMETER_VALUE for a URL of another kind, one
 * with user or password in it, or a target that the policy does not allow; TEMPORARILY_UNAVAILABLE if the
 * name cannot be resolved now. Waits for the resolver. */
enum status target_resolve(const struct target_policy *policy, struct arena *arena, struct error *error,
                           struct sv url, struct target *target);

#endif
