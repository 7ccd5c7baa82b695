#ifndef TRACKLIGHT_BASE_BUFFER_H
#define TRACKLIGHT_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* A growing run of bytes with a ceiling. A write that would pass the ceiling, or finds no memory, is dropped
 * and sets `failed`, which stays until buffer_clear: check it once, before using the content. */
struct buffer {
    char *data;
    size_t len;
    size_t capacity;
    size_t ceiling;
    bool failed;
    struct arena *arena; /* where the bytes lie; NULL: on the heap */
};

void buffer_init(struct buffer *buffer, size_t ceiling);
/* The bytes lie in an arena, and are given up with it: nothing is to be freed. */
void buffer_init_in(struct buffer *buffer, struct arena *arena, size_t ceiling);
void buffer_free(struct buffer *buffer);

/* Empties; keeps at most `keep` bytes of memory for the next use. */
void buffer_clear(struct buffer *buffer, size_t keep);

void buffer_append(struct buffer *buffer, const char *data, size_t len);
void buffer_append_sv(struct buffer *buffer, struct sv view);
void buffer_append_byte(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes behind the content, or NULL (and failed). Add what was written to buffer->len. */
char *buffer_reserve(struct buffer *buffer, size_t len);

struct sv buffer_sv(const struct buffer *buffer);
#define BUFFER_LITERAL(buffer, literal) buffer_append((buffer), "" literal "", sizeof(literal) - 1)

#endif
