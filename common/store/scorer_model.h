#ifndef TRACKLIGHT_STORE_SCORER_MODEL_H
#define TRACKLIGHT_STORE_SCORER_MODEL_H

#include "common/store/store.h"

struct json_object;

/* The model that a scorer asks. "gateway:/<name>" is an endpoint of the gateway: what counts is which one
 * that was when the scorer was registered, whatever its name is by now. */

struct scorer_model {
    bool uses_gateway;
    int64_t endpoint; /* the id inside the database; 0: not of the gateway */
};

/* Of a scorer that is being registered. RESOURCE_DOES_NOT_EXIST if its endpoint is not there. */
enum status scorer_model_find(struct store_tx *tx, struct json_object *scorer, struct scorer_model *model);

/* For scorers that came from elsewhere, where a model is "gateway:/<endpoint id>": those of this endpoint
 * follow it from now on. */
enum status scorer_model_adopt(struct store_tx *tx, int64_t endpoint, struct sv endpoint_id);

/* The public id of the endpoint that a scorer asks; absent for one that asks none, or none that is there. */
enum status scorer_model_endpoint(struct store_tx *tx, struct json_object *scorer, struct sv *endpoint_id);

/* A stored scorer that uses the gateway as it is shown: with the endpoint's present name, or null as its
 * model if the endpoint is gone (an absent name). The text itself if that is what it says. In the arena. */
struct sv scorer_model_show(struct store_tx *tx, struct sv serialized, struct sv endpoint_name);

#endif
