#include "common/store/metrics.h"

#include <float.h>
#include <math.h>

#include "common/store/limits.h"
#include "common/store/logged_model_metrics.h"
#include "common/store/names.h"
#include "common/store/text.h"

/* The value as it is stored: NaN is 0 with a flag, so that it takes its place in keys and comparisons. */
double metric_stored_value(double value)
{
    if (isnan(value))
        return 0.0;
    if (isinf(value))
        return value > 0 ? DBL_MAX : -DBL_MAX;
    return value;
}

/* Whether a is a later value than b: by step, then timestamp, then value. */
static bool is_later(const struct metric *a, const struct metric *b)
{
    if (a->step != b->step)
        return a->step > b->step;
    if (a->timestamp != b->timestamp)
        return a->timestamp > b->timestamp;
    return metric_stored_value(a->value) > metric_stored_value(b->value);
}

static enum status insert_point(struct store_tx *tx, int64_t run, int64_t name, const struct metric *metric,
                                int64_t *inserted)
{
    return db_exec(
        tx->db, inserted,
        "INSERT INTO metrics (run, name, timestamp, step, value, is_nan) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        db_int(run), db_int(name), db_int(metric->timestamp), db_int(metric->step),
        db_double(metric_stored_value(metric->value)), db_int(isnan(metric->value) ? 1 : 0));
}

static enum status update_latest(struct store_tx *tx, const struct run_ref *ref, int64_t name,
                                 const struct metric *metric)
{
    struct db_value value = isnan(metric->value) ? db_null() : db_double(metric_stored_value(metric->value));
    return db_exec(tx->db, NULL,
                   "INSERT INTO latest_metrics (run, name, value, step, timestamp, settled) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET value = excluded.value, "
                   "step = excluded.step, timestamp = excluded.timestamp "
                   "WHERE (excluded.step, excluded.timestamp, coalesce(excluded.value, 0.0)) > "
                   "(latest_metrics.step, latest_metrics.timestamp, coalesce(latest_metrics.value, 0.0))",
                   db_int(ref->id), db_int(name), value, db_int(metric->step), db_int(metric->timestamp),
                   db_int(run_has_ended(ref->status)));
}

enum status metric_check(struct store_tx *tx, const struct metric_input *input, struct item item)
{
    if (validate_metric(tx, &input->metric, item) != OK)
        return FAILED;
    if ((input->dataset_name.len != 0) != (input->dataset_digest.len != 0))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Both dataset_name and dataset_digest must be provided if one is provided");
    if (input->dataset_name.len == 0)
        return OK;
    if (validate_length(tx, input->dataset_name, DATASET_NAME_MAX, item, "dataset_name") != OK)
        return FAILED;
    return validate_length(tx, input->dataset_digest, DATASET_DIGEST_MAX, item, "dataset_digest");
}

enum status metric_log(struct store_tx *tx, struct sv run_id, const struct metric_input *input)
{
    const struct metric *metric = &input->metric;
    struct run_ref ref;
    int64_t name = 0, inserted = 0;
    if (metric_check(tx, input, NO_ITEM) != OK || run_find_active(tx, run_id, &ref) != OK ||
        (input->model_id.len && logged_model_log_metrics(tx, &ref, input, 1) != OK) ||
        name_intern(tx, ref.experiment_id, NAME_METRIC, metric->key, &name) != OK ||
        insert_point(tx, ref.id, name, metric, &inserted) != OK)
        return FAILED;
    return inserted ? update_latest(tx, &ref, name, metric) : OK;
}

/* The metrics of one key in a batch. */
struct group {
    struct sv key;
    int64_t name;
    const struct metric *latest;
};

struct groups {
    struct group *items; /* open addressing by hash of the key; a free place has no latest */
    size_t mask;
};

static struct group *find_group(const struct groups *groups, struct sv key)
{
    size_t hash = 14695981039346656037U;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211U;
    for (size_t at = hash & groups->mask;; at = (at + 1) & groups->mask) {
        struct group *group = &groups->items[at];
        if (!group->latest || sv_equal(group->key, key))
            return group;
    }
}

enum status metric_store(struct store_tx *tx, const struct run_ref *ref, const struct metric_input *inputs,
                         size_t count)
{
    if (count == 0)
        return OK;
    if (logged_model_log_metrics(tx, ref, inputs, count) != OK)
        return FAILED;
    size_t places = 2;
    while (places < 2 * count)
        places *= 2;
    struct groups groups = {ARENA_ARRAY(tx->arena, struct group, places), places - 1};
    for (size_t i = 0; i < count; i++) {
        const struct metric *metric = &inputs[i].metric;
        struct group *group = find_group(&groups, metric->key);
        if (!group->latest) {
            group->key = metric->key;
            group->latest = metric;
            if (name_intern(tx, ref->experiment_id, NAME_METRIC, metric->key, &group->name) != OK)
                return FAILED;
        } else if (is_later(metric, group->latest)) {
            group->latest = metric;
        }
        if (insert_point(tx, ref->id, group->name, metric, NULL) != OK)
            return FAILED;
    }
    for (size_t i = 0; i < places; i++) {
        const struct group *group = &groups.items[i];
        if (group->latest && update_latest(tx, ref, group->name, group->latest) != OK)
            return FAILED;
    }
    return OK;
}

enum status metric_settle(struct store_tx *tx, int64_t run, bool settled)
{
    return db_exec(tx->db, NULL, "UPDATE latest_metrics SET settled = ? WHERE run = ?", db_int(settled),
                   db_int(run));
}
