#include <math.h>

#include "common/store/list.h"
#include "common/store/runs.h"

/* Reading a run back. */

enum status run_info_load(struct store_tx *tx, int64_t id, struct run_info *info)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT run_id, experiment, name, user_id, status, start_time, end_time, "
                                    "artifact_uri, lifecycle FROM runs WHERE id = ?",
                                    db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *info = (struct run_info){
            .id = id,
            .run_id = db_column_text_copy(stmt, 0),
            .experiment_id = db_column_int(stmt, 1),
            .name = db_column_text_copy(stmt, 2),
            .user_id = db_column_text_copy(stmt, 3),
            .status = (enum run_status)db_column_int(stmt, 4),
            .start_time = db_column_int(stmt, 5),
            .has_end_time = !db_column_is_null(stmt, 6),
            .end_time = db_column_int(stmt, 6),
            .artifact_uri = db_column_text_copy(stmt, 7),
            .lifecycle = (enum lifecycle)db_column_int(stmt, 8),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : store_fail(tx, RESOURCE_DOES_NOT_EXIST, "The run has been removed.");
}

static enum status load_metrics(struct store_tx *tx, struct run *run)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT names.name, latest_metrics.value, latest_metrics.timestamp, "
                                    "latest_metrics.step FROM latest_metrics "
                                    "JOIN names ON names.id = latest_metrics.name "
                                    "WHERE latest_metrics.run = ? ORDER BY latest_metrics.name",
                                    db_int(run->info.id));
    if (!stmt)
        return FAILED;
    struct row_list metrics = {0};
    while (db_step(stmt) == DB_ROW) {
        struct metric *metric = ROW_LIST_ADD(&metrics, tx->arena, struct metric);
        metric->key = db_column_text_copy(stmt, 0);
        metric->value = db_column_is_null(stmt, 1) ? (double)NAN : db_column_double(stmt, 1);
        metric->timestamp = db_column_int(stmt, 2);
        metric->step = db_column_int(stmt, 3);
    }
    run->metrics = metrics.items;
    run->metric_count = metrics.count;
    return db_done(stmt);
}

static enum status load_params(struct store_tx *tx, struct run *run)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT names.name, params.value FROM params JOIN names ON names.id = params.name "
                 "WHERE params.run = ? ORDER BY params.name",
                 db_int(run->info.id));
    return key_values_read(tx, stmt, &run->params, &run->param_count);
}

static enum status load_tags(struct store_tx *tx, struct run *run)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT names.name, tags.value FROM tags JOIN names ON names.id = tags.name "
                 "WHERE tags.run = ? ORDER BY tags.name",
                 db_int(run->info.id));
    return key_values_read(tx, stmt, &run->tags, &run->tag_count);
}

static enum status load_input_tags(struct store_tx *tx, int64_t input, struct dataset_input *dataset_input)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT key, value FROM dataset_input_tags WHERE input = ? ORDER BY key", db_int(input));
    return key_values_read(tx, stmt, &dataset_input->tags, &dataset_input->tag_count);
}

static enum status load_dataset_inputs(struct store_tx *tx, struct run *run)
{
    struct db_stmt *stmt = db_query(
        tx->db,
        "SELECT dataset_inputs.id, datasets.name, datasets.digest, datasets.source_type, datasets.source, "
        "datasets.schema, datasets.profile FROM dataset_inputs "
        "JOIN datasets ON datasets.id = dataset_inputs.dataset "
        "WHERE dataset_inputs.run = ? ORDER BY dataset_inputs.id",
        db_int(run->info.id));
    if (!stmt)
        return FAILED;
    struct row_list inputs = {0}, ids = {0};
    while (db_step(stmt) == DB_ROW) {
        *ROW_LIST_ADD(&ids, tx->arena, int64_t) = db_column_int(stmt, 0);
        struct dataset_input *input = ROW_LIST_ADD(&inputs, tx->arena, struct dataset_input);
        input->dataset = (struct dataset){
            .name = db_column_text_copy(stmt, 1),
            .digest = db_column_text_copy(stmt, 2),
            .source_type = db_column_text_copy(stmt, 3),
            .source = db_column_text_copy(stmt, 4),
            .schema = db_column_text_copy(stmt, 5),
            .profile = db_column_text_copy(stmt, 6),
        };
    }
    if (db_done(stmt) != OK)
        return FAILED;
    for (size_t i = 0; i < inputs.count; i++) {
        if (load_input_tags(tx, ((int64_t *)ids.items)[i], (struct dataset_input *)inputs.items + i) != OK)
            return FAILED;
    }
    run->dataset_inputs = inputs.items;
    run->dataset_input_count = inputs.count;
    return OK;
}

static enum status load_models(struct store_tx *tx, struct run *run)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT direction, model_id, step FROM run_models WHERE run = ? ORDER BY direction, model_id",
        db_int(run->info.id));
    if (!stmt)
        return FAILED;
    struct row_list inputs = {0}, outputs = {0};
    while (db_step(stmt) == DB_ROW) {
        struct row_list *list = db_column_int(stmt, 0) == 0 ? &inputs : &outputs;
        struct run_model *model = ROW_LIST_ADD(list, tx->arena, struct run_model);
        model->model_id = db_column_text_copy(stmt, 1);
        model->step = db_column_int(stmt, 2);
    }
    run->model_inputs = inputs.items;
    run->model_input_count = inputs.count;
    run->model_outputs = outputs.items;
    run->model_output_count = outputs.count;
    return db_done(stmt);
}

enum status run_load(struct store_tx *tx, int64_t id, struct run *run)
{
    *run = (struct run){.info.id = id};
    if (run_info_load(tx, id, &run->info) != OK || load_metrics(tx, run) != OK ||
        load_params(tx, run) != OK || load_tags(tx, run) != OK || load_dataset_inputs(tx, run) != OK)
        return FAILED;
    return load_models(tx, run);
}
