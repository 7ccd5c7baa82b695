#ifndef TRACKLIGHT_JSON_JSON_CHECK_H
#define TRACKLIGHT_JSON_JSON_CHECK_H

#include "common/json/json_read.h"

/* A place that json-c would bend: `drop` bytes at offset `at` of the document give way to `text`. */
struct json_patch {
    size_t at;
    size_t drop;
    char text[4];
    size_t len;
};

/* What the byte-level check found out about a text. */
struct json_check {
    struct sv document; /* without a byte order mark */
    bool root_is_null;

    /* What json-c must be given instead of what stands there, ascending; in the arena. */
    struct json_patch *patches;
    size_t patch_count;
    size_t patch_capacity;

    const char *problem; /* static; NULL for JSON_OK */
    size_t problem_at;   /* byte of the text, from 0 */
};

/* One pass without recursion. Fills *check. */
enum json_outcome json_check(struct arena *arena, struct sv text, struct json_check *check);

#endif
