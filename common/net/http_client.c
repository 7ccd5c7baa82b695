#include "common/net/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/version.h"
#include "common/net/curl_library.h"

/* libcurl hands over at most 16 KiB at a time (CURL_MAX_WRITE_SIZE). */
#define AHEAD_BYTES        (64 * 1024)
#define TRANSFER_BYTES     (64L * 1024)
#define SMALL_BODY_BYTES   (64 * 1024 - 1)
#define HEAD_MAX_BYTES     (256 * 1024)
#define LINE_MAX_BYTES     (64 * 1024)
#define MAX_CONNECTIONS    4L
#define CANCEL_CHECK_MS    250
#define READ_PIECE_BYTES   (16 * 1024)
#define SCRATCH_KEPT_BYTES (64 * 1024)
#define POLL_MAX_MS        1000

struct http_client {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *pinned;
    char *texts[4]; /* NUL-terminated copies that libcurl does not take of itself */

    uint64_t exchange;
    bool open; /* the handle is with the multi handle */
    bool done;
    bool paused;
    bool head_complete;
    bool cancelled;
    enum http_outcome outcome;
    char problem[CURL_ERROR_SIZE];

    struct http_call call;
    size_t body_sent;
    int64_t began_us, active_us;

    struct buffer head; /* header lines of the answer, each ended by LF */
    int status;

    char *destination; /* of the http_read under way */
    size_t room, delivered;
    char *ahead; /* came before it was asked for */
    size_t ahead_from, ahead_to;

    struct buffer scratch[HTTP_SCRATCHES];
};

/* --- Clients --- */

struct http_client *http_client_new(void)
{
    if (!curl_library_load())
        return NULL;
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    buffer_init(&client->head, HEAD_MAX_BYTES);
    client->multi = curl.multi_init();
    client->easy = curl.easy_init();
    client->ahead = malloc(AHEAD_BYTES);
    if (!client->multi || !client->easy || !client->ahead) {
        http_client_free(client);
        return NULL;
    }
    curl.multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    http_end(client);
    if (client->easy)
        curl.easy_cleanup(client->easy);
    if (client->multi)
        curl.multi_cleanup(client->multi);
    buffer_free(&client->head);
    for (int i = 0; i < HTTP_SCRATCHES; i++)
        buffer_free(&client->scratch[i]);
    free(client->ahead);
    free(client);
}

/* --- What libcurl calls --- */

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct http_client *client = context;
    struct sv text = {line, size * count};
    client->active_us = clock_monotonic_us();
    if (sv_starts_with(text, SV("HTTP/"))) {
        if (!client->head_complete)
            buffer_clear(&client->head, HEAD_MAX_BYTES);
        return text.len;
    }
    text = sv_trim(text);
    if (text.len == 0) {
        long status = 0;
        curl.easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        client->status = (int)status;
        client->head_complete = status >= 200;
        return size * count;
    }
    /* After the body: trailers, which nobody asks for. */
    if (client->head_complete)
        return size * count;
    buffer_append_sv(&client->head, text);
    buffer_append_byte(&client->head, '\n');
    return client->head.failed || text.len > LINE_MAX_BYTES ? 0 : size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_client *client = context;
    size_t len = size * count;
    if (client->ahead_from == client->ahead_to)
        client->ahead_from = client->ahead_to = 0;
    if (len > client->room + (AHEAD_BYTES - client->ahead_to)) {
        client->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    client->active_us = clock_monotonic_us();
    size_t direct = len < client->room ? len : client->room;
    if (direct) {
        memcpy(client->destination + client->delivered, bytes, direct);
        client->delivered += direct;
        client->room -= direct;
    }
    if (len > direct) {
        memcpy(client->ahead + client->ahead_to, bytes + direct, len - direct);
        client->ahead_to += len - direct;
    }
    return len;
}

static size_t on_send(char *bytes, size_t size, size_t count, void *context)
{
    struct http_client *client = context;
    size_t len = size * count;
    client->active_us = clock_monotonic_us();
    if (client->call.pull) {
        long got = client->call.pull(client->call.pull_context, bytes, len);
        if (got < 0 || (size_t)got > len) {
            client->cancelled = true;
            return CURL_READFUNC_ABORT;
        }
        return (size_t)got;
    }
    struct sv rest = sv_from_offset(client->call.body, client->body_sent);
    if (len > rest.len)
        len = rest.len;
    if (len)
        memcpy(bytes, rest.data, len);
    client->body_sent += len;
    return len;
}

/* Asked for when a kept connection turns out to be dead and the body must be sent once more. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct http_client *client = context;
    if (client->call.pull || origin != SEEK_SET || offset < 0 || (size_t)offset > client->call.body.len)
        return CURL_SEEKFUNC_CANTSEEK;
    client->body_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* --- Setting up --- */

