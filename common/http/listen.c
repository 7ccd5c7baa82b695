#include "common/http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/number.h"
#include "common/base/sv.h"
#include "common/http/limits.h"

#define SYSTEMD_FIRST_SOCKET 3

static bool listens(int fd)
{
    int accepts = 0;
    socklen_t len = sizeof(accepts);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts;
}

/* A socket file without a listener behind it is left over from a process that is gone. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

static int open_unix(const char *path, const char **problem)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (!len || len >= sizeof(address.sun_path)) {
        *problem = "the path of a unix socket must have 1 to 107 bytes";
        return -1;
    }
    memcpy(address.sun_path, path, len);
    remove_stale(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *problem = "no socket can be made";
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        *problem = errno == EADDRINUSE ? "another process listens on this unix socket"
                                       : "the unix socket cannot be made at this path";
        close(fd);
        return -1;
    }
    return fd;
}

static int bind_first(const struct addrinfo *addresses, const char **problem)
{
    *problem = "the address cannot be listened on";
    for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
        int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd < 0)
            continue;
        int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, at->ai_addr, at->ai_addrlen) == 0)
            return fd;
        if (errno == EADDRINUSE)
            *problem = "another process listens on this address";
        close(fd);
    }
    return -1;
}

static int open_tcp(const char *text, const char **problem)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !parse_int64(sv_from(colon + 1), 1, 65535, &port)) {
        *problem = "an address to listen on is unix:PATH or HOST:PORT";
        return -1;
    }
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    char host[256];
    if (len >= sizeof(host)) {
        *problem = "the host to listen on is too long";
        return -1;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    if (getaddrinfo(len ? host : NULL, colon + 1, &hints, &addresses) != 0) {
        *problem = "the host to listen on is not known";
        return -1;
    }
    int fd = bind_first(addresses, problem);
    freeaddrinfo(addresses);
    return fd;
}

int listen_open(const char *address, const char **problem)
{
    int fd = strncmp(address, "unix:", 5) == 0 ? open_unix(address + 5, problem) : open_tcp(address, problem);
    if (fd >= 0 && listen(fd, LISTEN_BACKLOG) != 0) {
        *problem = "the socket cannot listen";
        close(fd);
        return -1;
    }
    return fd;
}

static bool has_systemd_socket(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    int64_t value;
    return pid && count && parse_int64(sv_from(pid), 1, INT64_MAX, &value) && value == getpid() &&
           parse_int64(sv_from(count), 1, 1024, &value) && listens(SYSTEMD_FIRST_SOCKET);
}

enum listen_kind listen_find(const char *address, int *listen_socket, const char **problem)
{
    if (address) {
        *listen_socket = listen_open(address, problem);
        return *listen_socket < 0 ? LISTEN_FAILED : LISTEN_SOCKET;
    }
    if (has_systemd_socket()) {
        fcntl(SYSTEMD_FIRST_SOCKET, F_SETFD, FD_CLOEXEC);
        *listen_socket = SYSTEMD_FIRST_SOCKET;
        return LISTEN_SOCKET;
    }
    if (listens(STDIN_FILENO)) {
        *listen_socket = STDIN_FILENO;
        return LISTEN_SOCKET;
    }
    if (getenv("GATEWAY_INTERFACE"))
        return LISTEN_CGI;
    *problem =
        "started neither by a web server nor with --listen unix:PATH or --listen HOST:PORT; see --help";
    return LISTEN_FAILED;
}
