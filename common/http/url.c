#include "common/http/url.h"

#include <string.h>

#include "common/base/number.h"
#include "common/base/utf8.h"

/* The length of the decoded text, or -1 for a malformed escape. `out` has room for text.len bytes. */
static long unescape(struct sv text, bool plus_is_blank, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            int high = text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            byte = (char)(high << 4 | low);
            i += 2;
        } else if (byte == '+' && plus_is_blank) {
            byte = ' ';
        }
        out[len++] = byte;
    }
    return (long)len;
}

bool url_decode(struct arena *arena, struct sv text, bool plus_is_blank, struct sv *decoded)
{
    struct sv result = text;
    if (sv_find(text, '%') < text.len || (plus_is_blank && sv_find(text, '+') < text.len)) {
        char *out = arena_alloc(arena, text.len + 1);
        long len = unescape(text, plus_is_blank, out);
        if (len < 0)
            return false;
        result = (struct sv){out, (size_t)len};
    }
    if (sv_find(result, '\0') < result.len || !utf8_valid(result))
        return false;
    *decoded = result;
    return true;
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

struct sv url_encode(struct arena *arena, struct sv text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!text.data)
        return SV_ABSENT;
    char *out = arena_alloc_array(arena, text.len + 1, 3);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_unreserved((char)byte)) {
            out[len++] = (char)byte;
        } else {
            out[len++] = '%';
            out[len++] = digits[byte >> 4];
            out[len++] = digits[byte & 0xf];
        }
    }
    return (struct sv){out, len};
}

bool query_parse(struct arena *arena, struct sv query, struct query_pair **pairs, size_t *count)
{
    *pairs = NULL;
    *count = 0;
    size_t capacity = 0;
    struct sv rest = query;
    while (rest.data) {
        if (sv_cut(&rest, '&').len && ++capacity > QUERY_MAX_PAIRS)
            return false;
    }
    *pairs = ARENA_ARRAY(arena, struct query_pair, capacity);
    rest = query;
    while (rest.data) {
        struct sv value = sv_cut(&rest, '&');
        if (!value.len)
            continue;
        struct sv name = sv_cut(&value, '=');
        if (!value.data)
            value = SV("");
        struct query_pair *pair = &(*pairs)[*count];
        if (!url_decode(arena, name, true, &pair->name) || !url_decode(arena, value, true, &pair->value))
            return false;
        ++*count;
    }
    return true;
}
