#ifndef TRACKLIGHT_CLI_PASSWORD_INPUT_H
#define TRACKLIGHT_CLI_PASSWORD_INPUT_H

#include "common/base/arena.h"

/* A new password: from the environment variable TRACKLIGHT_PASSWORD; else asked for twice at the terminal,
 * without echo; else, where standard input is none, its first line. Never from the arguments, which everybody
 * on the machine can see. On failure *problem says why. In the arena; to be wiped after use. */
bool password_input(const char *username, struct arena *arena, struct sv *password, struct sv *problem);

#endif
