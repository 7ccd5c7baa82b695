#ifndef TRACKLIGHT_BASE_CONF_FILE_H
#define TRACKLIGHT_BASE_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The syntax of tracklight.conf and of the files in jobs.d: lines "key = value", where the value may stand in
 * quotes; "#" begins a comment at the beginning of a line, and behind a blank in a value without quotes. */

enum conf_line { CONF_NOTHING, CONF_SETTING, CONF_SECTION, CONF_BAD };

/* What a line says. CONF_SETTING: key, and value as it stands there; CONF_SECTION, "[name]": the name is the
 * key; CONF_BAD: *reason says why. The views point into the line. */
enum conf_line conf_parse_line(struct sv line, struct sv *key, struct sv *value, const char **reason);

/* Takes quotes or a comment off a value. NULL, or the reason why that cannot be. */
const char *conf_plain_value(struct sv *value);

/* The words of a value, which blanks separate; a whole word may stand in quotes, and "#" behind a blank
 * begins a comment. Nothing is expanded. They are NUL-terminated and in the arena. NULL, or the reason why
 * not. */
const char *conf_words(struct arena *arena, struct sv value, struct sv **words, size_t *count);

/* A file as a whole. False, with a sentence in *problem, if it cannot be read or is larger than `max`; `what`
 * names its kind in that: "configuration file". */
bool conf_read_file(struct arena *arena, const char *what, const char *path, size_t max, struct sv *content,
                    struct sv *problem);

#endif
