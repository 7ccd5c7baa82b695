#include <json-c/json.h>

#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/json/json_read.h"
#include "common/store/spans.h"
#include "common/store/traces.h"
#include "common/trace/attributes.h"
#include "common/trace/conventions.h"

/* Traces with their spans and assessments. Before MLflow 3.5 the spans lie among the artifacts, where they
 * stay. */

struct target {
    struct import *import;
    struct store_tx *tx;
    struct trace_info info;
    int64_t rows;
};

/* --- The row --- */

static enum trace_status status_of(struct sv name)
{
    for (int status = TRACE_UNSPECIFIED; status <= TRACE_IN_PROGRESS; status++)
        if (sv_equal(name, sv_from(trace_status_name((enum trace_status)status))))
            return (enum trace_status)status;
    return TRACE_UNSPECIFIED;
}

static enum status put_trace(struct target *target, struct foreign_rows *rows)
{
    struct trace_info *info = &target->info;
    info->status = status_of(foreign_text(rows, "status"));
    info->finalized = info->status == TRACE_OK || info->status == TRACE_ERROR;
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO traces (trace_id, experiment, request_time, duration, status, finalized, "
                "client_request_id, request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(info->trace_id), db_int(info->experiment_id),
                db_int(foreign_int(rows, "timestamp_ms", 0)), import_int_or_null(rows, "execution_time_ms"),
                db_int(info->status), db_int(info->finalized),
                db_text(foreign_text(rows, "client_request_id")),
                db_text(foreign_text(rows, "request_preview")),
                db_text(foreign_text(rows, "response_preview"))) != OK)
        return FAILED;
    info->id = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status put_tags(struct target *target)
{
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM trace_tags WHERE request_id = ? ORDER BY key",
                      target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status =
            trace_put_tag(target->tx, &target->info, import_text(rows, "key"), import_text(rows, "value"));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_metadata(struct target *target)
{
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM trace_request_metadata WHERE request_id = ? ORDER BY key",
        target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = trace_put_metadata(target->tx, &target->info, import_text(rows, "key"),
                                    import_text(rows, "value"));
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_metrics(struct target *target)
{
    if (!foreign_has_table(target->import->from, "trace_metrics"))
        return OK;
    struct foreign_rows *rows =
        foreign_query(target->import->from, "SELECT * FROM trace_metrics WHERE request_id = ? ORDER BY key",
                      target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        if (!foreign_is_null(rows, "value"))
            status = trace_put_metric(target->tx, &target->info, import_text(rows, "key"),
                                      foreign_double(rows, "value"));
    return foreign_done(rows) == OK ? status : FAILED;
}

/* --- Spans --- */

static enum span_status span_status_of(struct sv name)
{
    return sv_equal(name, SV("OK")) ? SPAN_OK : sv_equal(name, SV("ERROR")) ? SPAN_ERROR : SPAN_UNSET;
}

/* What the span used stands in its attributes, each of which is a JSON text. */
static void read_usage(struct store_tx *tx, struct span_row *row)
{
    struct json_object *content = NULL, *items;
    struct sv problem;
    struct attributes attributes;
    struct span_row read = *row;
    attributes_init(&attributes, tx->arena, NULL, 0);
    if (json_parse(tx->arena, row->content, &content, &problem) == JSON_OK &&
        json_object_object_get_ex(content, "attributes", &items) &&
        json_object_is_type(items, json_type_object)) {
        json_object_object_foreach(items, key, value)
        {
            if (json_object_is_type(value, json_type_string))
                attributes_put(&attributes, arena_copy(tx->arena, sv_from(key)),
                               arena_copy(tx->arena, json_string_view(value)));
        }
        conventions_translate(&attributes, &read);
        row->usage = read.usage;
    }
    json_object_put(content);
}

static enum status put_span(struct target *target, struct foreign_rows *rows)
{
    struct span_row row = {
        .span_id = import_text(rows, "span_id"),
        .parent_span_id = foreign_text(rows, "parent_span_id"),
        .name = import_text(rows, "name"),
        .type = import_text(rows, "type"),
        .status = span_status_of(foreign_text(rows, "status")),
        .start_time = foreign_int(rows, "start_time_unix_nano", 0),
        .has_end_time = !foreign_is_null(rows, "end_time_unix_nano"),
        .end_time = foreign_int(rows, "end_time_unix_nano", 0),
        .content = import_text(rows, "content"),
    };
    struct arena_mark mark = arena_mark(target->tx->arena);
    read_usage(target->tx, &row);
    enum status status = span_put(target->tx, &target->info, &row);
    if (status == OK)
        arena_rewind(target->tx->arena, mark);
    return status;
}

static enum status put_spans(struct target *target)
{
    if (!foreign_has_table(target->import->from, "spans"))
        return OK;
    struct foreign_rows *rows = foreign_query(
        target->import->from, "SELECT * FROM spans WHERE trace_id = ? ORDER BY start_time_unix_nano, span_id",
        target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows += 2)
        status = put_span(target, rows);
    return foreign_done(rows) == OK ? status : FAILED;
}

/* --- Assessments and links --- */

static enum assessment_kind kind_of(struct sv name)
{
    return sv_equal(name, SV("expectation")) ? ASSESSMENT_EXPECTATION
           : sv_equal(name, SV("issue"))     ? ASSESSMENT_ISSUE
                                             : ASSESSMENT_FEEDBACK;
}

static enum assessment_source source_of(struct sv name)
{
    if (sv_equal(name, SV("HUMAN")))
        return SOURCE_HUMAN;
    if (sv_equal(name, SV("LLM_JUDGE")) || sv_equal(name, SV("AI_JUDGE")))
        return SOURCE_LLM_JUDGE;
    return sv_equal(name, SV("CODE")) ? SOURCE_CODE : SOURCE_UNSPECIFIED;
}

static enum status put_assessment(struct target *target, struct foreign_rows *rows)
{
    int64_t name, created = foreign_int(rows, "created_timestamp", 0);
    if (trace_name_intern(target->tx, target->info.experiment_id, TRACE_NAME_ASSESSMENT,
                          import_text(rows, "name"), &name) != OK)
        return FAILED;
    return db_exec(
        target->tx->db, NULL,
        "INSERT INTO assessments (assessment_id, trace, name, kind, valid, create_time, last_update_time, "
        "value, "
        "error, source_type, source_id, run_id, span_id, rationale, overrides, metadata) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        db_text(import_text(rows, "assessment_id")), db_int(target->info.id), db_int(name),
        db_int(kind_of(foreign_text(rows, "assessment_type"))), db_int(foreign_int(rows, "valid", 1) != 0),
        db_int(created), db_int(foreign_int(rows, "last_updated_timestamp", created)),
        db_text(foreign_is_null(rows, "value") ? SV("null") : foreign_text(rows, "value")),
        db_text(foreign_text(rows, "error")), db_int(source_of(foreign_text(rows, "source_type"))),
        db_text(foreign_text(rows, "source_id")), db_text(foreign_text(rows, "run_id")),
        db_text(foreign_text(rows, "span_id")), db_text(foreign_text(rows, "rationale")),
        db_text(foreign_text(rows, "overrides")), db_text(foreign_text(rows, "assessment_metadata")));
}

static enum status put_assessments(struct target *target)
{
    if (!foreign_has_table(target->import->from, "assessments"))
        return OK;
    struct foreign_rows *rows =
        foreign_query(target->import->from,
                      "SELECT * FROM assessments WHERE trace_id = ? ORDER BY created_timestamp, rowid",
                      target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = put_assessment(target, rows);
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status put_link(struct target *target, struct foreign_rows *rows)
{
    struct sv type = import_text(rows, "destination_type"), id = import_text(rows, "destination_id");
    if (sv_equal(type, SV("run")))
        return trace_link_run(target->tx, target->info.trace_id, id);
    if (!sv_equal(type, SV("prompt_version")))
        return OK;
    return db_exec(target->tx->db, NULL,
                   "INSERT INTO trace_prompt_links (prompt, trace_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                   db_text(id), db_text(target->info.trace_id));
}

static enum status put_links(struct target *target)
{
    if (!foreign_has_table(target->import->from, "entity_associations"))
        return OK;
    struct foreign_rows *rows =
        foreign_query(target->import->from,
                      "SELECT * FROM entity_associations WHERE source_type = 'trace' AND source_id = ?",
                      target->info.trace_id, SV_ABSENT, target->tx->error);
    enum status status = rows ? OK : FAILED;
    for (; status == OK && foreign_next(rows); target->rows++)
        status = put_link(target, rows);
    return foreign_done(rows) == OK ? status : FAILED;
}

static enum status take_trace(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .rows = 1};
    struct trace_info there;
    if (!tx)
        return FAILED;
    target.info.trace_id = arena_copy(tx->arena, import_text(rows, "request_id"));
    target.info.experiment_id = foreign_int(rows, "experiment_id", 0);
    if (trace_look_up(tx, target.info.trace_id, &there) != OK)
        return FAILED;
    if (there.id) {
        import_present(import);
        return OK;
    }
    if (put_trace(&target, rows) != OK || put_tags(&target) != OK || put_metadata(&target) != OK ||
        put_metrics(&target) != OK || put_spans(&target) != OK || put_assessments(&target) != OK ||
        put_links(&target) != OK)
        return FAILED;
    import_taken(import, target.rows);
    return OK;
}

enum status import_traces(struct import *import)
{
    if (!foreign_has_table(import->from, "trace_info"))
        return OK;
    return import_rows(import, IMPORT_TRACES, import->store, "SELECT count(*) AS total FROM trace_info",
                       "SELECT * FROM trace_info ORDER BY rowid", take_trace);
}
