#include "common/json/json_escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/utf8.h"

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t bytes_below(uint64_t word, uint64_t limit)
{
    return (word - EACH_BYTE(limit)) & ~word;
}

/* Eight bytes at a time; may only err in bytes behind the first special one. */
static bool has_special(uint64_t word)
{
    uint64_t special = word | bytes_below(word, 0x20) | bytes_below(word ^ EACH_BYTE('"'), 1) |
                       bytes_below(word ^ EACH_BYTE('\\'), 1) | bytes_below(word ^ EACH_BYTE(0x7f), 1);
    return special & EACH_BYTE(0x80);
}

size_t json_plain_run(struct sv text, size_t offset)
{
    size_t at = offset;
    uint64_t word;
    while (text.len - at >= sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        if (has_special(word))
            break;
        at += sizeof(word);
    }
    while (at < text.len && is_plain((unsigned char)text.data[at]))
        at++;
    return at - offset;
}

static size_t put_hex(char *escape, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    escape[0] = '\\';
    escape[1] = 'u';
    escape[2] = digits[unit >> 12 & 0xf];
    escape[3] = digits[unit >> 8 & 0xf];
    escape[4] = digits[unit >> 4 & 0xf];
    escape[5] = digits[unit & 0xf];
    return 6;
}

size_t json_escape(struct sv text, size_t *offset, char escape[JSON_ESCAPE_MAX])
{
    uint32_t code_point = utf8_next(text, offset);
    char letter = 0;
    switch (code_point) {
    case '"':
    case '\\':
        letter = (char)code_point;
        break;
    case '\b':
        letter = 'b';
        break;
    case '\f':
        letter = 'f';
        break;
    case '\n':
        letter = 'n';
        break;
    case '\r':
        letter = 'r';
        break;
    case '\t':
        letter = 't';
        break;
    default:
        break;
    }
    if (letter) {
        escape[0] = '\\';
        escape[1] = letter;
        return 2;
    }
    if (code_point < 0x10000)
        return put_hex(escape, code_point);
    code_point -= 0x10000;
    size_t len = put_hex(escape, 0xd800 | code_point >> 10);
    return len + put_hex(escape + len, 0xdc00 | (code_point & 0x3ff));
}
