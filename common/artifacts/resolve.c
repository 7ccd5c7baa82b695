#include "common/artifacts/resolve.h"

#include <string.h>

#include "common/artifacts/path.h"
#include "common/base/uri.h"

#define PROXY_PATH "/api/2.0/mlflow-artifacts/artifacts/"

static bool is_one_of(struct sv scheme, const char *const *names)
{
    for (; *names; names++) {
        if (sv_equal_ignoring_case(scheme, sv_from(*names)))
            return true;
    }
    return false;
}

static enum status unsupported(struct arena *arena, struct error *error, struct sv scheme, struct sv uri)
{
    static const char *const known[] = {"s3",   "r2",   "gs",     "wasbs", "abfss",  "ftp", "sftp",
                                        "dbfs", "hdfs", "viewfs", "runs",  "models", NULL};
    if (is_one_of(scheme, known))
        return error_set(
            error, arena, NOT_IMPLEMENTED,
            "This server does not read artifacts of the scheme '%.*s': its own are local folders "
            "(file:) and what it serves itself (mlflow-artifacts:).",
            SV_ARG(scheme));
    return error_set(
        error, arena, INVALID_PARAMETER_VALUE,
        "Could not find a registered artifact repository for: %.*s. Currently registered schemes "
        "are: ['', 'file', 'http', 'https', 'mlflow-artifacts']",
        SV_ARG(uri));
}

static struct sv without_query(struct sv uri)
{
    return sv_first(uri, sv_find(uri, '?'));
}

/* The path behind "//authority". */
static struct sv without_authority(struct sv text)
{
    if (!sv_starts_with(text, SV("//")))
        return text;
    struct sv authority = sv_from_offset(text, 2);
    return sv_from_offset(authority, sv_find(authority, '/'));
}

/* False if the URI is not one of a folder of this machine. */
static bool local_directory(struct arena *arena, struct sv working_directory, struct sv uri,
                            struct sv *directory)
{
    struct sv scheme = uri_scheme(uri), path = without_query(uri);
    if (scheme.data && !sv_equal_ignoring_case(scheme, SV("file")))
        return false;
    if (scheme.data)
        path = uri_decode_leniently(arena, without_authority(sv_from_offset(path, scheme.len + 1)));
    *directory = path_absolute(arena, working_directory, path);
    return sv_find(*directory, '\0') == directory->len;
}

/* The path that the proxy would be asked for, still encoded; absent if there is none. */
static struct sv proxied_path(struct sv scheme, struct sv uri)
{
    struct sv rest = without_query(sv_from_offset(uri, scheme.len + 1));
    if (sv_equal_ignoring_case(scheme, SV("mlflow-artifacts")))
        return without_authority(rest);
    const char *marker = memmem(rest.data, rest.len, PROXY_PATH, strlen(PROXY_PATH));
    if (!marker)
        return SV_ABSENT;
    return sv_from_offset(rest, (size_t)(marker - rest.data) + strlen(PROXY_PATH));
}

static enum status resolve_proxied(const struct artifact_settings *settings, struct arena *arena,
                                   struct error *error, struct sv scheme, struct sv uri,
                                   struct local_root *root)
{
    if (!settings->serve_artifacts)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The artifacts of %.*s are served by an MLflow server, but this one runs with "
                         "--no-serve-artifacts. Start it with --serve-artifacts to reach them.",
                         SV_ARG(uri));
    struct sv path = proxied_path(scheme, uri);
    if (!path.data)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The artifact URI %.*s does not lie below " PROXY_PATH ".", SV_ARG(uri));
    if (!local_directory(arena, settings->working_directory, settings->destination, &root->directory))
        return unsupported(arena, error, uri_scheme(settings->destination), settings->destination);
    path = uri_decode_leniently(arena, path);
    while (sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    return artifact_path_check(arena, error, path, &root->prefix);
}

enum status artifact_resolve(const struct artifact_settings *settings, struct arena *arena,
                             struct error *error, struct sv uri, struct local_root *root)
{
    static const char *const proxied[] = {"mlflow-artifacts", "http", "https", NULL};
    *root = (struct local_root){.prefix = SV("")};
    struct sv scheme = uri_scheme(uri);
    if (scheme.data && is_one_of(scheme, proxied))
        return resolve_proxied(settings, arena, error, scheme, uri, root);
    if (local_directory(arena, settings->working_directory, uri, &root->directory))
        return OK;
    return unsupported(arena, error, scheme, uri);
}
