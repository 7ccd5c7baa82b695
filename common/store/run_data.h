#ifndef TRACKLIGHT_STORE_RUN_DATA_H
#define TRACKLIGHT_STORE_RUN_DATA_H

#include "common/store/metrics.h"
#include "common/store/runs.h"

/* What is logged to a run: parameters, tags, and whole batches. */

/* Parameters never change: the same value again is no fault, another one is. An absent value is "". */
enum status run_log_param(struct store_tx *tx, struct sv run_id, struct sv key, struct sv value);

/* The tag mlflow.runName renames the run. An absent value is "". */
enum status run_set_tag(struct store_tx *tx, struct sv run_id, struct sv key, struct sv value);
enum status run_delete_tag(struct store_tx *tx, struct sv run_id, struct sv key);

struct run_batch {
    const struct metric_input *metrics;
    size_t metric_count;
    const struct key_value *params;
    size_t param_count;
    const struct key_value *tags;
    size_t tag_count;
};

/* All of the batch or nothing. */
enum status run_log_batch(struct store_tx *tx, struct sv run_id, const struct run_batch *batch);

/* Stores a tag whose key and value were checked before. */
enum status run_put_tag(struct store_tx *tx, const struct run_ref *ref, const struct key_value *tag);

/* Appends what MLflow keeps of a model's description (a JSON object as text) to the tag
 * mlflow.log-model.history. */
enum status run_log_model(struct store_tx *tx, struct sv run_id, struct sv model_json);

#endif
