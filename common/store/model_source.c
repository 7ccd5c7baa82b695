#include "common/store/model_source.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/number.h"
#include "common/base/uri.h"
#include "common/base/utf8.h"
#include "common/store/logged_models.h"
#include "common/store/model_aliases.h"
#include "common/store/registered_models.h"
#include "common/store/runs.h"
#include "common/store/text.h"

enum { DECODE_ROUNDS_MAX = 50 };

/* --- The administrator's pattern --- */

/* POSIX knows no class of these names; glibc would take the letter itself, silently. */
static bool has_foreign_escape(struct sv pattern)
{
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        if (pattern.data[i] != '\\')
            continue;
        char next = pattern.data[++i];
        bool is_letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
        if (is_letter && !strchr("wWsSbB", next))
            return true;
    }
    return false;
}

enum status model_source_set_pattern(struct store *store, struct sv pattern, struct arena *arena,
                                     struct error *error)
{
#define PATTERN_FAULT \
    "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX is no POSIX extended regular expression: "
    if (!pattern.len)
        return OK;
    if (has_foreign_escape(pattern))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         PATTERN_FAULT
                         "of escaped letters it has \\w, \\W, \\s, \\S, \\b and \\B; write [0-9] "
                         "for \\d.");
    regex_t *compiled = calloc(1, sizeof(*compiled));
    if (!compiled)
        return error_set(error, arena, INTERNAL_ERROR, "There is no memory for a regular expression.");
    int rc = regcomp(compiled, arena_cstr(arena, pattern), REG_EXTENDED | REG_NOSUB);
    if (rc == 0) {
        store->model_source_pattern = compiled;
        return OK;
    }
    char problem[128];
    regerror(rc, compiled, problem, sizeof(problem));
    free(compiled);
    return error_set(error, arena, INVALID_PARAMETER_VALUE, PATTERN_FAULT "%s.", problem);
#undef PATTERN_FAULT
}

void model_source_free_pattern(struct store *store)
{
    if (!store->model_source_pattern)
        return;
    regfree(store->model_source_pattern);
    free(store->model_source_pattern);
    store->model_source_pattern = NULL;
}

/* --- Logged models --- */

struct logged_model_place {
    struct sv artifact_location;
    struct sv source_run_id; /* absent or "": none */
};

static enum status find_logged_model(struct store_tx *tracking, struct sv model_id,
                                     struct logged_model_place *place)
{
    struct logged_model_ref ref;
    struct logged_model model;
    if (logged_model_find_existing(tracking, model_id, &ref) != OK ||
        logged_model_load(tracking, ref.id, &model) != OK)
        return FAILED;
    *place = (struct logged_model_place){.artifact_location = model.artifact_uri,
                                         .source_run_id = model.source_run_id};
    return OK;
}

/* --- Checking --- */

enum place { PLACE_LOCAL, PLACE_REMOTE, PLACE_OTHER_HOST };

/* Of file://host/path, without "file:". */
static struct sv file_host(struct sv rest)
{
    if (!sv_starts_with(rest, SV("//")))
        return SV("");
    rest = sv_from_offset(rest, 2);
    return sv_first(rest, sv_find(rest, '/'));
}

static bool is_this_host(struct sv host)
{
    return !host.len || sv_equal(host, SV(".")) ||
           sv_equal_ignoring_case(sv_first(host, strlen("localhost")), SV("localhost")) ||
           sv_starts_with(host, SV("127.0.0.1"));
}

static enum place place_of(struct sv uri)
{
    struct sv scheme = uri_scheme(uri);
    if (!scheme.data)
        return PLACE_LOCAL;
    if (!sv_equal_ignoring_case(scheme, SV("file")))
        return PLACE_REMOTE;
    return is_this_host(file_host(sv_from_offset(uri, scheme.len + 1))) ? PLACE_LOCAL : PLACE_OTHER_HOST;
}

/* The path of a local URI, still encoded if it is a file: URI. */
static struct sv local_path(struct sv uri)
{
    struct sv scheme = uri_scheme(uri);
    if (!scheme.data)
        return uri;
    struct sv rest = sv_from_offset(uri, scheme.len + 1);
    if (!sv_starts_with(rest, SV("//")))
        return rest;
    rest = sv_from_offset(rest, 2);
    return sv_from_offset(rest, sv_find(rest, '/'));
}

