#ifndef TRACKLIGHT_HTTP_LISTEN_H
#define TRACKLIGHT_HTTP_LISTEN_H

#include <stdbool.h>

enum listen_kind { LISTEN_SOCKET, LISTEN_CGI, LISTEN_FAILED };

/* Where requests come from: the given address ("unix:PATH", "HOST:PORT", "[::1]:PORT"; NULL: none), else
 * systemd's first socket (LISTEN_PID and LISTEN_FDS, sd_listen_fds(3)), else descriptor 0 if it listens
 * (FastCGI spec 1.0, 2.2), else plain CGI if the environment says so (GATEWAY_INTERFACE). *problem is static
 * text, set for LISTEN_FAILED. */
enum listen_kind listen_find(const char *address, int *listen_socket, const char **problem);

/* A listening socket for the address, backlog LISTEN_BACKLOG, close-on-exec; -1 and *problem (static text) on
 * failure. A unix socket that nobody listens on any more is replaced. */
int listen_open(const char *address, const char **problem);

#endif
