#include "common/base/log.h"
#include "common/http/listen.h"
#include "common/http/server_internal.h"
#include "tests/unit/http_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* FastCGI spec 1.0: record types and the numbers of section 8. */
#define VERSION_1     1
#define BEGIN_REQUEST 1
#define END_REQUEST   3
#define PARAMS        4
#define STDIN         5
#define STDOUT        6
#define RESPONDER     1
#define KEEP_CONN     1

static void put_record(struct buffer *out, int type, struct sv content)
{
    char head[8] = {VERSION_1, (char)type, 0, 1, (char)(content.len >> 8), (char)(content.len & 255), 0, 0};
    buffer_append(out, head, sizeof(head));
    buffer_append_sv(out, content);
}

static void put_pair(struct buffer *out, const char *name, const char *value)
{
    buffer_append_byte(out, (char)strlen(name));
    buffer_append_byte(out, (char)strlen(value));
    buffer_append(out, name, strlen(name));
    buffer_append(out, value, strlen(value));
}

static void put_request(struct buffer *out, const char *method, const char *uri, const char *body, bool keep)
{
    char begin[8] = {0, RESPONDER, keep ? KEEP_CONN : 0, 0, 0, 0, 0, 0};
    put_record(out, BEGIN_REQUEST, (struct sv){begin, sizeof(begin)});
    struct buffer params;
    buffer_init(&params, 4096);
    char length[24];
    snprintf(length, sizeof(length), "%zu", strlen(body));
    put_pair(&params, "REQUEST_METHOD", method);
    put_pair(&params, "REQUEST_URI", uri);
    put_pair(&params, "HTTP_HOST", "localhost");
    put_pair(&params, "CONTENT_TYPE", "application/json");
    put_pair(&params, "CONTENT_LENGTH", length);
    put_record(out, PARAMS, buffer_sv(&params));
    put_record(out, PARAMS, SV(""));
    if (*body)
        put_record(out, STDIN, sv_from(body));
    put_record(out, STDIN, SV(""));
    buffer_free(&params);
}

static void write_all(int fd, struct sv bytes)
{
    while (bytes.len) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        assert_true(put > 0);
        bytes = sv_from_offset(bytes, (size_t)put);
    }
}

static bool read_all(int fd, char *bytes, size_t len)
{
    while (len) {
        ssize_t got = read(fd, bytes, len);
        if (got <= 0)
            return false;
        bytes += got;
        len -= (size_t)got;
    }
    return true;
}

/* The STDOUT of one request, NUL-terminated; false if the connection ended before END_REQUEST. */
static bool read_reply(int fd, char *reply, size_t room)
{
    size_t len = 0;
    unsigned char head[8];
    while (read_all(fd, (char *)head, sizeof(head))) {
        size_t content = (size_t)head[4] << 8 | head[5];
        char record[65536 + 256];
        if (!read_all(fd, record, content + head[6]))
            return false;
        if (head[1] == STDOUT && len + content < room) {
            memcpy(reply + len, record, content);
            len += content;
        }
        if (head[1] == END_REQUEST) {
            reply[len] = '\0';
            return true;
        }
    }
    return false;
}

struct pair {
    int client;
    pid_t server;
};

/* A server process on the other end of a socket pair. */
static struct pair start_pair(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        struct server *server = fixture_server("", false);
        fastcgi_serve_socket(server, ends[1]);
        server_free(server);
        exit(0);
    }
    close(ends[1]);
    return (struct pair){ends[0], pid};
}

static void end_pair(struct pair pair)
{
    close(pair.client);
    int status = -1;
    assert_int_equal(waitpid(pair.server, &status, 0), pair.server);
    assert_int_equal(status, 0);
}

static void a_request_over_fastcgi_is_answered(void **state)
{
    (void)state;
    struct pair pair = start_pair();
    struct buffer out;
    buffer_init(&out, 65536);
    put_request(&out, "POST", "/api/2.0/echo", "{\"text\":\"hello\"}", false);
    write_all(pair.client, buffer_sv(&out));
    char reply[4096];
    assert_true(read_reply(pair.client, reply, sizeof(reply)));
    assert_non_null(strstr(reply, "Status: 200 OK\r\n"));
    assert_non_null(strstr(reply, "hello"));
    buffer_free(&out);
    end_pair(pair);
}

static void a_kept_connection_serves_one_request_after_the_other(void **state)
{
    (void)state;
    struct pair pair = start_pair();
    char reply[4096];
    for (int i = 0; i < 100; i++) {
        struct buffer out;
        buffer_init(&out, 65536);
        put_request(&out, "GET", i % 2 ? "/health" : "/nowhere", "", true);
        write_all(pair.client, buffer_sv(&out));
        assert_true(read_reply(pair.client, reply, sizeof(reply)));
        assert_non_null(strstr(reply, i % 2 ? "Status: 200" : "Status: 404"));
        buffer_free(&out);
    }
    end_pair(pair);
}

