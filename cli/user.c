#include "cli/user.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)

static void print_help(void)
{
    printf(
        "Usage: tracklight " USER_USAGE "\n\n"
        "Look after the users of a server that runs with --app-name basic-auth, in its database itself. What "
        "is\n"
        "changed counts at once, also in servers that run.\n\n"
        "  add [--admin] NAME            Make a user.\n"
        "  passwd NAME                   Give a user another password; ends the user's sessions.\n"
        "  list                          Show all users.\n"
        "  remove NAME                   Delete a user, with permissions and tokens.\n"
        "  token NAME                    Make a token for programs, and show it, this once.\n"
        "  token --list [NAME]           Show the tokens, but not their secrets.\n"
        "  token --revoke ID             Make a token void.\n"
        "  grant NAME LEVEL KIND ID      Let a user do with one thing what LEVEL says: READ, USE, EDIT, "
        "MANAGE,\n"
        "                                NO_PERMISSIONS, or `default` to take back what was granted. KIND "
        "is\n"
        "                                experiment, model, scorer (ID is its experiment's, then its name),\n"
        "                                secret, endpoint or model-definition.\n"
        "  grant --admin|--no-admin NAME Make a user an administrator, or no more.\n\n"
        "A password is read from TRACKLIGHT_PASSWORD, asked for at the terminal, or the first line of\n"
        "standard input.\n\n"
        "Options:\n"
        "  --no-password            add: no password lets the user in, only tokens or the web server do.\n"
        "  --label TEXT             token: what it is for.\n"
        "  --scope read|write|all   token: what it is good for; write (the default) is all but users,\n"
        "                           permissions and what only administrators may do.\n"
        "  --programs NAMES         token: comma-separated tracking, artifacts, gateway, jobs. Default: "
        "all.\n"
        "  --days N                 token: how long it is valid. Default: 365; 0: for ever.\n"
        "  --backend-store-uri URI  Database of the server, unless the file of MLFLOW_AUTH_CONFIG_PATH names "
        "one\n"
        "                           for users.\n"
        "  --config FILE            Read settings from FILE.\n"
        "  --help                   Show this text.\n");
}

int user_failed(const struct user_call *call)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(call->error.message), call->error.detail.len ? " (" : "",
                         SV_ARG(call->error.detail), call->error.detail.len ? ")" : "");
}

struct store_tx *user_begin(struct user_call *call, enum db_access access)
{
    struct store_tx *tx = store_begin(&call->store, access, call->arena, &call->error);
    if (!tx)
        user_failed(call);
    return tx;
}

enum status user_end(struct user_call *call, struct store_tx *tx, enum status status)
{
    if (status == OK)
        status = store_commit(tx);
    else
        store_rollback(tx);
    if (status != OK)
        user_failed(call);
    return status;
}

void user_audit(const struct user_call *call, const char *action, struct sv target)
{
    struct sv file = call->config.settings.log_file;
    if (!file.len)
        return;
    log_init("tracklight", LOG_LEVEL_INFO);
    if (log_open(file.data))
        log_info("audit=true action=%s uid=%u target=\"%.*s\" from=command", action, (unsigned)getuid(),
                 SV_ARG(target));
}

bool user_operands(const struct user_call *call, int least, int most, const char *names)
{
    if (call->operand_count >= least && call->operand_count <= most)
        return true;
    usage_error(USER_USAGE, "This command takes %s.", names);
    return false;
}

struct sv user_time(struct arena *arena, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];
    if (time_ms == 0 || !localtime_r(&seconds, &parts))
        return SV("-");
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts);
    return arena_copy(arena, sv_from(text));
}

static const struct subcommand {
    const char *name;
    int (*run)(struct user_call *call);
    bool create; /* the database, if it is not there */
} subcommands[] = {
    {"add", user_add, true},        {"passwd", user_passwd, false}, {"list", user_list, false},
    {"remove", user_remove, false}, {"token", user_token, false},   {"grant", user_grant, false},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    }
    return NULL;
}

