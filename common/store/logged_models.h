#ifndef TRACKLIGHT_STORE_LOGGED_MODELS_H
#define TRACKLIGHT_STORE_LOGGED_MODELS_H

#include <stdint.h>

#include "common/store/store.h"

/* Models that are logged to an experiment, each with its own id, files, params, tags and metrics. Only
 * reading a model minds whether it is deleted. What is not found is RESOURCE_DOES_NOT_EXIST "Logged model
 * with ID 'X' not found.". */

/* Numbered as in MLflow's API. */
enum logged_model_status {
    LOGGED_MODEL_UNSPECIFIED = 0,
    LOGGED_MODEL_PENDING = 1,
    LOGGED_MODEL_READY = 2,
    LOGGED_MODEL_UPLOAD_FAILED = 3,
};

struct logged_model {
    int64_t id; /* the store's own; never leaves the server */
    struct sv model_id;
    int64_t experiment_id;
    struct sv name;
    int64_t creation_time;
    int64_t last_update_time;
    struct sv artifact_uri;
    enum logged_model_status status;
    struct sv model_type;
    struct sv source_run_id;
    struct sv status_message; /* may be absent */
    const struct key_value *params;
    size_t param_count;
    const struct key_value *tags;
    size_t tag_count;
};

struct logged_model_ref {
    int64_t id; /* the store's own */
    int64_t experiment_id;
    enum lifecycle lifecycle;
};

struct logged_model_create {
    int64_t experiment_id;
    struct sv name;          /* absent or "": a generated one */
    struct sv model_type;    /* absent: "" */
    struct sv source_run_id; /* absent: "" */
    const struct key_value *params;
    size_t param_count;
    const struct key_value *tags;
    size_t tag_count;
};

/* By the public id. The _existing form takes deleted ones for missing. */
enum status logged_model_find(struct store_tx *tx, struct sv model_id, struct logged_model_ref *ref);
enum status logged_model_find_existing(struct store_tx *tx, struct sv model_id, struct logged_model_ref *ref);

/* Makes a model that is PENDING. A key that comes twice among the params, or among the tags, is refused. *id
 * is the store's own. */
enum status logged_model_create(struct store_tx *tx, const struct logged_model_create *create, int64_t *id);

/* From any status to any other. *id is the store's own. */
enum status logged_model_finalize(struct store_tx *tx, struct sv model_id, enum logged_model_status status,
                                  int64_t *id);

/* No fault for a model that is deleted already. */
enum status logged_model_delete(struct store_tx *tx, struct sv model_id);

/* Of equal keys the last counts; an absent value is "". */
enum status logged_model_set_tags(struct store_tx *tx, struct sv model_id, const struct key_value *tags,
                                  size_t count);
enum status logged_model_delete_tag(struct store_tx *tx, struct sv model_id, struct sv key);

/* Parameters never change: the same value again is no fault, another one is. An absent value is "". */
enum status logged_model_log_params(struct store_tx *tx, struct sv model_id, const struct key_value *params,
                                    size_t count);

/* Fills `model` by the store's own id, whatever its lifecycle, but for its metrics (logged_model_metrics.h).
 * RESOURCE_DOES_NOT_EXIST if it has gone. */
enum status logged_model_load(struct store_tx *tx, int64_t id, struct logged_model *model);

/* Where the model's files are; deleted models have none. */
enum status logged_model_artifact_uri(struct store_tx *tx, struct sv model_id, struct sv *uri);

#endif
