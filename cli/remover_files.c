#include "cli/remover_files.h"

#include <string.h>

#include "common/artifacts/path.h"
#include "common/base/uri.h"
#include "common/store/artifact_location.h"
#include "common/store/traces.h"

/* Where the files are: a path in a repository, that is neither its root nor leads out of it. */
struct place {
    struct sv root;
    struct sv path;
    bool in_destination;
};

struct removing {
    struct remover *remover;
    struct arena *arena;
    struct error error;
    struct sv what; /* "run 1f…": for messages */
    struct sv uri;
};

/* --- What is told --- */

static bool leave(const struct removing *removing, const char *reason)
{
    const struct error *error = &removing->error;
    struct sv message = reason ? sv_from(reason) : error->message;
    removing->remover->warn(removing->remover->context,
                            arena_printf(removing->arena, "The files of %.*s stay at %.*s: %.*s",
                                         SV_ARG(removing->what), SV_ARG(sv_first(removing->uri, 500)),
                                         SV_ARG(message)));
    return true;
}

static bool try_later(const struct removing *removing)
{
    const struct error *error = &removing->error;
    removing->remover->warn(
        removing->remover->context,
        arena_printf(removing->arena,
                     "%.*s is left for the next time: its files at %.*s cannot be removed. %.*s%s%.*s%s",
                     SV_ARG(removing->what), SV_ARG(sv_first(removing->uri, 500)), SV_ARG(error->message),
                     error->detail.len ? " (" : "", SV_ARG(error->detail), error->detail.len ? ")" : ""));
    return false;
}

/* --- Where --- */

static size_t last_slash(struct sv path)
{
    size_t at = path.len;
    while (at > 0 && path.data[at - 1] != '/')
        at--;
    return at; /* behind it; 0: none */
}

/* The place itself may be the root of a repository, which is never removed: what is removed is named from as
 * far above as `names` segments. */
static bool split(struct sv path, int names, struct sv *root, struct sv *rest)
{
    size_t at = path.len;
    for (int i = 0; i < names; i++) {
        at = last_slash(sv_first(path, at));
        if (at == 0)
            return false;
        at--;
    }
    *root = sv_first(path, at);
    *rest = sv_from_offset(path, at + 1);
    return true;
}

/* FAILED with the error for what cannot be found; a place whose path is "" is one to stay away from. */
static enum status locate(struct removing *removing, struct sv uri, int names, struct place *place)
{
    struct artifact_place found;
    struct sv root, rest;
    if (artifact_locate(&removing->remover->artifacts, removing->arena, &removing->error, uri, &found) != OK)
        return FAILED;
    *place = (struct place){found.root, found.prefix, found.in_destination};
    if (found.in_destination)
        return OK;
    struct sv whole = sv_first(found.root, sv_find(found.root, '?'));
    if (sv_starts_with(found.root, SV("/")))
        whole = found.root;
    place->path = SV("");
    if (!split(whole, names, &root, &rest) || root.len == 0)
        return OK;
    /* "s3://bucket" is the least that a root can be. */
    struct sv behind = sv_from_offset(root, uri_scheme(root).len ? uri_scheme(root).len + 3 : 0);
    if (behind.len == 0)
        return OK;
    place->root = root;
    return artifact_path_check(removing->arena, &removing->error, rest, &place->path);
}

static enum status open_place(struct removing *removing, const struct place *place,
                              struct repository **repository)
{
    struct remover *remover = removing->remover;
    if (sv_starts_with(place->root, SV("/")))
        return repository_open_local(&remover->repository, removing->arena, &removing->error, place->root,
                                     repository);
    return repository_open(&remover->repository, removing->arena, &removing->error, place->root, repository);
}

/* Not now, as opposed to never. */
static bool is_beyond_us(const struct error *error)
{
    return error->code == INVALID_PARAMETER_VALUE || error->code == NOT_IMPLEMENTED;
}

/* --- Removing --- */

/* The folder above the artifacts, once there is nothing else in it. */
static void remove_empty_parent(struct repository *repository, const struct place *place)
{
    struct artifact_entry *entries;
    size_t count, at = last_slash(place->path);
    if (at == 0 || !sv_starts_with(place->root, SV("/")))
        return;
    struct sv parent = sv_first(place->path, at - 1);
    if (repository->kind->list(repository, parent, &entries, &count) == OK && count == 0)
        repository->kind->remove(repository, parent);
}

