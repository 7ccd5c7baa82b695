#include "common/store/uri.h"

#include "common/base/uri.h"

static enum status unsupported(struct arena *arena, struct error *error, struct sv uri)
{
    struct sv scheme = uri_scheme(uri);
    if (scheme.data && !sv_equal_ignoring_case(scheme, SV("file")))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Store URIs of the scheme '%.*s' are not supported; use sqlite:///relative.db or "
                         "sqlite:////absolute.db.",
                         SV_ARG(scheme));
    return error_set(error, arena, INVALID_PARAMETER_VALUE,
                     "A directory ('%.*s') as store is not supported; use sqlite:///relative.db or "
                     "sqlite:////absolute.db.",
                     SV_ARG(uri));
}

enum status store_uri_path(struct arena *arena, struct error *error, struct sv uri, struct sv *path)
{
    if (uri.len == 0)
        uri = SV(STORE_URI_DEFAULT);
    if (!sv_equal_ignoring_case(uri_scheme(uri), SV("sqlite")))
        return unsupported(arena, error, uri);

    struct sv rest = sv_from_offset(uri, sizeof("sqlite:") - 1);
    if (!sv_starts_with(rest, SV("///")))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Store URI '%.*s' names no file; use sqlite:///relative.db or "
                         "sqlite:////absolute.db.",
                         SV_ARG(uri));
    rest = sv_from_offset(rest, 3);
    if (rest.len == 0 || sv_equal(rest, SV(":memory:")))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "A database in memory is not supported; use sqlite:///relative.db or "
                         "sqlite:////absolute.db.");
    if (sv_find(rest, '?') < rest.len || sv_find(rest, '\0') < rest.len)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Store URI '%.*s' has parameters, which are not supported; use "
                         "sqlite:///relative.db or sqlite:////absolute.db.",
                         SV_ARG(uri));
    *path = arena_copy(arena, rest);
    return OK;
}
