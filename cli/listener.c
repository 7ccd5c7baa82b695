#include "cli/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/sv.h"
#include "common/http/limits.h"

static void set_port(struct sockaddr *address, unsigned port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

static unsigned port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address;
    memset(&address, 0, sizeof(address));
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
}

static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Accepted connections inherit it. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static struct sv explain(struct arena *arena, int reason, const char *host, unsigned port)
{
    if (reason == EADDRINUSE)
        return arena_printf(arena,
                            "port %u is in use on %s. Stop the program that listens there, or choose another "
                            "port with --port (0 picks a free one).",
                            port, host);
    if (reason == EACCES)
        return arena_printf(arena, "port %u may not be used by this user. Choose one above 1023 with --port.",
                            port);
    if (reason == EADDRNOTAVAIL)
        return arena_printf(arena, "%s is not an address of this machine; see --host.", host);
    return arena_printf(arena, "%s port %u cannot be listened on: %s.", host, port, strerror(reason));
}

static bool bind_all(struct listener *listener, const struct addrinfo *addresses, unsigned port, int *reason)
{
    *reason = EADDRNOTAVAIL;
    for (const struct addrinfo *at = addresses; at && listener->count < LISTENER_MAX_SOCKETS;
         at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6)
            continue;
        set_port(at->ai_addr, listener->count ? listener->port : port);
        int fd = bind_one(at);
        if (fd >= 0) {
            listener->sockets[listener->count++] = fd;
            listener->port = port_of(fd);
            continue;
        }
        *reason = errno;
        /* A name such as localhost may have an IPv6 address on a machine that has IPv6 turned off. */
        if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)
            return false;
    }
    return listener->count > 0;
}

bool listener_bind(struct listener *listener, struct sv host, unsigned port, struct arena *arena,
                   struct sv *problem)
{
    *listener = (struct listener){.port = port};
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = (struct sv){host.data + 1, host.len - 2};
    const char *name = arena_cstr(arena, host);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int failed = name[0] ? getaddrinfo(name, NULL, &hints, &addresses) : EAI_NONAME;
    if (failed) {
        *problem =
            arena_printf(arena, "the host '%s' is not known: %s; see --host.", name, gai_strerror(failed));
        return false;
    }
    int reason;
    bool bound = bind_all(listener, addresses, port, &reason);
    freeaddrinfo(addresses);
    if (!bound) {
        *problem = explain(arena, reason, name, listener->port);
        listener_close(listener);
    }
    return bound;
}

bool listener_listen(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++) {
        if (listen(listener->sockets[i], LISTEN_BACKLOG) != 0)
            return false;
    }
    return true;
}

void listener_close(struct listener *listener)
{
    while (listener->count)
        close(listener->sockets[--listener->count]);
}
