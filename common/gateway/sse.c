#include "common/gateway/sse.h"

#include <string.h>

#define BYTE_ORDER_MARK SV("\xef\xbb\xbf")
#define KEPT_BYTES      (64 * 1024) /* of a buffer, from one event to the next */

void sse_init(struct sse_parser *parser)
{
    *parser = (struct sse_parser){.skip_lf = false};
    buffer_init(&parser->line, SSE_EVENT_MAX);
    buffer_init(&parser->data, SSE_EVENT_MAX);
    buffer_init(&parser->type, SSE_EVENT_MAX);
    buffer_init(&parser->id, SSE_EVENT_MAX);
}

void sse_free(struct sse_parser *parser)
{
    buffer_free(&parser->line);
    buffer_free(&parser->data);
    buffer_free(&parser->type);
    buffer_free(&parser->id);
}

static void replace(struct buffer *buffer, struct sv text)
{
    buffer_clear(buffer, KEPT_BYTES);
    buffer_append_sv(buffer, text);
}

/* The only line so far gives up lying in the input. */
static void keep_only_line(struct sse_parser *parser)
{
    if (parser->only.data)
        buffer_append_sv(&parser->data, parser->only);
    parser->only = SV_ABSENT;
}

static void add_data(struct sse_parser *parser, struct sv value, bool lasting)
{
    if (!parser->has_data && lasting && value.len <= SSE_EVENT_MAX) {
        parser->only = value;
    } else {
        keep_only_line(parser);
        if (parser->has_data)
            buffer_append_byte(&parser->data, '\n');
        buffer_append_sv(&parser->data, value);
    }
    parser->has_data = true;
}

/* `lasting`: the line lies in the input. */
static void take_field(struct sse_parser *parser, struct sv line, bool lasting)
{
    struct sv name = sv_first(line, sv_find(line, ':'));
    struct sv value = sv_from_offset(line, name.len + 1);
    if (value.len && value.data[0] == ' ')
        value = sv_from_offset(value, 1);
    if (!value.data)
        value = SV("");
    if (sv_equal(name, SV("data"))) {
        add_data(parser, value, lasting);
    } else if (sv_equal(name, SV("event"))) {
        replace(&parser->type, value);
        parser->has_type = value.len > 0;
    } else if (sv_equal(name, SV("id")) && sv_find(value, '\0') == value.len) {
        replace(&parser->id, value);
        parser->has_id = true;
    }
}

static void begin_event(struct sse_parser *parser)
{
    parser->has_data = parser->has_type = parser->told = false;
    parser->only = SV_ABSENT;
    buffer_clear(&parser->data, KEPT_BYTES);
    buffer_clear(&parser->type, KEPT_BYTES);
}

/* An event without data is none. */
static bool end_event(struct sse_parser *parser, struct sse_event *event)
{
    if (!parser->has_data) {
        begin_event(parser);
        return false;
    }
    parser->told = true;
    event->data = parser->only.data ? parser->only : buffer_sv(&parser->data);
    event->type = parser->has_type ? buffer_sv(&parser->type) : SV_ABSENT;
    event->id = parser->has_id ? buffer_sv(&parser->id) : SV_ABSENT;
    return true;
}

/* A whole line without its end. True if it ends an event. */
static bool take_line(struct sse_parser *parser, struct sv line, bool lasting)
{
    if (!parser->begun && sv_starts_with(line, BYTE_ORDER_MARK))
        line = sv_from_offset(line, BYTE_ORDER_MARK.len);
    parser->begun = true;
    if (!line.len)
        return true;
    if (line.data[0] != ':')
        take_field(parser, line, lasting);
    return false;
}

static bool is_too_long(struct sse_parser *parser)
{
    parser->too_long |=
        parser->line.failed || parser->data.failed || parser->type.failed || parser->id.failed;
    return parser->too_long;
}

static size_t line_length(struct sv text)
{
    size_t at = 0;
    while (at < text.len && text.data[at] != '\n' && text.data[at] != '\r')
        at++;
    return at;
}

enum sse_step sse_next(struct sse_parser *parser, struct sv *input, struct sse_event *event)
{
    if (parser->told)
        begin_event(parser);
    *event = (struct sse_event){.data = SV_ABSENT};
    while (input->len && !is_too_long(parser)) {
        if (parser->skip_lf && input->data[0] == '\n')
            *input = sv_from_offset(*input, 1);
        parser->skip_lf = false;
        size_t len = line_length(*input);
        struct sv line = sv_first(*input, len);
        if (len == input->len) {
            buffer_append_sv(&parser->line, line);
            *input = sv_from_offset(*input, len);
            break;
        }
        parser->skip_lf = input->data[len] == '\r';
        *input = sv_from_offset(*input, len + 1);
        bool lasting = !parser->line.len;
        if (!lasting) {
            buffer_append_sv(&parser->line, line);
            line = buffer_sv(&parser->line);
        }
        bool ends = !parser->line.failed && take_line(parser, line, lasting);
        if (!parser->line.failed)
            buffer_clear(&parser->line, KEPT_BYTES);
        if (ends && !is_too_long(parser) && end_event(parser, event))
            return SSE_EVENT;
    }
    keep_only_line(parser);
    return is_too_long(parser) ? SSE_TOO_LONG : SSE_MORE;
}

enum sse_step sse_end(struct sse_parser *parser, struct sse_event *event)
{
    if (parser->told)
        begin_event(parser);
    *event = (struct sse_event){.data = SV_ABSENT};
    if (!is_too_long(parser) && parser->line.len)
        take_line(parser, buffer_sv(&parser->line), false);
    buffer_clear(&parser->line, 0);
    if (is_too_long(parser))
        return SSE_TOO_LONG;
    return end_event(parser, event) ? SSE_EVENT : SSE_MORE;
}
