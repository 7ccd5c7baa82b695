#include "common/security/host.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/base/number.h"

#define LABEL_MAX_LENGTH 63
#define WILDCARDS        "*?[]"

/* The C library's own tests of characters depend on the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool has_wildcard(struct sv text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_one_of(text.data[i], WILDCARDS))
            return true;
    return false;
}

static void copy_lower(char *to, struct sv text)
{
    for (size_t i = 0; i < text.len; i++)
        to[i] = lower(text.data[i]);
    to[text.len] = '\0';
}

char *host_lower(struct arena *arena, struct sv text)
{
    char *copy = ARENA_ARRAY(arena, char, text.len + 1);
    copy_lower(copy, text);
    return copy;
}

static struct sv without_trailing_dot(struct sv name)
{
    if (name.len > 1 && name.data[name.len - 1] == '.')
        name.len--;
    return name;
}

static bool parse_port(struct sv text, int *port)
{
    if (text.len == 0 || text.len > 5)
        return false;
    int value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    if (value > 65535)
        return false;
    *port = value;
    return true;
}

static bool is_name(struct sv text)
{
    if (text.len == 0 || text.len > HOST_NAME_MAX_LENGTH)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') {
            return false;
        } else if (++label > LABEL_MAX_LENGTH) {
            return false;
        }
    }
    return label > 0;
}

/* inet_pton refuses leading zeros, other bases and short forms. */
static bool parse_ipv4(struct sv text, unsigned char address[16])
{
    char copy[INET_ADDRSTRLEN];
    if (text.len >= sizeof copy)
        return false;
    copy_lower(copy, text);
    return strlen(copy) == text.len && inet_pton(AF_INET, copy, address) == 1;
}

static bool parse_ipv6(struct sv text, unsigned char address[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_hex(text.data[i]) && text.data[i] != ':' && text.data[i] != '.')
            return false;
    copy_lower(copy, text);
    return inet_pton(AF_INET6, copy, address) == 1;
}

static bool parse_name_or_ipv4(struct sv text, struct host *host)
{
    struct sv name = without_trailing_dot(text);
    host->dotted = name.len < text.len;
    text = name;
    if (!is_name(text))
        return false;
    host->kind = parse_ipv4(text, host->address) ? HOST_IPV4 : HOST_NAME;
    copy_lower(host->text, text);
    return true;
}

bool host_parse(struct sv text, struct host *host)
{
    memset(host, 0, sizeof *host);
    host->port = HOST_NO_PORT;
    if (text.len == 0)
        return false;

    struct sv rest;
    if (text.data[0] == '[') {
        size_t end = sv_find(text, ']');
        if (end == text.len)
            return false;
        struct sv address = sv_from_offset(sv_first(text, end), 1);
        rest = sv_from_offset(text, end + 1);
        if (!parse_ipv6(address, host->address))
            return false;
        host->kind = HOST_IPV6;
        copy_lower(host->written, address);
        inet_ntop(AF_INET6, host->address, host->text, sizeof host->text);
    } else {
        size_t end = sv_find(text, ':');
        rest = sv_from_offset(text, end);
        if (!parse_name_or_ipv4(sv_first(text, end), host))
            return false;
    }
    if (rest.len == 0)
        return true;
    return rest.data[0] == ':' && parse_port(sv_from_offset(rest, 1), &host->port);
}

bool host_same(const struct host *a, const struct host *b)
{
    return strcmp(a->text, b->text) == 0;
}

static bool is_class_byte(char c)
{
    return is_letter(c) || is_digit(c) || is_one_of(c, "-!^_");
}

/* Checks the glob's bytes and that its classes are closed and not empty, and finds what kind of host it
 * speaks of. */
static bool check_name_glob(struct sv text, struct host_rule *rule)
{
    bool letters = false;
    bool digits = false;
    bool in_class = false;
    size_t class_length = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (in_class && c == ']') {
            if (class_length == 0)
                return false;
            in_class = false;
        } else if (in_class) {
            bool negation = class_length == 0 && (c == '!' || c == '^');
            if (!is_class_byte(c))
                return false;
            if (!negation)
                class_length++;
        } else if (c == '[') {
            in_class = true;
            class_length = 0;
        } else if (c == ']' || !(is_letter(c) || is_digit(c) || is_one_of(c, ".-_*?"))) {
            return false;
        } else if (c == '-' || c == '_') {
            letters = true;
        }
        letters = letters || is_letter(c);
        digits = digits || is_digit(c);
    }
    if (in_class || text.len == 0 || text.len > HOST_NAME_MAX_LENGTH)
        return false;

    rule->kind = letters || digits ? HOST_RULE_GLOB_OF : HOST_RULE_GLOB;
    rule->of = letters ? HOST_NAME : HOST_IPV4;
    return true;
}

static bool check_port_glob(struct sv text)
{
    if (text.len == 0 || text.len > 32)
        return false;
    bool in_class = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '[' && !in_class && i + 1 < text.len && text.data[i + 1] != ']')
            in_class = true;
        else if (c == ']' && in_class)
            in_class = false;
        else if (!is_digit(c) && !is_one_of(c, in_class ? "-!^" : "*?"))
            return false;
    }
    return !in_class;
}

static bool parse_rule_port(struct sv text, struct arena *arena, struct host_rule *rule)
{
    if (has_wildcard(text)) {
        rule->port = host_lower(arena, text);
        return check_port_glob(text);
    }
    int port;
    if (!parse_port(text, &port))
        return false;
    rule->port = arena_printf(arena, "%d", port).data;
    return true;
}

