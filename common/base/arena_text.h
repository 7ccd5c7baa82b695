#ifndef TRACKLIGHT_BASE_ARENA_TEXT_H
#define TRACKLIGHT_BASE_ARENA_TEXT_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* A text that grows in an arena, and so is given up with it; it takes at most twice what it holds, and as
 * much again for what it grew out of. Nothing else may be kept of the arena behind a mark that is rewound
 * meanwhile. */
struct arena_text {
    struct arena *arena;
    char *data;
    size_t len;
    size_t capacity;
};

void arena_text_init(struct arena_text *text, struct arena *arena);
void arena_text_add(struct arena_text *text, struct sv piece);
struct sv arena_text_sv(const struct arena_text *text);

#endif
