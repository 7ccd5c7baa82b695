#ifndef TRACKLIGHT_FCGI_PERMIT_INPUT_H
#define TRACKLIGHT_FCGI_PERMIT_INPUT_H

#include "common/http/request.h"

/* What a request names, read from the very input that its handler gets. */

struct named {
    struct sv *items;
    size_t count;
    bool is_list; /* the input has room for several */
    bool is_junk; /* something is there that can be no name */
};

/* The place in the row's input that a need speaks of: its own, or the first of the resource's usual ones that
 * the input has. NULL: there is none. */
const char *permit_place(const struct operation *operation, const struct need *need);

/* All that is named there. An empty text that is no item of a list names nothing. In the arena. */
void permit_named(struct request *request, const void *in, const char *place, struct named *named);

/* Whether the row's input has a field for a single text of this name. */
bool permit_text_place(const struct operation *operation, const char *field);

/* A single text of the input, by its field; absent if it is not there. */
struct sv permit_text(const struct operation *operation, const void *in, const char *field);

#endif
