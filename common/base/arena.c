#include "common/base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK (16 * 1024)
#define LAST_BLOCK  (1024 * 1024)
#define ALIGNMENT   alignof(max_align_t)

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *newest;
    struct block *first;
    size_t used;
    size_t ceiling;
    jmp_buf *escape;
    bool secret; /* what it holds is wiped */
};

static struct block *block_new(size_t capacity)
{
    struct block *block = malloc(sizeof(struct block) + capacity);
    if (!block)
        return NULL;
    block->next = NULL;
    block->capacity = capacity;
    block->used = 0;
    return block;
}

struct arena *arena_new(size_t ceiling)
{
    struct arena *arena = calloc(1, sizeof(struct arena));
    struct block *block = block_new(FIRST_BLOCK);
    if (!arena || !block) {
        fputs("out of memory\n", stderr);
        abort();
    }
    arena->newest = arena->first = block;
    arena->ceiling = ceiling;
    return arena;
}

void arena_hold_secrets(struct arena *arena)
{
    arena->secret = true;
}

static void wipe(const struct arena *arena, struct block *block, size_t from)
{
    if (arena->secret)
        explicit_bzero(block->bytes + from, block->used - from);
}

static void free_blocks_behind(struct arena *arena, struct block *last)
{
    struct block *block = arena->newest;
    while (block != last) {
        struct block *next = block->next;
        wipe(arena, block, 0);
        free(block);
        block = next;
    }
    arena->newest = last;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks_behind(arena, arena->first);
    wipe(arena, arena->first, 0);
    free(arena->first);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    free_blocks_behind(arena, arena->first);
    wipe(arena, arena->first, 0);
    arena->secret = false;
    arena->first->used = 0;
    arena->used = 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->newest, arena->newest->used, arena->used};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    free_blocks_behind(arena, mark.block);
    wipe(arena, arena->newest, mark.block_used);
    arena->newest->used = mark.block_used;
    arena->used = mark.used;
}

void arena_set_escape(struct arena *arena, jmp_buf *escape)
{
    arena->escape = escape;
}

jmp_buf *arena_escape(const struct arena *arena)
{
    return arena->escape;
}

static _Noreturn void out_of_memory(struct arena *arena)
{
    if (arena->escape)
        longjmp(*arena->escape, 1);
    fputs("out of memory in an arena without an escape\n", stderr);
    abort();
}

static struct block *grow(struct arena *arena, size_t size)
{
    size_t capacity = arena->newest->capacity * 2;
    if (capacity > LAST_BLOCK)
        capacity = LAST_BLOCK;
    if (capacity < size)
        capacity = size;
    struct block *block = block_new(capacity);
    if (!block)
        out_of_memory(arena);
    block->next = arena->newest;
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->ceiling - arena->used)
        out_of_memory(arena);
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct block *block = arena->newest;
    if (size > block->capacity - block->used)
        block = grow(arena, size);
    void *memory = block->bytes + block->used;
    block->used += size;
    arena->used += size;
    if (arena->used > arena->ceiling)
        arena->used = arena->ceiling;
    memset(memory, 0, size);
    return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory(arena);
    return arena_alloc(arena, count * size);
}

struct sv arena_copy(struct arena *arena, struct sv view)
{
    if (!view.data)
        return view;
    return (struct sv){arena_cstr(arena, view), view.len};
}

char *arena_cstr(struct arena *arena, struct sv view)
{
    if (!view.data)
        return NULL;
    char *copy = arena_alloc(arena, view.len + 1);
    memcpy(copy, view.data, view.len);
    return copy;
}

struct sv arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct sv text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

struct sv arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    if (len < 0) {
        va_end(again);
        return SV("");
    }
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (struct sv){text, (size_t)len};
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
