#ifndef TRACKLIGHT_CLI_SUPERVISOR_H
#define TRACKLIGHT_CLI_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/listener.h"

#define SUPERVISOR_MAX_CHILDREN 80

#define SUPERVISOR_WEB_SERVER (-1)
#define SUPERVISOR_NO_SOCKET  (-2) /* a program that listens to nobody */

/* A process that is kept running. */
struct child {
    const char *name;  /* in messages: "tracking.fcgi" */
    const char **argv; /* argv[0] is the path of the binary; NULL-terminated */
    int socket;        /* a program's listening socket, its descriptor 0; or one of the two below */
    pid_t pid;         /* 0: not running */
    unsigned failures; /* how often in a row it died at once */
    int64_t started_us, start_at_us;
};

/* The FastCGI programs and the web server in front of them, as one thing that is started and stopped. The
 * listening sockets stay open here, so a connection that comes in while a process is being replaced waits
 * instead of being refused. */
struct supervisor {
    struct child children[SUPERVISOR_MAX_CHILDREN];
    size_t child_count;
    struct listener *listener;
    const char *web_directory; /* the web server's working directory */
    const char *health_path;   /* "/health" below the static prefix */
    void (*ready)(void *context);
    void *context;
};

/* Adds a process; it starts with supervisor_run. argv must outlive the supervisor. */
void supervisor_add(struct supervisor *supervisor, const char *name, const char **argv, int socket);

/* Blocks the signals that the supervisor reads: SIGINT, SIGTERM, SIGHUP, SIGCHLD. To be called before the
 * first thing that must be cleaned up. */
void supervisor_block_signals(void);

/* For a child before exec: default signals, and death when this process dies. False if it is dead already. */
bool supervisor_prepare_child(pid_t parent);

/* Starts everything, calls `ready` when the health path is answered with 200, restarts what dies, passes
 * SIGHUP on, and stops everything on SIGINT or SIGTERM: the web server first, which finishes what is in
 * flight, then the programs; within 30 s, or at once at the second signal. Returns the exit status. */
int supervisor_run(struct supervisor *supervisor);

#endif
