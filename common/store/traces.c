#include "common/store/traces.h"

#include "common/store/artifact_location.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/text.h"

const char *trace_status_name(enum trace_status status)
{
    switch (status) {
    case TRACE_OK:
        return "OK";
    case TRACE_ERROR:
        return "ERROR";
    case TRACE_IN_PROGRESS:
        return "IN_PROGRESS";
    case TRACE_UNSPECIFIED:
        break;
    }
    return "STATE_UNSPECIFIED";
}

/* --- Names --- */

enum status trace_name_find(struct store_tx *tx, int64_t experiment, enum trace_name_kind kind,
                            struct sv name, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id FROM trace_names WHERE experiment = ? AND kind = ? AND name = ?",
                 db_int(experiment), db_int(kind), db_text(name));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status trace_name_intern(struct store_tx *tx, int64_t experiment, enum trace_name_kind kind,
                              struct sv name, int64_t *id)
{
    if (trace_name_find(tx, experiment, kind, name, id) != OK)
        return FAILED;
    if (*id)
        return OK;
    if (db_exec(tx->db, NULL, "INSERT INTO trace_names (experiment, kind, name) VALUES (?, ?, ?)",
                db_int(experiment), db_int(kind), db_text(name)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}

/* --- The row --- */

enum {
    COLUMN_ID,
    COLUMN_TRACE_ID,
    COLUMN_EXPERIMENT,
    COLUMN_REQUEST_TIME,
    COLUMN_DURATION,
    COLUMN_STATUS,
    COLUMN_FINALIZED,
    COLUMN_CLIENT_REQUEST_ID,
    COLUMN_REQUEST_PREVIEW,
    COLUMN_RESPONSE_PREVIEW,
};

/* Reads the one row that a statement gives, if any. */
static enum status read_info(struct db_stmt *stmt, struct trace_info *info)
{
    *info = (struct trace_info){0};
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *info = (struct trace_info){
            .id = db_column_int(stmt, COLUMN_ID),
            .trace_id = db_column_text_copy(stmt, COLUMN_TRACE_ID),
            .experiment_id = db_column_int(stmt, COLUMN_EXPERIMENT),
            .request_time = db_column_int(stmt, COLUMN_REQUEST_TIME),
            .has_duration = !db_column_is_null(stmt, COLUMN_DURATION),
            .duration = db_column_int(stmt, COLUMN_DURATION),
            .status = (enum trace_status)db_column_int(stmt, COLUMN_STATUS),
            .finalized = db_column_int(stmt, COLUMN_FINALIZED) != 0,
            .client_request_id = db_column_text_copy(stmt, COLUMN_CLIENT_REQUEST_ID),
            .request_preview = db_column_text_copy(stmt, COLUMN_REQUEST_PREVIEW),
            .response_preview = db_column_text_copy(stmt, COLUMN_RESPONSE_PREVIEW),
        };
    return db_done(stmt);
}

enum status trace_look_up(struct store_tx *tx, struct sv trace_id, struct trace_info *info)
{
    return read_info(
        db_query(tx->db,
                 "SELECT id, trace_id, experiment, request_time, duration, status, finalized, "
                 "client_request_id, request_preview, response_preview FROM traces WHERE trace_id = ?",
                 db_text(trace_id)),
        info);
}

enum status trace_find(struct store_tx *tx, struct sv trace_id, struct trace_info *info)
{
    if (trace_look_up(tx, trace_id, info) != OK)
        return FAILED;
    if (info->id)
        return OK;
    struct sv shown = search_clip(trace_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Trace with ID '%.*s' not found.", SV_ARG(shown));
}

static struct db_value duration_value(const struct trace_info *info)
{
    return info->has_duration ? db_int(info->duration) : db_null();
}

enum status trace_artifact_uri(struct store_tx *tx, const struct trace_info *info, struct sv *uri)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT artifact_location FROM experiments WHERE id = ?",
                                    db_int(info->experiment_id));
    if (!stmt)
        return FAILED;
    struct sv root = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV("");
    struct sv suffix = arena_printf(tx->arena, "traces/%.*s/artifacts", SV_ARG(info->trace_id));
    *uri = artifact_uri_join(tx->arena, root, suffix);
    return db_done(stmt);
}

enum status trace_insert(struct store_tx *tx, struct trace_info *info)
{
    struct sv location;
    if (experiment_require_active(tx, info->experiment_id) != OK ||
        db_exec(tx->db, NULL,
                "INSERT INTO traces (trace_id, experiment, request_time, duration, status, finalized, "
                "client_request_id, request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(info->trace_id), db_int(info->experiment_id), db_int(info->request_time),
                duration_value(info), db_int(info->status), db_int(info->finalized),
                db_text(info->client_request_id), db_text(info->request_preview),
                db_text(info->response_preview)) != OK)
        return FAILED;
    info->id = db_last_insert_id(tx->db);
    if (trace_artifact_uri(tx, info, &location) != OK)
        return FAILED;
    return trace_put_tag(tx, info, SV(TRACE_TAG_ARTIFACT_LOCATION), location);
}

enum status trace_update(struct store_tx *tx, const struct trace_info *info)
{
    return db_exec(tx->db, NULL,
                   "UPDATE traces SET request_time = ?, duration = ?, status = ?, finalized = ?, "
                   "client_request_id = ?, request_preview = ?, response_preview = ? WHERE id = ?",
                   db_int(info->request_time), duration_value(info), db_int(info->status),
                   db_int(info->finalized), db_text(info->client_request_id), db_text(info->request_preview),
                   db_text(info->response_preview), db_int(info->id));
}

enum status trace_delete(struct store_tx *tx, const struct trace_info *info)
{
    if (db_exec(tx->db, NULL, "DELETE FROM trace_run_links WHERE trace_id = ?", db_text(info->trace_id)) !=
            OK ||
        db_exec(tx->db, NULL, "DELETE FROM trace_prompt_links WHERE trace_id = ?", db_text(info->trace_id)) !=
            OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM traces WHERE id = ?", db_int(info->id));
}

/* --- Tags, metadata, numbers --- */

enum status trace_put_tag(struct store_tx *tx, const struct trace_info *info, struct sv key, struct sv value)
{
    int64_t name;
    if (trace_name_intern(tx, info->experiment_id, TRACE_NAME_TAG, key, &name) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "INSERT INTO trace_tags (trace, name, value) VALUES (?, ?, ?) ON CONFLICT (trace, name) "
                   "DO UPDATE SET value = excluded.value WHERE trace_tags.value <> excluded.value",
                   db_int(info->id), db_int(name), db_text(value.data ? value : SV("")));
}

enum status trace_put_metadata(struct store_tx *tx, const struct trace_info *info, struct sv key,
                               struct sv value)
{
    int64_t name;
    if (trace_name_intern(tx, info->experiment_id, TRACE_NAME_METADATA, key, &name) != OK)
        return FAILED;
    return db_exec(
        tx->db, NULL,
        "INSERT INTO trace_metadata (trace, name, value) VALUES (?, ?, ?) ON CONFLICT (trace, name) "
        "DO UPDATE SET value = excluded.value WHERE trace_metadata.value <> excluded.value",
        db_int(info->id), db_int(name), db_text(value.data ? value : SV("")));
}

/* The one text that a statement gives; absent if it gives none. */
static enum status read_text(struct db_stmt *stmt, struct sv *value)
{
    *value = SV_ABSENT;
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *value = db_column_text_copy(stmt, 0);
    return db_done(stmt);
}

enum status trace_get_tag(struct store_tx *tx, const struct trace_info *info, struct sv key, struct sv *value)
{
    int64_t name;
    if (trace_name_find(tx, info->experiment_id, TRACE_NAME_TAG, key, &name) != OK)
        return FAILED;
    return read_text(db_query(tx->db, "SELECT value FROM trace_tags WHERE trace = ? AND name = ?",
                              db_int(info->id), db_int(name)),
                     value);
}

enum status trace_get_metadata(struct store_tx *tx, const struct trace_info *info, struct sv key,
                               struct sv *value)
{
    int64_t name;
    if (trace_name_find(tx, info->experiment_id, TRACE_NAME_METADATA, key, &name) != OK)
        return FAILED;
    return read_text(db_query(tx->db, "SELECT value FROM trace_metadata WHERE trace = ? AND name = ?",
                              db_int(info->id), db_int(name)),
                     value);
}

enum status trace_delete_tag(struct store_tx *tx, const struct trace_info *info, struct sv key, bool *deleted)
{
    int64_t name, changed = 0;
    if (trace_name_find(tx, info->experiment_id, TRACE_NAME_TAG, key, &name) != OK ||
        db_exec(tx->db, &changed, "DELETE FROM trace_tags WHERE trace = ? AND name = ?", db_int(info->id),
                db_int(name)) != OK)
        return FAILED;
    *deleted = changed > 0;
    return OK;
}

enum status trace_link_run(struct store_tx *tx, struct sv trace_id, struct sv run_id)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO trace_run_links (run_id, trace_id) VALUES (?, ?) "
                   "ON CONFLICT (run_id, trace_id) DO NOTHING",
                   db_text(run_id), db_text(trace_id));
}

