#ifndef TRACKLIGHT_SEARCH_LIKE_H
#define TRACKLIGHT_SEARCH_LIKE_H

#include <stdbool.h>

#include "common/base/sv.h"

/* SQL's LIKE without ESCAPE: % is any run of characters, _ is one. Both texts must be valid UTF-8.
 * `ignore_case` folds ASCII letters only, as the database does. */
bool search_like(struct sv pattern, struct sv text, bool ignore_case);

#endif
