#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/http_client.h"

/* --- A server that answers each request with the next line of a script --- */

#define REQUEST_MAX 65536
#define STEPS_MAX   4

struct step {
    const char *answer; /* sent as it is once the head of a request has come */
    size_t filler;      /* so many bytes 'x' after it */
    int wait_ms;        /* before the answer */
    int wait_within_ms; /* between answer and filler */
    bool close;         /* then */
};

static struct {
    int listener;
    uint16_t port;
    pthread_t thread;
    const struct step *steps;
    size_t count;
    int accepted; /* connections */
    char requests[STEPS_MAX][REQUEST_MAX + 1];
} server;

static void pause_ms(int ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static size_t expected_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? strtoul(field + 17, NULL, 10) : 0;
}

/* False at the end of the connection. */
static bool read_request(int connection, char *request)
{
    size_t len = 0;
    while (len < REQUEST_MAX) {
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        bool is_chunked = end && strcasestr(request, "\r\ntransfer-encoding: chunked");
        if (end && (is_chunked ? strstr(end, "0\r\n\r\n") != NULL
                               : len >= (size_t)(end + 4 - request) + expected_length(request)))
            return true;
        ssize_t got = recv(connection, request + len, REQUEST_MAX - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
    }
    return false;
}

static void send_filler(int connection, size_t len)
{
    char block[65536];
    memset(block, 'x', sizeof(block));
    while (len) {
        size_t most = len < sizeof(block) ? len : sizeof(block);
        ssize_t sent = send(connection, block, most, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        len -= (size_t)sent;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    size_t step = 0;
    while (step < server.count) {
        int connection = accept(server.listener, NULL, NULL);
        if (connection < 0)
            break;
        server.accepted++;
        while (step < server.count && read_request(connection, server.requests[step])) {
            const struct step *now = &server.steps[step++];
            pause_ms(now->wait_ms);
            send(connection, now->answer, strlen(now->answer), MSG_NOSIGNAL);
            pause_ms(now->wait_within_ms);
            send_filler(connection, now->filler);
            if (now->close)
                break;
        }
        close(connection);
    }
    return NULL;
}

static void start(const struct step *steps, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    assert_true(count <= STEPS_MAX);
    server.steps = steps;
    server.count = count;
    server.accepted = 0;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
    server.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void stop(void)
{
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
}

#define START(...)                                     \
    static const struct step script[] = {__VA_ARGS__}; \
    start(script, sizeof(script) / sizeof(script[0]))

static char url_text[128];

static struct http_call get(const char *path)
{
    int len = snprintf(url_text, sizeof(url_text), "http://127.0.0.1:%u%s", (unsigned)server.port, path);
    return (struct http_call){.method = SV("GET"), .url = {url_text, (size_t)len}, .no_proxy = true};
}

static struct http_client *client;
static struct http_reply reply;
static struct buffer body;

static int set_up(void **state)
{
    (void)state;
    client = http_client_new();
    buffer_init(&body, 1 << 20);
    return client ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(client);
    buffer_free(&body);
    return 0;
}

/* --- Whole calls --- */

static void an_answer_comes_with_status_headers_and_body(void **state)
{
    (void)state;
    START({.answer =
               "HTTP/1.1 404 Not Found\r\nX-One:  a b \r\nx-one: second\r\nContent-Length: 5\r\n\r\nhello"});
    const struct name_value headers[] = {{SV("X-Mine"), SV("1")}, {SV("X-Empty"), SV("")}};
    struct http_call call = get("/a/../b?c=%20");
    call.headers = headers;
    call.header_count = 2;
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.content_length, 5);
    assert_true(sv_equal(buffer_sv(&body), SV("hello")));
    assert_true(sv_equal(http_header(client, SV("X-ONE")), SV("a b")));
    assert_null(http_header(client, SV("X-Two")).data);
    stop();
    assert_non_null(strstr(server.requests[0], "GET /a/../b?c=%20 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nX-Mine: 1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nUser-Agent: tracklight/"));
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"},
          {.answer = "HTTP/1.1 204 No Content\r\n\r\n"});
    struct http_call call = get("/");
    for (int i = 0; i < 3; i++)
        assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_int_equal(reply.status, 204);
    stop();
    assert_true(sv_equal(buffer_sv(&body), SV("ab")));
    assert_int_equal(server.accepted, 1);
}

static void bodies_are_sent_with_their_length(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    struct http_call call = get("/");
    call.method = SV("POST");
    call.body = SV("some\0bytes");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_non_null(strstr(server.requests[0], "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nContent-Length: 10\r\n"));
    assert_memory_equal(strstr(server.requests[0], "\r\n\r\n") + 4, "some\0bytes", 10);
    assert_null(strstr(server.requests[0], "Content-Type"));
    call.method = SV("PUT");
    call.body = SV("");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_non_null(strstr(server.requests[1], "\r\nContent-Length: 0\r\n"));
    stop();
}

static long pull_three(void *context, char *bytes, size_t len)
{
    int *left = context;
    assert_true(len >= 3);
    if (*left == 0)
        return 0;
    memcpy(bytes, "abc", 3);
    (*left)--;
    return 3;
}

static long pull_nothing(void *context, char *bytes, size_t len)
{
    (void)context, (void)bytes, (void)len;
    return -1;
}

static void bodies_can_be_pulled(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    int left = 2;
    struct http_call call = get("/");
    call.method = SV("PUT");
    call.pull = pull_three;
    call.pull_context = &left;
    call.body_size = 6;
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_non_null(strstr(server.requests[0], "\r\nContent-Length: 6\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\nabcabc"));
    left = 1;
    call.body_size = -1;
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_non_null(strstr(server.requests[1], "\r\nTransfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(server.requests[1], "3\r\nabc\r\n0\r\n\r\n"));
    call.pull = pull_nothing;
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_CANCELLED);
    stop();
}

static void head_has_no_body(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"});
    struct http_call call = get("/");
    call.method = SV("HEAD");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_int_equal(reply.content_length, 1234);
    assert_int_equal(body.len, 0);
    stop();
}

static void an_answer_over_the_ceiling_is_given_up(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", .filler = 3000000, .close = true},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
    struct http_call call = get("/");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_TOO_LARGE);
    buffer_clear(&body, 0);
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_true(sv_equal(buffer_sv(&body), SV("ok")));
    stop();
}

static void redirects_are_answers_like_others(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"});
    struct http_call call = get("/");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_int_equal(reply.status, 302);
    assert_true(sv_equal(http_header(client, SV("location")), SV("/other")));
    stop();
}

static void interim_answers_are_passed_over(void **state)
{
    (void)state;
    START(
        {.answer =
             "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"});
    struct http_call call = get("/");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_int_equal(reply.status, 200);
    assert_null(http_header(client, SV("X-Early")).data);
    stop();
}

/* --- Answers in pieces --- */

static void an_answer_is_read_in_pieces_of_the_readers_size(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", .filler = 1000000});
    struct http_call call = get("/");
    assert_int_equal(http_begin(client, &call, &reply), HTTP_OK);
    char piece[777];
    size_t sum = 0;
    long got;
    while ((got = http_read(client, piece, sizeof(piece), -1)) > 0) {
        assert_true((size_t)got <= sizeof(piece));
        for (long i = 0; i < got; i++)
            assert_int_equal(piece[i], 'x');
        sum += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(sum, 1000000);
    http_end(client);
    stop();
}

static void a_piece_comes_as_soon_as_it_is_there(void **state)
{
    (void)state;
    START(
        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nevent", .wait_within_ms = 400, .filler = 5});
    struct http_call call = get("/");
    int64_t began = clock_monotonic_us();
    assert_int_equal(http_begin(client, &call, &reply), HTTP_OK);
    char piece[64];
    assert_int_equal(http_read(client, piece, sizeof(piece), -1), 5);
    assert_true(clock_monotonic_us() - began < 300000);
    assert_int_equal(http_read(client, piece, sizeof(piece), 50), HTTP_READ_WAITING);
    assert_int_equal(http_read(client, piece, sizeof(piece), -1), 5);
    assert_int_equal(http_read(client, piece, sizeof(piece), -1), 0);
    http_end(client);
    stop();
}

static void an_exchange_can_be_left_at_any_point(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", .filler = 9000000},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", .filler = 9000000},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
    struct http_call call = get("/");
    char piece[100];
    assert_int_equal(http_begin(client, &call, &reply), HTTP_OK);
    uint64_t first = http_exchange_id(client);
    assert_true(http_read(client, piece, sizeof(piece), -1) > 0);
    http_end(client);
    assert_int_equal(http_begin(client, &call, &reply), HTTP_OK);
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_true(sv_equal(buffer_sv(&body), SV("ok")));
    assert_true(http_exchange_id(client) != first);
    stop();
}

static void a_broken_answer_is_no_end(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .close = true},
          {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", .close = true});
    struct http_call call = get("/");
    for (int i = 0; i < 2; i++) {
        buffer_clear(&body, 0);
        assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_BROKEN);
        assert_true(sv_equal(buffer_sv(&body), SV("half")));
        assert_true(strlen(http_problem(client)) > 0);
    }
    stop();
}

static void what_is_not_http_is_broken(void **state)
{
    (void)state;
    START({.answer = "hello there\r\n\r\n", .close = true}, {.answer = "", .close = true});
    struct http_call call = get("/");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_BROKEN);
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_BROKEN);
    stop();
}

