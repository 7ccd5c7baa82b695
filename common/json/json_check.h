#ifndef TRACKLIGHT_JSON_JSON_CHECK_H
#define TRACKLIGHT_JSON_JSON_CHECK_H

#include "common/json/json_read.h"

/* What the byte-level check found out about a text. */
struct json_check {
    struct sv document; /* without a byte order mark */
    bool root_is_null;

    /* Offsets in the document behind each integer that does not fit 64 bits, ascending; in the arena. */
    size_t *wide_integers;
    size_t wide_count;
    size_t wide_capacity;

    const char *problem; /* static; NULL for JSON_OK */
    size_t problem_at;   /* byte of the text, from 0 */
};

/* One pass without recursion. Fills *check. */
enum json_outcome json_check(struct arena *arena, struct sv text, struct json_check *check);

#endif
