#ifndef TRACKLIGHT_CLI_SUITE_H
#define TRACKLIGHT_CLI_SUITE_H

#include "cli/installation.h"
#include "cli/listener.h"
#include "cli/run_directory.h"
#include "common/base/config.h"

/* The FastCGI programs that are installed, and lighttpd in front of them, on an address that is bound
 * already. Returns the exit status when all of them have stopped. The arena is only used while they are
 * started. */
int suite_run(const struct config *config, const struct installation *installation, struct listener *listener,
              const struct run_directory *run, struct arena *arena);

#endif
