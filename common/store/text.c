#include "common/store/text.h"

#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_escape.h"

struct sv text_json(struct arena *arena, struct sv text)
{
    text = search_clip(text);
    char *out = arena_alloc(arena, text.len * JSON_ESCAPE_MAX + 2);
    size_t len = 0, offset = 0;
    out[len++] = '"';
    while (offset < text.len) {
        size_t plain = json_plain_run(text, offset);
        memcpy(out + len, text.data + offset, plain);
        len += plain;
        offset += plain;
        if (offset < text.len)
            len += json_escape(text, &offset, out + len);
    }
    out[len++] = '"';
    return (struct sv){out, len};
}

struct sv text_double(struct arena *arena, double value)
{
    if (isnan(value))
        return SV("nan");
    if (isinf(value))
        return value > 0 ? SV("inf") : SV("-inf");
    char text[DOUBLE_TEXT_MAX];
    size_t len = format_double(value, text);
    return arena_copy(arena, (struct sv){text, len});
}
