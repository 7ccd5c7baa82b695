#include <math.h>
#include <stdlib.h>

#include "common/store/list.h"
#include "common/store/metrics.h"
#include "common/store/names.h"

/* Sampling metric histories for charts. */

static int compare_steps(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Ascending, each once. */
static void sort_steps(struct row_list *steps)
{
    int64_t *items = steps->items;
    size_t kept = 0;
    if (steps->count == 0)
        return;
    qsort(items, steps->count, sizeof(int64_t), compare_steps);
    for (size_t i = 0; i < steps->count; i++) {
        if (kept == 0 || items[kept - 1] != items[i])
            items[kept++] = items[i];
    }
    steps->count = kept;
}

/* Histories repeat steps and come roughly in order, so a full list is first freed of doubles before it grows.
 */
static void add_step(struct row_list *steps, struct arena *arena, int64_t step)
{
    int64_t *items = steps->items;
    if (steps->count && items[steps->count - 1] == step)
        return;
    if (steps->count == steps->capacity) {
        sort_steps(steps);
        if (steps->count > steps->capacity / 2) {
            *ROW_LIST_ADD(steps, arena, int64_t) = step;
            return;
        }
    }
    *ROW_LIST_ADD(steps, arena, int64_t) = step;
}

/* A run's first and last step of all. */
struct bounds {
    bool set;
    int64_t min, max;
};

static bool in_range(const struct metric_sample *sample, int64_t step)
{
    return !sample->has_range || (step >= sample->start_step && step <= sample->end_step);
}

static enum status collect_steps(struct store_tx *tx, const struct metric_sample *sample, struct sv run_id,
                                 struct row_list *steps, struct bounds *bounds)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT metrics.step FROM runs JOIN names ON names.experiment = runs.experiment "
                 "AND names.kind = 0 AND names.name = ? "
                 "JOIN metrics ON metrics.run = runs.id AND metrics.name = names.id "
                 "WHERE runs.run_id = ?",
                 db_text(sample->key), db_text(run_id));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        int64_t step = db_column_int(stmt, 0);
        if (!bounds->set || step < bounds->min)
            bounds->min = step;
        if (!bounds->set || step > bounds->max)
            bounds->max = step;
        bounds->set = true;
        if (in_range(sample, step))
            add_step(steps, tx->arena, step);
    }
    return db_done(stmt);
}

enum status metric_sample_steps(struct store_tx *tx, const struct metric_sample *sample, int64_t **steps,
                                size_t *count)
{
    struct row_list all = {0}, picked = {0};
    struct bounds *bounds = ARENA_ARRAY(tx->arena, struct bounds, sample->run_count + 1);
    for (size_t i = 0; i < sample->run_count; i++) {
        if (collect_steps(tx, sample, sample->run_ids[i], &all, &bounds[i]) != OK)
            return FAILED;
    }
    sort_steps(&all);
    struct row_list *chosen = &all;
    if (all.count > sample->max_results) {
        const int64_t *items = all.items;
        for (size_t i = 0; i < sample->max_results; i++)
            *ROW_LIST_ADD(&picked, tx->arena, int64_t) = items[i * all.count / sample->max_results];
        *ROW_LIST_ADD(&picked, tx->arena, int64_t) = items[all.count - 1];
        for (size_t i = 0; i < sample->run_count; i++) {
            if (bounds[i].set && in_range(sample, bounds[i].min))
                *ROW_LIST_ADD(&picked, tx->arena, int64_t) = bounds[i].min;
            if (bounds[i].set && in_range(sample, bounds[i].max))
                *ROW_LIST_ADD(&picked, tx->arena, int64_t) = bounds[i].max;
        }
        sort_steps(&picked);
        chosen = &picked;
    }
    *steps = chosen->items;
    *count = chosen->count;
    return OK;
}

static int compare_points(const void *left, const void *right)
{
    const struct metric_point *a = left, *b = right;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->timestamp != b->timestamp)
        return a->timestamp < b->timestamp ? -1 : 1;
    double left_value = isnan(a->value) ? 0.0 : a->value, right_value = isnan(b->value) ? 0.0 : b->value;
    return (left_value > right_value) - (left_value < right_value);
}

enum status metric_points_at(struct store_tx *tx, struct sv run_id, struct sv key, const int64_t *steps,
                             size_t step_count, size_t limit, struct metric_point **points, size_t *count)
{
    *points = NULL;
    *count = 0;
    if (step_count == 0)
        return OK;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT metrics.timestamp, metrics.step, metrics.value, metrics.is_nan FROM runs "
                 "JOIN names ON names.experiment = runs.experiment AND names.kind = 0 AND "
                 "names.name = ? JOIN metrics ON metrics.run = runs.id AND metrics.name = names.id "
                 "WHERE runs.run_id = ? AND metrics.step BETWEEN ? AND ?",
                 db_text(key), db_text(run_id), db_int(steps[0]), db_int(steps[step_count - 1]));
    if (!stmt)
        return FAILED;
    struct row_list list = {0};
    while (db_step(stmt) == DB_ROW) {
        int64_t step = db_column_int(stmt, 1);
        if (!bsearch(&step, steps, step_count, sizeof(int64_t), compare_steps))
            continue;
        if (list.count && list.count == 2 * limit) {
            qsort(list.items, list.count, sizeof(struct metric_point), compare_points);
            list.count = limit;
        }
        *ROW_LIST_ADD(&list, tx->arena, struct metric_point) = (struct metric_point){
            .timestamp = db_column_int(stmt, 0),
            .step = step,
            .value = db_column_int(stmt, 3) ? (double)NAN : db_column_double(stmt, 2),
        };
    }
    if (db_done(stmt) != OK)
        return FAILED;
    if (list.count)
        qsort(list.items, list.count, sizeof(struct metric_point), compare_points);
    *points = list.items;
    *count = list.count < limit ? list.count : limit;
    return OK;
}
