#ifndef TRACKLIGHT_STORE_GATEWAY_H
#define TRACKLIGHT_STORE_GATEWAY_H

#include "common/store/gateway_route.h"
#include "common/store/store.h"

/* What the gateway's secrets, model definitions and endpoints have in common. */

/* Lengths in code points. */
#define GATEWAY_NAME_MAX       255
#define GATEWAY_PROVIDER_MAX   64
#define GATEWAY_MODEL_NAME_MAX 256
#define GATEWAY_TAG_KEY_MAX    250
#define GATEWAY_TAG_VALUE_MAX  5000
#define GATEWAY_MODELS_MAX     100 /* of one endpoint; ours */

struct gateway_audit {
    struct sv created_by; /* absent: not known */
    int64_t creation_time;
    struct sv last_updated_by; /* absent: not known */
    int64_t last_update_time;
};

/* RESOURCE_DOES_NOT_EXIST "<entity> not found (<field>='<value>')". */
enum status gateway_not_found(struct store_tx *tx, const char *entity, const char *field, struct sv value);

/* The id inside the database; not found as above. */
enum status gateway_secret_find(struct store_tx *tx, struct sv secret_id, int64_t *id);
enum status gateway_model_find(struct store_tx *tx, struct sv model_definition_id, int64_t *id);
enum status gateway_endpoint_find(struct store_tx *tx, struct sv endpoint_id, int64_t *id);

/* A new public id: the letter, a dash, 32 hex digits. In the arena. */
struct sv gateway_new_id(struct arena *arena, char letter);

/* Four columns from `column` on, in the order of the struct. In the arena. */
struct gateway_audit gateway_read_audit(struct db_stmt *stmt, int column);

#endif