static void a_request_cut_short_ends_quietly_at_every_byte(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 65536);
    put_request(&out, "POST", "/api/2.0/echo", "{\"text\":\"hello\"}", false);
    /* All but the last body byte; what follows that is an empty record, which changes nothing. */
    for (size_t cut = 0; cut < out.len - 9; cut += 3) {
        struct pair pair = start_pair();
        write_all(pair.client, sv_first(buffer_sv(&out), cut));
        shutdown(pair.client, SHUT_WR);
        char reply[4096];
        if (read_reply(pair.client, reply, sizeof(reply)))
            assert_null(strstr(reply, "Status: 200"));
        end_pair(pair);
    }
    buffer_free(&out);
}

static struct sockaddr_un socket_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = socket_address(path);
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        close(fd);
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    return -1;
}

static pid_t start_listener(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *problem;
        char address[128];
        snprintf(address, sizeof(address), "unix:%s", path);
        int fd = listen_open(address, &problem);
        struct server *server = fixture_server("", false);
        int status = fd < 0 ? 9 : fastcgi_run(server, fd);
        server_free(server);
        exit(status);
    }
    return pid;
}

static void sigterm_answers_what_is_in_flight_and_exits(void **state)
{
    (void)state;
    char path[] = "/tmp/tracklight-test-XXXXXX";
    int placeholder = mkstemp(path);
    assert_true(placeholder >= 0);
    close(placeholder);
    unlink(path);
    pid_t pid = start_listener(path);
    int busy = connect_to(path);
    int kept = connect_to(path);
    assert_true(busy >= 0 && kept >= 0);

    struct buffer whole;
    buffer_init(&whole, 65536);
    put_request(&whole, "GET", "/health", "", true);
    write_all(kept, buffer_sv(&whole));
    char reply[4096];
    assert_true(read_reply(kept, reply, sizeof(reply)));

    buffer_clear(&whole, 65536);
    put_request(&whole, "POST", "/api/2.0/echo", "{\"text\":\"late\"}", false);
    write_all(busy, sv_first(buffer_sv(&whole), whole.len - 10));
    struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    nanosleep(&pause, NULL);
    kill(pid, SIGHUP);
    kill(pid, SIGTERM);
    nanosleep(&pause, NULL);
    write_all(busy, sv_from_offset(buffer_sv(&whole), whole.len - 10));
    assert_true(read_reply(busy, reply, sizeof(reply)));
    assert_non_null(strstr(reply, "late"));
    char byte;
    assert_int_equal(read(kept, &byte, 1), 0);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(busy);
    close(kept);
    buffer_free(&whole);
    unlink(path);
}

static void a_socket_left_over_by_a_dead_process_is_replaced_but_a_live_one_is_not(void **state)
{
    (void)state;
    char path[] = "/tmp/tracklight-test-XXXXXX";
    close(mkstemp(path));
    const char *problem = NULL;
    char address[128];
    snprintf(address, sizeof(address), "unix:%s", path);
    assert_int_equal(listen_open(address, &problem), -1); /* a plain file is nobody's to remove */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    int first = listen_open(address, &problem);
    assert_true(first >= 0);
    assert_int_equal(listen_open(address, &problem), -1);
    assert_non_null(strstr(problem, "another process"));
    close(first);
    int second = listen_open(address, &problem);
    assert_true(second >= 0);
    close(second);
    unlink(path);
}

static void addresses_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {"unix:",
                                            "5000",
                                            "127.0.0.1:",
                                            "127.0.0.1:0",
                                            "127.0.0.1:70000",
                                            "127.0.0.1:5x",
                                            "no.such.host.invalid:5000"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const char *problem = NULL;
        assert_int_equal(listen_open(addresses[i], &problem), -1);
        assert_non_null(problem);
    }
}

static void many_clients_at_once_are_all_answered(void **state)
{
    (void)state;
    char path[] = "/tmp/tracklight-test-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    pid_t pid = start_listener(path);
    enum { CLIENTS = 32 };
    int clients[CLIENTS];
    struct buffer out;
    buffer_init(&out, 65536);
    put_request(&out, "GET", "/health", "", false);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_to(path);
        assert_true(clients[i] >= 0);
        write_all(clients[i], buffer_sv(&out));
    }
    for (int i = 0; i < CLIENTS; i++) {
        char reply[4096];
        assert_true(read_reply(clients[i], reply, sizeof(reply)));
        assert_non_null(strstr(reply, "Status: 200"));
        close(clients[i]);
    }
    buffer_free(&out);
    kill(pid, SIGTERM);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    unlink(path);
}

int main(void)
{
    log_init("test", LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_over_fastcgi_is_answered),
        cmocka_unit_test(a_kept_connection_serves_one_request_after_the_other),
        cmocka_unit_test(a_request_cut_short_ends_quietly_at_every_byte),
        cmocka_unit_test(sigterm_answers_what_is_in_flight_and_exits),
        cmocka_unit_test(a_socket_left_over_by_a_dead_process_is_replaced_but_a_live_one_is_not),
        cmocka_unit_test(addresses_that_make_no_sense_are_refused),
        cmocka_unit_test(many_clients_at_once_are_all_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