struct value_option {
    const char *name;
    const char **value;
};

/* Returns 1 if the argument was taken, 0 if it is none of these, -1 if its value is missing. */
static int take_value(const struct value_option *options, size_t count, int argc, char **argv, int *i)
{
    int taken = 0;
    for (size_t option = 0; option < count && taken == 0; option++)
        taken = take_option(argc, argv, i, options[option].name, options[option].value);
    return taken;
}

static bool take_flag(struct user_call *call, const char *argument)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--admin", &call->admin},
        {"--no-admin", &call->no_admin},
        {"--no-password", &call->no_password},
        {"--list", &call->list},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(argument, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static int parse_arguments(struct user_call *call, int argc, char **argv, const char **config_file,
                           const char **uri)
{
    const struct value_option options[] = {
        {"--config", config_file},   {"--backend-store-uri", uri},    {"--label", &call->label},
        {"--scope", &call->scope},   {"--programs", &call->programs}, {"--days", &call->days},
        {"--revoke", &call->revoke},
    };
    for (int i = 0; i < argc; i++) {
        int taken = take_value(options, sizeof(options) / sizeof(options[0]), argc, argv, &i);
        if (taken < 0)
            return usage_error(USER_USAGE, "Option '%s' requires an argument.", argv[i]);
        if (taken > 0 || take_flag(call, argv[i]))
            continue;
        if (argv[i][0] == '-')
            return usage_error(USER_USAGE, "No such option: %s", argv[i]);
        if (call->operand_count == USER_MAX_OPERAND)
            return usage_error(USER_USAGE, "Got unexpected extra argument (%s)", argv[i]);
        call->operands[call->operand_count++] = argv[i];
    }
    return EXIT_OK;
}

static int load_settings(struct user_call *call, const char *config_file, const char *uri)
{
    struct sv problem = SV_ABSENT;
    char option[] = "--backend-store-uri";
    char *arguments[] = {option, uri ? arena_cstr(call->arena, sv_from(uri)) : NULL};
    if (config_load(&call->config, call->arena, config_file, uri ? 2 : 0, arguments, &problem))
        return EXIT_OK;
    return usage_error(USER_USAGE, "%.*s", SV_ARG(problem));
}

static int open_store(struct user_call *call, bool create)
{
    const struct settings *settings = &call->config.settings;
    struct auth_settings auth;
    struct sv problem = SV_ABSENT;
    struct db_options options = {
        .durability = DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = create,
    };
    if (!auth_settings_load(settings, call->arena, &auth, &problem))
        return command_error("%.*s", SV_ARG(problem));
    if (auth_database(settings, &auth, call->arena, &call->error, &options.path) != OK)
        return user_failed(call);
    call->store.db = db_open(&options, call->arena, &call->error);
    return call->store.db ? EXIT_OK : user_failed(call);
}

static int run_with_arena(const struct subcommand *subcommand, struct arena *arena, int argc, char **argv)
{
    struct user_call call = {.arena = arena};
    const char *config_file = NULL, *uri = NULL;
    int status = parse_arguments(&call, argc, argv, &config_file, &uri);
    if (status == EXIT_OK)
        status = load_settings(&call, config_file, uri);
    if (status == EXIT_OK)
        status = open_store(&call, subcommand->create);
    if (status != EXIT_OK)
        return status;
    status = subcommand->run(&call);
    db_close(call.store.db);
    return status;
}

int user_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return EXIT_OK;
        }
    }
    if (argc < 2)
        return usage_error(USER_USAGE, "Missing command.");
    const struct subcommand *subcommand = find_subcommand(argv[1]);
    if (!subcommand)
        return usage_error(USER_USAGE, "No such command '%s'.", argv[1]);
    struct arena *arena = arena_new(ARENA_LIMIT_BYTES);
    int status = run_with_arena(subcommand, arena, argc - 2, argv + 2);
    arena_free(arena);
    return status;
}