static struct sv plus_to_space(struct arena *arena, struct sv text)
{
    if (sv_find(text, '+') == text.len)
        return text;
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] == '+')
            copy[i] = ' ';
    }
    return (struct sv){copy, text.len};
}

/* Until nothing is escaped any more; false for a text that somebody wrapped in suspiciously many layers. */
static bool decode_wholly(struct arena *arena, bool plus_is_space, struct sv *text)
{
    for (int round = 0; round < DECODE_ROUNDS_MAX; round++) {
        struct sv decoded = plus_is_space ? plus_to_space(arena, *text) : *text;
        decoded = uri_decode_leniently(arena, decoded);
        if (sv_equal(decoded, *text))
            return true;
        *text = decoded;
    }
    return false;
}

static bool has_nul(struct sv text)
{
    return sv_find(text, '\0') < text.len;
}

static bool lies_in(struct sv path, struct sv directory)
{
    return directory.len > 1 && sv_starts_with(path, directory) &&
           (path.len == directory.len || path.data[directory.len] == '/');
}

static enum status refuse_local(struct store_tx *tx, struct sv shown, const char *parameter)
{
    shown = search_clip(shown);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid model version source: '%.*s'. To use a local path as a model version source, "
                      "the %s request parameter has to be specified and the local path has to be contained "
                      "within the artifact directory of the run specified by the %s.",
                      SV_ARG(shown), parameter, parameter);
}

/* As the artifact readers take a local URI: a path as it stands, that of a file: URI decoded. */
static struct sv readable_path(struct arena *arena, struct sv uri)
{
    struct sv path = local_path(uri);
    return uri_scheme(uri).data ? uri_decode_leniently(arena, path) : path;
}

/* However often a later reader decodes the path, it must stay inside; and none may cut it at a "?". */
static enum status check_inside(struct store_tx *tx, struct sv source, struct sv artifacts,
                                const char *parameter)
{
    struct arena *arena = tx->arena;
    struct sv working_directory = tx->store->settings.working_directory;
    struct sv path = readable_path(arena, source), decoded = path;
    bool sound = decode_wholly(arena, false, &decoded) && !has_nul(decoded) &&
                 sv_find(decoded, '?') == decoded.len && place_of(artifacts) == PLACE_LOCAL;
    path = path_absolute(arena, working_directory, path);
    decoded = path_absolute(arena, working_directory, decoded);
    struct sv root = path_absolute(arena, working_directory, readable_path(arena, artifacts));
    if (sound && lies_in(path, root) && lies_in(decoded, root))
        return OK;
    return refuse_local(tx, path, parameter);
}

static enum status check_local(struct store_tx *tracking, const struct model_version_create *create)
{
    if (create->model_id.len) {
        struct logged_model_place place;
        if (find_logged_model(tracking, create->model_id, &place) != OK)
            return FAILED;
        return check_inside(tracking, create->source, place.artifact_location, "model_id");
    }
    if (!create->run_id.len)
        return refuse_local(tracking, create->source, "run_id");
    struct run_ref ref;
    struct run_info run;
    if (run_find(tracking, create->run_id, &ref) != OK || run_info_load(tracking, ref.id, &run) != OK)
        return FAILED;
    return check_inside(tracking, create->source, run.artifact_uri, "run_id");
}

static bool has_parent_piece(struct sv text)
{
    while (text.data) {
        if (sv_equal(sv_cut(&text, '/'), SV("..")))
            return true;
    }
    return false;
}

/* The path of a URI with a scheme. */
static struct sv remote_path(struct sv uri)
{
    struct sv rest = sv_from_offset(uri, sv_find(uri, ':') + 1);
    if (sv_starts_with(rest, SV("//"))) {
        rest = sv_from_offset(rest, 2);
        size_t end = 0;
        while (end < rest.len && !strchr("/?#", rest.data[end]))
            end++;
        rest = sv_from_offset(rest, end);
    }
    rest = sv_first(rest, sv_find(rest, '#'));
    return sv_first(rest, sv_find(rest, '?'));
}

