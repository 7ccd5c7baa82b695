#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/http/server_internal.h"

extern char **environ;

static struct sv cgi_variable(struct request *request, const char *name)
{
    (void)request;
    return sv_from(getenv(name));
}

static char *const *cgi_variables(struct request *request)
{
    (void)request;
    return environ;
}

static size_t cgi_head_bytes(struct request *request)
{
    (void)request;
    size_t bytes = 0;
    for (char **entry = environ; *entry; entry++)
        bytes += sv_from(*entry).len;
    return bytes;
}

static long cgi_read(struct request *request, char *bytes, size_t len)
{
    (void)request;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        int ready = poll(&input, 1, BODY_TIMEOUT_SECONDS * 1000);
        if (ready == 0)
            return -2;
        ssize_t got = ready > 0 ? read(STDIN_FILENO, bytes, len) : -1;
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return -1;
    }
}

static int cgi_write(struct request *request, const char *bytes, size_t len)
{
    (void)request;
    while (len) {
        ssize_t put = write(STDOUT_FILENO, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        bytes += put;
        len -= (size_t)put;
    }
    return 0;
}

static void cgi_abort(struct request *request)
{
    (void)request;
}

static const struct transport cgi_transport = {
    .variable = cgi_variable,
    .variables = cgi_variables,
    .head_bytes = cgi_head_bytes,
    .read = cgi_read,
    .write = cgi_write,
    .abort = cgi_abort,
    .is_cgi = true,
};

int cgi_run(struct server *server)
{
    struct request *request = request_new(server, &cgi_transport, NULL);
    if (!request)
        return 1;
    serve(request);
    bool broken = request->reply.broken;
    request_free(request);
    return broken ? 1 : 0;
}
