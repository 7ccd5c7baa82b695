#ifndef TRACKLIGHT_STORE_METRICS_H
#define TRACKLIGHT_STORE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/runs.h"
#include "common/store/validate.h"

/* A metric as a client logs it, perhaps also for a logged model and a dataset. */
struct metric_input {
    struct metric metric; /* infinities are stored as the largest finite numbers */
    struct sv model_id;
    struct sv dataset_name;
    struct sv dataset_digest;
};

enum status metric_log(struct store_tx *tx, struct sv run_id, const struct metric_input *input);

/* Part of run_log_batch: metrics that were checked, for a run that was. */
enum status metric_check(struct store_tx *tx, const struct metric_input *input, struct item item);
enum status metric_store(struct store_tx *tx, const struct run_ref *ref, const struct metric_input *inputs,
                         size_t count);

/* The number that is stored for a value: 0 for NaN, the largest finite numbers for infinities. */
double metric_stored_value(double value);

/* After a run's status has changed: whether its latest values belong into the search index. */
enum status metric_settle(struct store_tx *tx, int64_t run, bool settled);

struct metric_point {
    int64_t timestamp;
    int64_t step;
    double value; /* may be NaN */
};

/* A place in a metric's history, behind the last point that was read. Zeroed: the beginning. */
struct history_cursor {
    int64_t offset; /* points to skip at the beginning, and points read in all */
    bool started;   /* `last` is valid */
    struct metric_point last;
};

/* The next `capacity` points at most, ordered by timestamp, step, value. *count below `capacity` means the
 * end; an unknown run or metric has no points. */
enum status metric_history(struct store_tx *tx, struct sv run_id, struct sv key,
                           struct history_cursor *cursor, struct metric_point *points, size_t capacity,
                           size_t *count);

/* Moves a cursor behind `last`, the `count`th point from where it is. */
void history_cursor_move(struct history_cursor *cursor, const struct metric_point *last, size_t count);

/* A page token is a cursor in text form; a token that holds nothing but an offset is understood too. An
 * absent or empty one is the beginning. */
enum status history_cursor_parse(struct store_tx *tx, struct sv run_id, struct sv key, struct sv token,
                                 struct history_cursor *cursor);
struct sv history_cursor_token(struct arena *arena, struct sv run_id, struct sv key,
                               const struct history_cursor *cursor);

/* --- Sampling for charts: the same steps of several runs --- */

struct metric_sample {
    const struct sv *run_ids;
    size_t run_count;
    struct sv key;
    bool has_range;
    int64_t start_step, end_step;
    size_t max_results;
};

/* The steps to show: all of them if they are at most max_results, else evenly picked ones, besides the last
 * one and each run's first and last. Ascending. In the arena. */
enum status metric_sample_steps(struct store_tx *tx, const struct metric_sample *sample, int64_t **steps,
                                size_t *count);

/* The points of one run at these steps, ordered by step, timestamp, value; the first `limit` of them. */
enum status metric_points_at(struct store_tx *tx, struct sv run_id, struct sv key, const int64_t *steps,
                             size_t step_count, size_t limit, struct metric_point **points, size_t *count);

#endif
