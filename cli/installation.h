#ifndef TRACKLIGHT_CLI_INSTALLATION_H
#define TRACKLIGHT_CLI_INSTALLATION_H

#include <stdbool.h>

#include "common/base/arena.h"

/* Where the parts of the suite lie, as seen from this very binary: beside it in a build tree
 * (build/bin, build/fcgi-bin), or below one prefix (bin, lib/tracklight/fcgi-bin, share/tracklight/htdocs).
 */
struct installation {
    const char *command;    /* this binary; NULL if not found */
    const char *programs;   /* directory of the FastCGI programs; NULL if not found */
    const char *htdocs;     /* directory of the static pages; NULL if not found */
    const char *web_server; /* the lighttpd binary; NULL if not found */
};

void installation_find(struct installation *installation, struct arena *arena);

/* The path of a program ("tracking.fcgi"), or NULL if it is not there or not executable. */
const char *installation_program(const struct installation *installation, struct arena *arena,
                                 const char *name);

#endif
