#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/number.h"

/* A provider of models that costs next to nothing, on 127.0.0.1 and the port of argument 1: one thread, the
 * same answers always. Whole chats; a short stream where the body asks for one; below /slow the same after 10
 * ms, as if there was a model to be asked; below /hold a stream with an event every second, until the client
 * leaves. */

#define CONNECTIONS 4096
#define INPUT_BYTES (16 * 1024)
#define SLOW_US     10000

struct connection {
    char input[INPUT_BYTES];
    size_t len;
    bool held;
    bool streams;
    int64_t due_us; /* 0: nothing is to be answered later */
};

static struct connection *connections[CONNECTIONS];

#define EVENT                                                                                          \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\"," \
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"word \"},"              \
    "\"finish_reason\":null}]}\n\n"
#define DONE "data: [DONE]\n\n"

static const char whole[] =
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"It rains, as it did yesterday and as it "
    "will tomorrow.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":11,"
    "\"total_tokens\":20}}";

static void send_text(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        len -= (size_t)sent;
    }
}

static void send_chunks(int fd, bool hold)
{
    char text[4096];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                       "transfer-encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
                       strlen(EVENT), EVENT);
    if (!hold)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%zx\r\n%s\r\n%zx\r\n%s\r\n0\r\n\r\n",
                        strlen(EVENT), EVENT, strlen(DONE), DONE);
    send_text(fd, text, (size_t)len);
}

static void send_whole(int fd)
{
    char text[2048];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                       strlen(whole), whole);
    send_text(fd, text, (size_t)len);
}

static int64_t late_us; /* the next time when something is due; INT64_MAX: never */

static void answer_now(int fd, const struct connection *connection, bool hold)
{
    if (connection->streams)
        send_chunks(fd, hold);
    else
        send_whole(fd);
}

static void answer_late(int64_t now_us)
{
    late_us = INT64_MAX;
    for (int fd = 0; fd < CONNECTIONS; fd++) {
        struct connection *connection = connections[fd];
        if (!connection || !connection->due_us)
            continue;
        if (connection->due_us <= now_us) {
            connection->due_us = 0;
            answer_now(fd, connection, false);
        } else if (connection->due_us < late_us) {
            late_us = connection->due_us;
        }
    }
}

/* Answers what is whole of the input. */
static void answer(int fd, struct connection *connection)
{
    for (;;) {
        connection->input[connection->len] = '\0';
        char *end = strstr(connection->input, "\r\n\r\n");
        if (!end)
            return;
        char *head = strcasestr(connection->input, "\r\ncontent-length:");
        size_t body = head && head < end ? strtoul(head + 17, NULL, 10) : 0;
        size_t used = (size_t)(end + 4 - connection->input) + body;
        if (connection->len < used)
            return;
        connection->streams = memmem(end, body + 4, "\"stream\":true", 13) != NULL;
        bool hold = strncmp(connection->input, "POST /hold/", 11) == 0;
        connection->held = connection->streams && hold;
        if (strncmp(connection->input, "POST /slow/", 11) != 0) {
            answer_now(fd, connection, hold);
        } else {
            connection->due_us = clock_monotonic_us() + SLOW_US;
            late_us = connection->due_us < late_us ? connection->due_us : late_us;
        }
        memmove(connection->input, connection->input + used, connection->len - used);
        connection->len -= used;
    }
}

static void forget(int fd)
{
    close(fd);
    free(connections[fd]);
    connections[fd] = NULL;
}

static void take(int fd)
{
    struct connection *connection = connections[fd];
    ssize_t got = recv(fd, connection->input + connection->len, INPUT_BYTES - 1 - connection->len, 0);
    if (got <= 0) {
        forget(fd);
        return;
    }
    connection->len += (size_t)got;
    answer(fd, connection);
}

static void tick(void)
{
    char text[1024];
    int len = snprintf(text, sizeof(text), "%zx\r\n%s\r\n", strlen(EVENT), EVENT);
    for (int fd = 0; fd < CONNECTIONS; fd++) {
        if (connections[fd] && connections[fd]->held)
            send_text(fd, text, (size_t)len);
    }
}

static void welcome(int poller, int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return;
    struct connection *connection = fd < CONNECTIONS ? calloc(1, sizeof(*connection)) : NULL;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (!connection || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(connection);
        close(fd);
        return;
    }
    connections[fd] = connection;
}

int main(int argc, char **argv)
{
    int64_t port = 0;
    if (argc != 2 || !parse_int64(sv_from(argv[1]), 1, 65535, &port))
        return 2;
    int on = 1, poller = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1024) != 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) {
        perror("model_upstream");
        return 1;
    }
    time_t second = time(NULL);
    late_us = INT64_MAX;
    for (;;) {
        struct epoll_event ready[64];
        int64_t wait_us = late_us == INT64_MAX ? 200000 : late_us - clock_monotonic_us();
        int count = epoll_wait(poller, ready, 64, wait_us > 0 ? (int)((wait_us + 999) / 1000) : 0);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == listener)
                welcome(poller, listener);
            else if (connections[ready[i].data.fd])
                take(ready[i].data.fd);
        }
        if (late_us != INT64_MAX && clock_monotonic_us() >= late_us)
            answer_late(clock_monotonic_us());
        if (time(NULL) != second) {
            second = time(NULL);
            tick();
        }
    }
}
