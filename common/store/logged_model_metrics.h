#ifndef TRACKLIGHT_STORE_LOGGED_MODEL_METRICS_H
#define TRACKLIGHT_STORE_LOGGED_MODEL_METRICS_H

#include "common/store/metrics.h"

/* Stores those of a run's metrics that name a logged model with that model, too. A second value for the same
 * name, timestamp, step and run replaces the first. RESOURCE_DOES_NOT_EXIST for an unknown model; deleted
 * ones will do. */
enum status logged_model_log_metrics(struct store_tx *tx, const struct run_ref *run,
                                     const struct metric_input *inputs, size_t count);

struct logged_model_metric {
    struct metric metric;
    struct sv dataset_name;   /* absent: none */
    struct sv dataset_digest; /* absent: none */
    struct sv run_id;
    struct sv model_id;
};

/* A place in the metrics of a model, behind the last one that was read. Zeroed: the beginning. */
struct logged_model_cursor {
    int64_t name;
    int64_t timestamp;
    int64_t step;
    int64_t run;
};

/* The next `capacity` metrics at most, by name (in the order in which the experiment came to know them),
 * timestamp and step. *count below `capacity` means the end. Texts are in the arena. */
enum status logged_model_metrics(struct store_tx *tx, int64_t model, struct logged_model_cursor *cursor,
                                 struct logged_model_metric *metrics, size_t capacity, size_t *count);

#endif
