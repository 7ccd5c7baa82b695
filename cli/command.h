#ifndef TRACKLIGHT_CLI_COMMAND_H
#define TRACKLIGHT_CLI_COMMAND_H

#include "common/base/sv.h"

/* Exit statuses: as of the reference's command line. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A subcommand: argv[0] is its own name. Returns the exit status. */
typedef int command(int argc, char **argv);

command server_command; /* server_command.c */
command db_command;     /* db_command.c */
command crypto_command; /* crypto_command.c */
command import_command; /* import_command.c */
command worker_command; /* worker.c */
command jobs_command;   /* jobs.c */
command gc_command;     /* gc.c */
command doctor_command; /* doctor.c */
command user_command;   /* user.c */

/* Prints how the command is called and what is wrong with this call; returns EXIT_USAGE. `usage` is what
 * stands behind "Usage: tracklight ". */
int usage_error(const char *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "Error: …"; returns EXIT_FAILED. */
int command_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line to standard error: what the command tells its user besides results. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Recognises "--name VALUE" and "--name=VALUE" at argv[*index] and moves *index to the last argument that
 * belongs to it. Returns 1 if it is there, 0 if not, -1 if its value is missing. */
int take_option(int argc, char **argv, int *index, const char *name, const char **value);

#endif
