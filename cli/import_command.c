#include <openssl/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/artifacts/resolve.h"
#include "common/base/config.h"
#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_folder.h"
#include "common/security/envelope.h"
#include "common/security/fernet.h"
#include "common/security/key_file.h"
#include "common/store/artifact_location.h"
#include "common/store/auth_settings.h"
#include "common/store/uri.h"
#include "common/store/webhooks.h"

#define USAGE             "import [OPTIONS] SOURCE"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)
#define OLD_PASSPHRASE    "TRACKLIGHT_IMPORT_KEK_PASSPHRASE"
#define MAX_ARGUMENTS     64

struct import_call {
    const char *config_file, *source;
    bool help;
    char *rest[MAX_ARGUMENTS];
    int rest_count;
    struct config config;
    struct arena *arena;
    struct error error;
    struct store store, registry, users;
    struct import import;
    struct fernet_key webhook_key;
    bool bar; /* a progress bar is on the screen */
};

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "Take over what an MLflow server kept. SOURCE is the SQLite database of MLflow 2.9 to 3.8 (a file, "
        "or\n"
        "sqlite:///FILE), which is only read, or a folder of MLflow's file store (./mlruns). Experiments, "
        "runs,\n"
        "metrics, parameters, tags, datasets, logged models, the model registry, webhooks, traces, "
        "evaluation\n"
        "datasets, scorers and the gateway come with their ids and times. Artifacts stay where they are.\n"
        "Users and permissions are in a database of their own: import MLflow's basic_auth.db after the "
        "rest.\n\n"
        "What is there already is left alone, so that an import that was broken off is simply begun again.\n"
        "Stop the old server before, or import a copy of its database; the new one may run.\n\n"
        "Options:\n"
        "  --config FILE  Read settings from FILE.\n"
        "  --help         Show this text.\n\n"
        "The settings are those of the server, and so are their options and environment variables: see\n"
        "`tracklight server --help`. --backend-store-uri and --registry-store-uri name the databases to "
        "import\n"
        "into; MLFLOW_CRYPTO_KEK_PASSPHRASE is what the gateway's secrets are kept under. If the old server "
        "had\n"
        "another passphrase, set " OLD_PASSPHRASE " to that: the secrets are wrapped anew.\n"
        "Webhook secrets are kept if MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY is the old server's.\n");
}

static int parse_arguments(struct import_call *call, int argc, char **argv)
{
    if (argc > MAX_ARGUMENTS)
        return usage_error(USAGE, "Too many arguments.");
    for (int i = 1; i < argc; i++) {
        int config = take_option(argc, argv, &i, "--config", &call->config_file);
        if (config < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            call->help = true;
        else if (!config && argv[i][0] == '-') {
            call->rest[call->rest_count++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc)
                call->rest[call->rest_count++] = argv[++i];
        } else if (!config && call->source)
            return usage_error(USAGE, "There is more than one SOURCE: '%s'.", argv[i]);
        else if (!config)
            call->source = argv[i];
    }
    if (!call->help && !call->source)
        return usage_error(USAGE, "Missing argument 'SOURCE'.");
    return EXIT_OK;
}

static int failed(const struct error *error)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(error->message), error->detail.len ? " (" : "",
                         SV_ARG(error->detail), error->detail.len ? ")" : "");
}

/* --- What is told --- */

static void clear_bar(struct import_call *call)
{
    if (call->bar)
        fputs("\r\033[K", stderr);
    call->bar = false;
}

static void show_progress(void *context, enum import_entity entity, int64_t done, int64_t total)
{
    struct import_call *call = context;
    if (!isatty(STDERR_FILENO))
        return;
    if (total > 0) {
        int filled = (int)(done * 30 / (total > done ? total : done ? done : 1));
        fprintf(stderr, "\r\033[K%-26s [%.*s%*s] %" PRId64 "/%" PRId64, import_entity_name(entity), filled,
                "##############################", 30 - filled, "", done, total);
    } else {
        fprintf(stderr, "\r\033[K%-26s %" PRId64, import_entity_name(entity), done);
    }
    fflush(stderr);
    call->bar = true;
}

static void show_remark(void *context, struct sv line)
{
    clear_bar(context);
    notice("%.*s", SV_ARG(line));
}

static void print_report(struct import_call *call)
{
    const struct import *import = &call->import;
    clear_bar(call);
    printf("%-26s %12s %12s %12s\n", "", "imported", "there before", "refused");
    for (int entity = 0; entity < IMPORT_ENTITIES; entity++) {
        const struct import_count *count = &import->counts[entity];
        if (count->taken || count->present || count->refused)
            printf("%-26s %12" PRId64 " %12" PRId64 " %12" PRId64 "\n",
                   import_entity_name((enum import_entity)entity), count->taken, count->present,
                   count->refused);
    }
}

/* --- Where to --- */

static int open_store(struct import_call *call, struct store *store, struct sv uri)
{
    const struct settings *settings = &call->config.settings;
    struct db_options options = {
        .durability =
            sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = true,
    };
    struct store_settings store_settings = {
        .artifact_location_limit = settings->artifact_location_max_length,
    };
    char *directory = getcwd(NULL, 0);
    if (!directory)
        return command_error("The working directory cannot be found out.");
    store_settings.working_directory = arena_copy(call->arena, sv_from(directory));
    free(directory);
    if (store_uri_path(call->arena, &call->error, uri, &options.path) != OK ||
        artifact_root(call->arena, &call->error, settings->default_artifact_root, settings->serve_artifacts,
                      store_settings.working_directory, &store_settings.artifact_root) != OK ||
        store_open(store, &options, &store_settings, call->arena, &call->error) != OK)
        return failed(&call->error);
    return EXIT_OK;
}

