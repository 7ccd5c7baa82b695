#ifndef TRACKLIGHT_NET_HTTP_CLIENT_H
#define TRACKLIGHT_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"
#include "common/net/name_value.h"

/* Outbound HTTP (RFC 9110) through libcurl: http and https only, certificates verified, redirects never
 * followed, no cookies, answers in pieces and in constant memory. The proxy variables of the environment
 * (http_proxy, https_proxy, no_proxy) hold.
 *
 * A client belongs to one thread, works on one exchange at a time, and keeps its connections for the next
 * one. No memory comes from an arena, so an escape from the caller's arena leaves nothing behind but an
 * exchange that the next http_begin ends. The process must ignore SIGPIPE. */
struct http_client;

/* NULL if there is no memory. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);

/* The calling thread's own clients, made when first asked for and freed when the thread ends: one for whole
 * calls and uploads, and one for a download that lasts while others are made. NULL if there is no memory. */
enum http_use { HTTP_FOR_CALLS, HTTP_FOR_DOWNLOADS, HTTP_USES };
struct http_client *http_client_of_thread(enum http_use use);

enum http_outcome {
    HTTP_OK,
    HTTP_NOT_REACHED, /* no address, or no connection: nothing was sent */
    HTTP_TIMED_OUT,
    HTTP_BROKEN,    /* the connection was lost, or what came was not HTTP */
    HTTP_UNTRUSTED, /* TLS was not possible, or the certificate is not good */
    HTTP_CANCELLED, /* by the caller, or by its body callback */
    HTTP_TOO_LARGE, /* the answer passes the caller's ceiling */
    HTTP_MISUSED    /* a URL or header that cannot be sent, or no memory */
};

struct http_call {
    struct sv method;
    struct sv url; /* http or https, percent-encoded, without user and password; sent as it is */
    const struct name_value *headers; /* CR, LF and NUL in one make the call HTTP_MISUSED */
    size_t header_count;

    struct sv body; /* absent: none. Stays the caller's until the exchange ends */
    /* The body in pieces instead: up to `len` bytes, 0 at the end, -1 gives up. `body_size` -1 if not known
     * (chunked transfer coding). */
    long (*pull)(void *context, char *bytes, size_t len);
    void *pull_context;
    int64_t body_size;

    /* Milliseconds; 0: no limit. */
    int64_t connect_ms;
    int64_t first_byte_ms; /* from the call to the head of the answer */
    int64_t idle_ms;       /* without a byte either way */
    int64_t total_ms;

    bool (*cancelled)(void *context); /* asked several times a second; NULL: never */
    void *cancel_context;

    struct sv pinned; /* of target.h: the addresses that the host has been checked to have. Absent: resolve. A
                         client pins all of its calls to a host or none */
    struct sv ca_file;  /* a bundle instead of the system's; absent: the system's */
    bool trust_anybody; /* no verification. Only ever by the administrator's explicit setting */
    bool no_proxy;
    bool no_expect; /* the body is sent at once, not after a 100 (RFC 9110 section 10.1.1) */
    bool http1;     /* no HTTP/2: what a slow reader leaves unread stays in the kernel's buffers */
};

struct http_reply {
    int status;
    int64_t content_length; /* -1 if not told */
};

/* Sends the call and waits for the head of the answer. Ends an exchange that was left open. */
enum http_outcome http_begin(struct http_client *client, const struct http_call *call,
                             struct http_reply *reply);

/* A header of the answer, the first of its name; absent if there is none. Valid until the next http_begin. */
struct sv http_header(const struct http_client *client, struct sv name);

/* The next piece of the answer, up to `len` bytes: at least one byte, 0 at the end, HTTP_READ_WAITING if
 * nothing came within wait_ms (-1: waits as long as the call's limits allow), or HTTP_READ_FAILED. What is
 * not read stays with the sender. */
#define HTTP_READ_FAILED  (-1)
#define HTTP_READ_WAITING (-2)
long http_read(struct http_client *client, char *bytes, size_t len, int64_t wait_ms);

/* An HTTP date (RFC 9110 section 5.6.7) in seconds since 1970 UTC; -1 for what is none. */
int64_t http_date(struct sv text);

/* Why the last http_begin or http_read failed, and libcurl's words for it, for logs. Never quotes headers. */
enum http_outcome http_outcome(const struct http_client *client);
const char *http_problem(const struct http_client *client);

/* Ends the exchange. The connection is kept if the answer was read to its end, else closed. */
void http_end(struct http_client *client);

/* Buffers that live as long as the client, for whoever works on answers: nothing is lost if that is left by
 * an escape. The ceiling is the asker's; the content is gone. */
enum http_scratch { HTTP_SCRATCH_BODY, HTTP_SCRATCH_TEXT, HTTP_SCRATCHES };
struct buffer *http_scratch(struct http_client *client, enum http_scratch which, size_t ceiling);

/* Differs from one exchange to the next: tells whether a client still works on it. */
uint64_t http_exchange_id(const struct http_client *client);

/* A whole exchange: the answer's body is put into `body`, up to its ceiling. */
enum http_outcome http_exchange(struct http_client *client, const struct http_call *call,
                                struct http_reply *reply, struct buffer *body);

#endif
