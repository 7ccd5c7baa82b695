#ifndef TRACKLIGHT_ARTIFACTS_RESOLVE_H
#define TRACKLIGHT_ARTIFACTS_RESOLVE_H

#include <stdbool.h>

#include "common/artifacts/local.h"

/* What an artifact URI means on this server. */
struct artifact_settings {
    bool serve_artifacts;        /* --serve-artifacts */
    struct sv destination;       /* --artifacts-destination */
    struct sv working_directory; /* relative paths are taken from here */
    struct sv
        roots; /* folders, comma-separated, below which local artifacts must lie; absent or "": anywhere */
};

/* Where artifacts lie: a repository (repository_open takes `root`) and a clean path in it. */
struct artifact_place {
    struct sv root;      /* an absolute path, or a URI */
    struct sv prefix;    /* "" for none */
    bool in_destination; /* the root is the artifacts destination, which only this server writes to */
};

/* The root of what the server proxies. */
struct artifact_place artifact_destination(const struct artifact_settings *settings, struct arena *arena);

/* The place of an artifact URI: a local path, a file: URI (RFC 8089), one of an object store, or one that
 * this server proxies (mlflow-artifacts:, and http(s) with the proxy's path in it). INVALID_PARAMETER_VALUE
 * for a URI that makes no sense or is proxied elsewhere, PERMISSION_DENIED for a folder outside of the
 * settings' roots. */
enum status artifact_locate(const struct artifact_settings *settings, struct arena *arena,
                            struct error *error, struct sv uri, struct artifact_place *place);

/* artifact_locate for those who need a folder: NOT_IMPLEMENTED for stores on other machines. */
enum status artifact_resolve(const struct artifact_settings *settings, struct arena *arena,
                             struct error *error, struct sv uri, struct local_root *root);

/* The absolute directory of a local path or file: URI. False if the URI is neither. */
bool artifact_local_directory(struct arena *arena, struct sv working_directory, struct sv uri,
                              struct sv *directory);

/* FAILED with the error for a URI of a scheme that no repository is for. */
enum status artifact_unsupported(struct arena *arena, struct error *error, struct sv uri);

#endif
