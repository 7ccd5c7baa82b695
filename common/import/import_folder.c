#include "common/import/import_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/import/import_folder_internal.h"

/* Columns as in MLflow's own database, as far as the import reads them. */
static const char schema[] =
    "CREATE TABLE alembic_version (version_num);"
    "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name, artifact_location, lifecycle_stage, "
    "creation_time, last_update_time);"
    "CREATE TABLE experiment_tags (experiment_id, key, value);"
    "CREATE TABLE runs (run_uuid TEXT UNIQUE, name, user_id, status, start_time, end_time, deleted_time, "
    "lifecycle_stage, artifact_uri, experiment_id);"
    "CREATE TABLE metrics (run_uuid, key, value, timestamp, step, is_nan);"
    "CREATE INDEX metrics_run ON metrics (run_uuid);"
    "CREATE TABLE latest_metrics (run_uuid, key, value, timestamp, step, is_nan);"
    "CREATE INDEX latest_metrics_run ON latest_metrics (run_uuid);"
    "CREATE TABLE params (run_uuid, key, value);"
    "CREATE INDEX params_run ON params (run_uuid);"
    "CREATE TABLE tags (run_uuid, key, value);"
    "CREATE INDEX tags_run ON tags (run_uuid);"
    "CREATE TABLE datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, "
    "dataset_schema, dataset_profile);"
    "CREATE INDEX datasets_uuid ON datasets (dataset_uuid);"
    "CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, destination_id, step);"
    "CREATE INDEX inputs_source ON inputs (source_id);"
    "CREATE INDEX inputs_destination ON inputs (destination_id);"
    "CREATE TABLE input_tags (input_uuid, name, value);"
    "CREATE INDEX input_tags_input ON input_tags (input_uuid);"
    "CREATE TABLE logged_models (model_id TEXT UNIQUE, experiment_id, name, artifact_location, "
    "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, "
    "status_message);"
    "CREATE TABLE logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, "
    "metric_value, "
    "run_id, dataset_name, dataset_digest);"
    "CREATE TABLE logged_model_params (model_id, param_key, param_value);"
    "CREATE TABLE logged_model_tags (model_id, tag_key, tag_value);"
    "CREATE TABLE registered_models (name TEXT UNIQUE, creation_time, last_updated_time, description);"
    "CREATE TABLE registered_model_tags (name, key, value);"
    "CREATE TABLE registered_model_aliases (name, alias, version INTEGER);"
    "CREATE TABLE model_versions (name, version INTEGER, creation_time, last_updated_time, description, "
    "current_stage, source, run_id, run_link, status, storage_location);"
    "CREATE TABLE model_version_tags (name, version INTEGER, key, value);"
    "CREATE TABLE trace_info (request_id TEXT UNIQUE, experiment_id, timestamp_ms, execution_time_ms, "
    "status, "
    "client_request_id, request_preview, response_preview);"
    "CREATE TABLE trace_tags (request_id, key, value);"
    "CREATE INDEX trace_tags_trace ON trace_tags (request_id);"
    "CREATE TABLE trace_request_metadata (request_id, key, value);"
    "CREATE INDEX trace_metadata_trace ON trace_request_metadata (request_id);"
    "CREATE TABLE assessments (assessment_id, trace_id, name, assessment_type, value, error, "
    "created_timestamp, "
    "last_updated_timestamp, source_type, source_id, run_id, span_id, rationale, overrides, valid, "
    "assessment_metadata);"
    "CREATE INDEX assessments_trace ON assessments (trace_id);"
    "BEGIN";

/* --- Runs --- */

struct run {
    struct sv run_id;
    struct sv experiment_id;
};

/* "timestamp value step", and behind that the dataset; of old versions without step. */
static bool parse_metric(struct sv line, int64_t *timestamp, double *value, int64_t *step)
{
    struct sv rest = line;
    struct sv time = sv_cut(&rest, ' '), number = sv_cut(&rest, ' '), count = sv_cut(&rest, ' ');
    *step = 0;
    return parse_int64(time, INT64_MIN, INT64_MAX, timestamp) && parse_double(number, value) &&
           (!count.len || parse_int64(count, INT64_MIN, INT64_MAX, step));
}

static enum status take_metric(struct folder *folder, struct sv key, struct sv value, void *context)
{
    const struct run *run = context;
    size_t bad = 0;
    while (value.data) {
        struct sv line = sv_trim(sv_cut(&value, '\n'));
        int64_t timestamp, step;
        double number;
        if (!line.len)
            continue;
        if (!parse_metric(line, &timestamp, &number, &step)) {
            bad++;
            continue;
        }
        if (FOLDER_PUT(folder,
                       "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, "
                       "?, ?, ?)",
                       db_text(run->run_id), db_text(key), db_double(isnan(number) ? 0 : number),
                       db_int(timestamp), db_int(step), db_int(isnan(number) ? 1 : 0)) != OK)
            return FAILED;
    }
    if (bad)
        import_remark(folder->import, "Metric '%.*s' of run %.*s: %zu lines cannot be read.", SV_ARG(key),
                      SV_ARG(run->run_id), bad);
    return OK;
}

