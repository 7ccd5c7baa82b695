#include "common/base/uri.h"

#include <string.h>

#include "common/base/number.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct sv uri_scheme(struct sv uri)
{
    size_t colon = sv_find(uri, ':');
    if (colon == 0 || colon == uri.len || !is_letter(uri.data[0]))
        return SV_ABSENT;
    for (size_t i = 1; i < colon; i++) {
        char c = uri.data[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
            return SV_ABSENT;
    }
    return sv_first(uri, colon);
}

struct sv uri_decode_leniently(struct arena *arena, struct sv text)
{
    if (sv_find(text, '%') == text.len)
        return text;
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = text.data[i] == '%' && text.len - i > 2 && hex_value(text.data[i + 1]) >= 0 &&
                       hex_value(text.data[i + 2]) >= 0;
        if (escaped) {
            out[len++] = (char)(hex_value(text.data[i + 1]) * 16 + hex_value(text.data[i + 2]));
            i += 2;
        } else {
            out[len++] = text.data[i];
        }
    }
    return (struct sv){out, len};
}

static size_t append_segments(char *out, size_t len, struct sv path)
{
    struct sv rest = path;
    while (rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        if (segment.len == 0 || sv_equal(segment, SV(".")))
            continue;
        if (sv_equal(segment, SV(".."))) {
            while (len > 0 && out[len - 1] != '/')
                len--;
            if (len > 0)
                len--;
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, segment.data, segment.len);
        len += segment.len;
    }
    return len;
}

struct sv path_absolute(struct arena *arena, struct sv directory, struct sv path)
{
    char *out = arena_alloc(arena, directory.len + path.len + 4);
    size_t len = 0;
    if (!sv_starts_with(path, SV("/")))
        len = append_segments(out, len, directory);
    len = append_segments(out, len, path);
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return (struct sv){out, len};
}
