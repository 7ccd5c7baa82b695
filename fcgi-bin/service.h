#ifndef TRACKLIGHT_FCGI_SERVICE_H
#define TRACKLIGHT_FCGI_SERVICE_H

#include "common/artifacts/resolve.h"
#include "common/base/config.h"
#include "common/http/request.h"
#include "common/http/server.h"
#include "common/store/store.h"

/* What the handlers of every program share. */
struct service {
    const struct settings *settings; /* as at the start; they live as long as the process */
    struct store store;
    bool has_store; /* not with --artifacts-only */
    struct store registry_store;
    struct store *registry; /* the store of the model registry: registry_store, or `store` if both are one */
    struct artifact_settings artifacts;
};

/* Opens the stores that the settings name. On failure `error` holds a sentence for the administrator. */
enum status service_open(struct service *service, const struct settings *settings, struct arena *arena,
                         struct error *error);
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
const struct artifact_settings *request_artifacts(const struct request *request);

#endif
