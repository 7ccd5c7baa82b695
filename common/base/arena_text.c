#include "common/base/arena_text.h"

#include <string.h>

enum { FIRST_CAPACITY = 256 };

void arena_text_init(struct arena_text *text, struct arena *arena)
{
    *text = (struct arena_text){.arena = arena, .capacity = FIRST_CAPACITY};
    text->data = arena_alloc(arena, FIRST_CAPACITY);
}

void arena_text_add(struct arena_text *text, struct sv piece)
{
    if (!piece.len)
        return;
    if (piece.len > text->capacity - text->len) {
        size_t capacity = text->capacity * 2;
        while (capacity - text->len < piece.len)
            capacity *= 2;
        char *data = arena_alloc(text->arena, capacity);
        memcpy(data, text->data, text->len);
        text->data = data;
        text->capacity = capacity;
    }
    memcpy(text->data + text->len, piece.data, piece.len);
    text->len += piece.len;
}

struct sv arena_text_sv(const struct arena_text *text)
{
    return (struct sv){text->data, text->len};
}
