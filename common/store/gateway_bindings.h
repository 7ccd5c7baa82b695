#ifndef TRACKLIGHT_STORE_GATEWAY_BINDINGS_H
#define TRACKLIGHT_STORE_GATEWAY_BINDINGS_H

#include "common/store/gateway.h"

/* Which resources use an endpoint. "scorer_job" is the only type of resource. */

struct gateway_binding {
    struct sv endpoint_id;
    struct sv resource_type;
    struct sv resource_id;
    struct gateway_audit audit;
};

struct gateway_binding_list {
    const struct gateway_binding *items;
    size_t count;
};

/* INVALID_PARAMETER_VALUE for another type, RESOURCE_DOES_NOT_EXIST without the endpoint,
 * RESOURCE_ALREADY_EXISTS if the resource is bound to it. */
enum status gateway_binding_create(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                   struct sv resource_id, struct sv by, struct gateway_binding *binding);
enum status gateway_binding_delete(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                   struct sv resource_id);

/* Absent filters let all through. */
enum status gateway_binding_list(struct store_tx *tx, struct sv endpoint_id, struct sv resource_type,
                                 struct sv resource_id, struct gateway_binding_list *list);

#endif
