#ifndef TRACKLIGHT_STORE_EXPERIMENTS_H
#define TRACKLIGHT_STORE_EXPERIMENTS_H

#include <stdint.h>

#include "common/store/store.h"

struct experiment {
    int64_t id;
    struct sv name;
    struct sv artifact_location;
    enum lifecycle lifecycle;
    int64_t creation_time;
    int64_t last_update_time;
    const struct key_value *tags;
    size_t tag_count;
};

/* An experiment id as a client wrote it. INVALID_PARAMETER_VALUE unless it is a decimal integer. */
enum status experiment_parse_id(struct store_tx *tx, struct sv text, int64_t *id);

/* Fills `experiment` by id, whatever its lifecycle, with its tags. RESOURCE_DOES_NOT_EXIST if there is none.
 */
enum status experiment_load(struct store_tx *tx, int64_t id, struct experiment *experiment);
enum status experiment_load_by_name(struct store_tx *tx, struct sv name, struct experiment *experiment);

/* Where the artifacts of every experiment lie. In the arena. */
struct experiment_location {
    int64_t id;
    struct sv artifact_location;
};
enum status experiment_locations(struct store_tx *tx, const struct experiment_location **rows, size_t *count);

/* FAILED with MLflow's texts unless the experiment exists and is active: what every write into it asks first.
 */
enum status experiment_require_active(struct store_tx *tx, int64_t id);

/* Makes an experiment. An absent or empty `artifact_location` means the default. Of equal tag keys the last
 * counts. RESOURCE_ALREADY_EXISTS for a name that any experiment has, deleted ones included. */
enum status experiment_create(struct store_tx *tx, struct sv name, struct sv artifact_location,
                              const struct key_value *tags, size_t tag_count, int64_t *id);

enum status experiment_rename(struct store_tx *tx, int64_t id, struct sv name);

/* Delete marks the experiment and its runs deleted; restore marks it and all its runs active again. */
enum status experiment_delete(struct store_tx *tx, int64_t id);
enum status experiment_restore(struct store_tx *tx, int64_t id);

/* An absent value is "". */
enum status experiment_set_tag(struct store_tx *tx, int64_t id, struct sv key, struct sv value);
enum status experiment_delete_tag(struct store_tx *tx, int64_t id, struct sv key);

#endif
