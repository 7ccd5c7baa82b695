#include "common/search/like.h"

#include "common/base/utf8.h"

static uint32_t fold(uint32_t code_point, bool ignore_case)
{
    return ignore_case && code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point;
}

/* Only the last % needs to be returned to: the texts before it have found their earliest place already. */
bool search_like(struct sv pattern, struct sv text, bool ignore_case)
{
    size_t p = 0;
    size_t t = 0;
    bool has_retry = false;
    size_t retry_p = 0;
    size_t retry_t = 0;
    for (;;) {
        if (p < pattern.len && pattern.data[p] == '%') {
            has_retry = true;
            retry_p = ++p;
            retry_t = t;
            continue;
        }
        if (t == text.len && p == pattern.len)
            return true;
        if (t < text.len && p < pattern.len) {
            size_t next_p = p;
            size_t next_t = t;
            uint32_t wanted = utf8_next(pattern, &next_p);
            uint32_t found = utf8_next(text, &next_t);
            if (wanted == '_' || fold(wanted, ignore_case) == fold(found, ignore_case)) {
                p = next_p;
                t = next_t;
                continue;
            }
        }
        if (!has_retry || retry_t == text.len)
            return false;
        utf8_next(text, &retry_t);
        p = retry_p;
        t = retry_t;
    }
}
