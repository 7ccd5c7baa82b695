#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/number.h"
#include "common/base/timestamp.h"
#include "common/import/import_folder_internal.h"

/* Logged models, traces and the model registry of a file store. */

/* --- Logged models --- */

static enum status take_model_param(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(folder,
                      "INSERT INTO logged_model_params (model_id, param_key, param_value) VALUES (?, ?, ?)",
                      db_text(*(struct sv *)context), db_text(key), db_text(value));
}

static enum status take_model_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(folder, "INSERT INTO logged_model_tags (model_id, tag_key, tag_value) VALUES (?, ?, ?)",
                      db_text(*(struct sv *)context), db_text(key), db_text(value));
}

/* "timestamp value step run [dataset digest]" */
static enum status take_model_metric(struct folder *folder, struct sv key, struct sv value, void *context)
{
    while (value.data) {
        struct sv line = sv_trim(sv_cut(&value, '\n'));
        int64_t timestamp, step;
        double number;
        struct sv time = sv_cut(&line, ' '), text = sv_cut(&line, ' '), count = sv_cut(&line, ' ');
        struct sv run = sv_cut(&line, ' '), dataset = sv_cut(&line, ' ');
        if (!parse_int64(time, INT64_MIN, INT64_MAX, &timestamp) || !parse_double(text, &number) ||
            !parse_int64(count, INT64_MIN, INT64_MAX, &step))
            continue;
        if (FOLDER_PUT(
                folder,
                "INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, "
                "metric_value, run_id, dataset_name, dataset_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(*(struct sv *)context), db_text(key), db_int(timestamp), db_int(step),
                isnan(number) ? db_null() : db_double(number), db_text(run),
                db_text(dataset.len ? dataset : SV_ABSENT), db_text(dataset.len ? line : SV_ABSENT)) != OK)
            return FAILED;
    }
    return OK;
}

static int64_t model_status(struct json_object *meta)
{
    struct json_object *status = json_object_object_get(meta, "status");
    if (json_object_is_type(status, json_type_int))
        return json_object_get_int64(status);
    const char *name = json_object_get_string(status);
    if (!name)
        return 0;
    return strstr(name, "PENDING") ? 1 : strstr(name, "READY") ? 2 : strstr(name, "FAILED") ? 3 : 0;
}

static enum status put_logged_model(struct folder *folder, struct sv id, struct sv experiment,
                                    struct json_object *meta)
{
    struct arena *arena = folder->import->arena;
    return FOLDER_PUT(
        folder,
        "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, "
        "last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message) "
        "VALUES (?, CAST(? AS INTEGER), ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        db_text(id), db_text(experiment), db_text(folder_text(arena, meta, "name")),
        db_text(folder_text(arena, meta, "artifact_location")), folder_int(meta, "creation_timestamp"),
        folder_int(meta, "last_updated_timestamp"), db_int(model_status(meta)),
        db_text(folder_text(arena, meta, "lifecycle_stage")), db_text(folder_text(arena, meta, "model_type")),
        db_text(folder_text(arena, meta, "source_run_id")),
        db_text(folder_text(arena, meta, "status_message")));
}

static enum status take_logged_model(struct folder *folder, void *context)
{
    struct sv id = sv_from(folder_name(folder));
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    if (!meta)
        return OK;
    enum status status = put_logged_model(folder, id, *(struct sv *)context, meta);
    json_object_put(meta);
    if (status != OK || folder_each_value(folder, "params", take_model_param, &id) != OK ||
        folder_each_value(folder, "tags", take_model_tag, &id) != OK)
        return FAILED;
    return folder_each_value(folder, "metrics", take_model_metric, &id);
}

static enum status each_in(struct folder *folder, const char *name,
                           enum status (*take)(struct folder *folder, void *context), void *context)
{
    struct folder inner;
    if (!folder_open(folder, name, &inner))
        return OK;
    enum status status = folder_each_folder(&inner, take, context);
    folder_close(&inner);
    return status;
}

enum status folder_take_logged_models(struct folder *experiment, struct sv experiment_id)
{
    return each_in(experiment, "models", take_logged_model, &experiment_id);
}

/* --- Traces --- */

