#include "cli/remover.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/remover_files.h"
#include "common/store/permissions.h"
#include "common/store/trace_requests.h"

#define AT_A_TIME 200

const char *removal_kind_name(enum removal_kind kind)
{
    static const char *const names[] = {
        [REMOVAL_RUN] = "Run", [REMOVAL_LOGGED_MODEL] = "Logged model", [REMOVAL_EXPERIMENT] = "Experiment"};
    return names[kind];
}

bool remover_configure(struct remover *remover, const struct settings *settings, struct arena *arena)
{
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return false;
    remover->artifacts = (struct artifact_settings){
        .serve_artifacts = true,
        .destination = settings->artifacts_destination,
        .working_directory = arena_copy(arena, sv_from(directory)),
        .roots = settings->artifact_roots,
    };
    remover->repository = (struct repository_settings){.sync = settings->artifacts_sync};
    free(directory);
    return true;
}

static bool is_stopping(const struct remover *remover)
{
    return remover->stopping && remover->stopping(remover->context);
}

static enum remover_result broken(struct remover *remover, const struct error *error)
{
    remover->warn(remover->context, arena_printf(remover->arena, "%.*s%s%.*s%s", SV_ARG(error->message),
                                                 error->detail.len ? " (" : "", SV_ARG(error->detail),
                                                 error->detail.len ? ")" : ""));
    return REMOVER_BROKEN;
}

static enum status end(struct store_tx *tx, enum status status)
{
    if (status == OK)
        return store_commit(tx);
    store_rollback(tx);
    return FAILED;
}

/* Time for others; false if there is to be an end. */
static bool pause_between(const struct remover *remover)
{
    const struct timespec pause = {.tv_sec = remover->pause_ms / 1000,
                                   .tv_nsec = remover->pause_ms % 1000 * 1000000};
    if (remover->pause_ms)
        nanosleep(&pause, NULL);
    return !is_stopping(remover);
}

/* --- Rows --- */

static enum remover_result remove_rows(struct remover *remover, const struct removal *item)
{
    enum removal_state state = REMOVAL_MORE;
    while (state == REMOVAL_MORE) {
        struct error error = {.code = ERROR_NONE};
        struct arena_mark mark = arena_mark(remover->arena);
        struct store_tx *tx = store_begin(remover->store, DB_WRITE, remover->arena, &error);
        if (!tx || end(tx, removal_slice(tx, item, &state)) != OK)
            return broken(remover, &error);
        arena_rewind(remover->arena, mark);
        if (!pause_between(remover) && state == REMOVAL_MORE)
            return REMOVER_BROKEN;
    }
    return state == REMOVAL_KEPT ? REMOVER_KEPT : REMOVER_REMOVED;
}

/* Before the experiment's own rows, so that it is found again if this fails. */
static enum remover_result drop_permissions(struct remover *remover, const struct removal *item)
{
    struct error error = {.code = ERROR_NONE};
    if (!remover->users)
        return REMOVER_REMOVED;
    struct store_tx *tx = store_begin(remover->users, DB_WRITE, remover->arena, &error);
    const struct permission_target itself = {.resource = PERMISSION_ON_EXPERIMENT, .id = item->public_id};
    const struct permission_target scorers = {.resource = PERMISSION_ON_SCORER, .id = item->public_id};
    if (!tx || end(tx, permissions_drop(tx, &itself) == OK ? permissions_drop(tx, &scorers) : FAILED) != OK)
        return broken(remover, &error);
    return REMOVER_REMOVED;
}

/* --- Items --- */

static enum remover_result remove_single(struct remover *remover, const struct removal *item)
{
    if (!remover->keep_files && !remover_files_of(remover, item))
        return REMOVER_FAILED;
    enum remover_result result = remove_rows(remover, item);
    if (result == REMOVER_REMOVED && remover->removed)
        remover->removed(remover->context, item);
    return result;
}

static enum remover_result remove_members(struct remover *remover, const struct removal *experiment,
                                          enum removal_kind kind)
{
    int64_t after = 0;
    size_t count = AT_A_TIME;
    enum remover_result whole = REMOVER_REMOVED;
    while (count == AT_A_TIME) {
        const struct removal *items;
        struct error error = {.code = ERROR_NONE};
        struct arena_mark mark = arena_mark(remover->arena);
        struct store_tx *tx = store_begin(remover->store, DB_READ, remover->arena, &error);
        if (!tx || end(tx, removal_list_of(tx, experiment->id, kind, after, AT_A_TIME, &items, &count)) != OK)
            return broken(remover, &error);
        for (size_t i = 0; i < count; i++) {
            struct arena_mark inner = arena_mark(remover->arena);
            enum remover_result result =
                is_stopping(remover) ? REMOVER_BROKEN : remove_single(remover, &items[i]);
            if (result == REMOVER_BROKEN)
                return result;
            if (result != REMOVER_REMOVED)
                whole = result;
            arena_rewind(remover->arena, inner);
        }
        if (count)
            after = items[count - 1].id;
        arena_rewind(remover->arena, mark);
    }
    return whole;
}