/* --- Time --- */

static void every_limit_of_time_holds(void **state)
{
    (void)state;
    START({.answer = "", .wait_ms = 600, .close = true}, {.answer = "", .wait_ms = 600, .close = true},
          {.answer = "", .wait_ms = 600, .close = true},
          {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
           .wait_within_ms = 600,
           .filler = 5,
           .close = true});
    struct http_call calls[4] = {get("/"), get("/"), get("/"), get("/")};
    calls[0].total_ms = calls[1].first_byte_ms = calls[2].idle_ms = calls[3].idle_ms = 150;
    for (int i = 0; i < 4; i++) {
        int64_t began = clock_monotonic_us();
        assert_int_equal(http_exchange(client, &calls[i], &reply, &body), HTTP_TIMED_OUT);
        int64_t took_ms = (clock_monotonic_us() - began) / 1000;
        /* The server's one thread may still be busy with the call before. */
        assert_true(took_ms >= 140 && took_ms < 1500);
    }
    stop();
}

static void a_slow_reader_is_not_idle(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", .filler = 2000000});
    struct http_call call = get("/");
    call.idle_ms = 100;
    assert_int_equal(http_begin(client, &call, &reply), HTTP_OK);
    static char piece[500000];
    size_t sum = 0;
    long got;
    while ((got = http_read(client, piece, sizeof(piece), -1)) > 0) {
        sum += (size_t)got;
        if (sum < 200000)
            pause_ms(150);
    }
    assert_int_equal(got, 0);
    assert_int_equal(sum, 2000000);
    stop();
}

