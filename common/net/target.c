#include "common/net/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/number.h"
#include "common/net/curl_library.h"

#define HOST_MAX_BYTES 253 /* RFC 1035 */
#define URL_MAX_BYTES  8192
#define ADDRESSES_MAX  16
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))

/* --- Classes --- */

struct special {
    uint8_t first[ADDRESS_BYTES];
    unsigned bits;
    enum address_class class;
};

struct special4 {
    uint8_t first[4];
    unsigned bits;
    enum address_class class;
};

/* The first that holds the address counts. */
static const struct special4 special4[] = {
    {{0}, 8, ADDRESS_UNSPECIFIED},
    {{10}, 8, ADDRESS_PRIVATE},
    {{100, 100, 100, 200}, 32, ADDRESS_METADATA}, /* Alibaba Cloud */
    {{100, 64}, 10, ADDRESS_PRIVATE},
    {{127}, 8, ADDRESS_LOOPBACK},
    {{168, 63, 129, 16}, 32, ADDRESS_METADATA}, /* Azure */
    {{169, 254}, 16, ADDRESS_LINK_LOCAL},
    {{172, 16}, 12, ADDRESS_PRIVATE},
    {{192, 0, 0, 192}, 32, ADDRESS_METADATA}, /* Oracle Cloud */
    {{192, 0, 0}, 24, ADDRESS_RESERVED},
    {{192, 0, 2}, 24, ADDRESS_RESERVED},
    {{192, 88, 99}, 24, ADDRESS_RESERVED},
    {{192, 168}, 16, ADDRESS_PRIVATE},
    {{198, 18}, 15, ADDRESS_RESERVED},
    {{198, 51, 100}, 24, ADDRESS_RESERVED},
    {{203, 0, 113}, 24, ADDRESS_RESERVED},
    {{224}, 4, ADDRESS_MULTICAST},
    {{240}, 4, ADDRESS_RESERVED},
};

static const struct special special6[] = {
    {{0}, 128, ADDRESS_UNSPECIFIED},
    {{[15] = 1}, 128, ADDRESS_LOOPBACK},
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, ADDRESS_PRIVATE},
    {{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, ADDRESS_METADATA}, /* Amazon EC2 */
    {{0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54}, 128, ADDRESS_METADATA}, /* Google Cloud */
    {{0xfc}, 7, ADDRESS_PRIVATE},
    {{0xfe, 0x80}, 10, ADDRESS_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE},
    {{0xff}, 8, ADDRESS_MULTICAST},
    {{0x20, 0x01}, 23, ADDRESS_RESERVED}, /* Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_RESERVED},
    {{0x3f, 0xff}, 20, ADDRESS_RESERVED},
    {{0x20}, 3, ADDRESS_PUBLIC},
    {{0}, 0, ADDRESS_RESERVED},
};

static enum address_class class_of_ipv4(const uint8_t address[4])
{
    for (size_t i = 0; i < COUNT(special4); i++) {
        if (network_same_bits(address, special4[i].first, special4[i].bits))
            return special4[i].class;
    }
    return ADDRESS_PUBLIC;
}

static const uint8_t mapped_prefix[12] = {[10] = 0xff, 0xff};

/* The IPv4 address that an IPv6 one stands for; NULL if it does not. */
static const uint8_t *ipv4_within(const uint8_t address[ADDRESS_BYTES])
{
    static const uint8_t compatible[12] = {0};
    static const uint8_t translated[12] = {[8] = 0xff, 0xff}; /* RFC 2765 */
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};   /* RFC 6052 */
    static const uint8_t isatap[4] = {0, 0, 0x5e, 0xfe};      /* RFC 5214 */
    if (memcmp(address, mapped_prefix, 12) == 0 || memcmp(address, translated, 12) == 0 ||
        memcmp(address, nat64, 12) == 0)
        return address + 12;
    if (memcmp(address, compatible, 12) == 0 &&
        (address[12] || address[13] || address[14] || address[15] > 1))
        return address + 12;
    if (address[0] == 0x20 && address[1] == 0x02) /* RFC 3056 */
        return address + 2;
    if ((address[8] & ~2) == 0 && memcmp(address + 9, isatap + 1, 3) == 0 && (address[0] & 0xe0) == 0x20)
        return address + 12;
    return NULL;
}

enum address_class address_class_of(const uint8_t address[ADDRESS_BYTES])
{
    const uint8_t *within = ipv4_within(address);
    if (within)
        return class_of_ipv4(within);
    size_t i = 0;
    while (!network_same_bits(address, special6[i].first, special6[i].bits))
        i++;
    return special6[i].class;
}

static bool is_allowed(const struct target_policy *policy, const uint8_t address[ADDRESS_BYTES])
{
    if (networks_hold(policy->allowed, policy->allowed_count, address))
        return true;
    switch (address_class_of(address)) {
    case ADDRESS_PUBLIC:
        return true;
    case ADDRESS_LOOPBACK:
        return policy->allow_loopback || policy->allow_private;
    case ADDRESS_PRIVATE:
        return policy->allow_private;
    default:
        return false;
    }
}

/* --- Targets --- */

static enum status refuse(struct arena *arena, struct error *error, struct sv host)
{
    return error_set(
        error, arena, INVALID_PARAMETER_VALUE,
        "The host '%.*s' is, or resolves to, an address that this server does not call: loopback, "
        "private, link-local and reserved addresses have to be allowed by its administrator.",
        SV_ARG(host));
}

/* Copies a part of the URL into the arena; absent if it has none. */
static struct sv part_of(struct arena *arena, CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl.url_get(url, part, &text, flags) != CURLUE_OK)
        return SV_ABSENT;
    struct sv copy = arena_copy(arena, sv_from(text));
    curl.free(text);
    return copy;
}

