#include "common/json/json_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/number.h"
#include "common/base/utf8.h"
#include "common/json/json_escape.h"

struct scanner {
    struct arena *arena;
    struct json_check *check;
    struct sv text;
    size_t at;
    size_t values;
    size_t containers;
    unsigned depth;
    bool in_object[JSON_MAX_DEPTH];
    bool too_big;
};

static bool refuse_at(struct scanner *scanner, size_t at, const char *problem)
{
    scanner->check->problem = problem;
    scanner->check->problem_at = at;
    return false;
}

static bool refuse(struct scanner *scanner, const char *problem)
{
    return refuse_at(scanner, scanner->at, problem);
}

static bool refuse_size(struct scanner *scanner, const char *problem)
{
    scanner->too_big = true;
    return refuse(scanner, problem);
}

/* The byte at hand, or -1 at the end. */
static int peek(const struct scanner *scanner)
{
    return scanner->at < scanner->text.len ? (unsigned char)scanner->text.data[scanner->at] : -1;
}

static void skip_blanks(struct scanner *scanner)
{
    for (int byte = peek(scanner); byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
         byte = peek(scanner))
        scanner->at++;
}

static bool skip_literal(struct scanner *scanner, struct sv literal)
{
    if (!sv_starts_with(sv_from_offset(scanner->text, scanner->at), literal))
        return false;
    scanner->at += literal.len;
    return true;
}

