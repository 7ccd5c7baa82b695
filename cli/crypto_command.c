#include "cli/crypto_command.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/password_input.h"
#include "cli/run_directory.h"
#include "common/base/config.h"
#include "common/store/uri.h"

#define USAGE             "crypto rotate-kek [OPTIONS]"
#define NEW_PASSPHRASE    "TRACKLIGHT_NEW_KEK_PASSPHRASE"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)

struct crypto_call {
    struct arena *arena;
    struct error error;
    struct config config;
    const char *config_file;
    const char *uri;
    const char *given; /* --new-passphrase */
    bool yes;
    struct sv database;
    struct sv new_passphrase;
    struct store store;
};

static void print_help(void)
{
    printf("Usage: tracklight " USAGE "\n\n"
           "Give the secrets of the gateway another passphrase (KEK: the key that encrypts their keys). The "
           "values\n"
           "themselves are not encrypted anew. All secrets change in one transaction, or none does; a second "
           "run\n"
           "with the same passphrases rotates what a server has added meanwhile, and nothing else.\n\n"
           "MLFLOW_CRYPTO_KEK_PASSPHRASE and MLFLOW_CRYPTO_KEK_VERSION (1 by default) are the old passphrase "
           "and its\n"
           "version. The new passphrase is read from " NEW_PASSPHRASE ", asked for at the\n"
           "terminal, or the first line of standard input. Afterwards set both MLFLOW_CRYPTO_KEK_PASSPHRASE "
           "and\n"
           "MLFLOW_CRYPTO_KEK_VERSION as this command says, and restart the server; until then it can read "
           "no secret\n"
           "and answers calls of models with errors.\n\n"
           "Options:\n"
           "  --new-passphrase TEXT    The new passphrase. Other users of this machine may see arguments, "
           "and shells\n"
           "                           keep them: better leave this out.\n"
           "  --backend-store-uri URI  Database of the server.\n"
           "  --config FILE            Read settings from FILE.\n"
           "  -y, --yes                Do not ask whether to go on.\n"
           "  --help                   Show this text.\n");
}

static int failed(const struct crypto_call *call)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(call->error.message), call->error.detail.len ? " (" : "",
                         SV_ARG(call->error.detail), call->error.detail.len ? ")" : "");
}

static int parse_arguments(struct crypto_call *call, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        int given = take_option(argc, argv, &i, "--new-passphrase", &call->given);
        if (given == 0)
            given = take_option(argc, argv, &i, "--backend-store-uri", &call->uri);
        if (given == 0)
            given = take_option(argc, argv, &i, "--config", &call->config_file);
        if (given < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (given > 0)
            continue;
        if (strcmp(argv[i], "-y") == 0 || strcmp(argv[i], "--yes") == 0)
            call->yes = true;
        else if (argv[i][0] == '-')
            return usage_error(USAGE, "No such option: %s", argv[i]);
        else
            return usage_error(USAGE, "Got unexpected extra argument (%s)", argv[i]);
    }
    return EXIT_OK;
}

/* From then on the arguments do not show it any more. */
static void take_argument(struct crypto_call *call)
{
    notice("Warning: arguments are visible to other users, and in the shell's history. Leave "
           "--new-passphrase out to "
           "be asked for the passphrase.");
    call->new_passphrase = arena_copy(call->arena, sv_from(call->given));
    OPENSSL_cleanse((char *)call->given, strlen(call->given));
}

static int take_new_passphrase(struct crypto_call *call)
{
    struct sv problem = SV_ABSENT;
    if (call->given)
        take_argument(call);
    else if (!hidden_input(NEW_PASSPHRASE, "passphrase", "New passphrase", call->arena, &call->new_passphrase,
                           &problem))
        return command_error("%.*s.", SV_ARG(problem));
    if (!call->new_passphrase.len)
        return command_error("The new passphrase is empty.");
    return EXIT_OK;
}

/* --- The rotation --- */

/* Runs one step in a transaction. */
static enum status in_transaction(struct crypto_call *call, enum db_access access, struct rotation *rotation,
                                  enum status (*step)(struct store_tx *, struct rotation *))
{
    struct store_tx *tx = store_begin(&call->store, access, call->arena, &call->error);
    if (!tx)
        return FAILED;
    if (step(tx, rotation) == OK)
        return store_commit(tx);
    store_rollback(tx);
    return FAILED;
}

