#ifndef TRACKLIGHT_HTTP_SERVER_H
#define TRACKLIGHT_HTTP_SERVER_H

#include "common/http/request.h"
#include "common/security/security.h"

/* What a program hands to the request loop. */
struct server_settings {
    struct sv static_prefix; /* absent or "": none */
    bool artifacts_only;
    bool no_serve_artifacts;
    unsigned threads;
    struct security *security; /* owned by the server from then on */
};

/* How a program's store (or nothing) takes part in a request; all NULL for a program without one. `context`
 * is server_options.context. */
struct transaction_hooks {
    /* Sets *transaction, or fails with `error`. */
    enum status (*begin)(void *context, const struct operation *operation, enum access access,
                         struct arena *arena, struct error *error, void **transaction);
    enum status (*commit)(void *transaction); /* fills the error that begin was given */
    void (*rollback)(void *transaction);
};

/* Who may ask for what; both NULL where authentication is off. Each returns OK, or has made the reply or set
 * the error. */
struct access_hooks {
    /* Before the body is read: sets request->identity. It stays NULL for rows that are public. */
    enum status (*authenticate)(void *context, struct request *request);
    /* On the input that the handler will see. Operations that only read have begun their transaction by then,
     * so that what is allowed and what is done are of one snapshot; others have none yet. */
    enum status (*permit)(void *context, struct request *request, const void *in);
};

struct server_options {
    const struct program *program;
    struct transaction_hooks hooks;
    struct access_hooks access;
    void *context;
    struct server_settings settings;
    const char *listen; /* "unix:PATH" or "HOST:PORT"; NULL: LISTEN_FDS, descriptor 0, or plain CGI */
    /* Called on SIGHUP from the main thread: fills new settings (true) or keeps the old (false). */
    bool (*reload)(void *context, struct server_settings *settings);
};

/* Runs until SIGTERM or SIGINT and the requests in flight are answered, or for the one request of plain CGI.
 * Returns the process's exit status. */
int server_run(const struct server_options *options);

/* Whether the process is to end: requests that wait for something should not wait any longer. */
bool server_is_ending(void);

/* Serves the one HTTP/1.1 request that the file holds, as recorded from the wire, and writes the reply to
 * standard output: for a debugger (make replay) and for tests. Returns the process's exit status. */
int server_replay(const struct server_options *options, const char *file);

/* The journey of one request (serve.c): everything from the head to the reply. `server` may be made by
 * server_new for tests. */
void serve(struct request *request);

/* For tests and `make replay`: a server without sockets. */
struct server *server_new(const struct server_options *options);
void server_free(struct server *server);

#endif
