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

/* What a write needs to know about a run. */
struct run_ref {
    int64_t id; /* the store's own */
    int64_t experiment_id;
    enum lifecycle lifecycle;
    enum run_status status;
};

struct run_create {
    int64_t experiment_id;
    struct sv user_id; /* absent: "" */
    int64_t start_time;
    struct sv name; /* absent or "": the tag mlflow.runName, else a generated one */
    const struct key_value *tags;
    size_t tag_count;
};

struct run_update {
    bool has_status;
    enum run_status status;
    bool has_end_time;
    int64_t end_time;
    struct sv name; /* absent or "": unchanged */
};

#define RUN_NAME_TAG "mlflow.runName"

/* Whether a run of this status has come to its end (FINISHED, FAILED, KILLED). */
bool run_has_ended(enum run_status status);

/* By the public id. RESOURCE_DOES_NOT_EXIST if there is none; the _active form also refuses deleted ones. */
enum status run_find(struct store_tx *tx, struct sv run_id, struct run_ref *ref);
enum status run_find_active(struct store_tx *tx, struct sv run_id, struct run_ref *ref);

/* Makes a run that is RUNNING, and its tags: of equal keys the last counts. *id is the store's own. */
enum status run_create(struct store_tx *tx, const struct run_create *create, int64_t *id);

enum status run_update(struct store_tx *tx, struct sv run_id, const struct run_update *update,
                       struct run_info *info);

/* Both are no fault for a run that is in that state already. */
enum status run_delete(struct store_tx *tx, struct sv run_id);
enum status run_restore(struct store_tx *tx, struct sv run_id);

/* Sets the name and the tag mlflow.runName. */
enum status run_rename(struct store_tx *tx, const struct run_ref *ref, struct sv name);

/* Fills `info` by the store's own id. */
enum status run_info_load(struct store_tx *tx, int64_t id, struct run_info *info);

/* Fills `run` by the store's own id, with data, inputs and outputs. RESOURCE_DOES_NOT_EXIST if it has gone.
 */
enum status run_load(struct store_tx *tx, int64_t id, struct run *run);

#endif
