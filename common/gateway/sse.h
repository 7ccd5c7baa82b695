#ifndef TRACKLIGHT_GATEWAY_SSE_H
#define TRACKLIGHT_GATEWAY_SSE_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Reading text/event-stream (WHATWG HTML, "server-sent events") as it comes, in pieces of any size. Two
 * things differ from the standard: an event whose blank line never came counts at the end of the stream, and
 * the stream's text is not checked to be UTF-8. */

#define SSE_EVENT_MAX (4UL * 1024 * 1024) /* one line, and the data of one event */

struct sse_event {
    struct sv type; /* "event:"; absent if none was given */
    struct sv data; /* the "data:" lines, joined by LF; never absent */
    struct sv id;   /* the stream's last "id:"; absent if none came yet */
};

struct sse_parser {
    struct buffer line; /* the beginning of a line whose end has not come */
    struct buffer data;
    struct buffer type;
    struct buffer id;
    struct sv only; /* the event's only data line while it lies in the input still */
    bool has_data;
    bool has_type;
    bool has_id;
    bool told;    /* the event here has been returned */
    bool skip_lf; /* the last line ended with CR: an LF at the beginning of the next piece belongs to it */
    bool begun;   /* behind the place of a byte order mark */
    bool too_long;
};

enum sse_step {
    SSE_EVENT,   /* *event is filled */
    SSE_MORE,    /* the input is used up */
    SSE_TOO_LONG /* a line or an event passes SSE_EVENT_MAX, or there is no memory; for good */
};

void sse_init(struct sse_parser *parser);
void sse_free(struct sse_parser *parser);

/* Takes bytes off *input up to the end of the next event. The event's texts are valid until the next call,
 * and as long as the bytes of the input are. */
enum sse_step sse_next(struct sse_parser *parser, struct sv *input, struct sse_event *event);

/* The stream has ended: what is left is a last event, or nothing (SSE_MORE). */
enum sse_step sse_end(struct sse_parser *parser, struct sse_event *event);

#endif