/* Milliseconds: a number, or a time as text. */
static struct db_value time_of(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    int64_t ms;
    if (json_object_is_type(value, json_type_string) &&
        timestamp_parse(sv_from(json_object_get_string(value)), &ms))
        return db_int(ms);
    return folder_int(object, name);
}

static enum status take_trace_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(folder, "INSERT INTO trace_tags (request_id, key, value) VALUES (?, ?, ?)",
                      db_text(*(struct sv *)context), db_text(key), db_text(value));
}

static enum status take_trace_metadata(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(folder, "INSERT INTO trace_request_metadata (request_id, key, value) VALUES (?, ?, ?)",
                      db_text(*(struct sv *)context), db_text(key), db_text(value));
}

/* The JSON text of a member; absent for null. */
static struct sv json_of(struct arena *arena, struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);
    return value ? arena_copy(arena, sv_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)))
                 : SV_ABSENT;
}

static enum status put_assessment(struct folder *folder, struct sv trace_id, struct json_object *yaml)
{
    struct arena *arena = folder->import->arena;
    struct json_object *feedback = json_object_object_get(yaml, "feedback");
    struct json_object *expectation = json_object_object_get(yaml, "expectation");
    struct json_object *said = feedback ? feedback : expectation,
                       *source = json_object_object_get(yaml, "source");
    struct json_object *valid = json_object_object_get(yaml, "valid");
    struct sv value = json_of(arena, said, "value");
    return FOLDER_PUT(
        folder,
        "INSERT INTO assessments (assessment_id, trace_id, name, assessment_type, value, error, "
        "created_timestamp, "
        "last_updated_timestamp, source_type, source_id, run_id, span_id, rationale, overrides, valid, "
        "assessment_metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        db_text(folder_text(arena, yaml, "assessment_id")), db_text(trace_id),
        db_text(folder_text(arena, yaml, "assessment_name")),
        db_text(feedback ? SV("feedback") : SV("expectation")), db_text(value.data ? value : SV("null")),
        db_text(json_of(arena, said, "error")), time_of(yaml, "create_time"),
        time_of(yaml, "last_update_time"), db_text(folder_text(arena, source, "source_type")),
        db_text(folder_text(arena, source, "source_id")), db_text(folder_text(arena, yaml, "run_id")),
        db_text(folder_text(arena, yaml, "span_id")), db_text(folder_text(arena, yaml, "rationale")),
        db_text(folder_text(arena, yaml, "overrides")), db_int(!valid || json_object_get_boolean(valid)),
        db_text(json_of(arena, yaml, "metadata")));
}

static enum status take_assessment(struct folder *folder, const char *name, void *context)
{
    struct json_object *yaml = folder_yaml(folder, name);
    enum status status = yaml ? put_assessment(folder, *(struct sv *)context, yaml) : OK;
    json_object_put(yaml);
    return status;
}

static enum status take_assessments(struct folder *folder, struct sv *trace_id)
{
    struct folder inner;
    if (!folder_open(folder, "assessments", &inner))
        return OK;
    enum status status = folder_each_file(&inner, take_assessment, trace_id);
    folder_close(&inner);
    return status;
}

/* Before MLflow 3.0 the names were others. */
static enum status put_trace(struct folder *folder, struct sv id, struct sv experiment,
                             struct json_object *yaml)
{
    struct arena *arena = folder->import->arena;
    struct sv state = folder_text(arena, yaml, "state");
    bool is_new = state.data != NULL;
    return FOLDER_PUT(
        folder,
        "INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status, "
        "client_request_id, request_preview, response_preview) VALUES (?, CAST(? AS INTEGER), ?, ?, ?, ?, ?, "
        "?) "
        "ON CONFLICT DO NOTHING",
        db_text(id), db_text(experiment), time_of(yaml, is_new ? "request_time" : "timestamp_ms"),
        folder_int(yaml, is_new ? "execution_duration_ms" : "execution_time_ms"),
        db_text(is_new ? state : folder_text(arena, yaml, "status")),
        db_text(folder_text(arena, yaml, "client_request_id")),
        db_text(folder_text(arena, yaml, "request_preview")),
        db_text(folder_text(arena, yaml, "response_preview")));
}

