#ifndef TRACKLIGHT_NET_PROXY_H
#define TRACKLIGHT_NET_PROXY_H

#include <stdbool.h>

#include "common/base/sv.h"

/* Whether a call to this host (as in the URL, without brackets) goes through a proxy by the environment's
 * variables: http_proxy, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, and no_proxy, NO_PROXY with its
 * comma-separated names, domains and "*". As libcurl, HTTP_PROXY does not count: under CGI a client sets it.
 */
bool proxy_is_used(bool is_https, struct sv host);

#endif
