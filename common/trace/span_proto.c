#include "common/trace/span_proto.h"

#include <math.h>

#include "common/base/number.h"
#include "common/json/json_dump.h"
#include "common/json/json_escape.h"
#include "common/json/json_read.h"

static void put_text(struct buffer *out, struct sv text)
{
    BUFFER_LITERAL(out, "\"");
    for (size_t offset = 0; offset < text.len;) {
        size_t run = json_plain_run(text, offset);
        buffer_append(out, text.data + offset, run);
        offset += run;
        if (offset < text.len) {
            char escape[JSON_ESCAPE_MAX];
            buffer_append(out, escape, json_escape(text, &offset, escape));
        }
    }
    BUFFER_LITERAL(out, "\"");
}

static void put_double(struct buffer *out, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (isnan(value))
        BUFFER_LITERAL(out, "\"NaN\"");
    else if (isinf(value))
        buffer_append_sv(out, value > 0 ? SV("\"Infinity\"") : SV("\"-Infinity\""));
    else
        buffer_append(out, text, format_double(value, text));
}

static bool fits_int64(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) && json_object_get_uint64(value) <= INT64_MAX;
}

static void put_any_value(struct buffer *out, struct json_object *value);

static void put_key_value(struct buffer *out, struct sv key, struct json_object *value)
{
    BUFFER_LITERAL(out, "{\"key\": ");
    put_text(out, key);
    if (value) {
        BUFFER_LITERAL(out, ", \"value\": ");
        put_any_value(out, value);
    }
    BUFFER_LITERAL(out, "}");
}

static void put_array(struct buffer *out, struct json_object *array)
{
    size_t count = json_object_array_length(array);
    BUFFER_LITERAL(out, "{\"array_value\": {");
    for (size_t i = 0; i < count; i++) {
        buffer_append_sv(out, i ? SV(", ") : SV("\"values\": ["));
        put_any_value(out, json_object_array_get_idx(array, i));
    }
    buffer_append_sv(out, count ? SV("]}}") : SV("}}"));
}

/* [{"key", "value"}] of the members of an object. */
static void put_members(struct buffer *out, struct json_object *object)
{
    bool first = true;
    BUFFER_LITERAL(out, "[");
    json_object_object_foreach(object, key, value)
    {
        if (!first)
            BUFFER_LITERAL(out, ", ");
        first = false;
        put_key_value(out, sv_from(key), value);
    }
    BUFFER_LITERAL(out, "]");
}

/* The message AnyValue; as deep as what was parsed. */
static void put_any_value(struct buffer *out, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        BUFFER_LITERAL(out, "{}");
        break;
    case json_type_boolean:
        buffer_append_sv(out, json_object_get_boolean(value) ? SV("{\"bool_value\": true}")
                                                             : SV("{\"bool_value\": false}"));
        break;
    case json_type_string:
        BUFFER_LITERAL(out, "{\"string_value\": ");
        put_text(out, json_string_view(value));
        BUFFER_LITERAL(out, "}");
        break;
    case json_type_array:
        put_array(out, value);
        break;
    case json_type_object:
        BUFFER_LITERAL(out, "{\"kvlist_value\": {");
        if (json_object_object_length(value) > 0) {
            BUFFER_LITERAL(out, "\"values\": ");
            put_members(out, value);
        }
        BUFFER_LITERAL(out, "}}");
        break;
    case json_type_int:
    case json_type_double:
        if (fits_int64(value)) {
            buffer_printf(out, "{\"int_value\": %lld}", (long long)json_object_get_int64(value));
            break;
        }
        BUFFER_LITERAL(out, "{\"double_value\": ");
        put_double(out, json_object_get_double(value));
        BUFFER_LITERAL(out, "}");
        break;
    }
}

/* Most texts need no parser: strings of plain characters, and short integers. */
static bool put_simple(struct buffer *out, struct sv key, struct sv text)
{
    int64_t number;
    bool is_string = text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"' &&
                     json_plain_run(text, 1) == text.len - 2;
    bool is_number = text.len && (text.len == 1 || (text.data[0] >= '1' && text.data[0] <= '9')) &&
                     parse_int64(text, 0, INT64_MAX, &number);
    if (!is_string && !is_number)
        return false;
    BUFFER_LITERAL(out, "{\"key\": ");
    put_text(out, key);
    buffer_append_sv(out, is_string ? SV(", \"value\": {\"string_value\": ")
                                    : SV(", \"value\": {\"int_value\": "));
    buffer_append_sv(out, text);
    BUFFER_LITERAL(out, "}}");
    return true;
}

