#include "common/http/conditional.h"

#include <string.h>
#include <time.h>

#include "common/base/number.h"

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct sv http_date_text(struct arena *arena, int64_t seconds)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    time_t when = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&when, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
        return SV_ABSENT;
    return arena_printf(arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Exactly `len` digits at `at`. */
static bool digits(struct sv text, size_t at, size_t len, int *value)
{
    *value = 0;
    if (at + len > text.len)
        return false;
    for (size_t i = at; i < at + len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + (text.data[i] - '0');
    }
    return true;
}

static bool month(struct sv text, size_t at, int *value)
{
    for (int i = 0; i < 12; i++) {
        if (at + 3 <= text.len && memcmp(text.data + at, months[i], 3) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

static bool clock_time(struct sv text, size_t at, struct tm *tm)
{
    return at + 8 <= text.len && text.data[at + 2] == ':' && text.data[at + 5] == ':' &&
           digits(text, at, 2, &tm->tm_hour) && digits(text, at + 3, 2, &tm->tm_min) &&
           digits(text, at + 6, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

/* Two digits of a year are the one that lies at most 50 years ahead. */
static int whole_year(int two_digits)
{
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm))
        return 1970;
    int current = tm.tm_year + 1900, year = current - current % 100 + two_digits;
    return year > current + 50 ? year - 100 : year;
}

/* asctime: "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(struct sv text, struct tm *tm, int *year)
{
    struct sv day = text.len == 24 ? sv_trim((struct sv){text.data + 8, 2}) : SV("");
    return day.len && month(text, 4, &tm->tm_mon) && digits(day, 0, day.len, &tm->tm_mday) &&
           clock_time(text, 11, tm) && digits(text, 20, 4, year);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", and the obsolete "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool parse_with_comma(struct sv text, struct tm *tm, int *year)
{
    size_t at = sv_find(text, ',') + 2;
    size_t rest = text.len > at ? text.len - at : 0;
    if (!sv_ends_with(text, SV(" GMT")) || !digits(text, at, 2, &tm->tm_mday) ||
        !month(text, at + 3, &tm->tm_mon))
        return false;
    if (rest == 24)
        return digits(text, at + 7, 4, year) && clock_time(text, at + 12, tm);
    if (rest != 22 || !digits(text, at + 7, 2, year) || !clock_time(text, at + 10, tm))
        return false;
    *year = whole_year(*year);
    return true;
}

bool http_date_parse(struct sv text, int64_t *seconds)
{
    struct tm tm = {0};
    int year = 0;
    text = sv_trim(text);
    bool parsed =
        sv_find(text, ',') < text.len ? parse_with_comma(text, &tm, &year) : parse_asctime(text, &tm, &year);
    if (!parsed || tm.tm_mday < 1 || tm.tm_mday > 31)
        return false;
    tm.tm_year = year - 1900;
    *seconds = (int64_t)timegm(&tm);
    return true;
}

/* The list may hold weak tags, which compare like strong ones here (section 13.1.2). */
static bool lists_etag(struct sv list, struct sv etag)
{
    while (list.data) {
        struct sv item = sv_trim(sv_cut(&list, ','));
        if (sv_starts_with(item, SV("W/")))
            item = sv_from_offset(item, 2);
        if (sv_equal(item, etag) || sv_equal(item, SV("*")))
            return true;
    }
    return false;
}

bool http_not_modified(const struct representation *representation, struct sv if_none_match,
                       struct sv if_modified_since)
{
    int64_t since;
    if (if_none_match.data)
        return lists_etag(if_none_match, representation->etag);
    return if_modified_since.data && http_date_parse(if_modified_since, &since) &&
           representation->modified_s <= since;
}

static bool is_this_version(const struct representation *representation, struct sv if_range)
{
    int64_t date;
    if (!if_range.data)
        return true;
    if_range = sv_trim(if_range);
    if (sv_starts_with(if_range, SV("\"")))
        return sv_equal(if_range, representation->etag);
    return http_date_parse(if_range, &date) && date == representation->modified_s;
}

/* Digits only: a sign is no part of a range. A number beyond 64 bits is beyond every end. */
static bool parse_position(struct sv text, int64_t *value)
{
    if (!text.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    if (!parse_int64(text, 0, INT64_MAX, value))
        *value = INT64_MAX;
    return true;
}

static enum range_outcome last_bytes(int64_t size, struct sv count, int64_t *from, int64_t *to)
{
    int64_t len;
    if (!parse_position(count, &len))
        return RANGE_NONE;
    if (len == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    *from = len < size ? size - len : 0;
    *to = size - 1;
    return RANGE_PART;
}

enum range_outcome http_range(const struct representation *representation, struct sv range,
                              struct sv if_range, int64_t *from, int64_t *to)
{
    int64_t size = representation->size;
    struct sv set = range;
    struct sv unit = sv_trim(sv_cut(&set, '='));
    if (!set.data || !sv_equal_ignoring_case(unit, SV("bytes")) || sv_find(set, ',') < set.len ||
        !is_this_version(representation, if_range))
        return RANGE_NONE;
    struct sv last = sv_trim(set);
    struct sv first = sv_trim(sv_cut(&last, '-'));
    if (!last.data)
        return RANGE_NONE;
    last = sv_trim(last);
    if (!first.len)
        return last_bytes(size, last, from, to);
    *to = INT64_MAX;
    if (!parse_position(first, from) || (last.len && !parse_position(last, to)) || *to < *from)
        return RANGE_NONE;
    if (*from >= size)
        return RANGE_UNSATISFIABLE;
    if (*to >= size)
        *to = size - 1;
    return RANGE_PART;
}
