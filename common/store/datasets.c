#include "common/store/datasets.h"

#include <stdlib.h>

#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/text.h"
#include "common/store/validate.h"

enum { DIRECTION_INPUT = 0, DIRECTION_OUTPUT = 1 };

static enum status check_tags(struct store_tx *tx, const struct dataset_input *input)
{
    for (size_t i = 0; i < input->tag_count; i++) {
        const struct key_value *tag = &input->tags[i];
        if (validate_length(tx, tag->key, INPUT_TAG_KEY_MAX, NO_ITEM, "key") != OK ||
            validate_length(tx, tag->value, INPUT_TAG_VALUE_MAX, NO_ITEM, "value") != OK)
            return FAILED;
        for (size_t k = 0; k < i; k++) {
            if (!sv_equal(input->tags[k].key, tag->key))
                continue;
            struct sv key = search_repr(tx->arena, tag->key);
            return store_fail(
                tx, INVALID_PARAMETER_VALUE,
                "Duplicate dataset tag keys have been submitted: [%.*s]. Please ensure the request "
                "contains only one value per tag key.",
                SV_ARG(key));
        }
    }
    return OK;
}

static enum status check_input(struct store_tx *tx, const struct dataset_input *input)
{
    const struct dataset *dataset = &input->dataset;
    if (input->tag_count > DATASET_TAGS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "A dataset can have at most %d tags. Got %zu tags.",
                          DATASET_TAGS_MAX, input->tag_count);
    if (validate_length(tx, dataset->name, DATASET_NAME_MAX, NO_ITEM, "name") != OK ||
        validate_length(tx, dataset->digest, DATASET_DIGEST_MAX, NO_ITEM, "digest") != OK ||
        validate_length(tx, dataset->source, DATASET_SOURCE_MAX, NO_ITEM, "source") != OK ||
        validate_length(tx, dataset->schema, DATASET_SCHEMA_MAX, NO_ITEM, "schema") != OK ||
        validate_length(tx, dataset->profile, DATASET_PROFILE_MAX, NO_ITEM, "profile") != OK)
        return FAILED;
    return check_tags(tx, input);
}

static enum status intern_dataset(struct store_tx *tx, int64_t experiment, const struct dataset *dataset,
                                  int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM datasets WHERE experiment = ? AND name = ? AND digest = ?",
                 db_int(experiment), db_text(dataset->name), db_text(dataset->digest));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    if (*id)
        return OK;
    if (db_exec(tx->db, NULL,
                "INSERT INTO datasets (experiment, name, digest, source_type, source, schema, profile) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                db_int(experiment), db_text(dataset->name), db_text(dataset->digest),
                db_text(dataset->source_type), db_text(dataset->source), db_text(dataset->schema),
                db_text(dataset->profile)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}

static enum status put_dataset_input(struct store_tx *tx, const struct run_ref *ref,
                                     const struct dataset_input *input)
{
    int64_t dataset, inserted = 0;
    if (intern_dataset(tx, ref->experiment_id, &input->dataset, &dataset) != OK ||
        db_exec(tx->db, &inserted,
                "INSERT INTO dataset_inputs (run, dataset) VALUES (?, ?) ON CONFLICT DO NOTHING",
                db_int(ref->id), db_int(dataset)) != OK)
        return FAILED;
    if (!inserted)
        return OK;
    int64_t id = db_last_insert_id(tx->db);
    for (size_t i = 0; i < input->tag_count; i++) {
        struct sv value = input->tags[i].value.data ? input->tags[i].value : SV("");
        if (db_exec(tx->db, NULL, "INSERT INTO dataset_input_tags (input, key, value) VALUES (?, ?, ?)",
                    db_int(id), db_text(input->tags[i].key), db_text(value)) != OK)
            return FAILED;
    }
    return OK;
}

static enum status put_model(struct store_tx *tx, int64_t run, int direction, const struct run_model *model)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO run_models (run, direction, model_id, step) VALUES (?, ?, ?, ?) "
                   "ON CONFLICT (run, direction, model_id) DO UPDATE SET step = excluded.step",
                   db_int(run), db_int(direction), db_text(model->model_id), db_int(model->step));
}

enum status run_log_inputs(struct store_tx *tx, struct sv run_id, const struct dataset_input *datasets,
                           size_t dataset_count, const struct run_model *models, size_t model_count)
{
    struct run_ref ref;
    if (validate_run_id(tx, run_id) != OK)
        return FAILED;
    for (size_t i = 0; i < dataset_count; i++) {
        if (check_input(tx, &datasets[i]) != OK)
            return FAILED;
    }
    if (run_find_active(tx, run_id, &ref) != OK)
        return FAILED;
    for (size_t i = 0; i < dataset_count; i++) {
        if (put_dataset_input(tx, &ref, &datasets[i]) != OK)
            return FAILED;
    }
    for (size_t i = 0; i < model_count; i++) {
        if (put_model(tx, ref.id, DIRECTION_INPUT, &models[i]) != OK)
            return FAILED;
    }
    return OK;
}

enum status run_log_outputs(struct store_tx *tx, struct sv run_id, const struct run_model *models,
                            size_t model_count)
{
    struct run_ref ref;
    if (run_find_active(tx, run_id, &ref) != OK)
        return FAILED;
    for (size_t i = 0; i < model_count; i++) {
        if (put_model(tx, ref.id, DIRECTION_OUTPUT, &models[i]) != OK)
            return FAILED;
    }
    return OK;
}

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static enum status search_experiment(struct store_tx *tx, int64_t experiment, size_t limit,
                                     struct row_list *list)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT DISTINCT datasets.name, datasets.digest, dataset_input_tags.value FROM datasets "
                 "JOIN dataset_inputs ON dataset_inputs.dataset = datasets.id "
                 "LEFT JOIN dataset_input_tags ON dataset_input_tags.input = dataset_inputs.id "
                 "AND dataset_input_tags.key = 'mlflow.data.context' "
                 "WHERE datasets.experiment = ? "
                 "ORDER BY datasets.name, datasets.digest, dataset_input_tags.value LIMIT ?",
                 db_int(experiment), db_int((int64_t)(limit - list->count)));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(list, tx->arena, struct dataset_summary) = (struct dataset_summary){
            .experiment_id = experiment,
            .name = db_column_text_copy(stmt, 0),
            .digest = db_column_text_copy(stmt, 1),
            .context = db_column_text_copy(stmt, 2),
        };
    return db_done(stmt);
}

enum status dataset_search(struct store_tx *tx, const int64_t *experiment_ids, size_t experiment_count,
                           size_t limit, struct dataset_summary **summaries, size_t *count)
{
    struct row_list list = {0};
    int64_t *ids = ARENA_ARRAY(tx->arena, int64_t, experiment_count + 1);
    for (size_t i = 0; i < experiment_count; i++)
        ids[i] = experiment_ids[i];
    qsort(ids, experiment_count, sizeof(int64_t), compare_ids);
    for (size_t i = 0; i < experiment_count && list.count < limit; i++) {
        if (i && ids[i] == ids[i - 1])
            continue;
        if (search_experiment(tx, ids[i], limit, &list) != OK)
            return FAILED;
    }
    *summaries = list.items;
    *count = list.count;
    return OK;
}
