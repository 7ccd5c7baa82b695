#include "common/artifacts/resolve.h"

#include <string.h>

#include "common/artifacts/path.h"
#include "common/base/uri.h"

#define PROXY_PATH      "/api/2.0/mlflow-artifacts/artifacts/"
#define ERROR_URI_LIMIT 1000 /* bytes of a URI that a message repeats */

static bool is_one_of(struct sv scheme, const char *const *names)
{
    for (; *names; names++) {
        if (sv_equal_ignoring_case(scheme, sv_from(*names)))
            return true;
    }
    return false;
}

enum status artifact_unsupported(struct arena *arena, struct error *error, struct sv uri)
{
    static const char *const known[] = {"r2",   "gs",   "wasbs",  "abfss", "ftp",    "sftp",
                                        "dbfs", "hdfs", "viewfs", "runs",  "models", NULL};
    struct sv scheme = uri_scheme(uri), shown = sv_first(uri, ERROR_URI_LIMIT);
    if (is_one_of(scheme, known))
        return error_set(error, arena, NOT_IMPLEMENTED,
                         "This server does not keep artifacts of the scheme '%.*s'. It knows local folders "
                         "(file:) and S3 (s3://bucket/prefix).",
                         SV_ARG(scheme));
    return error_set(
        error, arena, INVALID_PARAMETER_VALUE,
        "Could not find a registered artifact repository for: %.*s. Currently registered schemes "
        "are: ['', 'file', 's3', 'http', 'https', 'mlflow-artifacts']",
        SV_ARG(shown));
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

bool artifact_local_directory(struct arena *arena, struct sv working_directory, struct sv uri,
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

/* What could make two readers of one URI see two places: fragments and parameters (RFC 3986 section 3). */
static enum status check_uri(struct arena *arena, struct error *error, struct sv uri)
{
    for (size_t i = 0; i < uri.len; i++) {
        unsigned char byte = (unsigned char)uri.data[i];
        if (byte < 0x20 || byte == 0x7f || byte == '#' || byte == ';')
            return error_set(error, arena, INVALID_PARAMETER_VALUE,
                             "The artifact URI can't include fragments, params or control characters.");
    }
    return OK;
}

static enum status locate_proxied(const struct artifact_settings *settings, struct arena *arena,
                                  struct error *error, struct sv scheme, struct sv uri,
                                  struct artifact_place *place)
{
    struct sv shown = sv_first(uri, ERROR_URI_LIMIT);
    if (!settings->serve_artifacts)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The artifacts of %.*s are served by an MLflow server, but this one runs with "
                         "--no-serve-artifacts. Start it with --serve-artifacts to reach them.",
                         SV_ARG(shown));
    struct sv path = proxied_path(scheme, uri);
    if (!path.data)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The artifact URI %.*s does not lie below " PROXY_PATH ".", SV_ARG(shown));
    path = uri_decode_leniently(arena, path);
    while (sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    *place = artifact_destination(settings, arena);
    return artifact_path_check(arena, error, path, &place->prefix);
}

/* A root and what lies below it; both are clean. */
static bool is_below(struct sv directory, struct sv root)
{
    if (sv_equal(root, SV("/")))
        return true;
    return sv_starts_with(directory, root) && (directory.len == root.len || directory.data[root.len] == '/');
}

static enum status check_roots(const struct artifact_settings *settings, struct arena *arena,
                               struct error *error, struct sv directory)
{
    struct sv rest = settings->roots, root;
    if (rest.len == 0 ||
        (artifact_local_directory(arena, settings->working_directory, settings->destination, &root) &&
         is_below(directory, root)))
        return OK;
    while (rest.data) {
        struct sv item = sv_trim(sv_cut(&rest, ','));
        if (item.len && artifact_local_directory(arena, settings->working_directory, item, &root) &&
            is_below(directory, root))
            return OK;
    }
    return error_set(error, arena, PERMISSION_DENIED,
                     "The artifacts lie in a folder that this server may not use: its setting artifact_roots "
                     "does not name it.");
}

struct artifact_place artifact_destination(const struct artifact_settings *settings, struct arena *arena)
{
    struct artifact_place place = {settings->destination, SV(""), true};
    artifact_local_directory(arena, settings->working_directory, settings->destination, &place.root);
    return place;
}

enum status artifact_locate(const struct artifact_settings *settings, struct arena *arena,
                            struct error *error, struct sv uri, struct artifact_place *place)
{
    static const char *const proxied[] = {"mlflow-artifacts", "http", "https", NULL};
    *place = (struct artifact_place){uri, SV(""), false};
    struct sv scheme = uri_scheme(uri);
    if (check_uri(arena, error, uri) != OK)
        return FAILED;
    if (scheme.data && is_one_of(scheme, proxied))
        return locate_proxied(settings, arena, error, scheme, uri, place);
    if (artifact_local_directory(arena, settings->working_directory, uri, &place->root))
        return check_roots(settings, arena, error, place->root);
    return OK;
}

enum status artifact_resolve(const struct artifact_settings *settings, struct arena *arena,
                             struct error *error, struct sv uri, struct local_root *root)
{
    struct artifact_place place;
    *root = (struct local_root){.prefix = SV("")};
    if (artifact_locate(settings, arena, error, uri, &place) != OK)
        return FAILED;
    root->prefix = place.prefix;
    if (sv_starts_with(place.root, SV("/"))) {
        root->directory = place.root;
        return OK;
    }
    if (sv_equal_ignoring_case(uri_scheme(place.root), SV("s3")))
        return error_set(error, arena, NOT_IMPLEMENTED, "This operation needs artifacts in a local folder.");
    return artifact_unsupported(arena, error, place.root);
}
