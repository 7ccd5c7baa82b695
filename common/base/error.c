#include "common/base/error.h"

#include <stdarg.h>

enum status error_set(struct error *error, struct arena *arena, enum error_code code, const char *format, ...)
{
    if (error->code != ERROR_NONE)
        return FAILED;
    va_list arguments;
    va_start(arguments, format);
    error->message = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    error->code = code;
    return FAILED;
}

enum status error_internal(struct error *error, struct arena *arena, const char *format, ...)
{
    if (error->code != ERROR_NONE)
        return FAILED;
    va_list arguments;
    va_start(arguments, format);
    error->detail = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    error->message = SV(
        "The server failed to carry out the request. Its log tells why, under the request id of this reply.");
    error->code = INTERNAL_ERROR;
    return FAILED;
}

void error_clear(struct error *error)
{
    *error = (struct error){.code = ERROR_NONE};
}
