#ifndef TRACKLIGHT_CLI_SERVER_MESSAGES_H
#define TRACKLIGHT_CLI_SERVER_MESSAGES_H

#include "common/base/config.h"

/* What `tracklight server` says at its start, each to standard error. */

/* Which stores are used where none was given, and what was accepted without effect. `database` is the
 * database file. */
void say_stores(const struct config *config, struct sv database, struct arena *arena);
void say_ignored(const struct config *config);

/* The state of the host and origin checks. */
void say_security(const struct settings *settings, struct arena *arena);

/* The line that scripts wait for. */
void say_ready(struct sv host, unsigned port, struct sv static_prefix);

#endif
