#ifndef TRACKLIGHT_BASE_UTF8_H
#define TRACKLIGHT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sv.h"

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct sv text);

/* Code points in valid UTF-8; MLflow's length limits count these. */
size_t utf8_length(struct sv text);

/* The first `count` code points of valid UTF-8. */
struct sv utf8_first(struct sv text, size_t count);

/* Decodes one code point of valid UTF-8 at *offset and moves *offset behind it. */
uint32_t utf8_next(struct sv text, size_t *offset);

/* Whether Python's \w matches: a letter, number or underscore of any script. Letters beyond ASCII are
 * recognised by the C library's C.UTF-8 tables, which let some combining marks pass that Python does not. */
bool utf8_is_word(uint32_t code_point);

#endif