/* Whether a path is absolute, and has no "." or ".." in it. Repeated slashes are no fault. */
static bool is_plain_path(struct sv path)
{
    while (sv_ends_with(path, SV("/")))
        path = sv_first(path, path.len - 1);
    if (!sv_starts_with(path, SV("/")) || has_nul(path))
        return false;
    while (path.data) {
        struct sv piece = sv_cut(&path, '/');
        if (sv_equal(piece, SV(".")) || sv_equal(piece, SV("..")))
            return false;
    }
    return true;
}

static enum status check_remote(struct store_tx *tx, struct sv source)
{
    struct sv decoded = source;
    if (decode_wholly(tx->arena, true, &decoded) && !has_parent_piece(decoded) &&
        is_plain_path(remote_path(decoded)))
        return OK;
    struct sv shown = search_clip(source);
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "Invalid model version source: '%.*s'. If supplying a source as an http, https, local "
        "file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided "
        "without relative path references present. Please provide an absolute path.",
        SV_ARG(shown));
}

/* Clients give prompts a placeholder for a source. */
static bool is_bare_word(struct sv text)
{
    if (!text.len || text.data[0] == '.')
        return false;
    for (size_t i = 0; i < text.len;) {
        uint32_t code_point = utf8_next(text, &i);
        if (code_point != '-' && code_point != '.' && !utf8_is_word(code_point))
            return false;
    }
    return true;
}

static enum status check_prompt_source(struct store_tx *tx, struct sv source)
{
    if (is_bare_word(source))
        return OK;
    if (place_of(source) == PLACE_REMOTE)
        return check_remote(tx, source);
    struct sv shown = search_clip(source);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid prompt source: '%.*s'. Local source paths are not allowed for prompts.",
                      SV_ARG(shown));
}

enum status model_source_check(struct store_tx *tracking, const struct model_version_create *create)
{
    struct sv source = create->source, shown = search_clip(source);
    const regex_t *pattern = tracking->store->model_source_pattern;
    if (has_nul(source) ||
        (pattern && regexec(pattern, arena_cstr(tracking->arena, source), 0, NULL, 0) != 0))
        return store_fail(tracking, INVALID_PARAMETER_VALUE, "Invalid model version source: '%.*s'.",
                          SV_ARG(shown));
    if (registry_tags_have_prompt(create->tags, create->tag_count))
        return check_prompt_source(tracking, source);
    switch (place_of(source)) {
    case PLACE_LOCAL:
        return check_local(tracking, create);
    case PLACE_REMOTE:
        return check_remote(tracking, source);
    default:
        return store_fail(
            tracking, INVALID_PARAMETER_VALUE,
            "%.*s is not a valid remote uri. For remote access on windows, please consider using "
            "a different scheme such as SMB (e.g. smb://<hostname>/<path>).",
            SV_ARG(shown));
    }
}

/* --- Following --- */

struct sv model_location_shown(struct sv location)
{
    struct sv word = sv_from_offset(location, sizeof(MODEL_PLACEHOLDER) - 1);
    return sv_starts_with(location, SV(MODEL_PLACEHOLDER)) && is_bare_word(word) ? word : location;
}

/* The location of the version with the highest number in a stage. */
static enum status find_in_stage(struct store_tx *tx, struct sv name, struct sv stage, struct sv *location)
{
    enum model_stage wanted;
    const struct model_version *latest;
    size_t count;
    int64_t model;
    if (model_stage_parse(tx, stage, &wanted) != OK || registered_model_find(tx, name, &model) != OK ||
        model_version_load_latest(tx, model, &latest, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        if (latest[i].stage == wanted) {
            *location = latest[i].location;
            return OK;
        }
    }
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST,
                      "No versions of model with name '%.*s' and stage '%s' found", SV_ARG(name),
                      model_stage_name(wanted));
}

static enum status follow_registered(struct store_tx *tx, struct sv name, struct sv suffix,
                                     struct sv *location)
{
    struct model_version version;
    int64_t number;
    enum status status;
    if (parse_int64(suffix, 0, INT64_MAX, &number))
        status = model_version_load(tx, name, suffix, &version);
    else if (sv_equal_ignoring_case(suffix, SV("latest")))
        status = model_version_load_newest(tx, name, &version);
    else
        return find_in_stage(tx, name, suffix, location);
    if (status == OK)
        *location = version.location;
    return status;
}

/* models:/<name>/<suffix>, models:/<name>@<alias>, or models:/<name> where the name is a logged model's id.
 */
