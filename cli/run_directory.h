#ifndef TRACKLIGHT_CLI_RUN_DIRECTORY_H
#define TRACKLIGHT_CLI_RUN_DIRECTORY_H

#include <stdbool.h>

#include "common/base/arena.h"

/* A server's own directory for its sockets, the web server's configuration and its temporary files:
 * `<database>.run-XXXXXX`, beside the database, mode 0700. A lock on the directory, which the kernel drops
 * with the process, tells a living server's from one that a killed server left behind. */
struct run_directory {
    int fd; /* holds the lock */
    const char *path;
};

/* Removes what dead servers left beside the same database, then makes a directory. On failure *problem (in
 * the arena) says why. */
bool run_directory_make(struct run_directory *run, struct sv database, struct arena *arena,
                        struct sv *problem);
/* Whether a living server has a run directory beside the database. What dead ones left there is removed. */
bool run_directory_in_use(struct sv database, struct arena *arena);

void run_directory_remove(struct run_directory *run);

/* Writes a whole new file of mode 0600. */
bool run_directory_write(const struct run_directory *run, const char *name, struct sv content);

#endif
