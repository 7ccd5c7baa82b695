#include "common/base/timestamp.h"

#include <time.h>

#include "common/base/number.h"

#define MS_PER_SECOND        1000
#define DURATION_MAX_SECONDS INT64_C(315576000000)
#define FIRST_MS             INT64_C(-62135596800000) /* 0001-01-01T00:00:00Z */
#define LAST_MS              INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* `digits` decimal digits at the front of *text, which moves behind them. */
static bool take_number(struct sv *text, size_t digits, int *value)
{
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!text->len || text->data[0] < '0' || text->data[0] > '9')
            return false;
        *value = *value * 10 + (text->data[0] - '0');
        *text = sv_from_offset(*text, 1);
    }
    return true;
}

static bool take_byte(struct sv *text, const char *accepted)
{
    for (; text->len && *accepted; accepted++) {
        if (text->data[0] == *accepted) {
            *text = sv_from_offset(*text, 1);
            return true;
        }
    }
    return false;
}

/* ".123456789" at the front of *text, as milliseconds; nothing there is 0. */
static bool take_fraction(struct sv *text, int *ms)
{
    *ms = 0;
    if (!take_byte(text, "."))
        return true;
    size_t digits = 0;
    for (int digit; take_number(text, 1, &digit); digits++) {
        if (digits < 3)
            *ms = *ms * 10 + digit;
    }
    for (size_t i = digits; i < 3; i++)
        *ms *= 10;
    return digits >= 1 && digits <= 9;
}

static bool take_offset(struct sv *text, int *minutes)
{
    *minutes = 0;
    if (take_byte(text, "Zz"))
        return true;
    bool west = text->len && text->data[0] == '-';
    int hour, minute;
    if (!take_byte(text, "+-") || !take_number(text, 2, &hour) || !take_byte(text, ":") ||
        !take_number(text, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

static bool is_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

bool timestamp_parse(struct sv text, int64_t *ms)
{
    struct tm utc = {0};
    int year, month, fraction, offset;
    if (!take_number(&text, 4, &year) || !take_byte(&text, "-") || !take_number(&text, 2, &month) ||
        !take_byte(&text, "-") || !take_number(&text, 2, &utc.tm_mday) || !take_byte(&text, "Tt") ||
        !take_number(&text, 2, &utc.tm_hour) || !take_byte(&text, ":") ||
        !take_number(&text, 2, &utc.tm_min) || !take_byte(&text, ":") ||
        !take_number(&text, 2, &utc.tm_sec) || !take_fraction(&text, &fraction) ||
        !take_offset(&text, &offset) || text.len)
        return false;
    if (!is_date(year, month, utc.tm_mday) || utc.tm_hour > 23 || utc.tm_min > 59 || utc.tm_sec > 59)
        return false;
    utc.tm_year = year - 1900;
    utc.tm_mon = month - 1;
    int64_t result = ((int64_t)timegm(&utc) - (int64_t)offset * 60) * MS_PER_SECOND + fraction;
    if (result < FIRST_MS || result > LAST_MS)
        return false;
    *ms = result;
    return true;
}

struct sv timestamp_format(struct arena *arena, int64_t ms)
{
    if (ms < FIRST_MS)
        ms = FIRST_MS;
    if (ms > LAST_MS)
        ms = LAST_MS;
    int64_t fraction = ms % MS_PER_SECOND;
    if (fraction < 0)
        fraction += MS_PER_SECOND;
    time_t seconds = (time_t)((ms - fraction) / MS_PER_SECOND);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    struct sv text = arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d", utc.tm_year + 1900, utc.tm_mon + 1,
                                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    if (!fraction)
        return arena_printf(arena, "%.*sZ", SV_ARG(text));
    return arena_printf(arena, "%.*s.%03dZ", SV_ARG(text), (int)fraction);
}

bool duration_parse(struct sv text, int64_t *ms)
{
    bool negative = take_byte(&text, "-");
    size_t point = 0;
    while (point < text.len && text.data[point] >= '0' && text.data[point] <= '9')
        point++;
    int64_t seconds;
    int fraction;
    if (!parse_int64(sv_first(text, point), 0, DURATION_MAX_SECONDS, &seconds))
        return false;
    text = sv_from_offset(text, point);
    if (!take_fraction(&text, &fraction) || !sv_equal(text, SV("s")))
        return false;
    *ms = (seconds * MS_PER_SECOND + fraction) * (negative ? -1 : 1);
    return true;
}

struct sv duration_format(struct arena *arena, int64_t ms)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    unsigned long long seconds = size / MS_PER_SECOND;
    unsigned fraction = (unsigned)(size % MS_PER_SECOND);
    if (!fraction)
        return arena_printf(arena, "%s%llus", sign, seconds);
    return arena_printf(arena, "%s%llu.%03us", sign, seconds, fraction);
}

bool age_parse(struct sv text, int64_t *ms)
{
    static const struct {
        char unit;
        double ms;
    } units[] = {{'d', 86400e3}, {'h', 3600e3}, {'m', 60e3}, {'s', 1e3}};
    size_t unit = 0, len = 0;
    double age_ms = 0;
    if (!text.len)
        return false;
    while (text.len) {
        double number;
        for (len = 0;
             len < text.len && ((text.data[len] >= '0' && text.data[len] <= '9') || text.data[len] == '.');)
            len++;
        while (unit < 4 && len < text.len && units[unit].unit != text.data[len])
            unit++;
        if (unit == 4 || len == text.len || !parse_double(sv_first(text, len), &number))
            return false;
        age_ms += number * units[unit++].ms;
        text = sv_from_offset(text, len + 1);
    }
    if (!(age_ms <= AGE_MAX_MS))
        return false;
    *ms = (int64_t)age_ms;
    return true;
}