enum status trace_put_metric(struct store_tx *tx, const struct trace_info *info, struct sv key, double value)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO trace_metrics (trace, key, value) VALUES (?, ?, ?) "
                   "ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value",
                   db_int(info->id), db_text(key), db_double(value));
}

/* --- Loading --- */

enum {
    ASSESSMENT_ID,
    ASSESSMENT_PUBLIC_ID,
    ASSESSMENT_NAME,
    ASSESSMENT_KIND,
    ASSESSMENT_VALID,
    ASSESSMENT_CREATE_TIME,
    ASSESSMENT_UPDATE_TIME,
    ASSESSMENT_VALUE,
    ASSESSMENT_ERROR,
    ASSESSMENT_SOURCE_TYPE,
    ASSESSMENT_SOURCE_ID,
    ASSESSMENT_RUN_ID,
    ASSESSMENT_SPAN_ID,
    ASSESSMENT_RATIONALE,
    ASSESSMENT_OVERRIDES,
    ASSESSMENT_METADATA,
};

static void read_assessment(struct db_stmt *stmt, struct sv trace_id, struct assessment *assessment)
{
    *assessment = (struct assessment){
        .id = db_column_int(stmt, ASSESSMENT_ID),
        .assessment_id = db_column_text_copy(stmt, ASSESSMENT_PUBLIC_ID),
        .trace_id = trace_id,
        .name = db_column_text_copy(stmt, ASSESSMENT_NAME),
        .kind = (enum assessment_kind)db_column_int(stmt, ASSESSMENT_KIND),
        .valid = db_column_int(stmt, ASSESSMENT_VALID) != 0,
        .create_time = db_column_int(stmt, ASSESSMENT_CREATE_TIME),
        .last_update_time = db_column_int(stmt, ASSESSMENT_UPDATE_TIME),
        .value = db_column_text_copy(stmt, ASSESSMENT_VALUE),
        .error = db_column_text_copy(stmt, ASSESSMENT_ERROR),
        .source_type = (enum assessment_source)db_column_int(stmt, ASSESSMENT_SOURCE_TYPE),
        .source_id = db_column_text_copy(stmt, ASSESSMENT_SOURCE_ID),
        .run_id = db_column_text_copy(stmt, ASSESSMENT_RUN_ID),
        .span_id = db_column_text_copy(stmt, ASSESSMENT_SPAN_ID),
        .rationale = db_column_text_copy(stmt, ASSESSMENT_RATIONALE),
        .overrides = db_column_text_copy(stmt, ASSESSMENT_OVERRIDES),
        .metadata = db_column_text_copy(stmt, ASSESSMENT_METADATA),
    };
}

