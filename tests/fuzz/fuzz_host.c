/* Input: a line with a list of allowed hosts, a line with a list of origins, and the rest as Host and as
 * Origin. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/security/host.h"
#include "common/security/origin.h"
#include "common/security/security.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *text)
{
    if (condition)
        return;
    fprintf(stderr, "violated: %s\n", text);
    abort();
}

static void check_host(struct sv text)
{
    struct host host;
    struct host again;
    if (!host_parse(text, &host))
        return;
    for (size_t i = 0; i < text.len; i++)
        require(text.data[i] > ' ' && text.data[i] < 127 && !strchr("@/\\%?#,;", text.data[i]),
                "a host holds letters, digits, '-', '_', '.', ':' and brackets only");
    char canonical[HOST_NAME_MAX_LENGTH + 16];
    char port[16] = "";
    if (host.port != HOST_NO_PORT)
        snprintf(port, sizeof port, ":%d", host.port);
    snprintf(canonical, sizeof canonical, host.kind == HOST_IPV6 ? "[%s]%s" : "%s%s", host.text, port);
    require(host_parse(sv_from(canonical), &again), "the canonical form is a host");
    require(host_same(&host, &again) && host.port == again.port, "the canonical form is the same host");
}

static void check_origin(const struct security *security, struct sv text)
{
    struct origin origin;
    if (security_origin_allowed(security, text, SV_ABSENT))
        require(origin_parse(text, &origin), "only origins are allowed");
    struct cors cors = security_cors(security, text);
    if (cors.allow_origin.data) {
        require(sv_equal(cors.allow_origin, text), "the reflected origin is the one that asked");
        require(security_origin_allowed(security, text, SV_ABSENT), "who may read may write");
    }
}

/* What the defaults admit, told apart from how the rules do it. */
static void check_defaults(struct sv text)
{
    static struct security *defaults;
    if (!defaults) {
        struct arena *arena = arena_new(1 << 16);
        struct sv problem;
        defaults = security_new(&(struct security_settings){.disabled = false}, arena, &problem);
        arena_free(arena);
        require(defaults != NULL, "the defaults are valid");
    }
    check_origin(defaults, text);
    struct host host;
    if (!security_host_allowed(defaults, text))
        return;
    require(host_parse(text, &host), "only hosts are allowed");
    const unsigned char *a = host.address;
    switch (host.kind) {
    case HOST_NAME:
        require(strcmp(host.text, "localhost") == 0, "localhost is the only name");
        break;
    case HOST_IPV4:
        require(a[0] == 10 || a[0] == 127 || (a[0] == 172 && a[1] >= 16 && a[1] <= 31) ||
                    (a[0] == 192 && a[1] == 168) || strcmp(host.text, "0.0.0.0") == 0,
                "only private IPv4 addresses");
        break;
    case HOST_IPV6:
        require((a[0] & 0xfe) == 0xfc || strcmp(host.text, "::1") == 0, "only private IPv6 addresses");
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv rest = {(const char *)data, size};
    struct sv hosts = sv_cut(&rest, '\n');
    struct sv origins = rest.data ? sv_cut(&rest, '\n') : SV_ABSENT;
    struct sv text = rest.data ? rest : hosts;
    check_host(text);
    check_defaults(text);

    struct arena *arena = arena_new(1 << 22);
    struct sv problem = SV_ABSENT;
    struct security_settings settings = {.allowed_hosts = hosts, .allowed_origins = origins};
    struct security *security = security_new(&settings, arena, &problem);
    require((security == NULL) == (problem.data != NULL), "a refused list has a problem");
    if (security) {
        (void)security_host_allowed(security, text);
        (void)security_origin_allowed(security, text, hosts);
        (void)security_cors(security, text);
        security_free(security);
    }
    arena_free(arena);
    return 0;
}