static bool remove_place(struct removing *removing, const struct place *place)
{
    struct repository *repository;
    if (place->path.len == 0)
        return leave(removing, "that is no place that this server would have chosen.");
    if (open_place(removing, place, &repository) != OK)
        return is_beyond_us(&removing->error) ? leave(removing, NULL) : try_later(removing);
    enum status status = repository->kind->remove(repository, place->path);
    if (status == OK)
        remove_empty_parent(repository, place);
    repository->kind->end(repository);
    return status == OK || try_later(removing);
}

/* Whether the path ends as the server ends it: "<id>/artifacts". */
static bool ends_as_ours(struct sv path, struct sv id)
{
    size_t at = last_slash(path);
    if (at < 2 || !sv_equal(sv_from_offset(path, at), SV("artifacts")))
        return false;
    struct sv above = sv_first(path, at - 1);
    return sv_equal(sv_from_offset(above, last_slash(above)), id);
}

static bool remove_artifacts(struct removing *removing, struct sv id)
{
    struct place place;
    if (locate(removing, removing->uri, 2, &place) != OK)
        return leave(removing, NULL);
    if (!ends_as_ours(place.path, id))
        return leave(removing, "that does not look like a place that this server has chosen.");
    return remove_place(removing, &place);
}

/* --- Experiments --- */

struct found_traces {
    struct artifact_entry *entries;
    size_t count;
};

static bool belongs_to(struct removing *removing, int64_t experiment, struct sv trace_id, bool *yes)
{
    struct trace_info info;
    struct store_tx *tx = store_begin(removing->remover->store, DB_READ, removing->arena, &removing->error);
    if (!tx)
        return false;
    enum status status = trace_look_up(tx, trace_id, &info);
    store_rollback(tx);
    *yes = status == OK && info.id && info.experiment_id == experiment;
    return status == OK;
}

/* Others may share the location: only traces of this experiment go. */
static bool remove_trace_folders(struct removing *removing, const struct removal *item,
                                 struct repository *repository, struct sv folder)
{
    struct found_traces found;
    if (repository->kind->list(repository, folder, &found.entries, &found.count) != OK)
        return try_later(removing);
    for (size_t i = 0; i < found.count; i++) {
        bool ours = false;
        struct arena_mark mark = arena_mark(removing->arena);
        struct sv name = found.entries[i].name;
        if (!found.entries[i].is_dir)
            continue;
        if (!belongs_to(removing, item->id, name, &ours) ||
            (ours &&
             repository->kind->remove(repository, artifact_path_join(removing->arena, folder, name)) != OK))
            return try_later(removing);
        arena_rewind(removing->arena, mark);
    }
    return true;
}

static bool remove_traces_of(struct removing *removing, const struct removal *item)
{
    struct place place;
    struct repository *repository;
    struct sv uri = artifact_uri_join(removing->arena, removing->uri, SV("traces"));
    if (locate(removing, uri, 1, &place) != OK)
        return leave(removing, NULL);
    if (place.path.len == 0)
        return true;
    if (open_place(removing, &place, &repository) != OK)
        return is_beyond_us(&removing->error) ? leave(removing, NULL) : try_later(removing);
    bool done = remove_trace_folders(removing, item, repository, place.path);
    repository->kind->end(repository);
    return done;
}

/* The folder at the top of the artifacts destination that is called like the experiment is its own, with
 * whatever is in it. Anywhere else clients chose the location, and may keep other things there. */
static bool remove_location(struct removing *removing, const struct removal *item)
{
    struct place place;
    if (locate(removing, removing->uri, 1, &place) != OK)
        return leave(removing, NULL);
    if (place.in_destination && sv_equal(place.path, item->public_id))
        return remove_place(removing, &place);
    return remove_traces_of(removing, item);
}

bool remover_files_of(struct remover *remover, const struct removal *item)
{
    static const char *const names[] = {
        [REMOVAL_RUN] = "run", [REMOVAL_LOGGED_MODEL] = "logged model", [REMOVAL_EXPERIMENT] = "experiment"};
    struct removing removing = {
        .remover = remover,
        .arena = remover->arena,
        .what = arena_printf(remover->arena, "%s %.*s", names[item->kind], SV_ARG(item->public_id)),
        .uri = item->artifact_uri,
    };
    return item->kind == REMOVAL_EXPERIMENT ? remove_location(&removing, item)
                                            : remove_artifacts(&removing, item->public_id);
}

bool remover_files_of_trace(struct remover *remover, const struct removal_trace *trace)
{
    if (!trace->artifact_uri.data)
        return true;
    struct removing removing = {
        .remover = remover,
        .arena = remover->arena,
        .what = arena_printf(remover->arena, "trace %.*s", SV_ARG(trace->trace_id)),
        .uri = trace->artifact_uri,
    };
    return remove_artifacts(&removing, trace->trace_id);
}