/* libcurl's own parser, so that what is checked is what will be called. */
static bool take_apart(struct arena *arena, struct sv text, struct target *target)
{
    const char *whole = arena_cstr(arena, text);
    if (strlen(whole) != text.len || text.len > URL_MAX_BYTES || !curl_library_load())
        return false;
    CURLU *url = curl.url();
    bool good = url && curl.url_set(url, CURLUPART_URL, whole, CURLU_DISALLOW_USER) == CURLUE_OK;
    struct sv scheme = SV_ABSENT, host = SV_ABSENT, port = SV_ABSENT;
    if (good) {
        scheme = part_of(arena, url, CURLUPART_SCHEME, 0);
        host = part_of(arena, url, CURLUPART_HOST, 0);
        port = part_of(arena, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    }
    curl.url_cleanup(url);
    int64_t number = 0;
    if (!host.data || !parse_int64(port, 1, 65535, &number))
        return false;
    target->is_https = sv_equal(scheme, SV("https"));
    if (!target->is_https && !sv_equal(scheme, SV("http")))
        return false;
    if (sv_starts_with(host, SV("[")) && sv_ends_with(host, SV("]")))
        host = sv_first(sv_from_offset(host, 1), host.len - 2);
    target->host = host;
    target->port = (uint16_t)number;
    return host.len > 0 && host.len <= HOST_MAX_BYTES;
}

static bool is_localhost(struct sv host)
{
    if (sv_ends_with(host, SV(".")))
        host = sv_first(host, host.len - 1);
    size_t dot = host.len;
    while (dot > 0 && host.data[dot - 1] != '.')
        dot--;
    return sv_equal_ignoring_case(sv_from_offset(host, dot), SV("localhost"));
}

static bool allows_localhost(const struct target_policy *policy)
{
    static const uint8_t ipv4[ADDRESS_BYTES] = {[10] = 0xff, 0xff, 127, [15] = 1},
                         ipv6[ADDRESS_BYTES] = {[15] = 1};
    return is_allowed(policy, ipv4) || is_allowed(policy, ipv6);
}

static bool take_address(const struct addrinfo *found, uint8_t address[ADDRESS_BYTES])
{
    if (found->ai_family == AF_INET6) {
        struct sockaddr_in6 socket_address;
        memcpy(&socket_address, found->ai_addr, sizeof(socket_address));
        memcpy(address, &socket_address.sin6_addr, ADDRESS_BYTES);
        return true;
    }
    if (found->ai_family != AF_INET)
        return false;
    struct sockaddr_in socket_address;
    memcpy(&socket_address, found->ai_addr, sizeof(socket_address));
    memcpy(address, mapped_prefix, sizeof(mapped_prefix));
    memcpy(address + 12, &socket_address.sin_addr, 4);
    return true;
}

static struct sv address_text(struct arena *arena, const uint8_t address[ADDRESS_BYTES])
{
    char *text = arena_alloc(arena, INET6_ADDRSTRLEN + 2);
    if (memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        inet_ntop(AF_INET, address + 12, text, INET_ADDRSTRLEN);
        return sv_from(text);
    }
    text[0] = '[';
    inet_ntop(AF_INET6, address, text + 1, INET6_ADDRSTRLEN);
    struct sv view = sv_from(text);
    text[view.len] = ']';
    return (struct sv){text, view.len + 1};
}

/* Each address once, in the resolver's order. Returns how many, -1 if the host cannot be resolved. */
static int resolve(struct arena *arena, struct sv host, uint8_t addresses[ADDRESSES_MAX][ADDRESS_BYTES])
{
    if (address_parse(host, addresses[0]))
        return 1;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    const char *name = arena_cstr(arena, host);
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return -1;
    int count = 0;
    for (const struct addrinfo *each = found; each && count < ADDRESSES_MAX; each = each->ai_next) {
        if (take_address(each, addresses[count]))
            count++;
    }
    freeaddrinfo(found);
    return count ? count : -1;
}

enum status target_resolve(const struct target_policy *policy, struct arena *arena, struct error *error,
                           struct sv url, struct target *target)
{
    *target = (struct target){0};
    if (!url.data || !take_apart(arena, url, target))
        return error_set(
            error, arena, INVALID_PARAMETER_VALUE,
            "Not a URL that can be called: it has to begin with http:// or https://, name a host, and "
            "hold no user or password.");
    if (is_localhost(target->host) && !allows_localhost(policy))
        return refuse(arena, error, target->host);
    uint8_t addresses[ADDRESSES_MAX][ADDRESS_BYTES];
    if (policy->proxied) {
        bool refused = address_parse(target->host, addresses[0]) && !is_allowed(policy, addresses[0]);
        return refused ? refuse(arena, error, target->host) : OK;
    }
    int count = resolve(arena, target->host, addresses);
    if (count < 0)
        return error_set(error, arena, TEMPORARILY_UNAVAILABLE, "The host '%.*s' cannot be found.",
                         SV_ARG(target->host));
    struct sv list = SV("");
    for (int i = 0; i < count; i++) {
        if (!is_allowed(policy, addresses[i]))
            return refuse(arena, error, target->host);
        list = arena_printf(arena, "%.*s%s%.*s", SV_ARG(list), i ? "," : "",
                            SV_ARG(address_text(arena, addresses[i])));
    }
    /* A literal needs no pinning, and libcurl would not find it in its table. */
    uint8_t literal[ADDRESS_BYTES];
    if (!address_parse(target->host, literal))
        target->pinned =
            arena_printf(arena, "%.*s:%u:%.*s", SV_ARG(target->host), (unsigned)target->port, SV_ARG(list));
    return OK;
}
