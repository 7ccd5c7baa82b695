/* The `tracklight` command: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/env_file.h"
#include "common/version.h"

#define USAGE "[--env-file FILE] COMMAND [ARGUMENTS]"

static const struct {
    const char *name;
    command *run;
    const char *help; /* NULL: another name of the command before */
} commands[] = {
    {"server", server_command, "Run the tracking server."},
    {"ui", server_command, NULL},
    {"worker", worker_command, "Make the deliveries of webhooks, outside of requests."},
    {"jobs", jobs_command, "Look at jobs, and cancel them."},
    {"gc", gc_command, "Remove for good what is not needed any more."},
    {"import", import_command, "Take over what an MLflow server kept."},
    {"db", db_command, "Look after the database: upgrade, check, backup, restore, info, stats."},
    {"doctor", doctor_command, "Look for what is wrong with an installation, and say how to mend it."},
    {"crypto", crypto_command, "Give the gateway's secrets another passphrase."},
    {"user", user_command, "Look after users, their tokens and permissions."},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    printf("Usage: tracklight " USAGE "\n\n"
           "Tracklight, an experiment tracking server that speaks MLflow's API.\n\n"
           "Options:\n"
           "  --env-file FILE  Read environment variables from FILE first; those that are set stay.\n"
           "  --version        Show the version.\n"
           "  --help           Show this text.\n\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].help)
            printf("  %-8s %s\n", commands[i].name, commands[i].help);
    }
    printf("  %-8s Show this text, or that of a command.\n\n"
           "`tracklight COMMAND --help` shows the options of a command. `ui` is another name of `server`.\n",
           "help");
}

static int load_env_file(const char *path)
{
    struct arena *arena = arena_new(8L * 1024 * 1024);
    struct sv problem = SV_ABSENT;
    bool loaded = env_file_load(path, arena, &problem);
    if (loaded)
        notice("Loaded environment variables from: %s", path);
    else
        usage_error(USAGE, "Could not read the environment file %s: %.*s", path, SV_ARG(problem));
    arena_free(arena);
    return loaded ? EXIT_OK : EXIT_USAGE;
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    }
    return usage_error(USAGE, "No such command '%s'. `tracklight help` lists the commands.", argv[0]);
}

static int help(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "help") != 0) {
        char option[] = "--help";
        char *arguments[] = {argv[1], option, NULL};
        return run_command(2, arguments);
    }
    print_help();
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *path;
        int given = take_option(argc, argv, &i, "--env-file", &path);
        if (given < 0)
            return usage_error(USAGE, "Option '--env-file' requires an argument.");
        if (given > 0) {
            if (load_env_file(path) != EXIT_OK)
                return EXIT_USAGE;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("tracklight %s (MLflow API %s)\n", TRACKLIGHT_VERSION, MLFLOW_API_VERSION);
            return EXIT_OK;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return EXIT_OK;
        } else if (strcmp(argv[i], "help") == 0) {
            return help(argc - i, argv + i);
        } else if (argv[i][0] == '-') {
            return usage_error(USAGE, "No such option: %s", argv[i]);
        } else {
            return run_command(argc - i, argv + i);
        }
    }
    print_help();
    return argc > 1 ? EXIT_USAGE : EXIT_OK;
}
