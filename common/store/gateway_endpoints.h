#ifndef TRACKLIGHT_STORE_GATEWAY_ENDPOINTS_H
#define TRACKLIGHT_STORE_GATEWAY_ENDPOINTS_H

#include "common/store/gateway.h"
#include "common/store/gateway_models.h"

/* Endpoints: what callers name, and the models behind it. */

struct gateway_mapping {
    struct sv mapping_id;
    struct sv endpoint_id;
    struct gateway_model definition;
    enum gateway_linkage linkage;
    double weight;
    int64_t fallback_order; /* GATEWAY_NO_ORDER: none */
    struct sv created_by;   /* absent: not known */
    int64_t creation_time;
};

#define GATEWAY_NO_ATTEMPTS INT64_MIN

struct gateway_fallback {
    bool sequential;      /* the strategy, if one was given */
    int64_t max_attempts; /* GATEWAY_NO_ATTEMPTS: not given */
};

struct gateway_endpoint {
    struct sv endpoint_id;
    struct sv name;
    bool splits_traffic; /* REQUEST_BASED_TRAFFIC_SPLIT */
    bool has_fallback;
    struct gateway_fallback fallback;
    struct gateway_audit audit;
    const struct gateway_mapping *mappings; /* in the order in which they were attached */
    size_t mapping_count;
    const struct key_value *tags; /* by key */
    size_t tag_count;
};

struct gateway_endpoint_list {
    const struct gateway_endpoint *items;
    size_t count;
};

struct gateway_model_config {
    struct sv model_definition_id;
    enum gateway_linkage linkage;
    double weight;          /* finite, at least 0 */
    int64_t fallback_order; /* GATEWAY_NO_ORDER: none */
};

struct gateway_endpoint_change {
    struct sv name;                             /* absent: not sent */
    const struct gateway_model_config *configs; /* count 0: not sent */
    size_t config_count;                        /* to GATEWAY_MODELS_MAX */
    bool splits_traffic;                        /* false: not sent */
    const struct gateway_fallback *fallback;    /* NULL: not sent */
    struct sv by;                               /* who makes the change; or absent */
};

/* INVALID_PARAMETER_VALUE without models, RESOURCE_DOES_NOT_EXIST if one is not there, BAD_REQUEST (as
 * MLflow) if the name is taken. */
enum status gateway_endpoint_create(struct store_tx *tx, const struct gateway_endpoint_change *change,
                                    struct sv *endpoint_id);

/* RESOURCE_DOES_NOT_EXIST if there is none; so do the others that take its id. */
enum status gateway_endpoint_load(struct store_tx *tx, struct sv endpoint_id,
                                  struct gateway_endpoint *endpoint);

/* Models that are sent take the place of all that were there, and the fallback configuration with them. */
enum status gateway_endpoint_update(struct store_tx *tx, struct sv endpoint_id,
                                    const struct gateway_endpoint_change *change);

/* With its mappings, bindings and tags. */
enum status gateway_endpoint_delete(struct store_tx *tx, struct sv endpoint_id);

/* Oldest first; those with a model of the provider, or all if it is absent; of them those that may be shown
 * (NULL: all). */
enum status gateway_endpoint_list(struct store_tx *tx, struct sv provider,
                                  const struct permission_filter *readable,
                                  struct gateway_endpoint_list *list);

/* RESOURCE_ALREADY_EXISTS if the definition is attached with this linkage. */
enum status gateway_endpoint_attach(struct store_tx *tx, struct sv endpoint_id,
                                    const struct gateway_model_config *config, struct sv by,
                                    struct gateway_mapping *mapping);

/* The mapping of the definition that was attached first; RESOURCE_DOES_NOT_EXIST if there is none. */
enum status gateway_endpoint_detach(struct store_tx *tx, struct sv endpoint_id,
                                    struct sv model_definition_id);

/* The value is "" if it is absent. Taking away what is not there is no error. */
enum status gateway_endpoint_set_tag(struct store_tx *tx, struct sv endpoint_id, struct sv key,
                                     struct sv value);
enum status gateway_endpoint_delete_tag(struct store_tx *tx, struct sv endpoint_id, struct sv key);

#endif
