#include "common/trace/value_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/number.h"
#include "common/json/json_check.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

bool is_json(struct arena *arena, struct sv text)
{
    struct json_check check;
    struct arena_mark mark = arena_mark(arena);
    enum json_outcome outcome = json_check(arena, text, &check);
    arena_rewind(arena, mark);
    return outcome == JSON_OK;
}

static bool is_special(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

void value_add_string(struct arena_text *out, struct sv text)
{
    size_t from = 0;
    arena_text_add(out, SV("\""));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (!is_special(byte))
            continue;
        arena_text_add(out, (struct sv){text.data + from, i - from});
        from = i + 1;
        char escape[8];
        static const char letters[] = "btn\0fr"; /* 0x08 to 0x0d */
        char letter = byte == '"' || byte == '\\'    ? (char)byte
                      : byte >= 0x08 && byte <= 0x0d ? letters[byte - 0x08]
                                                     : '\0';
        int len = letter ? snprintf(escape, sizeof(escape), "\\%c", letter)
                         : snprintf(escape, sizeof(escape), "\\u%04x", byte);
        arena_text_add(out, (struct sv){escape, (size_t)len});
    }
    arena_text_add(out, sv_from_offset(text, from));
    arena_text_add(out, SV("\""));
}

/* --- Writing --- */

static void add_double(struct arena_text *out, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (isnan(value))
        arena_text_add(out, SV("NaN"));
    else if (isinf(value))
        arena_text_add(out, value > 0 ? SV("Infinity") : SV("-Infinity"));
    else
        arena_text_add(out, (struct sv){text, format_double(value, text)});
}

static void add_integer(struct arena_text *out, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);
    arena_text_add(out, (struct sv){text, (size_t)len});
}

typedef void string_writer(struct arena_text *out, struct sv text);

/* Values are nested at most OTLP_MAX_DEPTH deep. */
static void add_value(struct arena_text *out, const struct otlp_value *value, string_writer *add_string)
{
    switch (value->type) {
    case OTLP_NONE:
        arena_text_add(out, SV("null"));
        break;
    case OTLP_STRING:
        add_string(out, value->bytes);
        break;
    case OTLP_BOOL:
        arena_text_add(out, value->boolean ? SV("true") : SV("false"));
        break;
    case OTLP_INT:
        add_integer(out, value->integer);
        break;
    case OTLP_DOUBLE:
        add_double(out, value->real);
        break;
    case OTLP_BYTES:
        add_string(out, value->bytes.len ? base64_encode(out->arena, value->bytes) : SV(""));
        break;
    case OTLP_ARRAY:
        arena_text_add(out, SV("["));
        for (size_t i = 0; i < value->count; i++) {
            if (i)
                arena_text_add(out, SV(", "));
            add_value(out, &value->items[i], add_string);
        }
        arena_text_add(out, SV("]"));
        break;
    case OTLP_OBJECT:
        arena_text_add(out, SV("{"));
        for (size_t i = 0; i < value->count; i++) {
            if (i)
                arena_text_add(out, SV(", "));
            add_string(out, value->fields[i].key);
            arena_text_add(out, SV(": "));
            add_value(out, &value->fields[i].value, add_string);
        }
        arena_text_add(out, SV("}"));
        break;
    }
}

void value_add_json(struct arena_text *out, const struct otlp_value *value)
{
    add_value(out, value, json_dump_string);
}

/* Most attributes are short and plain. */
static struct sv plain_text(struct arena *arena, const struct otlp_value *value)
{
    switch (value->type) {
    case OTLP_NONE:
        return SV("null");
    case OTLP_BOOL:
        return value->boolean ? SV("true") : SV("false");
    case OTLP_INT:
        return arena_printf(arena, "%lld", (long long)value->integer);
    case OTLP_STRING:
        break;
    default:
        return SV_ABSENT;
    }
    for (size_t i = 0; i < value->bytes.len; i++)
        if (is_special((unsigned char)value->bytes.data[i]))
            return SV_ABSENT;
    char *text = arena_alloc(arena, value->bytes.len + 2);
    text[0] = '"';
    if (value->bytes.len)
        memcpy(text + 1, value->bytes.data, value->bytes.len);
    text[value->bytes.len + 1] = '"';
    return (struct sv){text, value->bytes.len + 2};
}

struct sv value_text(struct arena *arena, const struct otlp_value *value)
{
    if (value->type == OTLP_STRING) {
        struct sv inner = sv_trim(value->bytes);
        char first = inner.len ? inner.data[0] : '\0';
        if ((first == '{' || first == '[' || first == '"') && is_json(arena, inner))
            return value->bytes;
    }
    struct sv plain = plain_text(arena, value);
    if (plain.data)
        return plain;
    struct arena_text out;
    arena_text_init(&out, arena);
    add_value(&out, value, value_add_string);
    return arena_text_sv(&out);
}

/* --- Reading --- */

/* NULL unless the text is JSON; the caller's. */
static struct json_object *parse(struct arena *arena, struct sv text)
{
    struct json_object *root = NULL;
    struct sv problem;
    return json_parse(arena, text, &root, &problem) == JSON_OK ? root : NULL;
}

struct sv value_decoded(struct arena *arena, struct sv text)
{
    struct sv inner = sv_trim(text);
    if (!inner.len || inner.data[0] != '"')
        return text;
    struct json_object *root = parse(arena, text);
    struct sv decoded = json_object_is_type(root, json_type_string) ? json_string_view(root) : text;
    decoded = arena_copy(arena, decoded);
    json_object_put(root);
    return decoded;
}

double value_number(struct arena *arena, struct sv text)
{
    double number;
    struct sv decoded = sv_trim(value_decoded(arena, text));
    return parse_double(decoded, &number) && isfinite(number) ? number : NAN;
}

bool value_is_falsy(struct sv text)
{
    struct sv inner = sv_trim(text);
    if (!inner.len || sv_equal(inner, SV("null")) || sv_equal(inner, SV("false")) ||
        sv_equal(inner, SV("\"\"")))
        return true;
    char first = inner.data[0], last = inner.data[inner.len - 1];
    if ((first == '{' && last == '}') || (first == '[' && last == ']'))
        return !sv_trim(sv_first(sv_from_offset(inner, 1), inner.len - 2)).len;
    double number;
    return first != '"' && parse_double(inner, &number) && number == 0;
}
