#include "common/http/server.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/number.h"
#include "common/http/listen.h"
#include "common/http/server_internal.h"

static struct server_state *state_new(const struct server_options *options,
                                      const struct server_settings *settings)
{
    struct server_state *state = calloc(1, sizeof(struct server_state));
    if (!state)
        abort();
    state->settings = *settings;
    state->static_prefix = settings->static_prefix.data
                               ? strndup(settings->static_prefix.data, settings->static_prefix.len)
                               : strdup("");
    if (!state->static_prefix)
        abort();
    state->settings.static_prefix = sv_from(state->static_prefix);
    state->router = router_new(options->program, state->settings.static_prefix);
    state->references = 1;
    return state;
}

static void state_free(struct server_state *state)
{
    router_free(state->router);
    security_free(state->settings.security);
    free(state->static_prefix);
    free(state);
}

struct server_state *server_state_take(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct server_state *state = server->state;
    state->references++;
    pthread_mutex_unlock(&server->lock);
    return state;
}

void server_state_drop(struct server *server, struct server_state *state)
{
    pthread_mutex_lock(&server->lock);
    bool last = --state->references == 0;
    pthread_mutex_unlock(&server->lock);
    if (last)
        state_free(state);
}

void server_reload(struct server *server)
{
    struct server_settings settings = {0};
    if (!server->options.reload || !server->options.reload(server->options.context, &settings))
        return;
    struct server_state *fresh = state_new(&server->options, &settings);
    pthread_mutex_lock(&server->lock);
    struct server_state *old = server->state;
    server->state = fresh;
    pthread_mutex_unlock(&server->lock);
    server_state_drop(server, old);
    log_info("settings reloaded");
}

struct server *server_new(const struct server_options *options)
{
    struct server *server = calloc(1, sizeof(struct server));
    if (!server)
        abort();
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    server->state = state_new(options, &options->settings);
    return server;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    server_state_drop(server, server->state);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* Many threads, each with little memory: few malloc arenas, and large blocks go back to the system. */
static void tune_malloc(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024);
#endif
}

int server_run(const struct server_options *options)
{
    tune_malloc();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond the resource limit is an error of its write */
    const char *problem = NULL;
    int listen_socket = -1;
    enum listen_kind kind = listen_find(options->listen, &listen_socket, &problem);
    if (kind == LISTEN_FAILED) {
        fprintf(stderr, "%s: %s\n", options->program->name, problem);
        return 1;
    }
    struct server *server = server_new(options);
    int status = kind == LISTEN_CGI ? cgi_run(server) : fastcgi_run(server, listen_socket);
    server_free(server);
    return status;
}
