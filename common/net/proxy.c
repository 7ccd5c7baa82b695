#include "common/net/proxy.h"

#include <stdlib.h>

static struct sv variable(const char *lower, const char *upper)
{
    struct sv value = sv_from(getenv(lower));
    return value.len || !upper ? value : sv_from(getenv(upper));
}

static struct sv without_dots(struct sv name)
{
    if (sv_starts_with(name, SV(".")))
        name = sv_from_offset(name, 1);
    return sv_ends_with(name, SV(".")) ? sv_first(name, name.len - 1) : name;
}

/* The name itself, or one below it. */
static bool is_within(struct sv host, struct sv domain)
{
    if (domain.len == 0 || host.len < domain.len)
        return false;
    size_t before = host.len - domain.len;
    return sv_equal_ignoring_case(sv_from_offset(host, before), domain) &&
           (before == 0 || host.data[before - 1] == '.');
}

static bool is_excepted(struct sv host)
{
    struct sv rest = variable("no_proxy", "NO_PROXY");
    host = without_dots(host);
    while (rest.data) {
        struct sv words = sv_cut(&rest, ',');
        while (words.data) {
            struct sv word = sv_trim(sv_cut(&words, ' '));
            if (sv_equal(word, SV("*")) || is_within(host, without_dots(word)))
                return true;
        }
    }
    return false;
}

bool proxy_is_used(bool is_https, struct sv host)
{
    struct sv proxy = is_https ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", NULL);
    if (!proxy.len)
        proxy = variable("all_proxy", "ALL_PROXY");
    return proxy.len > 0 && !is_excepted(host);
}