static enum status take_trace(struct folder *folder, void *context)
{
    struct sv id = sv_from(folder_name(folder));
    struct arena_mark mark = arena_mark(folder->import->arena);
    struct json_object *yaml = folder_yaml(folder, "trace_info.yaml");
    if (!yaml)
        return OK;
    enum status status = put_trace(folder, id, *(struct sv *)context, yaml);
    json_object_put(yaml);
    if (status != OK || folder_each_value(folder, "tags", take_trace_tag, &id) != OK ||
        folder_each_value(folder, "request_metadata", take_trace_metadata, &id) != OK ||
        take_assessments(folder, &id) != OK)
        return FAILED;
    arena_rewind(folder->import->arena, mark);
    return OK;
}

enum status folder_take_traces(struct folder *experiment, struct sv experiment_id)
{
    return each_in(experiment, "traces", take_trace, &experiment_id);
}

/* --- The model registry --- */

struct version {
    struct sv name;
    struct db_value number;
};

static enum status take_version_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    const struct version *version = context;
    return FOLDER_PUT(folder,
                      "INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)",
                      db_text(version->name), version->number, db_text(key), db_text(value));
}

static enum status put_version(struct folder *folder, const struct version *version, struct json_object *meta)
{
    struct arena *arena = folder->import->arena;
    return FOLDER_PUT(
        folder,
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, "
        "current_stage, "
        "source, run_id, run_link, status, storage_location) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        db_text(version->name), version->number, folder_int(meta, "creation_timestamp"),
        folder_int(meta, "last_updated_timestamp"), db_text(folder_text(arena, meta, "description")),
        db_text(folder_text(arena, meta, "current_stage")), db_text(folder_text(arena, meta, "source")),
        db_text(folder_text(arena, meta, "run_id")), db_text(folder_text(arena, meta, "run_link")),
        db_text(folder_text(arena, meta, "status")), db_text(folder_text(arena, meta, "storage_location")));
}

static enum status take_version(struct folder *folder, void *context)
{
    struct version version = {.name = *(struct sv *)context};
    struct sv name = sv_from(folder_name(folder));
    int64_t number;
    if (!sv_starts_with(name, SV("version-")) || !parse_int64(sv_from_offset(name, 8), 1, INT32_MAX, &number))
        return OK;
    version.number = db_int(number);
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    if (!meta)
        return OK;
    enum status status = put_version(folder, &version, meta);
    json_object_put(meta);
    return status == OK ? folder_each_value(folder, "tags", take_version_tag, &version) : FAILED;
}

static enum status take_registered_tag(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(folder, "INSERT INTO registered_model_tags (name, key, value) VALUES (?, ?, ?)",
                      db_text(*(struct sv *)context), db_text(key), db_text(value));
}

static enum status take_alias(struct folder *folder, struct sv key, struct sv value, void *context)
{
    return FOLDER_PUT(
        folder,
        "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, ?, CAST(? AS INTEGER))",
        db_text(*(struct sv *)context), db_text(key), db_text(sv_trim(value)));
}

static enum status take_registered_model(struct folder *folder, void *context)
{
    (void)context;
    struct arena *arena = folder->import->arena;
    struct json_object *meta = folder_yaml(folder, "meta.yaml");
    if (!meta)
        return OK;
    struct sv name = arena_copy(arena, folder_text(arena, meta, "name"));
    if (!name.len)
        name = sv_from(folder_name(folder));
    enum status status = FOLDER_PUT(
        folder,
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description) "
        "VALUES (?, ?, ?, ?)",
        db_text(name), folder_int(meta, "creation_timestamp"), folder_int(meta, "last_updated_timestamp"),
        db_text(folder_text(arena, meta, "description")));
    json_object_put(meta);
    if (status != OK || folder_each_value(folder, "tags", take_registered_tag, &name) != OK ||
        folder_each_value(folder, "aliases", take_alias, &name) != OK)
        return FAILED;
    return folder_each_folder(folder, take_version, &name);
}

enum status folder_take_registry(struct folder *root)
{
    return each_in(root, "models", take_registered_model, NULL);
}
