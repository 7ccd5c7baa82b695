#include <stdio.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/gc.h"
#include "cli/remover.h"
#include "common/base/clock.h"
#include "common/store/auth_settings.h"

struct collection {
    struct gc_call *call;
    struct remover remover;
    struct store users;
    int64_t total, removed, failures;
    const char *what; /* of the progress bar */
};

/* --- What is told --- */

static void warn(void *context, struct sv line)
{
    struct collection *collection = context;
    fflush(stdout);
    progress_notice(&collection->call->progress, line);
}

static void tell_removed(void *context, const struct removal *item)
{
    struct collection *collection = context;
    progress_clear(&collection->call->progress);
    printf("%s with ID %.*s has been permanently deleted.\n", removal_kind_name(item->kind),
           SV_ARG(item->public_id));
    fflush(stdout);
    progress_show(&collection->call->progress, collection->what, ++collection->removed, collection->total);
}

/* --- Named ones --- */

static bool refuse(struct collection *collection, const struct removal *item)
{
    static const char *const plurals[] = {[REMOVAL_RUN] = "runs",
                                          [REMOVAL_LOGGED_MODEL] = "logged models",
                                          [REMOVAL_EXPERIMENT] = "experiments"};
    struct arena *arena = collection->call->base.arena;
    struct sv id = item->public_id;
    const char *age = collection->call->older_than;
    bool is_experiment = item->kind == REMOVAL_EXPERIMENT;
    if (item->is_deleted && item->since_ms <= collection->remover.before_ms)
        return false;
    if (!item->is_deleted && is_experiment)
        warn(collection, arena_printf(arena,
                                      "Experiments ['%.*s'] are not in the deleted lifecycle stage. Only "
                                      "experiments in the deleted lifecycle stage can be hard-deleted.",
                                      SV_ARG(id)));
    else if (!item->is_deleted)
        warn(collection, arena_printf(arena,
                                      "%s %.*s is not in `deleted` lifecycle stage. Only %s in `deleted` "
                                      "lifecycle stage can be deleted.",
                                      removal_kind_name(item->kind), SV_ARG(id), plurals[item->kind]));
    else if (is_experiment)
        warn(collection, arena_printf(arena,
                                      "Experiments ['%.*s'] are not older than the required age. Only "
                                      "experiments older than %s can be deleted.",
                                      SV_ARG(id), age ? age : "0s"));
    else
        warn(collection,
             arena_printf(arena,
                          "%s %.*s is not older than the required age. Only %s older than %s can "
                          "be deleted.",
                          removal_kind_name(item->kind), SV_ARG(id), plurals[item->kind], age ? age : "0s"));
    return true;
}

static bool find(struct collection *collection, enum removal_kind kind, struct sv id, struct removal *item)
{
    struct gc_call *call = collection->call;
    struct error error = {.code = ERROR_NONE};
    struct store_tx *tx = store_begin(&call->base.store, DB_READ, call->base.arena, &error);
    enum status status = tx ? removal_find(tx, kind, id, item) : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK)
        warn(collection, error.message);
    return status == OK;
}

static enum remover_result remove_named(struct collection *collection, enum removal_kind kind,
                                        const char *ids)
{
    struct sv rest = sv_from(ids);
    while (rest.data) {
        struct removal item;
        struct sv id = sv_trim(sv_cut(&rest, ','));
        struct arena_mark mark = arena_mark(collection->call->base.arena);
        if (id.len == 0)
            continue;
        if (!find(collection, kind, id, &item) || refuse(collection, &item)) {
            collection->failures++;
        } else {
            enum remover_result result = remover_remove(&collection->remover, &item);
            if (result == REMOVER_BROKEN)
                return result;
            collection->failures += result != REMOVER_REMOVED;
        }
        arena_rewind(collection->call->base.arena, mark);
    }
    return REMOVER_REMOVED;
}

/* --- All of them --- */