static bool is_over(void *context)
{
    return clock_monotonic_us() > *(int64_t *)context;
}

static void a_call_can_be_cancelled_while_it_waits(void **state)
{
    (void)state;
    START({.answer = "", .wait_ms = 3000, .close = true});
    int64_t began = clock_monotonic_us(), until = began + 100000;
    struct http_call call = get("/");
    call.cancelled = is_over;
    call.cancel_context = &until;
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_CANCELLED);
    assert_true(clock_monotonic_us() - began < 1500000);
    stop();
}

/* --- What is not sent --- */

static void nobody_listening_is_not_reached(void **state)
{
    (void)state;
    struct http_call call = {.method = SV("GET"), .url = SV("http://127.0.0.1:1/"), .no_proxy = true};
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_NOT_REACHED);
    call.url = SV("http://no-such-host.invalid/");
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_NOT_REACHED);
}

static void other_protocols_and_forged_headers_are_refused(void **state)
{
    (void)state;
    static const struct sv urls[] = {
        SV("file:///etc/passwd"),      SV("ftp://127.0.0.1/"),      SV("gopher://127.0.0.1/"),  SV(""),
        SV("http://u:p@127.0.0.1:1/"), SV("http://127.0.0.1\r\n/"), SV("http://127.0.0.1:1/\0")};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct http_call call = {.method = SV("GET"), .url = urls[i], .no_proxy = true};
        assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_MISUSED);
    }
    static const struct name_value headers[] = {
        {SV("X"), SV("a\r\nY: b")}, {SV("X"), SV("a\nY")}, {SV("X\r\nY"), SV("a")},
        {SV("X:Y"), SV("a")},       {SV(""), SV("a")},     {SV("X"), SV("a\0b")},
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct http_call call = {
            .method = SV("GET"), .url = SV("http://127.0.0.1:1/"), .headers = &headers[i], .header_count = 1};
        assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_MISUSED);
    }
    struct http_call call = {.method = SV("GET /x HTTP/1.1\r\nX: y"), .url = SV("http://127.0.0.1:1/")};
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_MISUSED);
}