/* The UTF-16 unit of an escape \uXXXX at hand, which is skipped; -1 if there is none. */
static long skip_unit(struct scanner *scanner)
{
    if (scanner->text.len - scanner->at < 6)
        return -1;
    const char *escape = scanner->text.data + scanner->at;
    if (escape[0] != '\\' || escape[1] != 'u')
        return -1;
    long unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(escape[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    scanner->at += 6;
    return unit;
}

static void note_patch(struct scanner *scanner, struct json_patch patch)
{
    struct json_check *check = scanner->check;
    if (check->patch_count == check->patch_capacity) {
        size_t capacity = check->patch_capacity ? check->patch_capacity * 2 : 16;
        struct json_patch *patches = ARENA_ARRAY(scanner->arena, struct json_patch, capacity);
        if (check->patch_count)
            memcpy(patches, check->patches, check->patch_count * sizeof(*patches));
        check->patches = patches;
        check->patch_capacity = capacity;
    }
    check->patches[check->patch_count++] = patch;
}

/* json-c up to 0.16 takes a code point that it has put together from a pair for half of one again, if its low
 * 16 bits look like that, and loses it. Such a one is handed over as UTF-8. */
static void check_pair(struct scanner *scanner, size_t start, uint32_t high, uint32_t low)
{
    uint32_t code_point = 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
    if ((code_point & 0xf800) != 0xd800)
        return;
    struct json_patch patch = {.at = start, .drop = scanner->at - start, .len = 4};
    patch.text[0] = (char)(0xf0 | code_point >> 18);
    patch.text[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    patch.text[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    patch.text[3] = (char)(0x80 | (code_point & 0x3f));
    note_patch(scanner, patch);
}

static bool check_escape(struct scanner *scanner, bool is_key)
{
    size_t start = scanner->at;
    char letter = scanner->text.len - start < 2 ? '\0' : scanner->text.data[start + 1];
    if (letter && strchr("\"\\/bfnrt", letter)) {
        scanner->at += 2;
        return true;
    }
    long unit = skip_unit(scanner);
    if (unit < 0)
        return refuse(scanner, "invalid escape");
    if (!unit && is_key)
        return refuse_at(scanner, start, "NUL in a name");
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    long low = unit < 0xdc00 ? skip_unit(scanner) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse_at(scanner, start, "half of a surrogate pair");
    check_pair(scanner, start, (uint32_t)unit, (uint32_t)low);
    return true;
}

static bool check_string(struct scanner *scanner, bool is_key)
{
    size_t start = ++scanner->at;
    bool ascii = true;
    for (;;) {
        scanner->at += json_plain_run(scanner->text, scanner->at);
        int byte = peek(scanner);
        if (byte == '"')
            break;
        if (byte < 0)
            return refuse_at(scanner, start - 1, "string without an end");
        if (byte == '\\') {
            if (!check_escape(scanner, is_key))
                return false;
        } else if (byte < 0x20) {
            return refuse(scanner, "control character in a string");
        } else {
            ascii = false;
            while (peek(scanner) >= 0x7f)
                scanner->at++;
        }
    }
    struct sv content = {scanner->text.data + start, scanner->at - start};
    if (!ascii && !utf8_valid(content))
        return refuse_at(scanner, start - 1, "invalid UTF-8 in the string");
    scanner->at++;
    return true;
}

static size_t skip_digits(struct scanner *scanner)
{
    size_t start = scanner->at;
    for (int byte = peek(scanner); byte >= '0' && byte <= '9'; byte = peek(scanner))
        scanner->at++;
    return scanner->at - start;
}

/* json-c reads an integer as int64_t, or as uint64_t if it is positive. */
static bool is_wide(struct sv digits, bool negative)
{
    struct sv limit = negative ? SV("9223372036854775808") : SV("18446744073709551615");
    return digits.len > limit.len || (digits.len == limit.len && sv_compare(digits, limit) > 0);
}

static bool check_number(struct scanner *scanner)
{
    size_t start = scanner->at;
    bool negative = peek(scanner) == '-';
    if (negative) {
        scanner->at++;
        if (skip_literal(scanner, SV("Infinity")))
            return true;
    }
    struct sv digits = sv_from_offset(scanner->text, scanner->at);
    digits.len = skip_digits(scanner);
    if (!digits.len || (digits.len > 1 && digits.data[0] == '0'))
        return refuse_at(scanner, start, "invalid number");
    bool integer = true;
    if (peek(scanner) == '.') {
        scanner->at++;
        integer = false;
        if (!skip_digits(scanner))
            return refuse_at(scanner, start, "invalid number");
    }
    if (peek(scanner) == 'e' || peek(scanner) == 'E') {
        scanner->at++;
        integer = false;
        if (peek(scanner) == '+' || peek(scanner) == '-')
            scanner->at++;
        if (!skip_digits(scanner))
            return refuse_at(scanner, start, "invalid number");
    }
    if (integer && is_wide(digits, negative))
        note_patch(scanner, (struct json_patch){.at = scanner->at, .text = ".0", .len = 2});
    return true;
}

static bool check_literal(struct scanner *scanner)
{
    if (skip_literal(scanner, SV("null"))) {
        if (!scanner->depth)
            scanner->check->root_is_null = true;
        return true;
    }
    return skip_literal(scanner, SV("true")) || skip_literal(scanner, SV("false")) ||
           skip_literal(scanner, SV("NaN")) || skip_literal(scanner, SV("Infinity")) ||
           refuse(scanner, "expected a value");
}

/* A name, its colon, and the blanks around them. */
static bool check_name(struct scanner *scanner)
{
    skip_blanks(scanner);
    if (peek(scanner) != '"')
        return refuse(scanner, "expected a name in double quotes");
    if (!check_string(scanner, true))
        return false;
    skip_blanks(scanner);
    if (peek(scanner) != ':')
        return refuse(scanner, "expected ':'");
    scanner->at++;
    skip_blanks(scanner);
    return true;
}

/* Enters an array or object; *empty if it ends at once. */
static bool check_begin(struct scanner *scanner, bool object, bool *empty)
{
    if (scanner->depth == JSON_MAX_DEPTH)
        return refuse_size(scanner, "too deeply nested");
    if (++scanner->containers > JSON_MAX_CONTAINERS)
        return refuse_size(scanner, "too many arrays and objects");
    scanner->in_object[scanner->depth++] = object;
    scanner->at++;
    skip_blanks(scanner);
    *empty = peek(scanner) == (object ? '}' : ']');
    return *empty || !object || check_name(scanner);
}

/* A value that holds no others, or the beginning of one that does: then *inside. */
static bool check_value(struct scanner *scanner, bool *inside)
{
    *inside = false;
    if (++scanner->values > JSON_MAX_VALUES)
        return refuse_size(scanner, "too many values");
    int byte = peek(scanner);
    if (byte == '{' || byte == '[') {
        bool empty = false;
        bool fine = check_begin(scanner, byte == '{', &empty);
        *inside = !empty;
        return fine;
    }
    if (byte == '"')
        return check_string(scanner, false);
    if (byte == '-' || (byte >= '0' && byte <= '9'))
        return check_number(scanner);
    return check_literal(scanner);
}

/* What may follow a value: ends of containers, then a comma, or at the outermost level nothing. */
static bool check_after_value(struct scanner *scanner, bool *finished)
{
    *finished = false;
    for (;;) {
        skip_blanks(scanner);
        int byte = peek(scanner);
        if (!scanner->depth) {
            *finished = true;
            return byte < 0 || refuse(scanner, "something behind the end");
        }
        bool object = scanner->in_object[scanner->depth - 1];
        if (byte == (object ? '}' : ']')) {
            scanner->at++;
            scanner->depth--;
        } else if (byte == ',') {
            scanner->at++;
            if (object)
                return check_name(scanner);
            skip_blanks(scanner);
            return true;
        } else {
            return refuse(scanner, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
    }
}

enum json_outcome json_check(struct arena *arena, struct sv text, struct json_check *check)
{
    *check = (struct json_check){.document = text};
    struct scanner scanner = {.arena = arena, .check = check, .text = text};
    struct sv mark = SV("\xef\xbb\xbf");
    size_t mark_len = sv_starts_with(text, mark) ? mark.len : 0;
    check->document = scanner.text = sv_from_offset(text, mark_len);
    skip_blanks(&scanner);
    if (peek(&scanner) < 0)
        return JSON_EMPTY;
    bool fine;
    bool finished = false;
    do {
        bool inside;
        fine = check_value(&scanner, &inside);
        if (fine && !inside)
            fine = check_after_value(&scanner, &finished);
    } while (fine && !finished);
    check->problem_at += mark_len;
    if (fine)
        return JSON_OK;
    return scanner.too_big ? JSON_TOO_BIG : JSON_BAD;
}
