#include <stdlib.h>
#include <unistd.h>

#include "common/store/artifact_location.h"
#include "common/store/uri.h"
#include "fcgi-bin/service.h"

static enum db_durability durability_of(const struct settings *settings)
{
    return sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL;
}

static enum status open_store(struct service *service, const struct settings *settings, struct arena *arena,
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
        .working_directory = service->artifacts.working_directory,
    };
    if (store_uri_path(arena, error, settings->backend_store_uri, &options.path) != OK ||
        artifact_root(arena, error, settings->default_artifact_root, settings->serve_artifacts,
                      store.working_directory, &store.artifact_root) != OK ||
        store_open(&service->store, &options, &store, arena, error) != OK)
        return FAILED;
    service->has_store = true;
    return OK;
}

enum status service_open(struct service *service, const struct settings *settings, struct arena *arena,
                         struct error *error)
{
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return error_set(error, arena, INTERNAL_ERROR, "The working directory cannot be found out.");
    *service = (struct service){.settings = settings,
                                .artifacts = {
                                    .serve_artifacts = settings->serve_artifacts,
                                    .destination = settings->artifacts_destination,
                                    .roots = settings->artifact_roots,
                                    .working_directory = arena_copy(arena, sv_from(directory)),
                                }};
    free(directory);
    return settings->artifacts_only ? OK : open_store(service, settings, arena, error);
}

void service_close(struct service *service)
{
    if (service->has_store)
        store_close(&service->store);
    service->has_store = false;
}

static enum status begin(void *context, enum access access, struct arena *arena, struct error *error,
                         void **transaction)
{
    struct service *service = context;
    if (!service->has_store)
        return error_internal(error, arena, "a transaction without a store");
    enum db_access how = access == ACCESS_WRITE ? DB_WRITE : DB_READ;
    *transaction = store_begin(&service->store, how, arena, error);
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

const struct transaction_hooks service_hooks = {.begin = begin, .commit = commit, .rollback = rollback};

struct service *request_service(const struct request *request)
{
    return request_context(request);
}

struct store_tx *request_tx(const struct request *request)
{
    return request->transaction;
}

const struct artifact_settings *request_artifacts(const struct request *request)
{
    return &request_service(request)->artifacts;
}
