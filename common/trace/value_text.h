#ifndef TRACKLIGHT_TRACE_VALUE_TEXT_H
#define TRACKLIGHT_TRACE_VALUE_TEXT_H

#include "common/base/arena_text.h"
#include "common/trace/otlp.h"

/* Values as MLflow stores them: JSON as Python's json.dumps writes it, with ", " and ": " between items. */

/* Whether the text is whole, valid JSON. */
bool is_json(struct arena *arena, struct sv text);

/* Adds a text as a JSON string that keeps characters beyond ASCII. */
void value_add_string(struct arena_text *out, struct sv text);

/* The text under which an attribute is stored. A string that is JSON itself, of an object, an array or a
 * string, stands as it is, so that it reads back as what it says; everything else is written as JSON. Bytes
 * become base64. In the arena, or the value's own bytes. */
struct sv value_text(struct arena *arena, const struct otlp_value *value);

/* Adds a value as plain JSON in pure ASCII, as events hold it. */
void value_add_json(struct arena_text *out, const struct otlp_value *value);

/* What a stored text says: the content of a JSON string, any other JSON as it stands. In the arena. */
struct sv value_decoded(struct arena *arena, struct sv text);

/* A number, or a string that holds one; NAN for anything else. */
double value_number(struct arena *arena, struct sv text);

/* Whether Python takes what the text says for false: {} [] "" 0 null false. */
bool value_is_falsy(struct sv text);

#endif
