#include "cli/store_call.h"

#include "cli/command.h"
#include "common/store/uri.h"

#define ARENA_LIMIT_BYTES (512UL * 1024 * 1024)

int store_call_option(struct store_call *call, int argc, char **argv, int *i)
{
    int taken = take_option(argc, argv, i, "--config", &call->config_file);
    return taken ? taken : take_option(argc, argv, i, "--backend-store-uri", &call->uri);
}

int store_call_failed(const struct store_call *call)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(call->error.message), call->error.detail.len ? " (" : "",
                         SV_ARG(call->error.detail), call->error.detail.len ? ")" : "");
}

int store_call_configure(struct store_call *call)
{
    struct sv problem = SV_ABSENT;
    call->arena = arena_new(ARENA_LIMIT_BYTES);
    char option[] = "--backend-store-uri";
    char *arguments[] = {option, call->uri ? arena_cstr(call->arena, sv_from(call->uri)) : NULL};
    if (config_load(&call->config, call->arena, call->config_file, call->uri ? 2 : 0, arguments, &problem))
        return EXIT_OK;
    return usage_error(call->usage, "%.*s", SV_ARG(problem));
}

int store_call_open(struct store_call *call)
{
    const struct settings *settings = &call->config.settings;
    if (store_uri_path(call->arena, &call->error, settings->backend_store_uri, &call->database) != OK)
        return store_call_failed(call);
    const struct db_options options = {
        .path = call->database,
        .durability =
            sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
    };
    call->store.db = db_open(&options, call->arena, &call->error);
    return call->store.db ? EXIT_OK : store_call_failed(call);
}

void store_call_close(struct store_call *call)
{
    if (call->store.db)
        db_close(call->store.db);
    if (call->arena)
        arena_free(call->arena);
}

struct store_tx *store_call_begin(struct store_call *call, enum db_access access)
{
    struct store_tx *tx = store_begin(&call->store, access, call->arena, &call->error);
    if (!tx)
        store_call_failed(call);
    return tx;
}

enum status store_call_end(struct store_call *call, struct store_tx *tx, enum status status)
{
    if (status == OK)
        status = store_commit(tx);
    else
        store_rollback(tx);
    if (status != OK)
        store_call_failed(call);
    return status;
}
