#ifndef TRACKLIGHT_SEARCH_IDENTIFIER_H
#define TRACKLIGHT_SEARCH_IDENTIFIER_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/search/language.h"

struct search_identifier {
    const struct search_entity *entity;
    const struct search_key *fixed;
    struct sv key;
};

#define SEARCH_FAIL(arena, error, ...) error_set((error), (arena), INVALID_PARAMETER_VALUE, __VA_ARGS__)

/* Whether a word can be an identifier: it has a key, and a bare key is not a number. */
bool search_identifier_is_well_formed(struct sv text);

/* Looks a word up in the language's tables. */
enum status search_identifier_resolve(struct arena *arena, struct error *error,
                                      const struct search_language *language, struct sv text,
                                      enum search_usage usage, struct search_identifier *identifier);

#endif
