#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/env_file.h"
#include "cli/server_messages.h"
#include "cli/suite.h"
#include "cli/supervisor.h"
#include "cli/ui_directory.h"
#include "common/base/config.h"
#include "common/db/db.h"
#include "common/jobs/types.h"
#include "common/jobs/worker_token.h"
#include "common/security/security.h"
#include "common/store/auth_settings.h"
#include "common/store/uri.h"
#include "common/webhooks/rules.h"

#define USAGE              "server [OPTIONS]"
#define ARENA_LIMIT_BYTES  (8UL * 1024 * 1024)
#define JOBS_LIMIT_BYTES   (64UL * 1024 * 1024)
#define MAX_ARGUMENTS      256
#define ARTIFACTS_DATABASE "tracklight" /* only names the run directory of a server without a database */

static void print_help(void)
{
    printf("Usage: tracklight " USAGE "\n\n"
           "Run the tracking server: the FastCGI programs, and lighttpd in front of them.\n\n");
    config_print_options(stdout);
    printf("\n  --config FILE    Read settings from FILE (name = value); options and variables override it.\n"
           "  --env-file FILE  Read environment variables from FILE first; those that are set stay.\n"
           "  --help           Show this text.\n");
}

/* The options that are not settings; the others are left in `rest`. */
struct own_options {
    const char *config_file;
    const char *env_file;
    bool help;
    char *rest[MAX_ARGUMENTS];
    int rest_count;
};

