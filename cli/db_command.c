#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/db_stats.h"
#include "cli/run_directory.h"
#include "common/base/config.h"
#include "common/db/db.h"
#include "common/store/uri.h"

#define USAGE             "db upgrade|check|backup|restore|info|stats [OPTIONS] [URI]"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)
#define READ_TIMEOUT_MS   3600000 /* nobody waits for a page */

struct db_call {
    struct arena *arena;
    struct error error;
    struct sv uri;
    struct sv path;
    const char *backup_path;
    struct db *db;
};

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "  upgrade [URI]      Bring the database to the newest schema; make it if it does not exist.\n"
        "  check [URI]        Look for damage: integrity and foreign keys of the whole file.\n"
        "  backup FILE [URI]  Copy the database into the new FILE, also while a server runs on it.\n"
        "  restore FILE [URI] Put a copy of the backup FILE in the place of the database, which nobody may\n"
        "                     have open. FILE is checked first.\n"
        "  info [URI]         Show schema version and size.\n"
        "  stats [URI]        Show rows and bytes of each table, and the largest experiments. Reads the "
        "whole\n"
        "                     file.\n\n"
        "URI is sqlite:///relative.db or sqlite:////absolute.db; without one the setting of the server\n"
        "counts, " STORE_URI_DEFAULT " by default.\n\n"
        "Options:\n"
        "  --backend-store-uri URI  The same as URI.\n"
        "  --config FILE            Read settings from FILE.\n"
        "  --help                   Show this text.\n");
}

static int failed(const struct db_call *call)
{
    return command_error("%.*s%s%.*s%s", SV_ARG(call->error.message), call->error.detail.len ? " (" : "",
                         SV_ARG(call->error.detail), call->error.detail.len ? ")" : "");
}

static int64_t file_size(const struct db_call *call)
{
    struct stat info;
    return stat(call->path.data, &info) == 0 ? (int64_t)info.st_size : 0;
}

static int show_info(struct db_call *call)
{
    struct db_info info;
    if (db_info(call->db, call->arena, &call->error, &info) != OK)
        return failed(call);
    printf("database: %.*s\n"
           "schema version: %" PRId64 " (newest: %" PRId64 ")\n"
           "size: %" PRId64 " bytes\n"
           "write-ahead log: %" PRId64 " bytes\n",
           SV_ARG(call->path), info.schema_version, info.newest_version, file_size(call), info.wal_bytes);
    return EXIT_OK;
}

static int stats(struct db_call *call)
{
    return db_stats_print(call->db, call->path, call->arena, &call->error) == OK ? EXIT_OK : failed(call);
}

static int upgrade(struct db_call *call)
{
    struct db_info info;
    if (db_info(call->db, call->arena, &call->error, &info) != OK)
        return failed(call);
    printf("%.*s is at schema version %" PRId64 ".\n", SV_ARG(call->path), info.schema_version);
    return EXIT_OK;
}

static void print_problem(void *context, struct sv line)
{
    unsigned *count = context;
    ++*count;
    printf("%.*s\n", SV_ARG(line));
}

static int check(struct db_call *call)
{
    unsigned problems = 0;
    enum status status = db_check(call->db, call->arena, &call->error, print_problem, &problems);
    if (problems) {
        fflush(stdout);
        return command_error("%.*s is damaged: %u problems. Go back to a backup.", SV_ARG(call->path),
                             problems);
    }
    if (status != OK)
        return failed(call);
    printf("%.*s: no problems found.\n", SV_ARG(call->path));
    return EXIT_OK;
}

static int backup(struct db_call *call)
{
    if (db_backup(call->db, sv_from(call->backup_path), call->arena, &call->error) != OK)
        return failed(call);
    printf("%.*s is copied to %s.\n", SV_ARG(call->path), call->backup_path);
    return EXIT_OK;
}

static int restore(struct db_call *call)
{
    unsigned problems = 0;
    if (run_directory_in_use(call->path, call->arena))
        return command_error("A server runs on %.*s. Stop it first.", SV_ARG(call->path));
    if (db_restore(call->path, sv_from(call->backup_path), call->arena, &call->error, print_problem,
                   &problems) != OK) {
        fflush(stdout);
        return failed(call);
    }
    printf("%.*s is as %s has it.\n", SV_ARG(call->path), call->backup_path);
    return EXIT_OK;
}

