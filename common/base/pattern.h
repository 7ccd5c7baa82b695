#ifndef TRACKLIGHT_BASE_PATTERN_H
#define TRACKLIGHT_BASE_PATTERN_H

#include <stdint.h>

#include "common/base/sv.h"

/* Regular expressions that clients send (PCRE2: Perl's, which are Python's too as far as searches use them).
 * A pattern that would take too many steps on a text does not match it. */
struct pattern;

#define PATTERN_MAX 20000 /* bytes */

/* NULL if it is no regular expression, too long, or there is no memory. */
struct pattern *pattern_compile(struct sv text);
void pattern_free(struct pattern *pattern);

enum pattern_outcome { PATTERN_DIFFERS, PATTERN_MATCHES, PATTERN_LATE };

/* Whether the pattern is found anywhere in the text, which should be UTF-8. PATTERN_LATE once
 * clock_monotonic_us() has passed `deadline_us`. Not for two threads at once. */
enum pattern_outcome pattern_search(struct pattern *pattern, struct sv text, int64_t deadline_us);

#endif
