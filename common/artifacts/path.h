#ifndef TRACKLIGHT_ARTIFACTS_PATH_H
#define TRACKLIGHT_ARTIFACTS_PATH_H

#include "common/base/arena.h"
#include "common/base/error.h"

/* Checks a path that a client names inside an artifact root, decoded once. *clean has no empty and no "."
 * segments; "" is the root itself. INVALID_PARAMETER_VALUE "Invalid path" for anything that could mean
 * another place, also after further decoding: "..", absolute and drive paths, file: URIs, "#", control
 * characters. */
enum status artifact_path_check(struct arena *arena, struct error *error, struct sv path, struct sv *clean);

#endif
