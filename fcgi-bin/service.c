#include <stdlib.h>
#include <unistd.h>

#include "common/base/uri.h"
#include "common/store/artifact_location.h"
#include "common/store/model_source.h"
#include "common/store/uri.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/service.h"

static enum db_durability durability_of(const struct settings *settings)
{
    return sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL;
}

static struct db_options db_options_of(const struct settings *settings)
{
    return (struct db_options){
        .durability = durability_of(settings),
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = true,
    };
}

static enum status open_registry(struct service *service, const struct db_options *tracking,
                                 const struct store_settings *settings, struct arena *arena,
                                 struct error *error)
{
    struct db_options options = *tracking;
    struct sv uri = service->settings->registry_store_uri, directory = settings->working_directory;
    if (!uri.len)
        return OK;
    if (store_uri_path(arena, error, uri, &options.path) != OK)
        return FAILED;
    if (sv_equal(path_absolute(arena, directory, options.path),
                 path_absolute(arena, directory, tracking->path)))
        return OK;
    if (store_open(&service->registry_store, &options, settings, arena, error) != OK)
        return FAILED;
    service->registry = &service->registry_store;
    return OK;
}

static enum status open_store(struct service *service, const struct settings *settings, struct arena *arena,
                              struct error *error)
{
    struct db_options options = db_options_of(settings);
    struct store_settings store = {
        .artifact_location_limit = settings->artifact_location_max_length,
        .truncate_long_values = settings->truncate_long_values,
        .working_directory = service->artifacts.working_directory,
        .usage_retention_ms = settings->gateway_usage_retention * 24 * 3600 * 1000,
    };
    if (store_uri_path(arena, error, settings->backend_store_uri, &options.path) != OK ||
        artifact_root(arena, error, settings->default_artifact_root, settings->serve_artifacts,
                      store.working_directory, &store.artifact_root) != OK ||
        store_open(&service->store, &options, &store, arena, error) != OK)
        return FAILED;
    service->has_store = true;
    service->registry = &service->store;
    if (model_source_set_pattern(&service->store, settings->model_source_pattern, arena, error) != OK)
        return FAILED;
    return open_registry(service, &options, &store, arena, error);
}

/* The users' database may be that of the experiments, or of the models, under another name. */
static enum status open_users(struct service *service, const struct settings *settings, struct arena *arena,
                              struct error *error)
{
    struct auth_settings auth;
    struct sv problem, path, tracking, registry, directory = service->artifacts.working_directory;
    struct db_options options = db_options_of(settings);
    const struct store_settings store = {.working_directory = directory};
    if (!auth_settings_load(settings, arena, &auth, &problem))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "%.*s", SV_ARG(problem));
    if (auth_database(settings, &auth, arena, error, &path) != OK ||
        store_uri_path(arena, error, settings->backend_store_uri, &tracking) != OK ||
        store_uri_path(arena, error, settings->registry_store_uri, &registry) != OK)
        return FAILED;
    path = path_absolute(arena, directory, path);
    if (service->has_store && sv_equal(path, path_absolute(arena, directory, tracking))) {
        service->users = &service->store;
    } else if (service->has_store && settings->registry_store_uri.len &&
               sv_equal(path, path_absolute(arena, directory, registry))) {
        service->users = service->registry;
    } else {
        options.path = path;
        service->users_store = (struct store){.settings = store};
        service->users_store.db = db_open(&options, arena, error);
        if (!service->users_store.db)
            return FAILED;
        service->users = &service->users_store;
    }
    return auth_open(service, &auth, path, arena, error);
}

enum status service_open(struct service *service, const char *program, const struct settings *settings,
                         struct arena *arena, struct error *error)
{
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return error_set(error, arena, INTERNAL_ERROR, "The working directory cannot be found out.");
    *service = (struct service){.settings = settings,
                                .program = program,
                                .artifacts = {
                                    .serve_artifacts = settings->serve_artifacts,
                                    .destination = settings->artifacts_destination,
                                    .roots = settings->artifact_roots,
                                    .working_directory = arena_copy(arena, sv_from(directory)),
                                }};
    free(directory);
    if (!settings->artifacts_only && open_store(service, settings, arena, error) != OK)
        return FAILED;
    return auth_is_on(settings) ? open_users(service, settings, arena, error) : OK;
}

void service_close(struct service *service)
{
    auth_close(service);
    if (service->users == &service->users_store)
        store_close(&service->users_store);
    service->users = NULL;
    if (service->registry != &service->store)
        store_close(&service->registry_store);
    service->registry = NULL;
    if (service->has_store)
        store_close(&service->store);
    service->has_store = false;
}

