#include "common/store/artifact_location.h"

#include "common/base/uri.h"
#include "common/base/utf8.h"
#include "common/store/text.h"

#define DECODE_ROUNDS_MAX 10

/* Absolute against the working directory where the URI is a local path or a file: URI. */
static enum status make_absolute(struct arena *arena, struct error *error, struct sv given,
                                 struct sv working_directory, struct sv *absolute)
{
    struct sv scheme = uri_scheme(given);
    if (!scheme.data) {
        *absolute = path_absolute(arena, working_directory, given);
        return OK;
    }
    if (!sv_equal_ignoring_case(scheme, SV("file"))) {
        *absolute = given;
        return OK;
    }
    struct sv path = sv_from_offset(given, scheme.len + 1);
    if (sv_starts_with(path, SV("//"))) {
        struct sv authority = sv_from_offset(path, 2);
        size_t slash = sv_find(authority, '/');
        struct sv host = sv_first(authority, slash);
        if (host.len && !sv_equal_ignoring_case(host, SV("localhost"))) {
            struct sv shown = search_clip(given);
            return error_set(error, arena, INVALID_PARAMETER_VALUE,
                             "Artifact location '%.*s' names a host. Use file:///path for a local directory.",
                             SV_ARG(shown));
        }
        path = sv_from_offset(authority, slash);
    }
    path = path_absolute(arena, working_directory, path);
    *absolute = arena_printf(arena, "file://%.*s", SV_ARG(path));
    return OK;
}

enum status artifact_root(struct arena *arena, struct error *error, struct sv given, bool serve_artifacts,
                          struct sv working_directory, struct sv *root)
{
    if (given.len == 0)
        given = serve_artifacts ? SV("mlflow-artifacts:/") : SV("./mlruns");
    return make_absolute(arena, error, given, working_directory, root);
}

static bool has_dot_dot_in_query(struct arena *arena, struct sv location)
{
    struct sv query = sv_from_offset(location, sv_find(location, '?'));
    for (int round = 0; round < DECODE_ROUNDS_MAX; round++) {
        for (size_t i = 1; i < query.len; i++) {
            if (query.data[i] == '.' && query.data[i - 1] == '.')
                return true;
        }
        struct sv decoded = uri_decode_leniently(arena, query);
        if (sv_equal(decoded, query))
            return false;
        query = decoded;
    }
    return true;
}

static bool has_control_character(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
    }
    return false;
}

enum status artifact_location_check(struct store_tx *tx, struct sv given, struct sv *location)
{
    int64_t limit = tx->store->settings.artifact_location_limit;
    if (utf8_length(given) > (size_t)limit)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid artifact path length. The length of the artifact path cannot be greater "
                          "than %lld characters. To configure this limit, please set the "
                          "MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
                          (long long)limit);
    if (sv_find(given, '#') < given.len || sv_find(given, ';') < given.len)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "'artifact_location' URL can't include fragments or params.");
    if (has_control_character(given))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "'artifact_location' can't include control characters.");
    if (has_dot_dot_in_query(tx->arena, given))
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid query string");
    return make_absolute(tx->arena, tx->error, given, tx->store->settings.working_directory, location);
}

struct sv artifact_uri_join(struct arena *arena, struct sv uri, struct sv suffix)
{
    /* MLflow drops the empty authority of this one scheme. */
    if (sv_starts_with(uri, SV("sqlite:///")))
        uri = arena_printf(arena, "sqlite:%.*s", SV_ARG(sv_from_offset(uri, sizeof("sqlite://") - 1)));
    size_t question = sv_find(uri, '?');
    struct sv path = sv_first(uri, question), query = sv_from_offset(uri, question);
    while (sv_ends_with(path, SV("/")))
        path = sv_first(path, path.len - 1);
    return arena_printf(arena, "%.*s/%.*s%.*s", SV_ARG(path), SV_ARG(suffix), SV_ARG(query));
}

struct sv artifact_location_default(struct arena *arena, struct sv root, int64_t experiment_id)
{
    return artifact_uri_join(arena, root, arena_printf(arena, "%lld", (long long)experiment_id));
}

struct sv artifact_uri_of_run(struct arena *arena, struct sv location, struct sv run_id)
{
    return artifact_uri_join(arena, location, arena_printf(arena, "%.*s/artifacts", SV_ARG(run_id)));
}
