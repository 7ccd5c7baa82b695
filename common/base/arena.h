#ifndef TRACKLIGHT_BASE_ARENA_H
#define TRACKLIGHT_BASE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "common/base/sv.h"

/* Memory of one request, freed in one go. Not thread-safe: one arena per thread. Nothing from an arena may be
 * freed by itself, and nothing outlives arena_reset. */
struct arena;

/* `ceiling` is the most bytes that may be allocated between two resets. Aborts the process if there is no
 * memory. */
struct arena *arena_new(size_t ceiling);
void arena_free(struct arena *arena);

/* Frees everything allocated since the last reset but a first block of moderate size. */
void arena_reset(struct arena *arena);

/* Where an allocation that cannot be satisfied (ceiling, out of memory) jumps to, with longjmp value 1. With
 * NULL (the default) the process aborts loudly. The request loop sets it, so that the request answers 503 and
 * the process lives on: code between must hold nothing that only it would release. */
void arena_set_escape(struct arena *arena, jmp_buf *escape);

jmp_buf *arena_escape(const struct arena *arena);

/* From now on, until the next reset, whatever is given up is overwritten first: for requests that work with
 * secrets. */
void arena_hold_secrets(struct arena *arena);

/* A place to come back to: rewinding gives up everything that was allocated since the mark. For loops over
 * many items of which none is kept. */
struct arena_mark {
    void *block;
    size_t block_used;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Zeroed memory, aligned for any type. Never returns NULL. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

/* Copies; the result is NUL-terminated too. Absent stays absent. */
struct sv arena_copy(struct arena *arena, struct sv view);
char *arena_cstr(struct arena *arena, struct sv view);

/* printf into the arena. */
struct sv arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct sv arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Bytes allocated since the last reset. */
size_t arena_used(const struct arena *arena);

#endif
