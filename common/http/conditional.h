#ifndef TRACKLIGHT_HTTP_CONDITIONAL_H
#define TRACKLIGHT_HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Conditional requests and ranges (RFC 9110 sections 13 and 14). Times are seconds since 1970 UTC. */

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). In the arena. */
struct sv http_date_text(struct arena *arena, int64_t seconds);

/* The three forms of that section; false for anything else. */
bool http_date_parse(struct sv text, int64_t *seconds);

/* What is being asked for. */
struct representation {
    struct sv etag; /* strong, with its quotes */
    int64_t modified_s;
    int64_t size; /* bytes */
};

/* Whether 304 is the answer to a GET or HEAD; the headers are absent if they were not sent. If-None-Match
 * wins over If-Modified-Since. */
bool http_not_modified(const struct representation *representation, struct sv if_none_match,
                       struct sv if_modified_since);

enum range_outcome {
    RANGE_NONE,          /* the whole: no range asked, several, malformed, or of another version */
    RANGE_PART,          /* bytes [from, to] */
    RANGE_UNSATISFIABLE, /* 416 */
};

/* A Range header under its If-Range condition. One range is served; a list of several is answered with the
 * whole, which section 14.2 allows. */
enum range_outcome http_range(const struct representation *representation, struct sv range,
                              struct sv if_range, int64_t *from, int64_t *to);

#endif
