/* However the bytes are cut, the same events come out; and what comes out, written as a stream again, is read
 * as the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/gateway/sse.h"

#define ROOM (1 << 20)

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void put_line(struct buffer *out, const char *field, struct sv value)
{
    buffer_printf(out, "%s: ", field);
    buffer_append_sv(out, value);
    buffer_append_byte(out, '\n');
}

/* As a stream. Every event tells its id, so that it does not matter what came before. */
static void put_event(struct buffer *out, const struct sse_event *event)
{
    require(event->data.data);
    if (event->type.data)
        put_line(out, "event", event->type);
    if (event->id.data)
        put_line(out, "id", event->id);
    struct sv rest = event->data;
    while (rest.data)
        put_line(out, "data", sv_cut(&rest, '\n'));
    buffer_append_byte(out, '\n');
}

/* Each piece lies in memory of its own, so that a sanitizer sees what is kept of it. */
static void read_all(struct sv stream, size_t piece, struct buffer *out)
{
    struct sse_parser parser;
    struct sse_event event;
    sse_init(&parser);
    while (stream.len) {
        struct sv part = sv_first(stream, piece);
        stream = sv_from_offset(stream, part.len);
        char *copy = calloc(1, part.len);
        require(copy);
        memcpy(copy, part.data, part.len);
        struct sv input = {copy, part.len};
        while (sse_next(&parser, &input, &event) == SSE_EVENT)
            put_event(out, &event);
        require(input.len == 0);
        free(copy);
    }
    if (sse_end(&parser, &event) == SSE_EVENT)
        put_event(out, &event);
    require(sse_end(&parser, &event) == SSE_MORE);
    sse_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv stream = {size ? (const char *)data : "", size};
    struct buffer whole, cut;
    if (size > 8192)
        return 0;
    buffer_init(&whole, ROOM);
    read_all(stream, size + 1, &whole);
    for (size_t piece = 1; piece < 4; piece++) {
        buffer_init(&cut, ROOM);
        read_all(stream, piece, &cut);
        require(sv_equal(buffer_sv(&whole), buffer_sv(&cut)));
        buffer_free(&cut);
    }
    buffer_init(&cut, ROOM);
    read_all(buffer_sv(&whole), size + 1, &cut);
    require(!whole.failed && sv_equal(buffer_sv(&whole), buffer_sv(&cut)));
    buffer_free(&cut);
    buffer_free(&whole);
    return 0;
}
