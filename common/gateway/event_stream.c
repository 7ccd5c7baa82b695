#include "common/gateway/event_stream.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#define PRELUDE_BYTES  12
#define CRC_BYTES      4
#define SHORTEST_BYTES (PRELUDE_BYTES + CRC_BYTES)

void event_stream_init(struct event_stream *stream)
{
    *stream = (struct event_stream){0};
    buffer_init(&stream->message, EVENT_STREAM_MAX_BYTES);
}

void event_stream_free(struct event_stream *stream)
{
    buffer_free(&stream->message);
}

bool event_stream_is_whole(const struct event_stream *stream)
{
    return !stream->problem && (stream->is_told || stream->message.len == 0);
}

static uint32_t read_u32(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t sum_of(const char *bytes, size_t len)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)bytes, (uInt)len);
}

static enum event_stream_outcome broken(struct event_stream *stream, const char *problem)
{
    stream->problem = problem;
    return EVENT_STREAM_BROKEN;
}

/* Moves bytes until the message has `wanted` of them. */
static bool fill(struct event_stream *stream, struct sv *bytes, size_t wanted)
{
    struct buffer *message = &stream->message;
    if (message->len < wanted) {
        struct sv piece = sv_first(*bytes, wanted - message->len);
        buffer_append_sv(message, piece);
        *bytes = sv_from_offset(*bytes, piece.len);
    }
    return message->len >= wanted;
}

/* --- Headers --- */

enum value_type { TYPE_BYTES = 6, TYPE_STRING = 7, VALUE_TYPES = 10 };

/* Bytes of a value by its type: true, false, i8, i16, i32, i64, bytes, string, timestamp, UUID. Those of
 * bytes and strings are preceded by their length. */
static const uint8_t value_sizes[VALUE_TYPES] = {0, 0, 1, 2, 4, 8, 2, 2, 8, 16};

struct header {
    struct sv name;
    struct sv text; /* of strings only; else absent */
};

static bool take(struct sv *rest, size_t len, struct sv *piece)
{
    if (rest->len < len)
        return false;
    *piece = sv_first(*rest, len);
    *rest = sv_from_offset(*rest, len);
    return true;
}

static bool take_header(struct sv *rest, struct header *header)
{
    struct sv piece;
    if (!take(rest, 1, &piece) || !take(rest, (unsigned char)piece.data[0], &header->name) ||
        !take(rest, 1, &piece))
        return false;
    unsigned type = (unsigned char)piece.data[0];
    if (type >= VALUE_TYPES || !take(rest, value_sizes[type], &piece))
        return false;
    header->text = SV_ABSENT;
    if (type != TYPE_BYTES && type != TYPE_STRING)
        return true;
    size_t len = (size_t)(unsigned char)piece.data[0] << 8 | (unsigned char)piece.data[1];
    if (!take(rest, len, &piece))
        return false;
    if (type == TYPE_STRING)
        header->text = piece;
    return true;
}

/* ":message-type" is event, exception (modelled, named by ":exception-type") or error (not modelled:
 * ":error-code" and ":error-message"). */
static bool read_headers(struct sv rest, struct provider_event *event)
{
    struct sv kind = SV_ABSENT, message = SV_ABSENT;
    struct header header;
    while (rest.len) {
        if (!take_header(&rest, &header))
            return false;
        if (sv_equal(header.name, SV(":message-type")))
            kind = header.text;
        else if (sv_equal(header.name, SV(":error-message")))
            message = header.text;
        else if (sv_equal(header.name, SV(":event-type")) || sv_equal(header.name, SV(":exception-type")) ||
                 sv_equal(header.name, SV(":error-code")))
            event->type = header.text;
    }
    bool is_error = sv_equal(kind, SV("error"));
    event->is_exception = is_error || sv_equal(kind, SV("exception"));
    if (is_error && message.len && event->data.len == 0)
        event->data = message;
    return true;
}

/* --- Messages --- */

static enum event_stream_outcome read_message(struct event_stream *stream, size_t total, size_t headers,
                                              struct provider_event *event)
{
    const char *data = stream->message.data;
    if (sum_of(data, total - CRC_BYTES) != read_u32(data + total - CRC_BYTES))
        return broken(stream, "the checksum of a message is wrong");
    *event = (struct provider_event){
        .data = {data + PRELUDE_BYTES + headers, total - SHORTEST_BYTES - headers},
    };
    if (!read_headers((struct sv){data + PRELUDE_BYTES, headers}, event))
        return broken(stream, "the headers of a message make no sense");
    stream->is_told = true;
    return EVENT_STREAM_EVENT;
}

enum event_stream_outcome event_stream_next(struct event_stream *stream, struct sv *bytes,
                                            struct provider_event *event)
{
    if (stream->problem)
        return EVENT_STREAM_BROKEN;
    if (stream->is_told) {
        buffer_clear(&stream->message, EVENT_STREAM_MAX_BYTES / 16);
        stream->is_told = false;
    }
    if (!fill(stream, bytes, PRELUDE_BYTES))
        return stream->message.failed ? broken(stream, "no memory") : EVENT_STREAM_MORE;
    const char *prelude = stream->message.data;
    size_t total = read_u32(prelude), headers = read_u32(prelude + 4);
    if (sum_of(prelude, 8) != read_u32(prelude + 8))
        return broken(stream, "the checksum of a message's head is wrong");
    if (total > EVENT_STREAM_MAX_BYTES || headers > EVENT_STREAM_MAX_HEADER)
        return broken(stream, "a message is too large");
    if (total < SHORTEST_BYTES || headers > total - SHORTEST_BYTES)
        return broken(stream, "the lengths of a message make no sense");
    if (!fill(stream, bytes, total))
        return stream->message.failed ? broken(stream, "no memory") : EVENT_STREAM_MORE;
    return read_message(stream, total, headers, event);
}
