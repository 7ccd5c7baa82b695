#ifndef TRACKLIGHT_STORE_EVALUATION_DATASETS_H
#define TRACKLIGHT_STORE_EVALUATION_DATASETS_H

#include <stdint.h>

#include "common/store/store.h"

struct json_object;

/* Evaluation datasets: names of sets of records (dataset_records.h) that belong to experiments. */

struct evaluation_dataset {
    int64_t id;
    struct sv dataset_id; /* "d-…" */
    struct sv name;
    struct sv schema; /* JSON; absent before the first record */
    int64_t record_count;
    struct sv digest;
    int64_t created_time;
    int64_t last_update_time;
    struct sv created_by; /* absent: not known */
    struct sv last_updated_by;
    const struct key_value *tags;
    size_t tag_count;
};

/* By id, with its tags. RESOURCE_DOES_NOT_EXIST if there is none. */
enum status evaluation_dataset_load(struct store_tx *tx, struct sv dataset_id,
                                    struct evaluation_dataset *dataset);

/* The store's own id; -1 if there is no such dataset. */
enum status evaluation_dataset_find(struct store_tx *tx, struct sv dataset_id, int64_t *id);

/* `tags` is a JSON object or NULL: null values are left out, other values that are no texts are kept as their
 * JSON. The tag mlflow.user says who makes the dataset. Experiments need not exist; their ids are integers.
 */
enum status evaluation_dataset_create(struct store_tx *tx, struct sv name, const struct sv *experiment_ids,
                                      size_t experiment_count, struct json_object *tags,
                                      struct sv *dataset_id);

/* With its records. A dataset that is not there is no error. */
enum status evaluation_dataset_delete(struct store_tx *tx, struct sv dataset_id);

enum status evaluation_dataset_set_tags(struct store_tx *tx, struct sv dataset_id, struct json_object *tags);
/* A tag or dataset that is not there is no error. */
enum status evaluation_dataset_delete_tag(struct store_tx *tx, struct sv dataset_id, struct sv key);

/* Ascending; none for a dataset that is not there. *ids is in the arena. */
enum status evaluation_dataset_experiments(struct store_tx *tx, struct sv dataset_id, const int64_t **ids,
                                           size_t *count);

/* To add, the experiments must exist; to remove, they need not be linked. */
enum status evaluation_dataset_add_experiments(struct store_tx *tx, struct sv dataset_id,
                                               const struct sv *experiment_ids, size_t count);
enum status evaluation_dataset_remove_experiments(struct store_tx *tx, struct sv dataset_id,
                                                  const struct sv *experiment_ids, size_t count);

/* The digest of a dataset whose records changed at this time. In the arena. */
struct sv evaluation_dataset_digest(struct arena *arena, struct sv name, int64_t time_ms);

/* A tag's value as it is kept; absent for null. */
struct sv evaluation_tag_text(struct arena *arena, struct json_object *value);

/* The tag that names who makes or changes something. */
#define USER_TAG "mlflow.user"

#endif
