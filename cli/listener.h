#ifndef TRACKLIGHT_CLI_LISTENER_H
#define TRACKLIGHT_CLI_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

#define LISTENER_MAX_SOCKETS 4

/* The TCP sockets of the server's address: one for each address that the host name has. The command opens
 * them itself and hands them to the web server, so that a taken port is known before anything starts, port 0
 * works, and a restart of the web server refuses nobody. */
struct listener {
    int sockets[LISTENER_MAX_SOCKETS];
    size_t count;
    unsigned port; /* the real one, also for port 0 */
};

/* Binds without listening yet. On failure *problem (in the arena) is a sentence that names host and port. */
bool listener_bind(struct listener *listener, struct sv host, unsigned port, struct arena *arena,
                   struct sv *problem);
bool listener_listen(struct listener *listener);
void listener_close(struct listener *listener);

#endif
