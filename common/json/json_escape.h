#ifndef TRACKLIGHT_JSON_JSON_ESCAPE_H
#define TRACKLIGHT_JSON_JSON_ESCAPE_H

#include <stddef.h>

#include "common/base/sv.h"

/* JSON strings in pure ASCII, as Python's json.dumps escapes them. */

#define JSON_ESCAPE_MAX 12 /* a surrogate pair */

/* How many bytes from `offset` on stand for themselves. */
size_t json_plain_run(struct sv text, size_t offset);

/* Writes the code point at *offset as an escape and moves *offset behind it. Returns the length. A byte that
 * is not UTF-8 is taken as Latin-1. */
size_t json_escape(struct sv text, size_t *offset, char escape[JSON_ESCAPE_MAX]);

#endif