static void a_pinned_host_is_not_resolved(void **state)
{
    (void)state;
    START({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
    char url[128], pinned[128];
    int url_length = snprintf(url, sizeof(url), "http://pinned.invalid:%u/", (unsigned)server.port);
    int pinned_length =
        snprintf(pinned, sizeof(pinned), "pinned.invalid:%u:127.0.0.1", (unsigned)server.port);
    struct http_call call = {
        .method = SV("GET"),
        .url = {url, (size_t)url_length},
        .pinned = {pinned, (size_t)pinned_length},
        .no_proxy = true,
    };
    assert_int_equal(http_exchange(client, &call, &reply, &body), HTTP_OK);
    assert_true(sv_equal(buffer_sv(&body), SV("ok")));
    stop();
    assert_non_null(strstr(server.requests[0], "\r\nHost: pinned.invalid:"));
}

static void a_thread_keeps_its_clients(void **state)
{
    (void)state;
    struct http_client *calls = http_client_of_thread(HTTP_FOR_CALLS);
    assert_non_null(calls);
    assert_ptr_equal(http_client_of_thread(HTTP_FOR_CALLS), calls);
    assert_ptr_not_equal(http_client_of_thread(HTTP_FOR_DOWNLOADS), calls);
}

static void dates_are_read(void **state)
{
    (void)state;
    assert_int_equal(http_date(SV("Fri, 24 May 2013 00:00:00 GMT")), 1369353600);
    assert_int_equal(http_date(SV("yesterday")), -1);
    assert_int_equal(http_date(SV_ABSENT), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_status_headers_and_body),
        TEST(a_connection_is_used_again),
        TEST(bodies_are_sent_with_their_length),
        TEST(bodies_can_be_pulled),
        TEST(head_has_no_body),
        TEST(an_answer_over_the_ceiling_is_given_up),
        TEST(redirects_are_answers_like_others),
        TEST(interim_answers_are_passed_over),
        TEST(an_answer_is_read_in_pieces_of_the_readers_size),
        TEST(a_piece_comes_as_soon_as_it_is_there),
        TEST(an_exchange_can_be_left_at_any_point),
        TEST(a_broken_answer_is_no_end),
        TEST(what_is_not_http_is_broken),
        TEST(every_limit_of_time_holds),
        TEST(a_slow_reader_is_not_idle),
        TEST(a_call_can_be_cancelled_while_it_waits),
        TEST(nobody_listening_is_not_reached),
        TEST(other_protocols_and_forged_headers_are_refused),
        TEST(a_pinned_host_is_not_resolved),
        TEST(a_thread_keeps_its_clients),
        TEST(dates_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