static int parse_own_options(struct own_options *options, int argc, char **argv)
{
    if (argc > MAX_ARGUMENTS)
        return usage_error(USAGE, "Too many arguments.");
    for (int i = 1; i < argc; i++) {
        int config_file = take_option(argc, argv, &i, "--config", &options->config_file);
        int env_file = config_file ? 0 : take_option(argc, argv, &i, "--env-file", &options->env_file);
        if (config_file < 0 || env_file < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (strcmp(argv[i], "--help") == 0)
            options->help = true;
        else if (!config_file && !env_file)
            options->rest[options->rest_count++] = argv[i];
    }
    return EXIT_OK;
}

static int load_settings(struct config *config, struct arena *arena, struct own_options *options)
{
    struct sv problem = SV_ABSENT;
    if (options->env_file) {
        if (!env_file_load(options->env_file, arena, &problem))
            return usage_error(USAGE, "Could not read the environment file %s: %.*s", options->env_file,
                               SV_ARG(problem));
        notice("Loaded environment variables from: %s", options->env_file);
    }
    if (!config_load(config, arena, options->config_file, options->rest_count, options->rest, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    return EXIT_OK;
}

/* Settings that are fine each, but not together or not in this version. */
static int check_settings(const struct settings *settings, struct arena *arena)
{
    int servers = (settings->uvicorn_opts.data != NULL) + (settings->gunicorn_opts.data != NULL) +
                  (settings->waitress_opts.data != NULL);
    if (servers > 1)
        return usage_error(USAGE, "Cannot specify multiple server options. Choose one of: '--gunicorn-opts', "
                                  "'--waitress-opts', or '--uvicorn-opts'.");
    if (settings->artifacts_only && settings->backend_store_uri.data &&
        !sv_equal(settings->backend_store_uri, SV(STORE_URI_DEFAULT)))
        return usage_error(
            USAGE,
            "You are starting a tracking server in `--artifacts-only` mode and have provided a "
            "value for `--backend_store_uri`: '%.*s'. A server in this mode keeps no "
            "experiments or runs; start it without `--backend-store-uri`.",
            SV_ARG(settings->backend_store_uri));
    const struct security_settings rules = {
        .disabled = settings->disable_security_middleware,
        .allowed_hosts = settings->allowed_hosts,
        .allowed_origins = settings->cors_allowed_origins,
        .frame_options = settings->x_frame_options,
    };
    struct sv problem = SV_ABSENT;
    struct security *security = security_new(&rules, arena, &problem);
    if (!security)
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    security_free(security);
    struct auth_settings auth;
    if (auth_is_on(settings) && !auth_settings_load(settings, arena, &auth, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    struct sv ui;
    if (!ui_directory_find(settings, arena, &ui, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    struct webhook_rules webhooks;
    if (!webhook_rules_from(settings, arena, &webhooks, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    return EXIT_OK;
}

/* What would keep the programs from starting, told before they are started. */
static int check_jobs(const struct config *config)
{
    struct arena *arena = arena_new(JOBS_LIMIT_BYTES);
    struct job_types types;
    struct sv token, problem = SV_ABSENT;
    int status = EXIT_OK;
    if ((config->settings.enable_jobs &&
         !job_types_from_settings(&types, arena, &config->settings, config->file, &problem)) ||
        !job_worker_token(&config->settings, arena, &token, &problem))
        status = usage_error(USAGE, "%.*s", SV_ARG(problem));
    arena_free(arena);
    return status;
}

static int find_database(const struct settings *settings, struct arena *arena, struct sv *database)
{
    struct error error = {0};
    if (settings->artifacts_only)
        *database = SV(ARTIFACTS_DATABASE);
    else if (store_uri_path(arena, &error, settings->backend_store_uri, database) != OK)
        return command_error("%.*s", SV_ARG(error.message));
    return EXIT_OK;
}

static struct db_options db_options_of(const struct settings *settings)
{
    return (struct db_options){
        .durability =
            sv_equal(settings->durability, SV("normal")) ? DB_DURABILITY_NORMAL : DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
        .create = true,
    };
}

/* Makes or migrates the database, so that the programs find it ready, and so that what is wrong with it is
 * told before anything runs. */
static int prepare_database(const struct settings *settings, struct sv database, struct arena *arena)
{
    struct db_options options = db_options_of(settings);
    options.path = database;
    struct error error = {0};
    struct db *db = db_open(&options, arena, &error);
    if (db) {
        db_close(db);
        return EXIT_OK;
    }
    notice("Error initializing backend store");
    return command_error("%.*s%s%.*s%s", SV_ARG(error.message), error.detail.len ? " (" : "",
                         SV_ARG(error.detail), error.detail.len ? ")" : "");
}

/* Makes the first administrator, if the settings name one, and tells what to do if there is none. */
static int prepare_users(const struct settings *settings, struct arena *arena)
{
    struct auth_settings auth;
    struct sv problem = SV_ABSENT;
    struct error error = {0};
    struct store store = {0};
    bool has_admin = false;
    struct db_options options = db_options_of(settings);
    if (!auth_settings_load(settings, arena, &auth, &problem))
        return command_error("%.*s", SV_ARG(problem));
    if (auth_database(settings, &auth, arena, &error, &options.path) != OK)
        return command_error("%.*s", SV_ARG(error.message));
    store.db = db_open(&options, arena, &error);
    enum status status = store.db ? auth_prepare(&store, &auth, arena, &error, &has_admin) : FAILED;
    if (store.db)
        db_close(store.db);
    if (status != OK)
        return command_error("%.*s%s%.*s%s", SV_ARG(error.message), error.detail.len ? " (" : "",
                             SV_ARG(error.detail), error.detail.len ? ")" : "");
    if (!has_admin)
        notice("%s", AUTH_NO_ADMIN_TEXT);
    return EXIT_OK;
}

static int make_metrics_directory(struct sv directory, struct arena *arena)
{
    for (size_t i = 1; directory.data && i <= directory.len; i++) {
        if (i < directory.len && directory.data[i] != '/')
            continue;
        const char *path = arena_cstr(arena, sv_first(directory, i));
        struct stat info;
        if (mkdir(path, 0777) != 0 && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
            return command_error("--expose-prometheus: the directory %s cannot be made: %s", path,
                                 strerror(errno));
    }
    return EXIT_OK;
}

static int run_in_directory(const struct config *config, const struct installation *installation,
                            struct listener *listener, struct sv database, struct arena *arena)
{
    struct run_directory run;
    struct sv problem = SV_ABSENT;
    supervisor_block_signals();
    if (!run_directory_make(&run, database, arena, &problem))
        return command_error("%.*s", SV_ARG(problem));
    int status = suite_run(config, installation, listener, &run, arena);
    run_directory_remove(&run);
    return status;
}

static int serve_database(const struct config *config, const struct installation *installation,
                          struct arena *arena)
{
    const struct settings *settings = &config->settings;
    struct sv database, problem = SV_ABSENT;
    struct listener listener;
    int status = find_database(settings, arena, &database);
    if (status != EXIT_OK)
        return status;
    if (!settings->artifacts_only)
        say_stores(config, database, arena);
    say_ignored(config);
    if (!listener_bind(&listener, settings->host, (unsigned)settings->port, arena, &problem))
        return command_error("%.*s", SV_ARG(problem));
    if (!settings->artifacts_only)
        status = prepare_database(settings, database, arena);
    if (status == EXIT_OK && auth_is_on(settings))
        status = prepare_users(settings, arena);
    if (status == EXIT_OK)
        status = make_metrics_directory(settings->expose_prometheus, arena);
    if (status == EXIT_OK) {
        say_security(settings, arena);
        status = run_in_directory(config, installation, &listener, database, arena);
    }
    listener_close(&listener);
    return status;
}

static int serve_with_arena(struct own_options *options, struct arena *arena)
{
    struct config config = {0};
    struct installation installation;
    int status = load_settings(&config, arena, options);
    if (status == EXIT_OK)
        status = check_settings(&config.settings, arena);
    if (status == EXIT_OK)
        status = check_jobs(&config);
    if (status != EXIT_OK)
        return status;
    installation_find(&installation, arena);
    if (!installation.web_server)
        return command_error("lighttpd is missing: install it, on Debian and Ubuntu with `apt install "
                             "lighttpd`, and see that it is in PATH.");
    return serve_database(&config, &installation, arena);
}

int server_command(int argc, char **argv)
{
    struct own_options options = {0};
    int status = parse_own_options(&options, argc, argv);
    if (status != EXIT_OK)
        return status;
    if (options.help) {
        print_help();
        return EXIT_OK;
    }
    struct arena *arena = arena_new(ARENA_LIMIT_BYTES);
    status = serve_with_arena(&options, arena);
    arena_free(arena);
    return status;
}
