#include "common/base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096

void buffer_init(struct buffer *buffer, size_t ceiling)
{
    *buffer = (struct buffer){.ceiling = ceiling};
}

void buffer_init_in(struct buffer *buffer, struct arena *arena, size_t ceiling)
{
    *buffer = (struct buffer){.ceiling = ceiling, .arena = arena};
}

void buffer_free(struct buffer *buffer)
{
    if (!buffer->arena)
        free(buffer->data);
    *buffer = (struct buffer){.ceiling = buffer->ceiling, .arena = buffer->arena};
}

void buffer_clear(struct buffer *buffer, size_t keep)
{
    buffer->len = 0;
    buffer->failed = false;
    if (buffer->capacity > keep) {
        if (!buffer->arena)
            free(buffer->data);
        buffer->data = NULL;
        buffer->capacity = 0;
    }
}

static char *grow(struct buffer *buffer, size_t capacity)
{
    if (!buffer->arena)
        return realloc(buffer->data, capacity);
    char *data = arena_alloc(buffer->arena, capacity);
    if (buffer->data)
        memcpy(data, buffer->data, buffer->len);
    return data;
}

/* `spare` bytes behind the room do not count as content. */
static char *make_room(struct buffer *buffer, size_t len, size_t spare)
{
    if (buffer->failed)
        return NULL;
    if (len > buffer->ceiling - buffer->len) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->len + len + spare;
    if (needed > buffer->capacity || !buffer->data) {
        size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
        while (capacity < needed)
            capacity = capacity > buffer->ceiling / 2 ? buffer->ceiling + spare : capacity * 2;
        char *data = grow(buffer, capacity);
        if (!data) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->len;
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
    return make_room(buffer, len, 0);
}

void buffer_append(struct buffer *buffer, const char *data, size_t len)
{
    char *room = buffer_reserve(buffer, len);
    if (!room || !len)
        return;
    memcpy(room, data, len);
    buffer->len += len;
}

void buffer_append_sv(struct buffer *buffer, struct sv view)
{
    buffer_append(buffer, view.data, view.len);
}

void buffer_append_byte(struct buffer *buffer, char byte)
{
    buffer_append(buffer, &byte, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        buffer->failed = true;
        return;
    }
    char *room = make_room(buffer, (size_t)len, 1);
    if (!room)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer->len += (size_t)len;
}

struct sv buffer_sv(const struct buffer *buffer)
{
    return (struct sv){buffer->data ? buffer->data : "", buffer->len};
}