static enum status take_param(struct folder *folder, struct sv key, struct sv value, void *context)
{
    const struct run *run = context;
    return FOLDER_PUT(folder, "INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)",
                      db_text(run->run_id), db_text(key), db_text(value));
}

static enum status take_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    const struct run *run = context;
    return FOLDER_PUT(folder, "INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)",
                      db_text(run->run_id), db_text(key), db_text(value));
}

static enum status put_input(struct folder *folder, const struct run *run, struct json_object *meta)
{
    struct arena *arena = folder->import->arena;
    struct sv type = folder_text(arena, meta, "source_type"), source = folder_text(arena, meta, "source_id");
    struct sv input = sv_from(folder_name(folder));
    if (!sv_equal(type, SV("DATASET")))
        return FOLDER_PUT(
            folder,
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, "
            "step) VALUES (?, 'RUN_INPUT', ?, 'MODEL_INPUT', ?, 0)",
            db_text(input), db_text(run->run_id), db_text(source));
    if (FOLDER_PUT(
            folder,
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step) "
            "VALUES (?, 'DATASET', ?, 'RUN', ?, 0)",
            db_text(input), db_text(source), db_text(run->run_id)) != OK)
        return FAILED;
    struct json_object *tags = json_object_object_get(meta, "tags");
    if (!json_object_is_type(tags, json_type_object))
        return OK;
    json_object_object_foreach(tags, key, unused)
    {
        (void)unused;
        if (FOLDER_PUT(folder, "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)",
                       db_text(input), db_text(sv_from(key)), db_text(folder_text(arena, tags, key))) != OK)
            return FAILED;
    }
    return OK;
}

static enum status take_input(struct folder *folder, void *context)
{
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    enum status status = meta ? put_input(folder, context, meta) : OK;
    json_object_put(meta);
    return status;
}

static enum status take_output(struct folder *folder, void *context)
{
    const struct run *run = context;
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    struct db_value step = folder_int(meta, "step");
    json_object_put(meta);
    return FOLDER_PUT(
        folder,
        "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step) "
        "VALUES (?, 'RUN_OUTPUT', ?, 'MODEL_OUTPUT', ?, coalesce(?, 0))",
        db_text(sv_from(folder_name(folder))), db_text(run->run_id), db_text(sv_from(folder_name(folder))),
        step);
}

static enum status take_links(struct folder *folder, struct run *run)
{
    static const struct {
        const char *name;
        enum status (*take)(struct folder *folder, void *context);
    } kinds[] = {{"inputs", take_input}, {"outputs", take_output}};
    enum status status = OK;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == OK; i++) {
        struct folder inner;
        if (!folder_open(folder, kinds[i].name, &inner))
            continue;
        status = folder_each_folder(&inner, kinds[i].take, run);
        folder_close(&inner);
    }
    return status;
}

static struct sv status_name(struct json_object *meta)
{
    static const char *const names[] = {"RUNNING", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};
    struct json_object *status = json_object_object_get(meta, "status");
    int64_t number = json_object_is_type(status, json_type_int) ? json_object_get_int64(status) : 1;
    return sv_from(names[number >= 1 && number <= 5 ? number : 1]);
}

static enum status put_run(struct folder *folder, const struct run *run, struct json_object *meta)
{
    struct arena *arena = folder->import->arena;
    return FOLDER_PUT(folder,
                      "INSERT INTO runs (run_uuid, name, user_id, status, start_time, end_time, "
                      "deleted_time, lifecycle_stage, "
                      "artifact_uri, experiment_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS INTEGER)) "
                      "ON CONFLICT DO NOTHING",
                      db_text(run->run_id), db_text(folder_text(arena, meta, "run_name")),
                      db_text(folder_text(arena, meta, "user_id")), db_text(status_name(meta)),
                      folder_int(meta, "start_time"), folder_int(meta, "end_time"),
                      folder_int(meta, "deleted_time"), db_text(folder_text(arena, meta, "lifecycle_stage")),
                      db_text(folder_text(arena, meta, "artifact_uri")), db_text(run->experiment_id));
}

static enum status take_run(struct folder *folder, void *context)
{
    struct run run = {.run_id = sv_from(folder_name(folder)), .experiment_id = *(struct sv *)context};
    struct arena_mark mark = arena_mark(folder->import->arena);
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    if (!meta)
        return OK;
    enum status status = put_run(folder, &run, meta);
    json_object_put(meta);
    if (status != OK || folder_each_value(folder, "metrics", take_metric, &run) != OK ||
        folder_each_value(folder, "params", take_param, &run) != OK ||
        folder_each_value(folder, "tags", take_tag, &run) != OK || take_links(folder, &run) != OK)
        return FAILED;
    arena_rewind(folder->import->arena, mark);
    return OK;
}

/* --- Experiments --- */

static enum status take_experiment_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(
        folder, "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (CAST(? AS INTEGER), ?, ?)",
        db_text(*(struct sv *)context), db_text(key), db_text(value));
}

