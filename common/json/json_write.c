#include "common/json/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/number.h"
#include "common/base/utf8.h"
#include "common/json/json_escape.h"

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

void json_writer_init_utf8(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out, .utf8 = true};
}

static _Noreturn void misuse(const char *what)
{
    fprintf(stderr, "json_writer: %s\n", what);
    abort();
}

static void separate(struct json_writer *writer)
{
    if (!writer->depth)
        return;
    bool *has_items = &writer->has_items[writer->depth - 1];
    if (*has_items)
        BUFFER_LITERAL(writer->out, ",");
    *has_items = true;
}

static bool in_object(const struct json_writer *writer)
{
    return writer->depth && writer->is_object[writer->depth - 1];
}

static void before_value(struct json_writer *writer)
{
    if (writer->after_key)
        writer->after_key = false;
    else if (in_object(writer))
        misuse("a value without a key");
    else
        separate(writer);
}

static void begin(struct json_writer *writer, bool object)
{
    before_value(writer);
    if (writer->depth == JSON_WRITE_MAX_DEPTH)
        misuse("nested too deeply");
    writer->has_items[writer->depth] = false;
    writer->is_object[writer->depth] = object;
    writer->depth++;
    buffer_append_byte(writer->out, object ? '{' : '[');
}

static void end(struct json_writer *writer, bool object)
{
    if (!writer->depth || in_object(writer) != object || writer->after_key)
        misuse("an end that matches no beginning");
    writer->depth--;
    buffer_append_byte(writer->out, object ? '}' : ']');
}

void json_begin_object(struct json_writer *writer)
{
    begin(writer, true);
}

void json_end_object(struct json_writer *writer)
{
    end(writer, true);
}

void json_begin_array(struct json_writer *writer)
{
    begin(writer, false);
}

void json_end_array(struct json_writer *writer)
{
    end(writer, false);
}

/* How many bytes from `offset` on may stay as they are: whole code points beyond ASCII. */
static size_t utf8_run(struct sv text, size_t offset)
{
    size_t at = offset;
    while (at < text.len && (unsigned char)text.data[at] >= 0x7f) {
        size_t next = at;
        uint32_t code_point = utf8_next(text, &next);
        if (code_point >= 0x80 && next - at == 1)
            break; /* not UTF-8 */
        at = next;
    }
    return at - offset;
}

static void quote(const struct json_writer *writer, struct sv text)
{
    struct buffer *out = writer->out;
    BUFFER_LITERAL(out, "\"");
    size_t offset = 0;
    while (offset < text.len) {
        size_t run = json_plain_run(text, offset);
        buffer_append(out, text.data + offset, run);
        offset += run;
        if (writer->utf8) {
            run = utf8_run(text, offset);
            buffer_append(out, text.data + offset, run);
            offset += run;
            if (run)
                continue;
        }
        if (offset == text.len)
            break;
        char escape[JSON_ESCAPE_MAX];
        size_t len = json_escape(text, &offset, escape);
        buffer_append(out, escape, len);
    }
    BUFFER_LITERAL(out, "\"");
}

void json_key(struct json_writer *writer, const char *key)
{
    json_key_sv(writer, sv_from(key));
}

void json_key_sv(struct json_writer *writer, struct sv key)
{
    if (!in_object(writer) || writer->after_key)
        misuse("a key where none belongs");
    separate(writer);
    quote(writer, key);
    BUFFER_LITERAL(writer->out, ":");
    writer->after_key = true;
}

void json_put_string(struct json_writer *writer, struct sv text)
{
    before_value(writer);
    quote(writer, text);
}

void json_put_int(struct json_writer *writer, int64_t value)
{
    before_value(writer);
    char text[20];
    size_t at = sizeof(text);
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    if (value < 0)
        text[--at] = '-';
    buffer_append(writer->out, text + at, sizeof(text) - at);
}

void json_put_bool(struct json_writer *writer, bool value)
{
    json_put_raw(writer, value ? SV("true") : SV("false"));
}

void json_put_null(struct json_writer *writer)
{
    json_put_raw(writer, SV("null"));
}

void json_put_double(struct json_writer *writer, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (isnan(value))
        json_put_raw(writer, SV("\"NaN\""));
    else if (isinf(value))
        json_put_raw(writer, value > 0 ? SV("\"Infinity\"") : SV("\"-Infinity\""));
    else
        json_put_raw(writer, (struct sv){text, format_double(value, text)});
}

void json_put_raw(struct json_writer *writer, struct sv json)
{
    before_value(writer);
    buffer_append_sv(writer->out, json);
}

void json_put_string_field(struct json_writer *writer, const char *key, struct sv text)
{
    json_key(writer, key);
    json_put_string(writer, text);
}

void json_put_string_field_if_set(struct json_writer *writer, const char *key, struct sv text)
{
    if (text.data)
        json_put_string_field(writer, key, text);
}

void json_put_int_field(struct json_writer *writer, const char *key, int64_t value)
{
    json_key(writer, key);
    json_put_int(writer, value);
}

void json_put_bool_field(struct json_writer *writer, const char *key, bool value)
{
    json_key(writer, key);
    json_put_bool(writer, value);
}

void json_put_double_field(struct json_writer *writer, const char *key, double value)
{
    json_key(writer, key);
    json_put_double(writer, value);
}
