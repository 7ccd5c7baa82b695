#ifndef TRACKLIGHT_HTTP_URL_H
#define TRACKLIGHT_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Percent-decoding (RFC 3986), once. False for a malformed escape, a NUL or invalid UTF-8 in the result.
 * `plus_is_blank` as in application/x-www-form-urlencoded. The result is in the arena (or the text itself if
 * nothing is escaped). */
bool url_decode(struct arena *arena, struct sv text, bool plus_is_blank, struct sv *decoded);

struct sv url_encode(struct arena *arena, struct sv text); /* all but unreserved characters */

/* One name=value pair of a query string. */
struct query_pair {
    struct sv name;
    struct sv value;
};

#define QUERY_MAX_PAIRS 4096

/* All pairs in order. False if one cannot be decoded or there are too many. */
bool query_parse(struct arena *arena, struct sv query, struct query_pair **pairs, size_t *count);

#endif
