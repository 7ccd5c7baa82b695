#include "cli/readiness.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/number.h"
#include "common/base/sv.h"

#define RETRY_US (20 * 1000)

void readiness_init(struct readiness *readiness, int listening, const char *path)
{
    *readiness = (struct readiness){.listening = listening, .fd = -1, .path = path};
}

void readiness_stop(struct readiness *readiness)
{
    if (readiness->fd >= 0)
        close(readiness->fd);
    readiness->fd = -1;
    readiness->answered = false;
}

static bool ask(struct readiness *readiness)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (getsockname(readiness->listening, (struct sockaddr *)&address, &len) != 0)
        return false;
    readiness->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (readiness->fd < 0)
        return false;
    /* Bounds connect too. */
    const struct timeval patience = {.tv_sec = 1};
    setsockopt(readiness->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    char text[512];
    int size = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                        readiness->path);
    if (size <= 0 || (size_t)size >= sizeof(text))
        return false;
    if (connect(readiness->fd, (const struct sockaddr *)&address, len) != 0)
        return false;
    return send(readiness->fd, text, (size_t)size, MSG_NOSIGNAL) == size;
}

/* "HTTP/1.1 200 OK" -> 200; 0 for anything else. */
static int status_of(struct sv head)
{
    int64_t status;
    if (head.len < 12 || !sv_starts_with(head, SV("HTTP/1.")) ||
        !parse_int64((struct sv){head.data + 9, 3}, 100, 999, &status))
        return 0;
    return (int)status;
}

bool readiness_continue(struct readiness *readiness, int64_t now_us)
{
    if (readiness->fd < 0) {
        if (now_us < readiness->retry_us)
            return false;
        if (ask(readiness))
            return false;
    } else {
        /* All of the answer is taken, so that the program does not see a client that runs away. */
        char text[512];
        ssize_t got;
        while ((got = recv(readiness->fd, text, sizeof(text), MSG_DONTWAIT)) > 0) {
            if (!readiness->answered)
                readiness->http_status = status_of((struct sv){text, (size_t)got});
            readiness->answered = true;
        }
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
    }
    readiness_stop(readiness);
    readiness->retry_us = now_us + RETRY_US;
    return readiness->http_status == 200;
}

int64_t readiness_due(const struct readiness *readiness, int64_t deadline_us, int64_t until)
{
    if (readiness->fd < 0 && readiness->retry_us < until)
        until = readiness->retry_us;
    return deadline_us < until ? deadline_us : until;
}
