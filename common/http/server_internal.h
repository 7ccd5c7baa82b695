#ifndef TRACKLIGHT_HTTP_SERVER_INTERNAL_H
#define TRACKLIGHT_HTTP_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "common/http/route.h"
#include "common/http/server.h"

/* What the files of the request loop share; nobody else includes this. */

/* The settings that SIGHUP may replace. Counted: a request keeps those it began with. */
struct server_state {
    struct server_settings settings;
    char *static_prefix;
    struct router *router;
    unsigned references; /* under server.lock */
};

struct server {
    struct server_options options;
    pthread_mutex_t lock;
    struct server_state *state; /* current */
};

struct server_state *server_state_take(struct server *server);
void server_state_drop(struct server *server, struct server_state *state);
void server_reload(struct server *server);

/* A request object, reused for one request after the other; one per thread. */
struct request *request_new(struct server *server, const struct transport *transport, void *connection);
void request_free(struct request *request);

/* The reply's headers and body out through the transport. */
void reply_send(struct request *request);
void reply_error(struct request *request);
void reply_clear(struct request *request);

/* The FastCGI loop: returns when SIGTERM came and the requests in flight are done. */
int fastcgi_run(struct server *server, int listen_socket);

/* Serves what comes over one connected socket, then closes it. For tests: the same code as in the loop. */
void fastcgi_serve_socket(struct server *server, int fd);

/* One request of plain CGI (RFC 3875) on standard input and output. */
int cgi_run(struct server *server);

#endif