static bool is_one_line(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    }
    return true;
}

static char *keep_text(struct http_client *client, size_t index, struct sv text)
{
    free(client->texts[index]);
    client->texts[index] = NULL;
    if (!is_one_line(text))
        return NULL;
    return client->texts[index] = strndup(text.data ? text.data : "", text.len);
}

static bool add_line(struct curl_slist **list, struct sv first, const char *between, struct sv last)
{
    struct buffer line;
    buffer_init(&line, LINE_MAX_BYTES);
    buffer_append_sv(&line, first);
    buffer_append(&line, between, strlen(between));
    buffer_append_sv(&line, last);
    buffer_append_byte(&line, '\0');
    struct curl_slist *longer = line.failed ? NULL : curl.slist_append(*list, line.data);
    if (line.data)
        explicit_bzero(line.data, line.len);
    buffer_free(&line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

/* Headers may hold keys. */
static void wipe_lines(struct curl_slist *list)
{
    for (; list; list = list->next)
        explicit_bzero(list->data, strlen(list->data));
}

static bool has_small_body(const struct http_call *call)
{
    return !call->pull && call->body.data && call->body.len <= SMALL_BODY_BYTES;
}

static bool set_headers(struct http_client *client)
{
    const struct http_call *call = &client->call;
    bool has_agent = false, has_type = false;
    for (size_t i = 0; i < call->header_count; i++) {
        struct name_value header = call->headers[i];
        if (header.name.len == 0 || !is_one_line(header.name) || !is_one_line(header.value) ||
            sv_find(header.name, ':') < header.name.len)
            return false;
        has_agent |= sv_equal_ignoring_case(header.name, SV("User-Agent"));
        has_type |= sv_equal_ignoring_case(header.name, SV("Content-Type"));
        /* libcurl takes "Name:" as a request to leave the header out and "Name;" as an empty one. */
        if (!add_line(&client->headers, header.name, header.value.len ? ": " : ";", header.value))
            return false;
    }
    /* libcurl would say that it is a form. */
    if (has_small_body(call) && !has_type && !add_line(&client->headers, SV("Content-Type"), ":", SV("")))
        return false;
    if (call->no_expect && !add_line(&client->headers, SV("Expect"), ":", SV("")))
        return false;
    curl.easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->headers);
    if (!has_agent)
        curl.easy_setopt(client->easy, CURLOPT_USERAGENT, "tracklight/" TRACKLIGHT_VERSION);
    return true;
}

static bool set_method_and_body(struct http_client *client)
{
    const struct http_call *call = &client->call;
    char *method = keep_text(client, 0, call->method);
    if (!method || !*method)
        return false;
    if (has_small_body(call)) {
        /* Leaves together with the head, in one packet. */
        curl.easy_setopt(client->easy, CURLOPT_POST, 1L);
        curl.easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl.easy_setopt(client->easy, CURLOPT_POSTFIELDS, call->body.data);
    } else if (call->pull || call->body.data) {
        curl_off_t size = call->pull ? (curl_off_t)call->body_size : (curl_off_t)call->body.len;
        curl.easy_setopt(client->easy, CURLOPT_UPLOAD, 1L);
        curl.easy_setopt(client->easy, CURLOPT_INFILESIZE_LARGE, size);
        curl.easy_setopt(client->easy, CURLOPT_READFUNCTION, on_send);
        curl.easy_setopt(client->easy, CURLOPT_READDATA, client);
        curl.easy_setopt(client->easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl.easy_setopt(client->easy, CURLOPT_SEEKDATA, client);
    } else if (strcmp(method, "HEAD") == 0) {
        curl.easy_setopt(client->easy, CURLOPT_NOBODY, 1L);
    } else {
        curl.easy_setopt(client->easy, CURLOPT_HTTPGET, 1L);
    }
    curl.easy_setopt(client->easy, CURLOPT_CUSTOMREQUEST, method);
    return true;
}

static bool set_security(struct http_client *client)
{
    const struct http_call *call = &client->call;
    CURL *easy = client->easy;
    curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, call->trust_anybody ? 0L : 1L);
    curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, call->trust_anybody ? 0L : 2L);
    if (call->ca_file.len) {
        char *file = keep_text(client, 1, call->ca_file);
        if (!file)
            return false;
        curl.easy_setopt(easy, CURLOPT_CAINFO, file);
        curl.easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (call->no_proxy)
        curl.easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (call->pinned.data) {
        if (!is_one_line(call->pinned) || !add_line(&client->pinned, call->pinned, "", SV("")))
            return false;
        curl.easy_setopt(easy, CURLOPT_RESOLVE, client->pinned);
    }
    return true;
}

static bool set_up(struct http_client *client)
{
    const struct http_call *call = &client->call;
    CURL *easy = client->easy;
    curl.easy_reset(easy);
    curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, client->problem);
    char *url = keep_text(client, 2, call->url);
    if (!url || curl.easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK)
        return false;
    /* Signatures cover the path, so libcurl must not tidy it up. */
    curl.easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl.easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     (long)(call->http1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    curl.easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl.easy_setopt(easy, CURLOPT_BUFFERSIZE, TRANSFER_BYTES);
    curl.easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, TRANSFER_BYTES);
    curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl.easy_setopt(easy, CURLOPT_HEADERDATA, client);
    curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(easy, CURLOPT_WRITEDATA, client);
    if (call->connect_ms > 0)
        curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms);
    return set_security(client) && set_method_and_body(client) && set_headers(client);
}

