#ifndef TRACKLIGHT_BASE_PERMISSION_H
#define TRACKLIGHT_BASE_PERMISSION_H

#include <stdbool.h>

#include "common/base/sv.h"

/* MLflow's levels; each holds all that stand before it. PERMISSION_NONE is NO_PERMISSIONS. */
enum permission { PERMISSION_NONE, PERMISSION_READ, PERMISSION_USE, PERMISSION_EDIT, PERMISSION_MANAGE };

/* "READ", "NO_PERMISSIONS". */
const char *permission_name(enum permission permission);

/* By its exact name; false for any other text. */
bool permission_parse(struct sv name, enum permission *permission);

#endif
