#ifndef TRACKLIGHT_FCGI_PROGRAM_H
#define TRACKLIGHT_FCGI_PROGRAM_H

#include "fcgi-bin/service.h"

/* What makes a FastCGI program of the suite out of tables of operations: command line, settings, log, store,
 * SIGHUP. */
struct fastcgi_program {
    struct program program; /* its name is the file's, without .fcgi */
    const char *summary;    /* for --help: "Answers the tracking API" */
    struct service *service;
    int64_t (*threads)(const struct settings *settings); /* NULL: the setting "threads" */
    /* What the program has besides the store; both may be NULL. A failed open leaves nothing to close. */
    enum status (*open)(struct service *service, struct arena *arena, struct error *error);
    void (*close)(struct service *service);
    /* On SIGHUP; settings that take effect at the start only are those of the service. May be NULL. */
    void (*reload)(struct service *service, const struct settings *settings);
};

/* Returns the process's exit status. */
int program_main(const struct fastcgi_program *program, int argc, char **argv);

#endif
