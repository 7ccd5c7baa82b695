#include "common/base/utf8.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>
#include <pthread.h>

/* The length of the sequence at `at`, or 0 if it is not well-formed (RFC 3629 section 4). */
static size_t sequence_length(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    size_t len;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        if (lead == 0xe0)
            low = 0xa0;
        if (lead == 0xed)
            high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        if (lead == 0xf0)
            low = 0x90;
        if (lead == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (left < len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    return len;
}

bool utf8_valid(struct sv text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t at = 0;
    while (at < text.len) {
        uint64_t word;
        if (text.len - at >= sizeof(word)) {
            memcpy(&word, bytes + at, sizeof(word));
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof(word);
                continue;
            }
        }
        size_t len = sequence_length(bytes + at, text.len - at);
        if (!len)
            return false;
        at += len;
    }
    return true;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t utf8_length(struct sv text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += !is_continuation(text.data[i]);
    return count;
}

struct sv utf8_first(struct sv text, size_t count)
{
    if (text.len <= count)
        return text;
    size_t at = 0;
    while (at < text.len) {
        if (!is_continuation(text.data[at]) && count-- == 0)
            break;
        at++;
    }
    return sv_first(text, at);
}

uint32_t utf8_next(struct sv text, size_t *offset)
{
    const unsigned char *at = (const unsigned char *)text.data + *offset;
    size_t len = sequence_length(at, text.len - *offset);
    if (len <= 1) {
        (*offset)++;
        return at[0];
    }
    static const unsigned char masks[] = {0, 0, 0x1f, 0x0f, 0x07};
    uint32_t code_point = at[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        code_point = code_point << 6 | (at[i] & 0x3f);
    *offset += len;
    return code_point;
}

static locale_t unicode_locale;
static pthread_once_t unicode_locale_once = PTHREAD_ONCE_INIT;

static void load_unicode_locale(void)
{
    unicode_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

bool utf8_is_word(uint32_t code_point)
{
    if (code_point < 0x80)
        return (code_point >= '0' && code_point <= '9') || (code_point >= 'A' && code_point <= 'Z') ||
               (code_point >= 'a' && code_point <= 'z') || code_point == '_';
    pthread_once(&unicode_locale_once, load_unicode_locale);
    if (!unicode_locale)
        return true;
    return iswalnum_l((wint_t)code_point, unicode_locale) != 0;
}
