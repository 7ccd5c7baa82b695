#ifndef TRACKLIGHT_BASE_INI_H
#define TRACKLIGHT_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

/* Files of sections and keys as Python's configparser reads them: "key = value" or "key: value", comments on
 * lines of their own behind # or ;, keys in any case. A percent sign in a value is written %%; configparser's
 * references to other keys and values of several lines are refused. */

struct ini_entry {
    struct sv section;
    struct sv key; /* in lower case */
    struct sv value;
    int line; /* from 1 */
};

#define INI_MAX_BYTES ((size_t)64 * 1024)

/* All entries in their order, in the arena. On failure *problem is "line 3: …". */
bool ini_parse(struct arena *arena, struct sv text, const struct ini_entry **entries, size_t *count,
               struct sv *problem);

#endif
