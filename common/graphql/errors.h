#ifndef TRACKLIGHT_GRAPHQL_ERRORS_H
#define TRACKLIGHT_GRAPHQL_ERRORS_H

#include <stdarg.h>
#include <stddef.h>

#include "common/base/arena.h"

/* What is wrong with a document, and what failed while it was answered: sentences for the client. */

#define GRAPHQL_ERRORS_MAX 100 /* further ones are dropped */

struct graphql_errors {
    struct arena *arena;
    size_t count;
    struct sv items[GRAPHQL_ERRORS_MAX];
};

/* A sentence that is there already is not added again. */
void graphql_error(struct graphql_errors *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
