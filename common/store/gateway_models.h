#ifndef TRACKLIGHT_STORE_GATEWAY_MODELS_H
#define TRACKLIGHT_STORE_GATEWAY_MODELS_H

#include "common/store/gateway.h"
#include "common/store/permissions.h"

/* Model definitions: a model of a provider, and the secret to use with it. */

struct gateway_model {
    struct sv model_definition_id;
    struct sv name;
    struct sv secret_id; /* absent, as the next: the secret was deleted */
    struct sv secret_name;
    struct sv provider;
    struct sv model_name; /* the provider's */
    struct gateway_audit audit;
};

struct gateway_model_list {
    const struct gateway_model *items;
    size_t count;
};

/* Absent: not sent. */
struct gateway_model_change {
    struct sv name;
    struct sv secret_id;
    struct sv provider;
    struct sv model_name;
    struct sv by; /* who makes the change */
};

/* Everything but `by` must be there. RESOURCE_DOES_NOT_EXIST without the secret, RESOURCE_ALREADY_EXISTS if
 * there is a definition of this name. */
enum status gateway_model_create(struct store_tx *tx, const struct gateway_model_change *change,
                                 struct sv *model_definition_id);

/* RESOURCE_DOES_NOT_EXIST if there is none; so do the next two. */
enum status gateway_model_load(struct store_tx *tx, struct sv model_definition_id,
                               struct gateway_model *model);
enum status gateway_model_update(struct store_tx *tx, struct sv model_definition_id,
                                 const struct gateway_model_change *change);

/* WRONG_STATE while an endpoint uses it. */
enum status gateway_model_delete(struct store_tx *tx, struct sv model_definition_id);

/* Oldest first. Absent filters let all through, and so does NULL for those that may be shown. */
enum status gateway_model_list(struct store_tx *tx, struct sv provider, struct sv secret_id,
                               const struct permission_filter *readable, struct gateway_model_list *list);

/* The ten columns of a definition from `column` on: public id, name, public id and name of the secret,
 * provider, model name, audit. In the arena. */
struct gateway_model gateway_read_model(struct db_stmt *stmt, int column);

#endif
