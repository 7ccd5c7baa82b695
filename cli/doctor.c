#include "cli/doctor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/base/log.h"
#include "common/store/text.h"

#define USAGE             "doctor [--url URL] [OPTIONS]"
#define ARENA_LIMIT_BYTES (64UL * 1024 * 1024)
#define SOCKETS           "/run/tracklight"

static void print_help(void)
{
    printf(
        "Usage: tracklight " USAGE "\n\n"
        "Look for what is wrong with an installation, and say how to mend it: one line for each thing that "
        "is ok,\n"
        "questionable (warning) or wrong (problem). Nothing is changed. The exit status is 1 if there is a "
        "problem.\n"
        "Call it as the server's user, from the server's working directory, with the server's settings.\n\n"
        "Options:\n"
        "  --url URL      Ask the server that runs there, as its clients do.\n"
        "  --sockets DIR  Where the programs listen for the web server. Default: " SOCKETS ".\n"
        "  --config FILE  Read settings from FILE.\n"
        "  --help         Show this text.\n\n"
        "The settings are those of the server, and so are their options and environment variables: see\n"
        "`tracklight server --help`.\n");
}

/* Texts may come from clients, or from files: nothing in them moves the cursor. */
static void print_plain(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        putchar(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
}

void doctor_say(struct doctor *doctor, enum finding finding, const char *subject, struct sv sentence,
                struct sv mend)
{
    static const char *const names[] = {"ok", "warning", "problem"};
    printf("%-7s  %s: ", names[finding], subject);
    print_plain(sentence);
    if (mend.len) {
        fputs(" To mend it: ", stdout);
        print_plain(mend);
    }
    putchar('\n');
    fflush(stdout);
    doctor->warnings += finding == FINDING_WARNING;
    doctor->problems += finding == FINDING_PROBLEM;
}

static int parse_arguments(struct doctor *doctor, int argc, char **argv, bool *help)
{
    if (argc > (int)(sizeof(doctor->rest) / sizeof(doctor->rest[0])))
        return usage_error(USAGE, "Too many arguments.");
    for (int i = 1; i < argc; i++) {
        int taken = take_option(argc, argv, &i, "--config", &doctor->config_file);
        if (!taken)
            taken = take_option(argc, argv, &i, "--url", &doctor->url);
        if (!taken)
            taken = take_option(argc, argv, &i, "--sockets", &doctor->sockets);
        if (taken < 0)
            return usage_error(USAGE, "Option '%s' requires an argument.", argv[i]);
        if (taken)
            continue;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            *help = true;
        else
            doctor->rest[doctor->rest_count++] = argv[i];
    }
    return EXIT_OK;
}

static bool load_settings(struct doctor *doctor)
{
    struct sv problem = SV_ABSENT;
    if (!config_load(&doctor->config, doctor->arena, doctor->config_file, doctor->rest_count, doctor->rest,
                     &problem)) {
        doctor_say(doctor, FINDING_PROBLEM, "settings", problem,
                   SV("correct it; `man tracklight.conf` and docs/settings.md list all settings."));
        return false;
    }
    doctor_say(doctor, FINDING_OK, "settings",
               doctor->config.file.data
                   ? doctor_text(doctor, "%.*s can be read and makes sense.", SV_ARG(doctor->config.file))
                   : SV("There is no file of settings; environment and defaults count."),
               SV_ABSENT);
    return true;
}

static int examine(struct doctor *doctor)
{
    char *directory = getcwd(NULL, 0);
    doctor->directory = arena_copy(doctor->arena, directory ? sv_from(directory) : SV("/"));
    free(directory);
    if (load_settings(doctor)) {
        doctor_settings(doctor);
        doctor_database(doctor);
        doctor_contents(doctor);
        doctor_files(doctor);
        doctor_server(doctor);
    }
    if (doctor->store.db)
        db_close(doctor->store.db);
    printf("%u problems, %u warnings\n", doctor->problems, doctor->warnings);
    return doctor->problems ? EXIT_FAILED : EXIT_OK;
}

int doctor_command(int argc, char **argv)
{
    struct doctor doctor = {.sockets = SOCKETS};
    bool help = false;
    int status = parse_arguments(&doctor, argc, argv, &help);
    if (status != EXIT_OK)
        return status;
    if (help) {
        print_help();
        return EXIT_OK;
    }
    signal(SIGPIPE, SIG_IGN);
    log_init("doctor", LOG_LEVEL_ERROR);
    doctor.arena = arena_new(ARENA_LIMIT_BYTES);
    status = examine(&doctor);
    arena_free(doctor.arena);
    return status;
}
