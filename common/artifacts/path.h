#ifndef TRACKLIGHT_ARTIFACTS_PATH_H
#define TRACKLIGHT_ARTIFACTS_PATH_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/error.h"

/* Checks a path that a client names inside an artifact root, decoded once. *clean has no empty and no "."
 * segments; "" is the root itself. INVALID_PARAMETER_VALUE "Invalid path" for anything that could mean
 * another place, also after further decoding: "..", absolute and drive paths, backslashes, file: URIs, "#",
 * control characters. */
enum status artifact_path_check(struct arena *arena, struct error *error, struct sv path, struct sv *clean);

/* The same for a path that must name something below the root; a blank names nothing. */
enum status artifact_file_path_check(struct arena *arena, struct error *error, struct sv path,
                                     struct sv *clean);

/* Whether a name that was found in a folder could be asked for. */
bool artifact_name_is_safe(struct arena *arena, struct sv name);

/* Clean paths joined; either may be "". */
struct sv artifact_path_join(struct arena *arena, struct sv folder, struct sv path);

#endif
