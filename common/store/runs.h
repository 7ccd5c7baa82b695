#ifndef TRACKLIGHT_STORE_RUNS_H
#define TRACKLIGHT_STORE_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Numbered as in MLflow's API. */
enum run_status { RUN_RUNNING = 1, RUN_SCHEDULED = 2, RUN_FINISHED = 3, RUN_FAILED = 4, RUN_KILLED = 5 };

struct metric {
    struct sv key;
    double value; /* may be NaN */
    int64_t timestamp;
    int64_t step;
};

struct dataset {
    struct sv name;
    struct sv digest;
    struct sv source_type;
    struct sv source;
    struct sv schema;  /* may be absent */
    struct sv profile; /* may be absent */
};

struct dataset_input {
    struct dataset dataset;
    const struct key_value *tags;
    size_t tag_count;
};

struct run_model {
    struct sv model_id;
    int64_t step; /* of outputs */
};

struct run_info {
    int64_t id; /* the store's own; never leaves the server */
    struct sv run_id;
    int64_t experiment_id;
    struct sv name;
    struct sv user_id;
    enum run_status status;
    int64_t start_time;
    bool has_end_time;
    int64_t end_time;
    struct sv artifact_uri;
    enum lifecycle lifecycle;
};

struct run {
    struct run_info info;
    const struct metric *metrics; /* latest values */
    size_t metric_count;
    const struct key_value *params;
    size_t param_count;
    const struct key_value *tags;
    size_t tag_count;
    const struct dataset_input *dataset_inputs;
    size_t dataset_input_count;
    const struct run_model *model_inputs;
    size_t model_input_count;
    const struct run_model *model_outputs;
    size_t model_output_count;
};

/* Fills `run` by the store's own id, with data, inputs and outputs. RESOURCE_DOES_NOT_EXIST if it has gone.
 */
enum status run_load(struct store_tx *tx, int64_t id, struct run *run);

#endif