/* --- Running --- */

static bool was_sent(const struct http_client *client)
{
    long sent = 0;
    curl.easy_getinfo(client->easy, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

static enum http_outcome outcome_of(struct http_client *client, CURLcode code)
{
    if (client->cancelled)
        return HTTP_CANCELLED;
    switch (code) {
    case CURLE_OK:
        return HTTP_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return HTTP_NOT_REACHED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMED_OUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_UNTRUSTED;
    case CURLE_WRITE_ERROR:
        return HTTP_TOO_LARGE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer as of HTTP/0.9, too */
        return was_sent(client) ? HTTP_BROKEN : HTTP_MISUSED;
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:
    case CURLE_OUT_OF_MEMORY:
        return HTTP_MISUSED;
    default:
        return HTTP_BROKEN;
    }
}

static void finish(struct http_client *client, enum http_outcome outcome, const char *problem)
{
    client->done = true;
    client->outcome = outcome;
    if (outcome != HTTP_OK && problem && !client->problem[0])
        snprintf(client->problem, sizeof(client->problem), "%s", problem);
}

static void run(struct http_client *client)
{
    int running = 0;
    CURLMcode code = curl.multi_perform(client->multi, &running);
    if (code != CURLM_OK)
        finish(client, HTTP_MISUSED, curl.multi_strerror(code));
    int left = 0;
    const CURLMsg *message;
    while ((message = curl.multi_info_read(client->multi, &left))) {
        if (message->msg == CURLMSG_DONE && !client->done)
            finish(client, outcome_of(client, message->data.result),
                   curl.easy_strerror(message->data.result));
    }
}

static int64_t earlier(int64_t deadline, int64_t from_us, int64_t limit_ms)
{
    if (limit_ms <= 0)
        return deadline;
    int64_t other = from_us + limit_ms * 1000;
    return other < deadline ? other : deadline;
}

/* When this exchange runs out of time, as it stands. */
static int64_t deadline_of(const struct http_client *client, int64_t waiting_since_us)
{
    int64_t active = client->active_us > waiting_since_us ? client->active_us : waiting_since_us;
    int64_t deadline = earlier(INT64_MAX, client->began_us, client->call.total_ms);
    deadline = earlier(deadline, active, client->call.idle_ms);
    if (!client->head_complete)
        deadline = earlier(deadline, client->began_us, client->call.first_byte_ms);
    return deadline;
}

static bool is_cancelled(struct http_client *client)
{
    if (!client->call.cancelled || !client->call.cancelled(client->call.cancel_context))
        return false;
    finish(client, HTTP_CANCELLED, "cancelled");
    return true;
}

/* Waits for the network, `until_us` at most; the end of the exchange's time ends it. */
static void wait_for_network(struct http_client *client, int64_t waiting_since_us, int64_t until_us)
{
    if (is_cancelled(client))
        return;
    int64_t now = clock_monotonic_us(), deadline = deadline_of(client, waiting_since_us);
    if (now >= deadline) {
        finish(client, HTTP_TIMED_OUT, "no answer in time");
        return;
    }
    if (until_us < deadline)
        deadline = until_us;
    int64_t ms = deadline > now ? (deadline - now) / 1000 + 1 : 0;
    int64_t most = client->call.cancelled ? CANCEL_CHECK_MS : POLL_MAX_MS;
    curl.multi_poll(client->multi, NULL, 0, (int)(ms < most ? ms : most), NULL);
}

/* --- Exchanges --- */

enum http_outcome http_begin(struct http_client *client, const struct http_call *call,
                             struct http_reply *reply)
{
    http_end(client);
    *reply = (struct http_reply){.content_length = -1};
    client->exchange++;
    client->call = *call;
    client->done = client->paused = client->head_complete = client->cancelled = false;
    client->outcome = HTTP_OK;
    client->problem[0] = '\0';
    client->body_sent = client->room = client->delivered = client->ahead_from = client->ahead_to = 0;
    client->status = 0;
    buffer_clear(&client->head, HEAD_MAX_BYTES);
    client->began_us = client->active_us = clock_monotonic_us();
    if (!set_up(client) || curl.multi_add_handle(client->multi, client->easy) != CURLM_OK) {
        finish(client, HTTP_MISUSED, "the URL or a header cannot be sent");
        http_end(client);
        return client->outcome;
    }
    client->open = true;
    run(client);
    while (!client->done && !client->head_complete) {
        wait_for_network(client, client->began_us, INT64_MAX);
        if (!client->done)
            run(client);
    }
    if (client->done && client->outcome != HTTP_OK && !client->head_complete) {
        enum http_outcome outcome = client->outcome;
        http_end(client);
        return outcome;
    }
    reply->status = client->status;
    curl_off_t length = -1;
    curl.easy_getinfo(client->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    reply->content_length = (int64_t)length;
    return HTTP_OK;
}

struct sv http_header(const struct http_client *client, struct sv name)
{
    struct sv rest = buffer_sv(&client->head);
    while (rest.data) {
        struct sv line = sv_cut(&rest, '\n');
        size_t colon = sv_find(line, ':');
        if (colon < line.len && sv_equal_ignoring_case(sv_first(line, colon), name))
            return sv_trim(sv_from_offset(line, colon + 1));
    }
    return SV_ABSENT;
}

int64_t http_date(struct sv text)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof(copy))
        return -1;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (int64_t)curl.getdate(copy, NULL);
}

static long take_ahead(struct http_client *client, char *bytes, size_t len)
{
    size_t there = client->ahead_to - client->ahead_from;
    if (len > there)
        len = there;
    memcpy(bytes, client->ahead + client->ahead_from, len);
    client->ahead_from += len;
    return (long)len;
}

long http_read(struct http_client *client, char *bytes, size_t len, int64_t wait_ms)
{
    if (len == 0)
        return 0;
    if (client->ahead_to > client->ahead_from)
        return take_ahead(client, bytes, len);
    if (!client->open)
        return HTTP_READ_FAILED;
    int64_t since = clock_monotonic_us();
    int64_t until = wait_ms < 0 ? INT64_MAX : since + wait_ms * 1000;
    client->destination = bytes;
    client->room = len;
    client->delivered = 0;
    while (!client->done && client->delivered == 0) {
        if (client->paused) {
            client->paused = false;
            curl.easy_pause(client->easy, CURLPAUSE_CONT);
        }
        run(client);
        if (client->done || client->delivered)
            break;
        if (clock_monotonic_us() >= until)
            break;
        wait_for_network(client, since, until);
    }
    client->room = 0;
    client->destination = NULL;
    if (client->delivered)
        return (long)client->delivered;
    if (!client->done)
        return HTTP_READ_WAITING;
    return client->outcome == HTTP_OK ? 0 : HTTP_READ_FAILED;
}

enum http_outcome http_outcome(const struct http_client *client)
{
    return client->outcome;
}

const char *http_problem(const struct http_client *client)
{
    return client->problem;
}

struct buffer *http_scratch(struct http_client *client, enum http_scratch which, size_t ceiling)
{
    struct buffer *buffer = &client->scratch[which];
    buffer_clear(buffer, SCRATCH_KEPT_BYTES);
    buffer->ceiling = ceiling;
    return buffer;
}

uint64_t http_exchange_id(const struct http_client *client)
{
    return client->exchange;
}

void http_end(struct http_client *client)
{
    if (client->open) {
        /* The end of an answer that was read to its last byte may not have been noticed yet. */
        if (!client->done && client->head_complete && !client->paused)
            run(client);
        curl.multi_remove_handle(client->multi, client->easy);
        client->open = false;
    }
    if (client->easy)
        curl.easy_reset(client->easy);
    wipe_lines(client->headers);
    curl.slist_free_all(client->headers);
    curl.slist_free_all(client->pinned);
    client->headers = client->pinned = NULL;
    for (size_t i = 0; i < sizeof(client->texts) / sizeof(client->texts[0]); i++) {
        free(client->texts[i]);
        client->texts[i] = NULL;
    }
    client->call = (struct http_call){0};
}

enum http_outcome http_exchange(struct http_client *client, const struct http_call *call,
                                struct http_reply *reply, struct buffer *body)
{
    enum http_outcome outcome = http_begin(client, call, reply);
    if (outcome != HTTP_OK)
        return outcome;
    char piece[READ_PIECE_BYTES];
    long got;
    while ((got = http_read(client, piece, sizeof(piece), -1)) > 0 && !body->failed)
        buffer_append(body, piece, (size_t)got);
    if (body->failed)
        outcome = HTTP_TOO_LARGE;
    else if (got == HTTP_READ_FAILED)
        outcome = client->outcome;
    client->outcome = outcome;
    http_end(client);
    return outcome;
}
