#include <stdlib.h>
#include <unistd.h>

#include "common/store/artifact_location.h"
#include "common/store/uri.h"
#include "fcgi-bin/tracking/tracking.h"

static enum db_durability durability_of(const struct settings *settings)
{
    return sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL;
}

static enum status open_store(struct tracking *tracking, const struct settings *settings, struct arena *arena,
                              struct error *error)
{
    struct db_options options = {
        .durability = durability_of(settings),
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = true,
    };
    struct store_settings store = {
        .artifact_location_limit = settings->artifact_location_max_length,
        .truncate_long_values = settings->truncate_long_values,
        .working_directory = tracking->artifacts.working_directory,
    };
    if (store_uri_path(arena, error, settings->backend_store_uri, &options.path) != OK ||
        artifact_root(arena, error, settings->default_artifact_root, settings->serve_artifacts,
                      store.working_directory, &store.artifact_root) != OK ||
        store_open(&tracking->store, &options, &store, arena, error) != OK)
        return FAILED;
    tracking->has_store = true;
    return OK;
}

enum status tracking_open(struct tracking *tracking, const struct settings *settings, struct arena *arena,
                          struct error *error)
{
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return error_set(error, arena, INTERNAL_ERROR, "The working directory cannot be found out.");
    *tracking = (struct tracking){.artifacts = {
                                      .serve_artifacts = settings->serve_artifacts,
                                      .destination = settings->artifacts_destination,
                                      .working_directory = arena_copy(arena, sv_from(directory)),
                                  }};
    free(directory);
    return settings->artifacts_only ? OK : open_store(tracking, settings, arena, error);
}

void tracking_close(struct tracking *tracking)
{
    if (tracking->has_store)
        store_close(&tracking->store);
    tracking->has_store = false;
}

static enum status begin(void *context, enum access access, struct arena *arena, struct error *error,
                         void **transaction)
{
    struct tracking *tracking = context;
    if (!tracking->has_store)
        return error_internal(error, arena, "a transaction without a store");
    enum db_access how = access == ACCESS_WRITE ? DB_WRITE : DB_READ;
    *transaction = store_begin(&tracking->store, how, arena, error);
    return *transaction ? OK : FAILED;
}

static enum status commit(void *transaction)
{
    return store_commit(transaction);
}

static void rollback(void *transaction)
{
    store_rollback(transaction);
}

const struct transaction_hooks tracking_hooks = {.begin = begin, .commit = commit, .rollback = rollback};

struct store_tx *request_tx(const struct request *request)
{
    return request->transaction;
}

const struct artifact_settings *request_artifacts(const struct request *request)
{
    const struct tracking *tracking = request_context(request);
    return &tracking->artifacts;
}
