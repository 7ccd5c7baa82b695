#ifndef TRACKLIGHT_BASE_URI_H
#define TRACKLIGHT_BASE_URI_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The scheme of a URI (RFC 3986 section 3.1), without its colon; absent if the text has none. */
struct sv uri_scheme(struct sv uri);

/* Percent-decoding, once, for URIs that are stored rather than requested: a malformed escape stays as it is,
 * and the result may hold any byte. In the arena, or the text itself if nothing is escaped. */
struct sv uri_decode_leniently(struct arena *arena, struct sv text);

/* An absolute path without empty, "." and ".." segments and without a trailing slash, of a path that is taken
 * relative to `directory` unless it is absolute. Purely textual. In the arena. */
struct sv path_absolute(struct arena *arena, struct sv directory, struct sv path);

#endif
