#ifndef TRACKLIGHT_BASE_DIGEST_H
#define TRACKLIGHT_BASE_DIGEST_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* SHA-256 (FIPS 180-4) as 64 lower-case hex digits. Absent is as empty. In the arena. */
struct sv sha256_hex(struct arena *arena, struct sv bytes);

#endif
