#ifndef TRACKLIGHT_BASE_NETWORK_H
#define TRACKLIGHT_BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Addresses and networks of the Internet Protocol. */

/* IPv6, or IPv4 in its mapped form ::ffff:a.b.c.d. */
#define ADDRESS_BYTES 16

/* A literal without brackets, port or zone, in the usual notations only; no octal and no short forms. */
bool address_parse(struct sv text, uint8_t address[ADDRESS_BYTES]);

struct network {
    uint8_t address[ADDRESS_BYTES];
    unsigned bits; /* of the 128 */
};

#define NETWORKS_MAX 256

/* Comma-separated networks (10.0.0.0/8, fd00::/8) and single addresses. False with a sentence in *problem. */
bool networks_parse(struct arena *arena, struct sv text, struct network **networks, size_t *count,
                    struct sv *problem);
bool networks_hold(const struct network *networks, size_t count, const uint8_t address[ADDRESS_BYTES]);

/* Whether the first `bits` of two addresses (or of as many bytes) are the same. */
bool network_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits);

#endif