/* Attributes are stored as texts of JSON; a text that is none says itself. */
static void put_attribute(struct buffer *out, struct arena *arena, struct sv key, struct json_object *stored)
{
    struct json_object *value = NULL;
    struct sv problem;
    if (!json_object_is_type(stored, json_type_string)) {
        put_key_value(out, key, stored);
    } else if (put_simple(out, key, json_string_view(stored))) {
        return;
    } else if (json_parse(arena, json_string_view(stored), &value, &problem) == JSON_OK) {
        put_key_value(out, key, value);
        json_object_put(value);
    } else {
        put_key_value(out, key, stored);
    }
}

static void put_attributes(struct buffer *out, struct arena *arena, struct json_object *attributes)
{
    bool first = true;
    if (!json_object_is_type(attributes, json_type_object) || !json_object_object_length(attributes))
        return;
    BUFFER_LITERAL(out, ", \"attributes\": [");
    json_object_object_foreach(attributes, key, value)
    {
        struct arena_mark mark = arena_mark(arena);
        if (!first)
            BUFFER_LITERAL(out, ", ");
        first = false;
        put_attribute(out, arena, sv_from(key), value);
        arena_rewind(arena, mark);
    }
    BUFFER_LITERAL(out, "]");
}

static struct sv text_of(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    return json_object_is_type(value, json_type_string) ? json_string_view(value) : SV_ABSENT;
}

static uint64_t time_of(struct json_object *object, const char *name)
{
    return json_object_get_uint64(json_object_object_get(object, name));
}

/* Fields that have their default are left out, as protobuf's JSON does. */
static void put_text_field(struct buffer *out, const char *name, struct sv text)
{
    if (!text.len)
        return;
    buffer_printf(out, ", \"%s\": ", name);
    put_text(out, text);
}

static void put_time_field(struct buffer *out, const char *name, uint64_t time)
{
    if (time)
        buffer_printf(out, ", \"%s\": %llu", name, (unsigned long long)time);
}

static void put_event(struct buffer *out, struct json_object *event)
{
    struct json_object *attributes = json_object_object_get(event, "attributes");
    buffer_printf(out, "{\"time_unix_nano\": %llu", (unsigned long long)time_of(event, "time_unix_nano"));
    put_text_field(out, "name", text_of(event, "name"));
    if (json_object_is_type(attributes, json_type_object) && json_object_object_length(attributes)) {
        BUFFER_LITERAL(out, ", \"attributes\": ");
        put_members(out, attributes);
    }
    BUFFER_LITERAL(out, "}");
}

static void put_events(struct buffer *out, struct json_object *events)
{
    if (!json_object_is_type(events, json_type_array) || !json_object_array_length(events))
        return;
    BUFFER_LITERAL(out, ", \"events\": [");
    for (size_t i = 0; i < json_object_array_length(events); i++) {
        if (i)
            BUFFER_LITERAL(out, ", ");
        put_event(out, json_object_array_get_idx(events, i));
    }
    BUFFER_LITERAL(out, "]");
}

static void put_status(struct buffer *out, struct json_object *status)
{
    struct sv code = text_of(status, "code");
    struct sv message = text_of(status, "message");
    BUFFER_LITERAL(out, ", \"status\": {");
    if (sv_equal(code, SV("STATUS_CODE_ERROR"))) {
        if (message.len) {
            BUFFER_LITERAL(out, "\"message\": ");
            put_text(out, message);
            BUFFER_LITERAL(out, ", ");
        }
        BUFFER_LITERAL(out, "\"code\": \"STATUS_CODE_ERROR\"");
    } else if (sv_equal(code, SV("STATUS_CODE_OK"))) {
        BUFFER_LITERAL(out, "\"code\": \"STATUS_CODE_OK\"");
    }
    BUFFER_LITERAL(out, "}");
}

bool span_put_proto(struct buffer *out, struct arena *arena, struct sv content)
{
    struct json_object *span;
    struct sv problem;
    if (json_parse(arena, content, &span, &problem) != JSON_OK)
        return false;
    bool is_span = json_object_is_type(span, json_type_object);
    if (is_span) {
        BUFFER_LITERAL(out, "{\"trace_id\": ");
        put_text(out, text_of(span, "trace_id"));
        put_text_field(out, "span_id", text_of(span, "span_id"));
        put_text_field(out, "parent_span_id", text_of(span, "parent_span_id"));
        put_text_field(out, "name", text_of(span, "name"));
        put_time_field(out, "start_time_unix_nano", time_of(span, "start_time_unix_nano"));
        put_time_field(out, "end_time_unix_nano", time_of(span, "end_time_unix_nano"));
        put_attributes(out, arena, json_object_object_get(span, "attributes"));
        put_events(out, json_object_object_get(span, "events"));
        put_status(out, json_object_object_get(span, "status"));
        BUFFER_LITERAL(out, "}");
    }
    json_object_put(span);
    return is_span;
}
