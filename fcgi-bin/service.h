#ifndef TRACKLIGHT_FCGI_SERVICE_H
#define TRACKLIGHT_FCGI_SERVICE_H

#include "common/artifacts/resolve.h"
#include "common/base/config.h"
#include "common/http/request.h"
#include "common/http/server.h"
#include "common/store/store.h"

struct auth;

/* What the handlers of every program share. */
struct service {
    const struct settings *settings; /* as at the start; they live as long as the process */
    const char *program;             /* "tracking" */
    struct sv config_file;           /* absent: none */
    struct store store;
    bool has_store; /* not with --artifacts-only */
    struct store registry_store;
    struct store *registry; /* the store of the model registry: registry_store, or `store` if both are one */
    struct store users_store;
    struct store *users; /* where the users are: users_store, or one of the others; NULL: no authentication */
    struct auth *auth;   /* auth.h; NULL: no authentication */
    struct artifact_settings artifacts;
};

/* Opens the stores that the settings name. On failure `error` holds a sentence for the administrator. */
enum status service_open(struct service *service, const char *program, const struct settings *settings,
                         struct arena *arena, struct error *error);
void service_close(struct service *service);

/* Transactions of the store; their context is the service. */
extern const struct transaction_hooks service_hooks;

/* The service, the open transaction, and the settings for artifacts, of a request. The transaction is the
 * registry's where the operation says so. */
struct service *request_service(const struct request *request);
struct store_tx *request_tx(const struct request *request);

/* For operations of the registry: the open transaction if experiments and runs are in the same database, else
 * one of theirs, which ends with it: it is committed before the registry's. Call it once in a request. NULL
 * on failure (the error is set). */
struct store_tx *request_tracking_tx(const struct request *request, enum db_access access);

/* With authentication, beside the open transaction: that of the database with users and permissions, to grant
 * something to who has made it, or to drop what was granted on what is gone. It is the open one if both are
 * in one database, else one that ends with it and is committed before it. Take it after request_tracking_tx,
 * and always with the same access in one request. NULL on failure (the error is set). */
struct store_tx *request_users_tx(const struct request *request, enum db_access access);

/* With authentication, before the handler runs: a snapshot of the users' database to look something up in;
 * that of the operation, if it only reads, else one that is to be ended. NULL on failure (the error is set).
 */
struct store_tx *request_users_read(struct request *request);
enum status request_users_read_end(struct request *request);

/* The same for the database with experiments and runs, beside that of the users, whose end is its own as
 * well; take it first. */
struct store_tx *request_tracking_read(struct request *request);

/* Whether the operation's own transaction is a snapshot of the users' database. */
bool operation_reads_users(const struct service *service, const struct operation *operation);

/* With authentication, while no transaction is open: begins one of the users' database, which request_tx
 * gives then. As with request_begin, request_commit ends it. */
enum status request_begin_users(struct request *request, enum access access);

const struct artifact_settings *request_artifacts(const struct request *request);

#endif
