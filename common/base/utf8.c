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

/* Unicode's category No (superscripts, fractions, circled digits), which the C library does not count as
 * alphanumeric: names such as "R²" hold them. */
static const struct {
    uint32_t first;
    uint32_t last;
} other_numbers[] = {
    {0xb2, 0xb3},       {0xb9, 0xb9},       {0xbc, 0xbe},       {0x9f4, 0x9f9},     {0xb72, 0xb77},
    {0xbf0, 0xbf2},     {0xc78, 0xc7e},     {0xd58, 0xd5e},     {0xd70, 0xd78},     {0xf2a, 0xf33},
    {0x1369, 0x137c},   {0x17f0, 0x17f9},   {0x19da, 0x19da},   {0x2070, 0x2070},   {0x2074, 0x2079},
    {0x2080, 0x2089},   {0x2150, 0x215f},   {0x2189, 0x2189},   {0x2460, 0x249b},   {0x24ea, 0x24ff},
    {0x2776, 0x2793},   {0x2cfd, 0x2cfd},   {0x3192, 0x3195},   {0x3220, 0x3229},   {0x3248, 0x324f},
    {0x3251, 0x325f},   {0x3280, 0x3289},   {0x32b1, 0x32bf},   {0xa830, 0xa835},   {0x10107, 0x10133},
    {0x10175, 0x10178}, {0x1018a, 0x1018b}, {0x102e1, 0x102fb}, {0x10320, 0x10323}, {0x10858, 0x1085f},
    {0x10879, 0x1087f}, {0x108a7, 0x108af}, {0x108fb, 0x108ff}, {0x10916, 0x1091b}, {0x109bc, 0x109bd},
    {0x109c0, 0x109cf}, {0x109d2, 0x109ff}, {0x10a40, 0x10a48}, {0x10a7d, 0x10a7e}, {0x10a9d, 0x10a9f},
    {0x10aeb, 0x10aef}, {0x10b58, 0x10b5f}, {0x10b78, 0x10b7f}, {0x10ba9, 0x10baf}, {0x10cfa, 0x10cff},
    {0x10e60, 0x10e7e}, {0x10f1d, 0x10f26}, {0x10f51, 0x10f54}, {0x10fc5, 0x10fcb}, {0x11052, 0x11065},
    {0x111e1, 0x111f4}, {0x1173a, 0x1173b}, {0x118ea, 0x118f2}, {0x11c5a, 0x11c6c}, {0x11fc0, 0x11fd4},
    {0x16b5b, 0x16b61}, {0x16e80, 0x16e96}, {0x1d2e0, 0x1d2f3}, {0x1d360, 0x1d378}, {0x1e8c7, 0x1e8cf},
    {0x1ec71, 0x1ecab}, {0x1ecad, 0x1ecaf}, {0x1ecb1, 0x1ecb4}, {0x1ed01, 0x1ed2d}, {0x1ed2f, 0x1ed3d},
    {0x1f100, 0x1f10c},
};

static bool is_other_number(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof(other_numbers) / sizeof(other_numbers[0]); i++)
        if (code_point <= other_numbers[i].last)
            return code_point >= other_numbers[i].first;
    return false;
}

bool utf8_is_word(uint32_t code_point)
{
    if (code_point < 0x80)
        return (code_point >= '0' && code_point <= '9') || (code_point >= 'A' && code_point <= 'Z') ||
               (code_point >= 'a' && code_point <= 'z') || code_point == '_';
    pthread_once(&unicode_locale_once, load_unicode_locale);
    if (!unicode_locale)
        return true;
    return iswalnum_l((wint_t)code_point, unicode_locale) != 0 || is_other_number(code_point);
}
