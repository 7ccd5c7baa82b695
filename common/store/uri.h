#ifndef TRACKLIGHT_STORE_URI_H
#define TRACKLIGHT_STORE_URI_H

#include "common/base/arena.h"
#include "common/base/error.h"

#define STORE_URI_DEFAULT "sqlite:///tracklight.db"

/* The database file of a store URI: sqlite:///relative.db or sqlite:////absolute.db; absent or empty is
 * STORE_URI_DEFAULT. Anything else fails with a sentence for the administrator. */
enum status store_uri_path(struct arena *arena, struct error *error, struct sv uri, struct sv *path);

#endif
