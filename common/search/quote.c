#include "common/search/quote.h"

#include <stdio.h>

struct sv search_clip(struct sv text)
{
    if (text.len <= SEARCH_QUOTE_MAX)
        return text;
    size_t len = SEARCH_QUOTE_MAX;
    while (len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return sv_first(text, len);
}

static struct sv repr(struct arena *arena, struct sv text, const char *prefix, bool escape_high)
{
    text = search_clip(text);
    char quote = sv_find(text, '\'') < text.len && sv_find(text, '"') == text.len ? '"' : '\'';
    size_t capacity = text.len * 4 + 8;
    char *out = arena_alloc(arena, capacity);
    size_t len = 0;
    for (; *prefix; prefix++)
        out[len++] = *prefix;
    out[len++] = quote;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        char simple = byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte == '\t' ? 't' : 0;
        if (byte == '\\' || byte == (unsigned char)quote)
            simple = (char)byte;
        if (simple) {
            out[len++] = '\\';
            out[len++] = simple;
        } else if (byte < 0x20 || byte == 0x7f || (escape_high && byte >= 0x80)) {
            len += (size_t)snprintf(out + len, capacity - len, "\\x%02x", byte);
        } else {
            out[len++] = (char)byte;
        }
    }
    out[len++] = quote;
    return (struct sv){out, len};
}

struct sv search_repr(struct arena *arena, struct sv text)
{
    return repr(arena, text, "", false);
}

struct sv search_repr_bytes(struct arena *arena, struct sv bytes)
{
    return repr(arena, bytes, "b", true);
}