static enum remover_result check_obstacles(struct remover *remover, const struct removal *item)
{
    struct error error = {.code = ERROR_NONE};
    struct sv run_id;
    struct store_tx *tx = store_begin(remover->store, DB_READ, remover->arena, &error);
    if (!tx || end(tx, removal_obstacle(tx, item->id, remover->before_ms, &run_id)) != OK)
        return broken(remover, &error);
    if (!run_id.data)
        return REMOVER_REMOVED;
    remover->warn(
        remover->context,
        arena_printf(remover->arena,
                     "Experiment %.*s is kept: its run %.*s is active, or was deleted not long enough "
                     "ago.",
                     SV_ARG(item->public_id), SV_ARG(run_id)));
    return REMOVER_KEPT;
}

static enum remover_result remove_experiment(struct remover *remover, const struct removal *item)
{
    enum remover_result result = check_obstacles(remover, item);
    if (result == REMOVER_REMOVED)
        result = remove_members(remover, item, REMOVAL_RUN);
    if (result == REMOVER_REMOVED)
        result = remove_members(remover, item, REMOVAL_LOGGED_MODEL);
    if (result == REMOVER_REMOVED)
        result = drop_permissions(remover, item);
    return result == REMOVER_REMOVED ? remove_single(remover, item) : result;
}

enum remover_result remover_remove(struct remover *remover, const struct removal *item)
{
    if (is_stopping(remover))
        return REMOVER_BROKEN;
    return item->kind == REMOVAL_EXPERIMENT ? remove_experiment(remover, item) : remove_single(remover, item);
}

enum remover_result remover_remove_all(struct remover *remover, enum removal_kind kind, int64_t *failures)
{
    int64_t after = -1;
    size_t count = AT_A_TIME;
    while (count == AT_A_TIME) {
        const struct removal *items;
        struct error error = {.code = ERROR_NONE};
        struct arena_mark mark = arena_mark(remover->arena);
        struct store_tx *tx = store_begin(remover->store, DB_READ, remover->arena, &error);
        if (!tx ||
            end(tx, removal_list(tx, kind, remover->before_ms, after, AT_A_TIME, &items, &count)) != OK)
            return broken(remover, &error);
        for (size_t i = 0; i < count; i++) {
            struct arena_mark inner = arena_mark(remover->arena);
            enum remover_result result = remover_remove(remover, &items[i]);
            if (result == REMOVER_BROKEN)
                return result;
            *failures += result == REMOVER_FAILED;
            arena_rewind(remover->arena, inner);
        }
        if (count)
            after = items[count - 1].id;
        arena_rewind(remover->arena, mark);
    }
    return REMOVER_REMOVED;
}

/* --- Traces --- */

static enum remover_result remove_traces(struct remover *remover, int64_t experiment, const struct sv *ids,
                                         size_t id_count, int64_t *count)
{
    const struct trace_deletion deletion = {
        .experiment = experiment, .trace_ids = ids, .trace_id_count = id_count};
    struct trace_deletion_progress progress = {.done = id_count == 0};
    while (!progress.done) {
        struct error error = {.code = ERROR_NONE};
        struct arena_mark mark = arena_mark(remover->arena);
        struct store_tx *tx = store_begin(remover->store, DB_WRITE, remover->arena, &error);
        if (!tx || end(tx, trace_delete_slice(tx, &deletion, &progress)) != OK)
            return broken(remover, &error);
        arena_rewind(remover->arena, mark);
        if (!pause_between(remover) && !progress.done)
            return REMOVER_BROKEN;
    }
    *count += progress.deleted;
    return REMOVER_REMOVED;
}

/* Traces whose files cannot be removed stay, and so do younger ones: the next time begins with them. */
enum remover_result remover_old_traces(struct remover *remover, int64_t experiment, int64_t before_ms,
                                       int64_t *count)
{
    size_t found = AT_A_TIME;
    enum remover_result result = REMOVER_REMOVED;
    while (found == AT_A_TIME && result == REMOVER_REMOVED) {
        const struct removal_trace *traces;
        struct sv ids[AT_A_TIME];
        size_t removable = 0;
        struct error error = {.code = ERROR_NONE};
        struct arena_mark mark = arena_mark(remover->arena);
        struct store_tx *tx = store_begin(remover->store, DB_READ, remover->arena, &error);
        if (!tx || end(tx, removal_old_traces(tx, experiment, before_ms, AT_A_TIME, &traces, &found)) != OK)
            return broken(remover, &error);
        while (removable < found && remover_files_of_trace(remover, &traces[removable])) {
            ids[removable] = traces[removable].trace_id;
            removable++;
        }
        bool all = removable == found;
        result = remove_traces(remover, experiment, ids, removable, count);
        arena_rewind(remover->arena, mark);
        if (result == REMOVER_REMOVED && !all)
            return REMOVER_FAILED;
        if (is_stopping(remover))
            return REMOVER_BROKEN;
    }
    return result;
}
