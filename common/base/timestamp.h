#ifndef TRACKLIGHT_BASE_TIMESTAMP_H
#define TRACKLIGHT_BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Times and durations as protobuf's JSON writes them, in milliseconds; finer digits are cut. */

/* RFC 3339 with "Z" or an offset, years 1 to 9999: "2026-11-22T08:19:09.776Z". */
bool timestamp_parse(struct sv text, int64_t *ms);

/* With "Z", and 0 or 3 digits of a second. In the arena; times outside the years 1 to 9999 are clamped to
 * them. */
struct sv timestamp_format(struct arena *arena, int64_t ms);

/* "0.296s", "10s", "-1.500s": seconds with at most 9 digits behind the point, within +-315,576,000,000 s. */
bool duration_parse(struct sv text, int64_t *ms);

/* "0.296s", "10s", "0s". In the arena. */
struct sv duration_format(struct arena *arena, int64_t ms);

/* How old something is, as people write it: "30d", "2d8h5m20s", "1.5h"; each part at most once, in this
 * order, and at most AGE_MAX_MS. */
#define AGE_MAX_MS 1e15
bool age_parse(struct sv text, int64_t *ms);

#endif
