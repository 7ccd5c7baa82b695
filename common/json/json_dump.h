#ifndef TRACKLIGHT_JSON_JSON_DUMP_H
#define TRACKLIGHT_JSON_JSON_DUMP_H

#include <stdbool.h>

#include <json-c/json.h>

#include "common/base/arena.h"
#include "common/base/arena_text.h"
#include "common/base/sv.h"
#include "common/json/json_write.h"

/* The value as Python's json.dumps writes it: ", " and ": " between items, pure ASCII, floats as Python's
 * repr, bare NaN and Infinity, integers of any size as they came. With `sorted`, the names of every object
 * are in the order of their code points. Digests and texts that clients compare are made of this. In the
 * arena. */
struct sv json_dump(struct arena *arena, struct json_object *value, bool sorted);

/* Adds a text as a JSON string, in the same manner. */
void json_dump_string(struct arena_text *out, struct sv text);

/* Writes a parsed value with a writer: compact, numbers as they came, NaN and the infinities as null. Takes
 * no other memory than the writer's. */
void json_put_value(struct json_writer *writer, struct json_object *value);

/* Whether a number was written as an integer, of whatever size. */
bool json_is_integer(struct json_object *value);

#endif
