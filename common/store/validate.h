#ifndef TRACKLIGHT_STORE_VALIDATE_H
#define TRACKLIGHT_STORE_VALIDATE_H

#include <stddef.h>

#include "common/store/store.h"

/* Where a value stands in a request, for messages: "metrics[3].name", or "name" if `list` is NULL. */
struct item {
    const char *list;
    size_t index;
};

#define NO_ITEM ((struct item){NULL, 0})

/* MLflow's rule for names of metrics, params and tags: word characters of any script, - . : / and blanks,
 * which as a path would stand for itself. */
enum status validate_name(struct store_tx *tx, struct sv name, struct item item, const char *field);

/* At most `limit` code points. `what` is how the message calls the text; with an item it is prefixed. */
enum status validate_length(struct store_tx *tx, struct sv text, size_t limit, struct item item,
                            const char *what);

/* As validate_length, but cuts *text where settings say so (MLFLOW_TRUNCATE_LONG_VALUES). */
enum status validate_or_cut(struct store_tx *tx, struct sv *text, size_t limit, struct item item,
                            const char *what);

/* The form of a run id that log-batch and log-inputs insist on: a letter or digit, then at most 255 word
 * characters or dashes. */
enum status validate_run_id(struct store_tx *tx, struct sv run_id);

/* A metric's name and timestamp. */
struct metric;
enum status validate_metric(struct store_tx *tx, const struct metric *metric, struct item item);

/* A parameter, a run's tag, an experiment's tag. An absent value becomes ""; values are cut as settings say,
 * but for experiment tags. */
enum status validate_param(struct store_tx *tx, struct key_value *param, struct item item);
enum status validate_run_tag(struct store_tx *tx, struct key_value *tag, struct item item);
enum status validate_experiment_tag(struct store_tx *tx, struct key_value *tag, struct item item);

#endif
