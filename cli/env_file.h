#ifndef TRACKLIGHT_CLI_ENV_FILE_H
#define TRACKLIGHT_CLI_ENV_FILE_H

#include <stdbool.h>

#include "common/base/arena.h"

/* The dotenv form: lines of [export] NAME=VALUE. A value in single quotes is literal, one in double quotes
 * knows \n \r \t \" \\ \$, and both may span lines; an unquoted one ends before " #" or at the end of the
 * line. Variables inside values are not expanded. */

/* Calls `visit` for each variable in order (both texts NUL-terminated, in the arena). On failure *problem (in
 * the arena) names the line. */
bool env_file_parse(struct sv text, struct arena *arena, void (*visit)(const char *name, const char *value),
                    struct sv *problem);

/* Sets the variables of the file that the environment does not have yet. At most 1 MiB is read. */
bool env_file_load(const char *path, struct arena *arena, struct sv *problem);

#endif