struct models_uri {
    struct sv name;
    struct sv suffix; /* absent: none */
    struct sv alias;  /* absent: none */
};

static bool is_of_scheme(struct sv uri, struct sv scheme)
{
    return sv_equal_ignoring_case(uri_scheme(uri), scheme);
}

static struct sv path_of_uri(struct sv uri)
{
    struct sv path = sv_from_offset(uri, sv_find(uri, ':') + 1);
    while (sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    return path;
}

static bool read_models_uri(struct sv uri, struct models_uri *read)
{
    struct sv rest = sv_from_offset(uri, sv_find(uri, ':') + 1), path = path_of_uri(uri);
    bool has_authority = sv_starts_with(rest, SV("//")) && !sv_starts_with(rest, SV("///"));
    size_t slash = sv_find(path, '/'), at = sv_find(path, '@');
    *read = (struct models_uri){.name = sv_first(path, slash)};
    if (slash < path.len)
        read->suffix = sv_from_offset(path, slash + 1);
    else if (at < path.len)
        *read = (struct models_uri){.name = sv_first(path, at), .alias = sv_from_offset(path, at + 1)};
    bool bad_suffix =
        slash < path.len && (!read->suffix.len || sv_find(read->suffix, '/') < read->suffix.len);
    return path.len && !has_authority && sv_first(path, slash).len && !bad_suffix;
}

enum model_source_kind model_source_names(struct sv source, struct model_source_name *named)
{
    struct models_uri uri;
    if (is_of_scheme(source, SV("runs"))) {
        struct sv path = path_of_uri(source);
        named->name = sv_first(path, sv_find(path, '/'));
        return MODEL_SOURCE_RUN;
    }
    if (!is_of_scheme(source, SV("models")) || !read_models_uri(source, &uri))
        return MODEL_SOURCE_PLACE;
    named->name = uri.name;
    return uri.suffix.data || uri.alias.data ? MODEL_SOURCE_REGISTERED_MODEL : MODEL_SOURCE_LOGGED_MODEL;
}

static enum status follow(struct store_tx *tx, struct store_tx *tracking, struct sv source,
                          struct sv *location, struct sv *run_id)
{
    struct models_uri uri;
    if (!read_models_uri(source, &uri))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Not a proper models:/ URI. Use models:/<name>/<version or stage>, "
                          "models:/<name>@<alias> or models:/<model_id>.");
    if (uri.suffix.data)
        return follow_registered(tx, uri.name, uri.suffix, location);
    if (uri.alias.data) {
        struct model_version version;
        if (model_alias_load(tx, uri.name, uri.alias, &version) != OK)
            return FAILED;
        *location = version.location;
        return OK;
    }
    struct logged_model_place place;
    if (find_logged_model(tracking, uri.name, &place) != OK)
        return FAILED;
    *location = place.artifact_location;
    if (!run_id->len && place.source_run_id.len)
        *run_id = place.source_run_id;
    return OK;
}

enum status model_source_resolve(struct store_tx *tx, struct store_tx *tracking,
                                 const struct model_version_create *create, struct sv *location,
                                 struct sv *run_id)
{
    *location = create->source;
    if (registry_tags_have_prompt(create->tags, create->tag_count) && is_bare_word(create->source))
        *location = arena_printf(tx->arena, MODEL_PLACEHOLDER "%.*s", SV_ARG(create->source));
    if (is_of_scheme(create->source, SV("models")) &&
        follow(tx, tracking, create->source, location, run_id) != OK) {
        struct error problem = *tx->error;
        if (problem.code != INVALID_PARAMETER_VALUE && problem.code != RESOURCE_DOES_NOT_EXIST)
            return FAILED;
        struct sv shown = search_clip(create->source);
        error_clear(tx->error);
        return store_fail(tx, problem.code,
                          "Unable to fetch model from model URI source artifact location '%.*s'.Error: %.*s",
                          SV_ARG(shown), SV_ARG(problem.message));
    }
    if (!create->model_id.len || run_id->len)
        return OK;
    struct logged_model_place place;
    if (find_logged_model(tracking, create->model_id, &place) != OK)
        return FAILED;
    if (place.source_run_id.len)
        *run_id = place.source_run_id;
    return OK;
}