enum backup_file { NO_FILE, NEW_FILE, OLD_FILE };

static const struct subcommand {
    const char *name;
    int (*run)(struct db_call *call);
    bool create;
    enum backup_file file;
    bool closed; /* runs while the database is not open */
} subcommands[] = {
    {"upgrade", upgrade, true, NO_FILE, false}, {"check", check, false, NO_FILE, false},
    {"backup", backup, false, NEW_FILE, false}, {"restore", restore, false, OLD_FILE, true},
    {"info", show_info, false, NO_FILE, false}, {"stats", stats, false, NO_FILE, false},
};

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    }
    return NULL;
}

static int run_on_database(const struct subcommand *subcommand, struct db_call *call,
                           const struct settings *settings)
{
    if (!call->uri.data)
        call->uri = settings->backend_store_uri;
    if (store_uri_path(call->arena, &call->error, call->uri, &call->path) != OK)
        return failed(call);
    struct stat info;
    if (subcommand->file == NEW_FILE && lstat(call->backup_path, &info) == 0)
        return command_error("%s exists already; a backup goes into a new file.", call->backup_path);
    if (subcommand->closed)
        return subcommand->run(call);
    const struct db_options options = {
        .path = call->path,
        .durability = DB_DURABILITY_FULL,
        .max_readers = 1,
        .write_timeout_ms = settings->write_timeout_ms,
        .read_timeout_ms = READ_TIMEOUT_MS,
        .create = subcommand->create,
    };
    call->db = db_open(&options, call->arena, &call->error);
    if (!call->db)
        return failed(call);
    int status = subcommand->run(call);
    db_close(call->db);
    return status;
}

/* Reads "[FILE] [URI]" and the options behind the subcommand's name. */
static int parse_arguments(const struct subcommand *subcommand, struct db_call *call, int argc, char **argv,
                           const char **config_file)
{
    for (int i = 0; i < argc; i++) {
        const char *uri = NULL;
        int uri_given = take_option(argc, argv, &i, "--backend-store-uri", &uri);
        int config_given = uri_given ? 0 : take_option(argc, argv, &i, "--config", config_file);
        if (uri_given < 0 || config_given < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (config_given)
            continue;
        if (!uri_given && argv[i][0] == '-')
            return usage_error(USAGE, "No such option: %s", argv[i]);
        if (uri_given || subcommand->file == NO_FILE || call->backup_path) {
            if (call->uri.data)
                return usage_error(USAGE, "Got unexpected extra argument (%s)", uri_given ? uri : argv[i]);
            call->uri = sv_from(uri_given ? uri : argv[i]);
        } else {
            call->backup_path = argv[i];
        }
    }
    if (subcommand->file != NO_FILE && !call->backup_path)
        return usage_error(USAGE, "Missing argument FILE: where the backup %s.",
                           subcommand->file == NEW_FILE ? "goes" : "is");
    return EXIT_OK;
}

static int run_with_arena(const struct subcommand *subcommand, struct arena *arena, int argc, char **argv)
{
    struct db_call call = {.arena = arena};
    const char *config_file = NULL;
    int status = parse_arguments(subcommand, &call, argc, argv, &config_file);
    if (status != EXIT_OK)
        return status;
    struct config config = {0};
    struct sv problem = SV_ABSENT;
    if (!config_load(&config, arena, config_file, 0, NULL, &problem))
        return usage_error(USAGE, "%.*s", SV_ARG(problem));
    return run_on_database(subcommand, &call, &config.settings);
}

int db_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return EXIT_OK;
        }
    }
    if (argc < 2)
        return usage_error(USAGE, "Missing command.");
    const struct subcommand *subcommand = find_subcommand(argv[1]);
    if (!subcommand)
        return usage_error(USAGE, "No such command '%s'.", argv[1]);
    struct arena *arena = arena_new(ARENA_LIMIT_BYTES);
    int status = run_with_arena(subcommand, arena, argc - 2, argv + 2);
    arena_free(arena);
    return status;
}
