#ifndef TRACKLIGHT_CLI_READINESS_H
#define TRACKLIGHT_CLI_READINESS_H

#include <stdbool.h>
#include <stdint.h>

/* Asks the server's own health path until it is answered with 200. The question waits in the listening
 * socket's queue until the web server and the program are there, so nothing has to be asked twice unless
 * something goes wrong. */
struct readiness {
    int listening;    /* the socket whose address is asked */
    int fd;           /* the connection to wait on; -1: none */
    bool answered;    /* the answer on fd has begun */
    int http_status;  /* of the last answer; 0: none yet */
    int64_t retry_us; /* when to ask again, if fd is -1 */
    const char *path;
};

void readiness_init(struct readiness *readiness, int listening, const char *path);

/* Asks, or reads an answer that has come; never blocks. True once the answer was 200. */
bool readiness_continue(struct readiness *readiness, int64_t now_us);

/* The earliest of: the next retry, the deadline, `until`. */
int64_t readiness_due(const struct readiness *readiness, int64_t deadline_us, int64_t until);

void readiness_stop(struct readiness *readiness);

#endif
