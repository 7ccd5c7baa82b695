/* However the bytes are cut, the same messages come out; and a message that is made of any headers and any
 * payload comes back with that payload, or is refused. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/gateway/event_stream.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void put_u32(struct buffer *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_append_byte(out, (char)(value >> shift));
}

static uint32_t sum_of(const struct buffer *bytes)
{
    return (uint32_t)crc32(0, (const unsigned char *)bytes->data, (uInt)bytes->len);
}

/* What was read, as text that can be compared. */
static void read_all(struct sv bytes, size_t piece, struct buffer *seen)
{
    struct event_stream stream;
    struct provider_event event;
    event_stream_init(&stream);
    enum event_stream_outcome outcome = EVENT_STREAM_MORE;
    while (bytes.len && outcome != EVENT_STREAM_BROKEN) {
        struct sv some = sv_first(bytes, piece);
        bytes = sv_from_offset(bytes, some.len);
        while ((outcome = event_stream_next(&stream, &some, &event)) == EVENT_STREAM_EVENT) {
            require(event_stream_is_whole(&stream));
            buffer_append_sv(seen, event.type);
            buffer_append_byte(seen, event.is_exception ? '!' : '\n');
            buffer_append_sv(seen, event.data);
        }
        require(outcome == EVENT_STREAM_BROKEN || some.len == 0);
    }
    buffer_append_byte(seen, event_stream_is_whole(&stream) ? '.' : '?');
    require((outcome == EVENT_STREAM_BROKEN) == (stream.problem != NULL));
    event_stream_free(&stream);
}

static void check_cuts(struct sv bytes)
{
    struct buffer whole, cut;
    buffer_init(&whole, 1 << 20);
    buffer_init(&cut, 1 << 20);
    read_all(bytes, bytes.len ? bytes.len : 1, &whole);
    read_all(bytes, 1, &cut);
    require(sv_equal(buffer_sv(&whole), buffer_sv(&cut)));
    buffer_free(&whole);
    buffer_free(&cut);
}

static void check_message(struct sv headers, struct sv payload)
{
    struct buffer message;
    buffer_init(&message, 1 << 20);
    put_u32(&message, (uint32_t)(16 + headers.len + payload.len));
    put_u32(&message, (uint32_t)headers.len);
    put_u32(&message, sum_of(&message));
    buffer_append_sv(&message, headers);
    buffer_append_sv(&message, payload);
    put_u32(&message, sum_of(&message));
    struct event_stream stream;
    struct provider_event event;
    struct sv rest = buffer_sv(&message);
    event_stream_init(&stream);
    if (event_stream_next(&stream, &rest, &event) == EVENT_STREAM_EVENT) {
        require(rest.len == 0);
        if (payload.len)
            require(sv_equal(event.data, payload));
        require(event_stream_next(&stream, &rest, &event) == EVENT_STREAM_MORE);
    } else {
        require(stream.problem != NULL);
    }
    event_stream_free(&stream);
    check_cuts(buffer_sv(&message));
    buffer_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    struct sv bytes = {(const char *)data, size};
    check_cuts(bytes);
    size_t headers = data[0];
    bytes = sv_from_offset(bytes, 1);
    check_message(sv_first(bytes, headers), sv_from_offset(bytes, headers));
    return 0;
}