struct service_transaction {
    struct service *service;
    struct store_tx *tx;
    struct store_tx *tracking; /* beside a transaction of the registry; mostly NULL */
    struct store_tx *users;    /* beside both, where users have a database of their own; mostly NULL */
};

static struct store *store_of(const struct service *service, const struct operation *operation)
{
    if (operation && operation->users)
        return service->users;
    if (!service->has_store)
        return NULL;
    return operation && operation->registry ? service->registry : (struct store *)&service->store;
}

static enum status begin_on(struct service *service, struct store *store, enum access access,
                            struct arena *arena, struct error *error, void **transaction)
{
    struct service_transaction *begun = ARENA_NEW(arena, struct service_transaction);
    begun->service = service;
    begun->tx = store_begin(store, access == ACCESS_WRITE ? DB_WRITE : DB_READ, arena, error);
    *transaction = begun;
    return begun->tx ? OK : FAILED;
}

static enum status begin(void *context, const struct operation *operation, enum access access,
                         struct arena *arena, struct error *error, void **transaction)
{
    struct store *store = store_of(context, operation);
    if (!store)
        return error_internal(error, arena, "a transaction without a store");
    return begin_on(context, store, access, arena, error, transaction);
}

static enum status commit(void *transaction)
{
    struct service_transaction *begun = transaction;
    enum status status = OK;
    /* In this order: a commit waits for the writers behind it, and those may want the other database. */
    struct store_tx *in_order[] = {begun->users, begun->tracking, begun->tx};
    for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
        if (in_order[i] && status == OK)
            status = store_commit(in_order[i]);
        else if (in_order[i])
            store_rollback(in_order[i]);
    }
    return status;
}

static void rollback(void *transaction)
{
    struct service_transaction *begun = transaction;
    if (begun->users)
        store_rollback(begun->users);
    if (begun->tracking)
        store_rollback(begun->tracking);
    store_rollback(begun->tx);
}

const struct transaction_hooks service_hooks = {.begin = begin, .commit = commit, .rollback = rollback};

struct service *request_service(const struct request *request)
{
    return request_context(request);
}

struct store_tx *request_tx(const struct request *request)
{
    struct service_transaction *transaction = request->transaction;
    return transaction ? transaction->tx : NULL;
}

struct store_tx *request_tracking_tx(const struct request *request, enum db_access access)
{
    struct service_transaction *transaction = request->transaction;
    struct store_tx *tx = transaction->tx;
    struct store *store = &transaction->service->store;
    if (tx->store == store)
        return tx;
    if (!transaction->tracking)
        transaction->tracking = store_begin(store, access, tx->arena, tx->error);
    return transaction->tracking;
}

static enum status begin_anew(struct request *request, struct store *store, enum access access)
{
    enum status status = begin_on(request_service(request), store, access, request->arena, &request->error,
                                  &request->transaction);
    if (status != OK)
        request->transaction = NULL;
    request->transaction_access = access;
    return status;
}

enum status request_begin_users(struct request *request, enum access access)
{
    return begin_anew(request, request_service(request)->users, access);
}

struct store_tx *request_users_tx(const struct request *request, enum db_access access)
{
    struct service_transaction *transaction = request->transaction;
    struct store_tx *tx = transaction->tx;
    struct store *store = transaction->service->users;
    if (tx->store == store)
        return tx;
    if (transaction->tracking && transaction->tracking->store == store)
        return transaction->tracking;
    if (!transaction->users)
        transaction->users = store_begin(store, access, tx->arena, tx->error);
    return transaction->users;
}

static bool only_reads(const struct operation *operation)
{
    return operation->access == ACCESS_READ || operation->access == ACCESS_STREAM_READ;
}

bool operation_reads_users(const struct service *service, const struct operation *operation)
{
    return only_reads(operation) && store_of(service, operation) == service->users;
}

struct store_tx *request_users_read(struct request *request)
{
    if (request->transaction)
        return request_users_tx(request, DB_READ);
    return request_begin_users(request, ACCESS_READ) == OK ? request_tx(request) : NULL;
}

struct store_tx *request_tracking_read(struct request *request)
{
    struct service *service = request_service(request);
    if (request->transaction)
        return request_tracking_tx(request, DB_READ);
    if (!service->has_store) {
        error_internal(&request->error, request->arena, "a transaction without a store");
        return NULL;
    }
    return begin_anew(request, &service->store, ACCESS_READ) == OK ? request_tx(request) : NULL;
}

enum status request_users_read_end(struct request *request)
{
    return only_reads(request->operation) ? OK : request_commit(request);
}

const struct artifact_settings *request_artifacts(const struct request *request)
{
    return &request_service(request)->artifacts;
}