static bool parse_rule_ipv6(struct sv text, struct arena *arena, struct host_rule *rule)
{
    rule->of = HOST_IPV6;
    if (parse_ipv6(text, rule->address)) {
        rule->kind = HOST_RULE_RANGE;
        rule->prefix = 128;
        return true;
    }
    if (!has_wildcard(text) || text.len > INET6_ADDRSTRLEN)
        return false;
    bool dots = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if ((!is_hex(c) && !is_one_of(c, ":.*?")) || (c == ':' && dots))
            return false;
        dots = dots || c == '.';
    }
    rule->kind = HOST_RULE_GLOB_OF;
    rule->pattern = host_lower(arena, text);
    return true;
}

static bool parse_rule_name(struct sv text, struct arena *arena, struct host_rule *rule)
{
    struct host host = {.kind = HOST_NAME};
    if (has_wildcard(text)) {
        text = without_trailing_dot(text);
        rule->pattern = host_lower(arena, text);
        return check_name_glob(text, rule);
    }
    if (!parse_name_or_ipv4(text, &host))
        return false;
    rule->pattern = host_lower(arena, sv_from(host.text));
    if (host.kind == HOST_IPV4) {
        rule->kind = HOST_RULE_RANGE;
        rule->of = HOST_IPV4;
        rule->prefix = 32;
        memcpy(rule->address, host.address, sizeof rule->address);
        return true;
    }
    rule->kind = HOST_RULE_NAME;
    return true;
}

static bool parse_rule_cidr(struct sv address, struct sv bits, struct host_rule *rule)
{
    if (address.len > 2 && address.data[0] == '[' && address.data[address.len - 1] == ']')
        address = sv_from_offset(sv_first(address, address.len - 1), 1);
    rule->kind = HOST_RULE_RANGE;
    if (parse_ipv4(address, rule->address))
        rule->of = HOST_IPV4;
    else if (parse_ipv6(address, rule->address))
        rule->of = HOST_IPV6;
    else
        return false;
    int64_t prefix;
    if (bits.len == 0 || !is_digit(bits.data[0]) ||
        !parse_int64(bits, 0, rule->of == HOST_IPV4 ? 32 : 128, &prefix))
        return false;
    rule->prefix = (unsigned)prefix;
    return true;
}

/* `fc00:*` is how MLflow writes a range, `node:*` a name with any port: told apart by the first groups that
 * unicast addresses begin with (2000::/3, fc00::/7, fe80::/10). */
static bool is_ipv6_group(struct sv text)
{
    if (text.len != 4)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_hex(text.data[i]))
            return false;
    char first = lower(text.data[0]);
    char second = lower(text.data[1]);
    char third = lower(text.data[2]);
    return first == '2' || first == '3' ||
           (first == 'f' && (second == 'c' || second == 'd' || (second == 'e' && is_one_of(third, "89ab"))));
}

bool host_rule_parse(struct sv entry, struct arena *arena, struct host_rule *rule)
{
    memset(rule, 0, sizeof *rule);
    if (entry.len == 0)
        return false;

    size_t slash = sv_find(entry, '/');
    if (slash < entry.len)
        return parse_rule_cidr(sv_first(entry, slash), sv_from_offset(entry, slash + 1), rule);

    size_t bracket = sv_find(entry, ']');
    struct sv inner = sv_from_offset(sv_first(entry, bracket), 1);
    if (entry.data[0] == '[' && bracket < entry.len && sv_find(inner, ':') < inner.len) {
        struct sv rest = sv_from_offset(entry, bracket + 1);
        if (rest.len > 0 && (rest.data[0] != ':' || !parse_rule_port(sv_from_offset(rest, 1), arena, rule)))
            return false;
        return parse_rule_ipv6(inner, arena, rule);
    }

    size_t colon = sv_find(entry, ':');
    struct sv name = sv_first(entry, colon);
    if (colon == entry.len)
        return parse_rule_name(name, arena, rule);
    struct sv port = sv_from_offset(entry, colon + 1);
    if (sv_find(port, ':') < port.len || (sv_equal(port, SV("*")) && is_ipv6_group(name)))
        return parse_rule_ipv6(entry, arena, rule);
    return parse_rule_port(port, arena, rule) && parse_rule_name(name, arena, rule);
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    if (rest == 0)
        return true;
    unsigned mask = 0xffU << (8 - rest);
    return ((a[bits / 8] ^ b[bits / 8]) & mask & 0xffU) == 0;
}

bool host_glob_matches(const char *pattern, const char *text)
{
    return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

bool host_rule_matches_host(const struct host_rule *rule, const struct host *host)
{
    switch (rule->kind) {
    case HOST_RULE_NAME:
        return host->kind == HOST_NAME && strcmp(rule->pattern, host->text) == 0;
    case HOST_RULE_RANGE:
        return host->kind == rule->of && same_prefix(rule->address, host->address, rule->prefix);
    case HOST_RULE_GLOB_OF:
        if (host->kind != rule->of)
            return false;
        break;
    case HOST_RULE_GLOB:
        break;
    }
    return host_glob_matches(rule->pattern, host->text) ||
           (host->kind == HOST_IPV6 && host_glob_matches(rule->pattern, host->written));
}

bool host_rule_matches_port(const struct host_rule *rule, int port)
{
    if (!rule->port || strcmp(rule->port, "*") == 0)
        return true;
    if (port == HOST_NO_PORT)
        return false;
    char text[16];
    snprintf(text, sizeof text, "%d", port);
    return host_glob_matches(rule->port, text);
}
