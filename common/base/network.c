#include "common/base/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/base/number.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, 0xff};

bool network_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

bool address_parse(struct sv text, uint8_t address[ADDRESS_BYTES])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, address) == 1)
        return true;
    memcpy(address, mapped_prefix, sizeof(mapped_prefix));
    return inet_pton(AF_INET, copy, address + 12) == 1;
}

static bool parse_network(struct sv text, struct network *network)
{
    size_t slash = sv_find(text, '/');
    struct sv literal = sv_first(text, slash);
    if (!address_parse(literal, network->address))
        return false;
    bool is_ipv4 = sv_find(literal, ':') == literal.len;
    int64_t bits = is_ipv4 ? 32 : 128;
    if (slash < text.len && !parse_int64(sv_from_offset(text, slash + 1), 0, bits, &bits))
        return false;
    network->bits = (unsigned)bits + (is_ipv4 ? 96 : 0);
    return true;
}

bool networks_parse(struct arena *arena, struct sv text, struct network **networks, size_t *count,
                    struct sv *problem)
{
    *networks = ARENA_ARRAY(arena, struct network, NETWORKS_MAX);
    *count = 0;
    struct sv rest = text;
    while (rest.data) {
        struct sv piece = sv_trim(sv_cut(&rest, ','));
        if (piece.len == 0)
            continue;
        if (*count == NETWORKS_MAX) {
            *problem = arena_printf(arena, "There are more than %d networks.", NETWORKS_MAX);
            return false;
        }
        if (!parse_network(piece, &(*networks)[*count])) {
            *problem = arena_printf(
                arena,
                "'%.*s' is no network: write an address, or one with a prefix length as in 10.0.0.0/8.",
                SV_ARG(sv_first(piece, 100)));
            return false;
        }
        (*count)++;
    }
    return true;
}

bool networks_hold(const struct network *networks, size_t count, const uint8_t address[ADDRESS_BYTES])
{
    for (size_t i = 0; i < count; i++) {
        if (network_same_bits(address, networks[i].address, networks[i].bits))
            return true;
    }
    return false;
}
