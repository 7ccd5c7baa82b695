#include "common/base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_int64(struct sv text, int64_t min, int64_t max, int64_t *value)
{
    size_t at = 0;
    bool negative = false;
    if (text.len && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        at = 1;
    }
    if (at == text.len)
        return false;
    /* Accumulates downwards: the negative range is the larger one. */
    int64_t result = 0;
    for (; at < text.len; at++) {
        char digit = text.data[at];
        if (digit < '0' || digit > '9')
            return false;
        if (__builtin_mul_overflow(result, 10, &result) ||
            __builtin_sub_overflow(result, digit - '0', &result))
            return false;
    }
    if (!negative) {
        if (result == INT64_MIN)
            return false;
        result = -result;
    }
    if (result < min || result > max)
        return false;
    *value = result;
    return true;
}

int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* digits [. digits] [e[+-]digits], at least one digit before the exponent. */
static bool is_decimal(struct sv text)
{
    size_t at = 0;
    size_t digits = 0;
    while (at < text.len && is_digit(text.data[at])) {
        at++;
        digits++;
    }
    if (at < text.len && text.data[at] == '.') {
        at++;
        while (at < text.len && is_digit(text.data[at])) {
            at++;
            digits++;
        }
    }
    if (!digits)
        return false;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        size_t first = at;
        while (at < text.len && is_digit(text.data[at]))
            at++;
        if (at == first)
            return false;
    }
    return at == text.len;
}

bool parse_double(struct sv text, double *value)
{
    struct sv unsigned_text = text;
    bool negative = false;
    if (text.len && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        unsigned_text = sv_from_offset(text, 1);
    }
    if (sv_equal_ignoring_case(unsigned_text, SV("nan"))) {
        *value = NAN;
        return true;
    }
    if (sv_equal_ignoring_case(unsigned_text, SV("inf")) ||
        sv_equal_ignoring_case(unsigned_text, SV("infinity"))) {
        *value = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (!is_decimal(unsigned_text))
        return false;
    char small[64];
    char *copy = unsigned_text.len < sizeof(small) ? small : malloc(unsigned_text.len + 1);
    if (!copy)
        return false;
    memcpy(copy, unsigned_text.data, unsigned_text.len);
    copy[unsigned_text.len] = '\0';
    double magnitude = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    *value = negative ? -magnitude : magnitude;
    return true;
}

/* The 16-digit decimal above `value`, from its 17 digits. */
static void round_up(double value, char *text, size_t size)
{
    snprintf(text, size, "%.16e", value);
    char *mark = strchr(text, 'e');
    char *last = mark - 2;
    while (*last == '9')
        *last-- = '0';
    if (is_digit(*last))
        ++*last;
    memmove(mark - 1, mark, strlen(mark) + 1);
}

/* Shortest digits that read back the same, as "d.ddde[+-]xx". */
static void shortest(double value, char *text, size_t size)
{
    /* Every normal double keeps 15 digits; the subnormal ones have fewer. */
    int precision = value < DBL_MIN ? 0 : 14;
    for (; precision < 16; precision++) {
        snprintf(text, size, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            return;
    }
    /* Below a power of two doubles lie closer, so that the decimal above it may do where the nearest does
     * not. */
    int exponent;
    if (frexp(value, &exponent) == 0.5) {
        round_up(value, text, size);
        if (strtod(text, NULL) == value)
            return;
    }
    snprintf(text, size, "%.16e", value);
}

size_t format_double(double value, char text[DOUBLE_TEXT_MAX])
{
    if (value == floor(value) && fabs(value) < 1e15) {
        const char *sign = signbit(value) ? "-" : "";
        return (size_t)snprintf(text, DOUBLE_TEXT_MAX, "%s%.0f.0", sign, fabs(value));
    }
    char scientific[DOUBLE_TEXT_MAX];
    shortest(fabs(value), scientific, sizeof(scientific));
    char *mark = strchr(scientific, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    char digits[DOUBLE_TEXT_MAX];
    int count = 0;
    for (const char *c = scientific; c < mark; c++)
        if (is_digit(*c))
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';

    const char *sign = signbit(value) ? "-" : "";
    int len;
    if (exponent < -4 || exponent >= 16)
        len = snprintf(text, DOUBLE_TEXT_MAX, "%s%c%s%se%c%02d", sign, digits[0], count > 1 ? "." : "",
                       digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        len = snprintf(text, DOUBLE_TEXT_MAX, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    else if (count <= exponent + 1)
        len = snprintf(text, DOUBLE_TEXT_MAX, "%s%s%.*s.0", sign, digits, exponent + 1 - count,
                       "0000000000000000");
    else
        len = snprintf(text, DOUBLE_TEXT_MAX, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    return (size_t)len;
}
