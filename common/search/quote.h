#ifndef TRACKLIGHT_SEARCH_QUOTE_H
#define TRACKLIGHT_SEARCH_QUOTE_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* How messages repeat what a client sent: cut, so that a reply stays small. */
#define SEARCH_QUOTE_MAX 1000 /* bytes */

/* The text itself. Cuts between code points. */
struct sv search_clip(struct sv text);

/* As Python's repr of a str, and of bytes (b'…'). In the arena. */
struct sv search_repr(struct arena *arena, struct sv text);
struct sv search_repr_bytes(struct arena *arena, struct sv bytes);

#endif
