#ifndef TRACKLIGHT_STORE_TEXT_H
#define TRACKLIGHT_STORE_TEXT_H

#include "common/base/arena.h"
#include "common/base/sv.h"
#include "common/search/quote.h"

/* How messages repeat what a client sent, besides search_clip and search_repr. */

/* As a JSON string, in double quotes, pure ASCII, clipped. In the arena. */
struct sv text_json(struct arena *arena, struct sv text);

/* As Python's str() of a float: 1.5, nan, inf. In the arena. */
struct sv text_double(struct arena *arena, double value);

#endif
