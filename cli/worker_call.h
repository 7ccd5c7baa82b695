#ifndef TRACKLIGHT_CLI_WORKER_CALL_H
#define TRACKLIGHT_CLI_WORKER_CALL_H

#include <stdbool.h>

#include "common/base/config.h"
#include "common/store/store.h"
#include "common/webhooks/rules.h"

/* `tracklight worker`, as it was called: what its parts share. */

#define WORKER_MAX_ARGUMENTS 768  /* what is passed on is up to three for one */
#define WORKER_STOP_GRACE_MS 5000 /* for deliveries that are under way */

struct worker_call {
    bool once, status, help;
    const char *config_file;
    const char *server; /* NULL: works on the database */
    char *rest[WORKER_MAX_ARGUMENTS];
    int rest_count;
    struct config config;
    struct webhook_rules rules;
    struct store registry, tracking; /* often one database, opened once; without any, for --server */
    struct sv tracking_path;
    struct sv key_path;
};

/* Prints the error; returns EXIT_FAILED. */
int worker_failed(const struct error *error);

/* --status (worker_status.c). Returns the exit status. */
int worker_print_status(struct worker_call *call, struct arena *arena);

/* Works until there is nothing left to do, for --once, or a signal comes from the signalfd (worker_tasks.c).
 * Returns the exit status. */
int worker_run(struct worker_call *call, struct arena *arena, int signals);

#endif
