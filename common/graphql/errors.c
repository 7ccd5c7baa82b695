#include "common/graphql/errors.h"

void graphql_error(struct graphql_errors *errors, const char *format, ...)
{
    va_list arguments;
    if (errors->count == GRAPHQL_ERRORS_MAX)
        return;
    va_start(arguments, format);
    struct sv text = arena_vprintf(errors->arena, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < errors->count; i++)
        if (sv_equal(errors->items[i], text))
            return;
    errors->items[errors->count++] = text;
}
