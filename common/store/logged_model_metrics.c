#include "common/store/logged_model_metrics.h"

#include <math.h>

#include "common/store/logged_models.h"
#include "common/store/names.h"

/* --- Writing --- */

static enum status intern_dataset(struct store_tx *tx, int64_t experiment, const struct metric_input *input,
                                  int64_t *id)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT id FROM logged_model_datasets WHERE experiment = ? AND name = ? AND digest = ?",
        db_int(experiment), db_text(input->dataset_name), db_text(input->dataset_digest));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    if (*id)
        return OK;
    if (db_exec(tx->db, NULL, "INSERT INTO logged_model_datasets (experiment, name, digest) VALUES (?, ?, ?)",
                db_int(experiment), db_text(input->dataset_name), db_text(input->dataset_digest)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}

/* What the metrics of a batch have in common more often than not. */
struct previous {
    const struct metric_input *input; /* NULL: none */
    struct logged_model_ref model;
    int64_t name;
    int64_t dataset; /* 0: none */
};

static enum status find_parts(struct store_tx *tx, const struct metric_input *input,
                              struct previous *previous)
{
    const struct metric_input *before = previous->input;
    bool same_model = before && sv_equal(before->model_id, input->model_id);
    if (!same_model && logged_model_find(tx, input->model_id, &previous->model) != OK)
        return FAILED;
    int64_t experiment = previous->model.experiment_id;
    if (!(same_model && sv_equal(before->metric.key, input->metric.key)) &&
        name_intern(tx, experiment, NAME_METRIC, input->metric.key, &previous->name) != OK)
        return FAILED;
    if (!input->dataset_name.len)
        previous->dataset = 0;
    else if (!(same_model && sv_equal(before->dataset_name, input->dataset_name) &&
               sv_equal(before->dataset_digest, input->dataset_digest)) &&
             intern_dataset(tx, experiment, input, &previous->dataset) != OK)
        return FAILED;
    previous->input = input;
    return OK;
}

static enum status put_metric(struct store_tx *tx, int64_t run, const struct previous *parts)
{
    const struct metric *metric = &parts->input->metric;
    struct db_value value = isnan(metric->value) ? db_null() : db_double(metric_stored_value(metric->value));
    return db_exec(tx->db, NULL,
                   "INSERT INTO logged_model_metrics (model, name, timestamp, step, run, value, dataset) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (model, name, timestamp, step, run) "
                   "DO UPDATE SET value = excluded.value, dataset = excluded.dataset",
                   db_int(parts->model.id), db_int(parts->name), db_int(metric->timestamp),
                   db_int(metric->step), db_int(run), value,
                   parts->dataset ? db_int(parts->dataset) : db_null());
}

enum status logged_model_log_metrics(struct store_tx *tx, const struct run_ref *run,
                                     const struct metric_input *inputs, size_t count)
{
    struct previous previous = {0};
    for (size_t i = 0; i < count; i++) {
        if (inputs[i].model_id.len &&
            (find_parts(tx, &inputs[i], &previous) != OK || put_metric(tx, run->id, &previous) != OK))
            return FAILED;
    }
    return OK;
}

/* --- Reading --- */

enum status logged_model_metrics(struct store_tx *tx, int64_t model, struct logged_model_cursor *cursor,
                                 struct logged_model_metric *metrics, size_t capacity, size_t *count)
{
    struct db_stmt *stmt = db_query(
        tx->db,
        "SELECT m.name, m.timestamp, m.step, m.run, m.value, n.name, d.name, d.digest, r.run_id, l.model_id "
        "FROM logged_model_metrics m JOIN logged_models l ON l.id = m.model JOIN names n ON n.id = m.name "
        "JOIN runs r ON r.id = m.run "
        "LEFT JOIN logged_model_datasets d ON d.id = m.dataset "
        "WHERE m.model = ? AND (m.name, m.timestamp, m.step, m.run) > (?, ?, ?, ?) "
        "ORDER BY m.name, m.timestamp, m.step, m.run LIMIT ?",
        db_int(model), db_int(cursor->name), db_int(cursor->timestamp), db_int(cursor->step),
        db_int(cursor->run), db_int((int64_t)capacity));
    *count = 0;
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        *cursor = (struct logged_model_cursor){
            .name = db_column_int(stmt, 0),
            .timestamp = db_column_int(stmt, 1),
            .step = db_column_int(stmt, 2),
            .run = db_column_int(stmt, 3),
        };
        metrics[(*count)++] = (struct logged_model_metric){
            .metric = {.key = db_column_text_copy(stmt, 5),
                       .value = db_column_is_null(stmt, 4) ? (double)NAN : db_column_double(stmt, 4),
                       .timestamp = cursor->timestamp,
                       .step = cursor->step},
            .dataset_name = db_column_text_copy(stmt, 6),
            .dataset_digest = db_column_text_copy(stmt, 7),
            .run_id = db_column_text_copy(stmt, 8),
            .model_id = db_column_text_copy(stmt, 9),
        };
    }
    return db_done(stmt);
}
