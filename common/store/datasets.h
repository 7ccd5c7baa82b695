#ifndef TRACKLIGHT_STORE_DATASETS_H
#define TRACKLIGHT_STORE_DATASETS_H

#include "common/store/runs.h"

/* What goes into a run and what comes out of it: datasets and logged models. */

/* Of equal (name, digest) the first counts; a dataset that the run has already is left as it is, and so are
 * its tags. Models are not checked for existence. */
enum status run_log_inputs(struct store_tx *tx, struct sv run_id, const struct dataset_input *datasets,
                           size_t dataset_count, const struct run_model *models, size_t model_count);

/* A model that is recorded already gets the new step. */
enum status run_log_outputs(struct store_tx *tx, struct sv run_id, const struct run_model *models,
                            size_t model_count);

struct dataset_summary {
    int64_t experiment_id;
    struct sv name;
    struct sv digest;
    struct sv context; /* the input tag mlflow.data.context; absent if there is none */
};

/* The distinct datasets that runs of these experiments used, by experiment, name, digest; at most `limit`. */
enum status dataset_search(struct store_tx *tx, const int64_t *experiment_ids, size_t experiment_count,
                           size_t limit, struct dataset_summary **summaries, size_t *count);

#endif
