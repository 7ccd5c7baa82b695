#ifndef TRACKLIGHT_HTTP_REQUEST_H
#define TRACKLIGHT_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/http/limits.h"
#include "common/http/operation.h"
#include "common/json/json_write.h"

struct json_object;
struct server;
struct server_state;

struct header {
    const char *name; /* lower case */
    struct sv value;
};

#define REPLY_MAX_HEADERS 24

/* The reply while it is made. Nothing leaves before the stage "send", but for rows that stream. */
struct reply {
    int status;
    const char *content_type;
    struct header headers[REPLY_MAX_HEADERS];
    size_t header_count;
    struct buffer body;
    struct json_writer json;
    bool bare;     /* a refusal that carries no security or CORS headers */
    bool started;  /* headers are sent */
    bool broken;   /* the client is gone, or sending failed: nothing more is written */
    uint64_t sent; /* body bytes sent */
};

/* Who is asking. */
enum identity_how { IDENTITY_PASSWORD, IDENTITY_TOKEN, IDENTITY_SESSION, IDENTITY_WEB_SERVER };

struct identity {
    int64_t user_id;
    struct sv username;
    bool is_admin;
    enum identity_how how;
    int64_t generation;  /* of the user, when his password was verified or his session began */
    bool is_provisional; /* until `permit` has looked the user up: only id and generation are there */
    bool may_write;      /* else a token that is good for reading only */
    bool may_administer; /* else a token that is not good for users, permissions and tokens */
};

struct path_parameter {
    struct sv name;
    struct sv value; /* decoded */
};

#define MAX_PATH_PARAMETERS 4

/* One request on its way through the stages of serve.c. Lives in its thread; everything that it points to is
 * in the arena or static. */
struct request {
    struct server *server;
    struct server_state
        *state; /* the settings this request runs under, whatever a SIGHUP changes meanwhile */
    struct arena *arena;
    struct error error;

    /* The head, as the web server gave it. */
    enum http_method method;
    struct sv method_name;
    struct sv path;  /* raw path of REQUEST_URI, mount point and static prefix included */
    struct sv query; /* raw, without "?" */
    struct sv content_type;
    int64_t content_length; /* -1 if unknown */
    struct sv host;
    struct sv origin;
    struct sv
        remote_addr; /* the client's, also behind a trusted proxy; "" where the web server does not tell */
    bool is_tls;     /* the client speaks TLS, with the web server or with a trusted proxy */
    char id[64];     /* X-Request-Id */

    const struct operation *operation; /* NULL until routed */
    struct sv pattern;                 /* the row's full path, e.g. "/api/2.0/mlflow/runs/get" */
    struct identity *identity;         /* NULL: authentication is off, or the row is for everybody */
    bool filtered;                     /* the handler has asked what it may show (RESOURCE_FILTERED) */
    const char *stage;                 /* which stage is at work; for the log */
    bool handled;                      /* the handler was called: a raw body is its own */
    struct path_parameter parameters[MAX_PATH_PARAMETERS];
    size_t parameter_count;

    struct buffer body_buffer;
    struct sv body;           /* whole, once read */
    struct json_object *json; /* parsed body; released at reset */
    void *input;

    void *transaction; /* what the program's begin hook gave; NULL outside */
    enum access transaction_access;

    struct reply reply;
    int64_t started_us;
    const struct transport *transport;
    void *connection; /* the transport's */
};

/* How bytes come and go: FastCGI, plain CGI, or a recorded request (make replay, unit tests). */
struct transport {
    /* A CGI variable (RFC 3875), absent if not set. */
    struct sv (*variable)(struct request *request, const char *name);
    /* Up to `len` body bytes; 0 at the end, -1 on error, -2 on timeout. */
    long (*read)(struct request *request, char *bytes, size_t len);
    /* All of it, or -1. */
    int (*write)(struct request *request, const char *bytes, size_t len);
    /* What was written so far leaves now; 0 or -1. */
    int (*flush)(struct request *request);
    /* Breaks the connection off, so that the client sees that the reply is not whole. */
    void (*abort)(struct request *request);
    /* All variables as "NAME=value", ended by NULL; may be NULL. */
    char *const *(*variables)(struct request *request);
    /* Whether the web server has closed the connection; never waits. May be NULL. */
    bool (*gone)(struct request *request);
    /* Bytes of all variables together; may be NULL. */
    size_t (*head_bytes)(struct request *request);
    /* Plain CGI: SCRIPT_NAME may be a mount point. */
    bool is_cgi;
};

/* A request header by its lower-case name, e.g. "if-none-match"; absent if not sent. */
struct sv request_header(struct request *request, const char *name);

/* All headers but Content-Type and Content-Length, which CGI keeps apart, at most `max`. Names are in lower
 * case, with dashes for underscores; in the arena. Returns how many. */
size_t request_headers(struct request *request, struct header *headers, size_t max);

/* Whether nobody waits for the reply any more, as far as the web server tells: nginx closes the connection at
 * once, lighttpd and Apache when they find out by sending. Never waits. */
bool request_client_gone(struct request *request);

/* A path parameter by name; absent if the row has none. */
struct sv request_parameter(const struct request *request, const char *name);

/* Sets the error that the client will see, and returns FAILED: `return fail(request, CODE, "…", …)`. */
enum status fail(struct request *request, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The rule about Host headers, for probes, which it is not asked about: whether it lets the request pass, and
 * the refusal (OK: there is a reply). */
bool request_host_allowed(const struct request *request);
enum status request_refuse_host(struct request *request);

/* The program's context, handed to server_run (the tracking program's store and settings). */
void *request_context(const struct request *request);

/* For ACCESS_NONE and ACCESS_STREAM_READ handlers: begins a transaction (request->transaction is set) or
 * fails the request. Commit is durable when it returns OK. A transaction that is open when the handler fails
 * is rolled back. */
enum status request_begin(struct request *request, enum access access);
enum status request_commit(struct request *request);
/* Undoes it, if one is open. */
void request_rollback(struct request *request);

/* 200 with JSON: the writer to use. Call once. */
struct json_writer *reply_json(struct request *request);
/* 200 with `{}`. */
enum status reply_empty(struct request *request);
/* Any status with a whole body that is copied. */
enum status reply_text(struct request *request, int status, const char *content_type, struct sv body);
/* Adds a header; `name` is static and lower case; a value with control characters is dropped, and so
 * is one that is there already. */
void reply_header(struct request *request, const char *name, struct sv value);

/* For ACCESS_STREAM_READ: if enough has gathered in the body (or `all`), ends the snapshot, sends it, and
 * begins a new snapshot for the next page. FAILED if the client is gone. */
enum status reply_drain(struct request *request, bool all);

/* For ACCESS_NONE handlers with a body that is too large to be held: with status, type and headers of the
 * reply set, sends the head; `length` is the body's in bytes, -1 if not known. Then the body in pieces, which
 * HEAD drops. FAILED if the client is gone. A handler that fails after that breaks the connection off. */
enum status reply_stream_begin(struct request *request, int64_t length);
enum status reply_stream_write(struct request *request, const char *bytes, size_t len);

#endif