static enum status take_dataset(struct folder *folder, void *context)
{
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    struct arena *arena = folder->import->arena;
    if (!meta)
        return OK;
    enum status status = FOLDER_PUT(
        folder,
        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, "
        "dataset_source, "
        "dataset_schema, dataset_profile) VALUES (?, CAST(? AS INTEGER), ?, ?, ?, ?, ?, ?)",
        db_text(sv_from(folder_name(folder))), db_text(*(struct sv *)context),
        db_text(folder_text(arena, meta, "name")), db_text(folder_text(arena, meta, "digest")),
        db_text(folder_text(arena, meta, "source_type")), db_text(folder_text(arena, meta, "source")),
        db_text(folder_text(arena, meta, "schema")), db_text(folder_text(arena, meta, "profile")));
    json_object_put(meta);
    return status;
}

static enum status put_experiment(struct folder *folder, struct sv id, struct json_object *meta)
{
    struct arena *arena = folder->import->arena;
    return FOLDER_PUT(
        folder,
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, "
        "last_update_time) VALUES (CAST(? AS INTEGER), ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        db_text(id), db_text(folder_text(arena, meta, "name")),
        db_text(folder_text(arena, meta, "artifact_location")),
        db_text(folder_text(arena, meta, "lifecycle_stage")), folder_int(meta, "creation_time"),
        folder_int(meta, "last_update_time"));
}

/* Folders that are no runs have no meta.yaml, or belong to none. */
static bool is_run(const char *name)
{
    static const char *const others[] = {"tags", "datasets", "traces", "models"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return true;
}

static enum status take_run_folder(struct folder *folder, void *context)
{
    return is_run(folder_name(folder)) ? take_run(folder, context) : OK;
}

static enum status take_datasets(struct folder *folder, struct sv *id)
{
    struct folder datasets;
    if (!folder_open(folder, "datasets", &datasets))
        return OK;
    enum status status = folder_each_folder(&datasets, take_dataset, id);
    folder_close(&datasets);
    return status;
}

static enum status take_experiment(struct folder *folder, void *context)
{
    struct sv id = sv_from(folder_name(folder));
    int64_t number, *found = context;
    if (!parse_int64(id, 0, INT64_MAX, &number)) {
        if (strcmp(folder_name(folder), "models") != 0)
            import_remark(folder->import, "%s is no experiment: its name is no number.", folder->path);
        return OK;
    }
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    if (!meta)
        return OK;
    ++*found;
    enum status status = put_experiment(folder, id, meta);
    json_object_put(meta);
    if (status != OK || folder_each_value(folder, "tags", take_experiment_tag, &id) != OK ||
        take_datasets(folder, &id) != OK || folder_each_folder(folder, take_run_folder, &id) != OK)
        return FAILED;
    return folder_take_logged_models(folder, id) == OK ? folder_take_traces(folder, id) : FAILED;
}

/* --- The whole --- */

static enum status take_root(struct folder *root)
{
    int64_t found = 0;
    struct folder trash;
    if (folder_each_folder(root, take_experiment, &found) != OK)
        return FAILED;
    if (folder_open(root, ".trash", &trash)) {
        enum status status = folder_each_folder(&trash, take_experiment, &found);
        folder_close(&trash);
        if (status != OK)
            return FAILED;
    }
    if (found)
        return folder_take_registry(root);
    return error_set(&root->import->error, root->import->arena, INVALID_PARAMETER_VALUE,
                     "%s is no folder of MLflow's file store: there is no experiment in it.", root->path);
}

/* The latest value is that of the greatest step, then timestamp, then value. */
static enum status find_latest(struct import *import)
{
    return foreign_run(
        import->from,
        "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
        "SELECT run_uuid, key, value, timestamp, step, is_nan FROM (SELECT *, row_number() OVER "
        "(PARTITION BY run_uuid, key ORDER BY step DESC, timestamp DESC, value DESC) AS place "
        "FROM metrics) WHERE place = 1; COMMIT",
        &import->error);
}

enum status import_folder(struct import *import, struct sv path)
{
    struct folder root = {.import = import};
    if (path.len >= sizeof(root.path))
        return error_set(&import->error, import->arena, INVALID_PARAMETER_VALUE, "The path is too long.");
    memcpy(root.path, path.data, path.len);
    while (path.len > 1 && root.path[path.len - 1] == '/')
        path.len--;
    root.path[path.len] = '\0';
    root.fd = open(root.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root.fd < 0)
        return error_set(&import->error, import->arena, INVALID_PARAMETER_VALUE, "%s cannot be read: %s",
                         root.path, strerror(errno));
    import->from = foreign_new(import->arena_of_source, &import->error);
    enum status status =
        import->from && foreign_run(import->from, schema, &import->error) == OK ? OK : FAILED;
    if (status == OK)
        status = take_root(&root);
    folder_close(&root);
    if (status != OK)
        return FAILED;
    arena_reset(import->arena);
    return find_latest(import);
}
