#include "common/base/sv.h"

#include <limits.h>
#include <string.h>

int sv_printf_length(struct sv view)
{
    if (!view.data)
        return 0;
    return view.len > INT_MAX ? INT_MAX : (int)view.len;
}

struct sv sv_from(const char *string)
{
    if (!string)
        return SV_ABSENT;
    return (struct sv){string, strlen(string)};
}

bool sv_equal(struct sv a, struct sv b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static char ascii_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool sv_equal_ignoring_case(struct sv a, struct sv b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

int sv_compare(struct sv a, struct sv b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool sv_starts_with(struct sv view, struct sv prefix)
{
    if (view.len < prefix.len || !view.data)
        return false;
    return prefix.len == 0 || memcmp(view.data, prefix.data, prefix.len) == 0;
}

bool sv_ends_with(struct sv view, struct sv suffix)
{
    if (view.len < suffix.len || !view.data)
        return false;
    return suffix.len == 0 || memcmp(view.data + view.len - suffix.len, suffix.data, suffix.len) == 0;
}

size_t sv_find(struct sv view, char byte)
{
    const char *found = view.len ? memchr(view.data, byte, view.len) : NULL;
    return found ? (size_t)(found - view.data) : view.len;
}

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct sv sv_trim(struct sv view)
{
    while (view.len && is_blank(view.data[0])) {
        view.data++;
        view.len--;
    }
    while (view.len && is_blank(view.data[view.len - 1]))
        view.len--;
    return view;
}

struct sv sv_cut(struct sv *rest, char separator)
{
    size_t at = sv_find(*rest, separator);
    struct sv piece = sv_first(*rest, at);
    *rest = at < rest->len ? sv_from_offset(*rest, at + 1) : SV_ABSENT;
    return piece;
}

struct sv sv_from_offset(struct sv view, size_t from)
{
    if (from > view.len)
        from = view.len;
    return (struct sv){view.data ? view.data + from : NULL, view.len - from};
}

struct sv sv_first(struct sv view, size_t to)
{
    return (struct sv){view.data, to < view.len ? to : view.len};
}
