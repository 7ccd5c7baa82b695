#ifndef TRACKLIGHT_CLI_PASSWORD_INPUT_H
#define TRACKLIGHT_CLI_PASSWORD_INPUT_H

#include "common/base/arena.h"

/* Something new that is secret: from the environment variable; else asked for twice at the terminal, without
 * echo; else, where standard input is none, its first line. `name` is what it is called: "password". On
 * failure *problem says why. In the arena; to be wiped after use. */
bool hidden_input(const char *variable, const char *name, const char *prompt, struct arena *arena,
                  struct sv *value, struct sv *problem);

/* A new password: from the environment variable TRACKLIGHT_PASSWORD; else asked for twice at the terminal,
 * without echo; else, where standard input is none, its first line. Never from the arguments, which everybody
 * on the machine can see. On failure *problem says why. In the arena; to be wiped after use. */
bool password_input(const char *username, struct arena *arena, struct sv *password, struct sv *problem);

#endif