static void tell_settings(const struct rotation *rotation)
{
    printf("Set BOTH for the server, and restart it:\n\n"
           "  MLFLOW_CRYPTO_KEK_PASSPHRASE=<the new passphrase>\n"
           "  MLFLOW_CRYPTO_KEK_VERSION=%lld\n",
           (long long)rotation->target);
}

static int nothing_to_do(const struct rotation *rotation)
{
    if (rotation->rotated) {
        printf("All %zu secrets are under the new passphrase already. Nothing to rotate.\n\n",
               rotation->rotated);
        tell_settings(rotation);
    } else {
        notice("No secrets found with kek_version=%lld. Nothing to rotate.", (long long)rotation->version);
    }
    return EXIT_OK;
}

/* FALSE without a word of consent. */
static bool confirm(const struct crypto_call *call, const struct rotation *rotation)
{
    char answer[8] = "";
    if (run_directory_in_use(call->database, call->arena))
        notice("A server runs on %.*s. It will not be able to read secrets until it is restarted.",
               SV_ARG(call->database));
    if (call->yes)
        return true;
    notice("%zu secrets get a new passphrase, and KEK version %lld.", rotation->to_rotate,
           (long long)rotation->target);
    if (!isatty(STDIN_FILENO)) {
        notice("Nobody can be asked whether to go on: add --yes.");
        return false;
    }
    fprintf(stderr, "Continue with KEK rotation? [y/N]: ");
    fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int rotate(struct crypto_call *call, struct rotation *rotation)
{
    if (in_transaction(call, DB_READ, rotation, rotation_plan) != OK)
        return failed(call);
    if (!rotation->to_rotate)
        return nothing_to_do(rotation);
    if (!confirm(call, rotation)) {
        notice("KEK rotation cancelled.");
        return EXIT_FAILED;
    }
    if (in_transaction(call, DB_WRITE, rotation, rotation_run) != OK)
        return failed(call);
    printf("Successfully rotated %zu encryption %s to KEK v%lld.\n\n", rotation->rotated,
           rotation->rotated == 1 ? "key" : "keys", (long long)rotation->target);
    tell_settings(rotation);
    return EXIT_OK;
}

static int rotate_with_passphrases(struct crypto_call *call)
{
    const struct settings *settings = &call->config.settings;
    struct rotation rotation = {.version = settings->crypto_kek_version};
    rotation.from = envelope_new(settings->crypto_kek_passphrase, call->arena, &call->error);
    if (rotation.from)
        rotation.to = envelope_new(call->new_passphrase, call->arena, &call->error);
    OPENSSL_cleanse((char *)call->new_passphrase.data, call->new_passphrase.len);
    int status = rotation.to ? rotate(call, &rotation) : failed(call);
    envelope_free(rotation.from);
    envelope_free(rotation.to);
    return status;
}

static int rotate_on_database(struct crypto_call *call)
{
    const struct settings *settings = &call->config.settings;
    const struct store_settings store_settings = {0};
    struct db_options options = {
        .durability = DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
    };
    if (store_uri_path(call->arena, &call->error,
                       call->uri ? sv_from(call->uri) : settings->backend_store_uri, &call->database) != OK)
        return failed(call);
    options.path = call->database;
    if (store_open(&call->store, &options, &store_settings, call->arena, &call->error) != OK)
        return failed(call);
    int status = rotate_with_passphrases(call);
    store_close(&call->store);
    return status;
}

static int rotate_kek(struct crypto_call *call, int argc, char **argv)
{
    struct sv problem = SV_ABSENT;
    int status = parse_arguments(call, argc, argv);
    if (status != EXIT_OK)
        return status;
    if (!config_load(&call->config, call->arena, call->config_file, 0, NULL, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    if (!call->config.settings.crypto_kek_passphrase.len)
        return command_error("MLFLOW_CRYPTO_KEK_PASSPHRASE environment variable must be set to the current "
                             "(old) passphrase before running "
                             "KEK rotation. If there has been none, it is: "
                             "mlflow-default-kek-passphrase-for-development-only");
    status = take_new_passphrase(call);
    return status == EXIT_OK ? rotate_on_database(call) : status;
}

int crypto_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return EXIT_OK;
        }
    }
    if (argc < 2)
        return usage_error(USAGE, "Missing command.");
    if (strcmp(argv[1], "rotate-kek") != 0)
        return usage_error(USAGE, "No such command '%s'.", argv[1]);
    struct crypto_call call = {.arena = arena_new(ARENA_LIMIT_BYTES)};
    int status = rotate_kek(&call, argc - 2, argv + 2);
    arena_free(call.arena);
    return status;
}
