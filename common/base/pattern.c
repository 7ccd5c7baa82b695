#include "common/base/pattern.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/base/clock.h"

enum {
    STEPS_MAX = 200000, /* from one place of the text on */
    DEPTH_MAX = 5000,
    HEAP_KIB_MAX = 8192,
    PARENTHESES_MAX = 100,
    STEPS_BETWEEN_LOOKS = 16, /* at the clock */
};

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int64_t deadline_us;
    unsigned steps;
};

/* PCRE2 counts steps anew at each place where a match may begin, and a repeated character is one step however
 * often it repeats: only the clock bounds the whole. */
static int look_at_clock(pcre2_callout_block *block, void *context)
{
    struct pattern *pattern = context;
    (void)block;
    if (++pattern->steps % STEPS_BETWEEN_LOOKS != 0)
        return 0;
    return clock_monotonic_us() < pattern->deadline_us ? 0 : PCRE2_ERROR_CALLOUT;
}

static pcre2_code *compile(struct sv text)
{
    int error;
    PCRE2_SIZE where;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_max_pattern_length(context, PATTERN_MAX);
    pcre2_set_parens_nest_limit(context, PARENTHESES_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.data, text.len,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF |
                                         PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT,
                                     &error, &where, context);
    pcre2_compile_context_free(context);
    return code;
}

struct pattern *pattern_compile(struct sv text)
{
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (!pattern)
        return NULL;
    pattern->code = compile(text.len ? text : SV(""));
    if (pattern->code) {
        pattern->data = pcre2_match_data_create(1, NULL);
        pattern->context = pcre2_match_context_create(NULL);
    }
    if (!pattern->data || !pattern->context) {
        pattern_free(pattern);
        return NULL;
    }
    pcre2_set_match_limit(pattern->context, STEPS_MAX);
    pcre2_set_depth_limit(pattern->context, DEPTH_MAX);
    pcre2_set_heap_limit(pattern->context, HEAP_KIB_MAX);
    pcre2_set_callout(pattern->context, look_at_clock, pattern);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_match_context_free(pattern->context);
    pcre2_match_data_free(pattern->data);
    pcre2_code_free(pattern->code);
    free(pattern);
}

enum pattern_outcome pattern_search(struct pattern *pattern, struct sv text, int64_t deadline_us)
{
    pattern->deadline_us = deadline_us;
    if (!text.len)
        text = SV("");
    int found =
        pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.len, 0, 0, pattern->data, pattern->context);
    if (found >= 0)
        return PATTERN_MATCHES;
    return found == PCRE2_ERROR_CALLOUT ? PATTERN_LATE : PATTERN_DIFFERS;
}
