#ifndef TRACKLIGHT_ARTIFACTS_RESOLVE_H
#define TRACKLIGHT_ARTIFACTS_RESOLVE_H

#include "common/artifacts/local.h"

/* What an artifact URI means on this server. */
struct artifact_settings {
    bool serve_artifacts;        /* --serve-artifacts */
    struct sv destination;       /* --artifacts-destination */
    struct sv working_directory; /* relative paths are taken from here */
};

/* The folder of an artifact URI: a local path, a file: URI (RFC 8089), or one that this server proxies
 * (mlflow-artifacts:, and http(s) with the proxy's path in it). INVALID_PARAMETER_VALUE for a URI that makes
 * no sense or is proxied elsewhere, NOT_IMPLEMENTED for stores on other machines. */
enum status artifact_resolve(const struct artifact_settings *settings, struct arena *arena,
                             struct error *error, struct sv uri, struct local_root *root);

#endif
