#ifndef TRACKLIGHT_CLI_STORE_CALL_H
#define TRACKLIGHT_CLI_STORE_CALL_H

#include "common/base/config.h"
#include "common/store/store.h"

/* What subcommands share that work on the tracking store itself. */
struct store_call {
    const char *usage;
    const char *config_file, *uri; /* of the options --config and --backend-store-uri */
    struct arena *arena;
    struct error error;
    struct config config;
    struct sv database; /* its path */
    struct store store;
};

/* Takes those two options at argv[*i]. Returns 1 if one was taken, 0 if not, -1 if its value is missing. */
int store_call_option(struct store_call *call, int argc, char **argv, int *i);

/* Reads the settings; and opens the database, which must exist. EXIT_OK, or the status to exit with after
 * saying why. store_call_close ends both. */
int store_call_configure(struct store_call *call);
int store_call_open(struct store_call *call);
void store_call_close(struct store_call *call);

/* Says what failed; EXIT_FAILED. */
int store_call_failed(const struct store_call *call);

/* A transaction; NULL after saying why there is none. Ending it commits if `status` is OK, and says what
 * failed otherwise; OK or FAILED. */
struct store_tx *store_call_begin(struct store_call *call, enum db_access access);
enum status store_call_end(struct store_call *call, struct store_tx *tx, enum status status);

#endif
