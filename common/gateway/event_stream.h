#ifndef TRACKLIGHT_GATEWAY_EVENT_STREAM_H
#define TRACKLIGHT_GATEWAY_EVENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"
#include "common/gateway/provider.h"

/* application/vnd.amazon.eventstream, taken apart as it comes (AWS, "Amazon Transcribe: event stream
 * encoding", the format of all their services; Smithy, "Amazon Event Stream Specification"). One message:
 *
 *   u32 length of all | u32 length of the headers | u32 CRC-32 of these 8 bytes
 *   headers: u8 length, name, u8 type, value | payload | u32 CRC-32 of all before
 *
 * Numbers are big-endian. Both sums are checked. */

#define EVENT_STREAM_MAX_BYTES  (1024 * 1024) /* one message */
#define EVENT_STREAM_MAX_HEADER (128 * 1024)  /* all headers of one */

enum event_stream_outcome {
    EVENT_STREAM_EVENT,  /* *event is set; its texts are valid until the next call */
    EVENT_STREAM_MORE,   /* all bytes are taken */
    EVENT_STREAM_BROKEN, /* `problem` says why; nothing more can be read */
};

struct event_stream {
    struct buffer message; /* what there is of the message under way */
    const char *problem;   /* NULL while all is well */
    bool is_told;          /* the message in the buffer has been handed out */
};

void event_stream_init(struct event_stream *stream);
void event_stream_free(struct event_stream *stream);

/* Takes bytes off *bytes, up to the end of the next message. To be called again with what is left until it
 * answers MORE. */
enum event_stream_outcome event_stream_next(struct event_stream *stream, struct sv *bytes,
                                            struct provider_event *event);

/* Whether the bytes so far end with a whole message: asked when the connection ends. */
bool event_stream_is_whole(const struct event_stream *stream);

#endif