static bool registry_is_apart(const struct settings *settings)
{
    return settings->registry_store_uri.len &&
           !sv_equal(settings->registry_store_uri, settings->backend_store_uri);
}

static int open_stores(struct import_call *call)
{
    const struct settings *settings = &call->config.settings;
    int status = open_store(call, &call->store, settings->backend_store_uri);
    call->import.store = call->import.registry = call->import.users = &call->store;
    if (status == EXIT_OK && registry_is_apart(settings)) {
        call->import.registry = &call->registry;
        status = open_store(call, &call->registry, settings->registry_store_uri);
    }
    return status;
}

/* Users may have a database of their own here, too. */
static int open_users(struct import_call *call)
{
    const struct settings *settings = &call->config.settings;
    struct auth_settings auth;
    struct sv problem = SV_ABSENT;
    struct db_options options = {
        .durability = DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = true,
    };
    if (!auth_settings_load(settings, call->arena, &auth, &problem))
        return command_error("%.*s", SV_ARG(problem));
    if (!auth.database.data)
        return EXIT_OK;
    if (auth_database(settings, &auth, call->arena, &call->error, &options.path) != OK ||
        !(call->users.db = db_open(&options, call->arena, &call->error)))
        return failed(&call->error);
    call->import.users = &call->users;
    return EXIT_OK;
}

static int load_keys(struct import_call *call)
{
    const struct settings *settings = &call->config.settings;
    struct sv uri = registry_is_apart(settings) ? settings->registry_store_uri : settings->backend_store_uri;
    struct sv path, old = sv_from(getenv(OLD_PASSPHRASE));
    if (webhook_key_path(call->arena, &call->error, uri, &path) != OK ||
        key_file_load(settings->webhook_secret_encryption_key, path, call->arena, &call->error,
                      &call->webhook_key) != OK)
        return failed(&call->error);
    call->import.webhook_key = &call->webhook_key;
    call->import.envelope =
        envelope_new(sv_from(getenv("MLFLOW_CRYPTO_KEK_PASSPHRASE")), call->arena, &call->error);
    if (old.len)
        call->import.old_envelope = envelope_new(old, call->arena, &call->error);
    return call->import.envelope && (!old.len || call->import.old_envelope) ? EXIT_OK : failed(&call->error);
}

/* --- The import --- */

static const struct {
    enum status (*run)(struct import *import);
} database_parts[] = {
    {import_experiments}, {import_runs},     {import_logged_models},
    {import_registry},    {import_traces},   {import_evaluation_datasets},
    {import_scorers},     {import_webhooks}, {import_gateway},
};

static bool has_runs(const struct import *import)
{
    return foreign_has_table(import->from, "alembic_version") && foreign_has_table(import->from, "runs");
}

static bool has_users(const struct import *import)
{
    return foreign_has_table(import->from, "users") &&
           foreign_has_table(import->from, "experiment_permissions");
}

static int open_database(struct import_call *call, struct sv path)
{
    struct import *import = &call->import;
    import->from = foreign_open(path, call->arena, &call->error);
    if (!import->from)
        return failed(&call->error);
    if (!has_runs(import) && !has_users(import))
        return command_error("%.*s is no database of an MLflow server.", SV_ARG(path));
    return EXIT_OK;
}

static int import_all(struct import_call *call)
{
    struct import *import = &call->import;
    enum status status = OK;
    for (size_t i = 0;
         has_runs(import) && i < sizeof(database_parts) / sizeof(database_parts[0]) && status == OK; i++)
        status = database_parts[i].run(import);
    if (status == OK && has_users(import))
        status = import_users(import);
    clear_bar(call);
    print_report(call);
    return status == OK ? EXIT_OK : failed(&import->error);
}

static int import_source(struct import_call *call)
{
    struct sv path = sv_from(call->source);
    struct stat info;
    if (sv_starts_with(path, SV("sqlite:")) && store_uri_path(call->arena, &call->error, path, &path) != OK)
        return failed(&call->error);
    if (stat(arena_cstr(call->arena, path), &info) != 0)
        return command_error("%.*s is not there.", SV_ARG(path));
    int status = open_stores(call);
    if (status == EXIT_OK)
        status = open_users(call);
    if (status == EXIT_OK)
        status = load_keys(call);
    if (status != EXIT_OK)
        return status;
    import_begin(&call->import);
    if (!S_ISDIR(info.st_mode))
        status = open_database(call, path);
    else if (import_folder(&call->import, path) != OK)
        status = failed(&call->import.error);
    if (status == EXIT_OK)
        status = import_all(call);
    import_end(&call->import);
    return status;
}

static void close_all(struct import_call *call)
{
    foreign_close(call->import.from);
    envelope_free(call->import.envelope);
    envelope_free(call->import.old_envelope);
    OPENSSL_cleanse(&call->webhook_key, sizeof(call->webhook_key));
    if (call->users.db)
        db_close(call->users.db);
    if (call->registry.db)
        store_close(&call->registry);
    if (call->store.db)
        store_close(&call->store);
}

int import_command(int argc, char **argv)
{
    struct import_call call = {.import = {.progress = show_progress, .remark = show_remark}};
    struct sv problem = SV_ABSENT;
    int status = parse_arguments(&call, argc, argv);
    if (status != EXIT_OK)
        return status;
    if (call.help) {
        print_help();
        return EXIT_OK;
    }
    call.arena = arena_new(ARENA_LIMIT_BYTES);
    call.import.context = &call;
    call.import.arena_of_source = call.arena;
    if (config_load(&call.config, call.arena, call.config_file, call.rest_count, call.rest, &problem))
        status = import_source(&call);
    else
        status = usage_error(USAGE, "%.*s", SV_ARG(problem));
    close_all(&call);
    arena_free(call.arena);
    return status;
}
