#ifndef TRACKLIGHT_JSON_JSON_READ_H
#define TRACKLIGHT_JSON_JSON_READ_H

#include <json-c/json.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

/* JSON (RFC 8259) from outside, through json-c, after a byte-level check that refuses what json-c would bend.
 */

#define JSON_MAX_DEPTH      64
#define JSON_MAX_VALUES     2000000 /* values in one document */
#define JSON_MAX_CONTAINERS 250000  /* arrays and objects among them: json-c takes 0.3 to 0.8 KB for each */

enum json_outcome {
    JSON_OK,      /* *root is set; the caller owns it (json_object_put). JSON null gives a NULL root */
    JSON_EMPTY,   /* nothing but blanks */
    JSON_BAD,     /* not JSON; `problem` says what and at which byte */
    JSON_TOO_BIG, /* too deep, too many values, or more than memory holds; `problem` says which */
};

/* Accepts besides RFC 8259: a UTF-8 byte order mark, the bare tokens NaN, Infinity, -Infinity. Refuses:
 * invalid UTF-8, lone surrogates, NUL in keys, single quotes, comments, trailing bytes. The last of equal
 * keys wins. An integer beyond 64 bits becomes a double. `problem` is in the arena. */
enum json_outcome json_parse(struct arena *arena, struct sv text, struct json_object **root,
                             struct sv *problem);

/* The value as compact JSON with sorted keys, as MLflow quotes it in messages; cut at `limit` bytes. In the
 * arena. */
struct sv json_compact(struct arena *arena, struct json_object *value, size_t limit);

/* The same for a text that is not a JSON value yet. */
struct sv json_compact_string(struct arena *arena, struct sv text, size_t limit);

/* The name of the Python type that MLflow's messages would give: int float str list dict bool NoneType. */
const char *json_python_type(struct json_object *value);

/* A view of a JSON string's bytes, valid while the object lives. */
struct sv json_string_view(struct json_object *value);

#endif
