#ifndef TRACKLIGHT_CLI_FASTCGI_ASK_H
#define TRACKLIGHT_CLI_FASTCGI_ASK_H

#include "common/base/arena.h"

/* Asks a FastCGI program at a unix socket for GET `path` (FastCGI specification 1.0), and gives the status of
 * its answer. 0 with a reason in *problem if there is none within three seconds. */
int fastcgi_ask(const char *socket_path, const char *path, struct arena *arena, struct sv *problem);

#endif