static enum remover_result remove_all(struct collection *collection, enum removal_kind kind)
{
    struct gc_call *call = collection->call;
    struct store_tx *tx = store_call_begin(&call->base, DB_READ);
    collection->removed = 0;
    if (!tx ||
        store_call_end(&call->base, tx,
                       removal_count(tx, kind, collection->remover.before_ms, &collection->total)) != OK)
        return REMOVER_BROKEN;
    return remover_remove_all(&collection->remover, kind, &collection->failures);
}

static enum remover_result remove_kind(struct collection *collection, enum removal_kind kind, const char *ids,
                                       bool only_named)
{
    static const char *const names[] = {[REMOVAL_RUN] = "runs",
                                        [REMOVAL_LOGGED_MODEL] = "logged models",
                                        [REMOVAL_EXPERIMENT] = "experiments"};
    collection->what = names[kind];
    collection->total = 0;
    if (ids)
        return remove_named(collection, kind, ids);
    return only_named ? REMOVER_REMOVED : remove_all(collection, kind);
}

static enum remover_result collect(struct collection *collection)
{
    const struct gc_call *call = collection->call;
    bool only_named = call->run_ids || call->experiment_ids || call->logged_model_ids || call->job_ids;
    enum remover_result result = remove_kind(collection, REMOVAL_RUN, call->run_ids, only_named);
    if (result == REMOVER_REMOVED)
        result = remove_kind(collection, REMOVAL_LOGGED_MODEL, call->logged_model_ids, only_named);
    if (result == REMOVER_REMOVED)
        result = remove_kind(collection, REMOVAL_EXPERIMENT, call->experiment_ids, only_named);
    return result;
}

/* --- Beginning --- */

static int open_users(struct collection *collection)
{
    struct gc_call *call = collection->call;
    const struct settings *settings = &call->base.config.settings;
    struct auth_settings auth;
    struct sv path, problem;
    if (!auth_is_on(settings))
        return EXIT_OK;
    if (!auth_settings_load(settings, call->base.arena, &auth, &problem))
        return command_error("%.*s", SV_ARG(problem));
    if (auth_database(settings, &auth, call->base.arena, &call->base.error, &path) != OK)
        return store_call_failed(&call->base);
    if (sv_equal(path, call->base.database))
        return EXIT_OK;
    const struct db_options options = {
        .path = path,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
    };
    collection->users.db = db_open(&options, call->base.arena, &call->base.error);
    collection->remover.users = &collection->users;
    return collection->users.db ? EXIT_OK : store_call_failed(&call->base);
}

/* Called in another directory than the server's, everything would seem to be gone already. */
static void look_for_destination(struct collection *collection)
{
    struct arena *arena = collection->call->base.arena;
    struct artifact_place place = artifact_destination(&collection->remover.artifacts, arena);
    struct stat info;
    if (!collection->remover.keep_files && sv_starts_with(place.root, SV("/")) &&
        stat(arena_cstr(arena, place.root), &info) != 0)
        warn(collection,
             arena_printf(arena,
                          "There is no artifacts destination %.*s: no artifacts are removed there. "
                          "Is --artifacts-destination what the server has?",
                          SV_ARG(place.root)));
}

int gc_items(struct gc_call *call)
{
    struct collection collection = {.call = call};
    collection.remover = (struct remover){
        .store = &call->base.store,
        .keep_files = call->keep_artifacts,
        .before_ms = call->before_ms ? call->before_ms : clock_now_ms(),
        .arena = call->base.arena,
        .warn = warn,
        .removed = tell_removed,
        .context = &collection,
    };
    if (!remover_configure(&collection.remover, &call->base.config.settings, call->base.arena))
        return command_error("The working directory cannot be found out.");
    int status = open_users(&collection);
    if (status == EXIT_OK) {
        look_for_destination(&collection);
        enum remover_result result = collect(&collection);
        status = result == REMOVER_REMOVED && collection.failures == 0 ? EXIT_OK : EXIT_FAILED;
    }
    if (collection.users.db)
        db_close(collection.users.db);
    return status;
}