enum status assessment_load_all(struct store_tx *tx, const struct trace_info *info,
                                const struct assessment **assessments, size_t *count)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT a.id, a.assessment_id, n.name, a.kind, a.valid, a.create_time, "
                 "a.last_update_time, a.value, a.error, a.source_type, a.source_id, a.run_id, a.span_id, "
                 "a.rationale, a.overrides, a.metadata FROM assessments AS a "
                 "JOIN trace_names AS n ON n.id = a.name WHERE a.trace = ? ORDER BY a.create_time, a.id",
                 db_int(info->id));
    if (!stmt)
        return FAILED;
    struct row_list list = {0};
    while (db_step(stmt) == DB_ROW)
        read_assessment(stmt, info->trace_id, ROW_LIST_ADD(&list, tx->arena, struct assessment));
    *assessments = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status trace_load(struct store_tx *tx, int64_t id, struct trace *trace)
{
    *trace = (struct trace){0};
    if (read_info(db_query(tx->db,
                           "SELECT id, trace_id, experiment, request_time, duration, status, finalized, "
                           "client_request_id, request_preview, response_preview FROM traces WHERE id = ?",
                           db_int(id)),
                  &trace->info) != OK)
        return FAILED;
    if (!trace->info.id)
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "The trace is not there any more.");
    if (key_values_read(tx,
                        db_query(tx->db,
                                 "SELECT n.name, t.value FROM trace_tags AS t "
                                 "JOIN trace_names AS n ON n.id = t.name WHERE t.trace = ? ORDER BY n.name",
                                 db_int(id)),
                        &trace->tags, &trace->tag_count) != OK ||
        key_values_read(tx,
                        db_query(tx->db,
                                 "SELECT n.name, m.value FROM trace_metadata AS m "
                                 "JOIN trace_names AS n ON n.id = m.name WHERE m.trace = ? ORDER BY n.name",
                                 db_int(id)),
                        &trace->metadata, &trace->metadata_count) != OK)
        return FAILED;
    return assessment_load_all(tx, &trace->info, &trace->assessments, &trace->assessment_count);
}
