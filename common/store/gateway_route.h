#ifndef TRACKLIGHT_STORE_GATEWAY_ROUTE_H
#define TRACKLIGHT_STORE_GATEWAY_ROUTE_H

#include "common/store/store.h"

/* What a call of a model needs to know: an endpoint, and the models behind it with their encrypted secrets.
 */

enum gateway_linkage { GATEWAY_PRIMARY = 1, GATEWAY_FALLBACK = 2 };

#define GATEWAY_NO_ORDER INT64_MAX

struct gateway_route_model {
    enum gateway_linkage linkage;
    double weight;          /* finite, at least 0 */
    int64_t fallback_order; /* GATEWAY_NO_ORDER: none was given, which comes last */
    struct sv definition_id;
    struct sv provider;
    struct sv model_name;
    struct sv auth_config; /* JSON: an object of strings; absent: none */
    struct sv secret_id;
    struct sv secret_name;
    /* As struct envelope_sealed (common/security/envelope.h) wants them. */
    struct sv encrypted_value;
    struct sv wrapped_dek;
    int64_t kek_version;
};

struct gateway_routing {
    struct sv endpoint_id;
    struct sv name;
    bool splits_traffic;  /* REQUEST_BASED_TRAFFIC_SPLIT; else the first primary is meant */
    bool has_fallback;    /* a fallback configuration is there */
    int64_t max_attempts; /* of it; 0: not given */
    /* In the order in which they were attached; those whose secret is gone are left out. */
    const struct gateway_route_model *models;
    size_t count;
};

/* By the endpoint's name. All in the arena. RESOURCE_DOES_NOT_EXIST if there is none. */
enum status gateway_route_load(struct store_tx *tx, struct sv name, struct gateway_routing *routing);

/* The public id of an endpoint, by its name; absent if there is none. */
enum status gateway_endpoint_id(struct store_tx *tx, struct sv name, struct sv *endpoint_id);

/* A number that grows with every change of a secret, a model definition or an endpoint, by whatever process.
 * What was loaded or decrypted at the same number still holds. One row is read. */
enum status gateway_changes(struct store_tx *tx, int64_t *counter);

#endif
