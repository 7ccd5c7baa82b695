#include "common/artifacts/repository.h"

#include "common/artifacts/resolve.h"
#include "common/base/uri.h"

enum status repository_open(const struct repository_settings *settings, struct arena *arena,
                            struct error *error, struct sv uri, struct repository **repository)
{
    struct sv scheme = uri_scheme(uri), directory;
    if (sv_equal_ignoring_case(scheme, SV("s3")))
        return repository_open_s3(settings, arena, error, uri, repository);
    if (!artifact_local_directory(arena, SV("/"), uri, &directory))
        return artifact_unsupported(arena, error, uri);
    return repository_open_local(settings, arena, error, directory, repository);
}
