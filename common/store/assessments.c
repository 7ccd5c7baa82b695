#include "common/store/assessments.h"

#include "common/base/id.h"
#include "common/store/limits.h"
#include "common/store/text.h"
#include "common/store/validate.h"

static enum status not_found(struct store_tx *tx, struct sv trace_id, struct sv assessment_id)
{
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Assessment with ID '%.*s' not found for trace '%.*s'",
                      SV_ARG(search_clip(assessment_id)), SV_ARG(search_clip(trace_id)));
}

/* *found is absent if the trace has no such assessment. */
static enum status look_up(struct store_tx *tx, const struct trace_info *trace, struct sv assessment_id,
                           struct assessment *found)
{
    const struct assessment *all;
    size_t count;
    *found = (struct assessment){0};
    if (assessment_load_all(tx, trace, &all, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(all[i].assessment_id, assessment_id))
            *found = all[i];
    }
    return OK;
}

enum status assessment_find(struct store_tx *tx, struct sv trace_id, struct sv assessment_id,
                            struct assessment *assessment)
{
    struct trace_info trace;
    if (trace_look_up(tx, trace_id, &trace) != OK)
        return FAILED;
    if (!trace.id)
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Trace with request_id '%.*s' not found",
                          SV_ARG(search_clip(trace_id)));
    if (look_up(tx, &trace, assessment_id, assessment) != OK)
        return FAILED;
    return assessment->id ? OK : not_found(tx, trace_id, assessment_id);
}

static enum status set_valid(struct store_tx *tx, int64_t id, bool valid)
{
    return db_exec(tx->db, NULL, "UPDATE assessments SET valid = ? WHERE id = ?", db_int(valid), db_int(id));
}

/* The assessment that is overridden must be one of the same trace. */
static enum status override(struct store_tx *tx, const struct trace_info *trace, struct sv assessment_id)
{
    struct assessment overridden;
    if (look_up(tx, trace, assessment_id, &overridden) != OK)
        return FAILED;
    return overridden.id ? set_valid(tx, overridden.id, false)
                         : not_found(tx, trace->trace_id, assessment_id);
}

static enum status check(struct store_tx *tx, const struct assessment *assessment)
{
    if (!assessment->name.len)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "An assessment must have a name.");
    return validate_length(tx, assessment->name, KEY_MAX, NO_ITEM, "assessment_name");
}

static enum status insert(struct store_tx *tx, const struct trace_info *trace, struct assessment *assessment,
                          int64_t name)
{
    enum status status = db_exec(
        tx->db, NULL,
        "INSERT INTO assessments (assessment_id, trace, name, kind, valid, create_time, last_update_time, "
        "value, "
        "error, source_type, source_id, run_id, span_id, rationale, overrides, metadata) "
        "VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        db_text(assessment->assessment_id), db_int(trace->id), db_int(name), db_int(assessment->kind),
        db_int(assessment->create_time), db_int(assessment->last_update_time), db_text(assessment->value),
        db_text(assessment->error), db_int(assessment->source_type), db_text(assessment->source_id),
        db_text(assessment->run_id), db_text(assessment->span_id), db_text(assessment->rationale),
        db_text(assessment->overrides), db_text(assessment->metadata));
    if (status != OK && db_failed_unique(tx->db)) {
        db_forgive(tx->db);
        return store_fail(tx, RESOURCE_ALREADY_EXISTS, "Assessment(assessment_id=%.*s) already exists.",
                          SV_ARG(search_clip(assessment->assessment_id)));
    }
    if (status == OK)
        assessment->id = db_last_insert_id(tx->db);
    return status;
}

enum status assessment_create(struct store_tx *tx, const struct trace_info *trace,
                              struct assessment *assessment)
{
    int64_t name;
    if (!assessment->assessment_id.len)
        assessment->assessment_id = arena_printf(tx->arena, "a-%.*s", SV_ARG(id_new(tx->arena)));
    if (!assessment->create_time)
        assessment->create_time = tx->now_ms;
    if (!assessment->last_update_time)
        assessment->last_update_time = tx->now_ms;
    assessment->trace_id = trace->trace_id;
    assessment->valid = true;
    if (check(tx, assessment) != OK ||
        (assessment->overrides.len && override(tx, trace, assessment->overrides) != OK) ||
        trace_name_intern(tx, trace->experiment_id, TRACE_NAME_ASSESSMENT, assessment->name, &name) != OK)
        return FAILED;
    return insert(tx, trace, assessment, name);
}

enum status assessment_update(struct store_tx *tx, struct assessment *assessment)
{
    struct trace_info trace;
    int64_t name;
    assessment->last_update_time = tx->now_ms;
    if (check(tx, assessment) != OK || trace_find(tx, assessment->trace_id, &trace) != OK ||
        trace_name_intern(tx, trace.experiment_id, TRACE_NAME_ASSESSMENT, assessment->name, &name) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "UPDATE assessments SET name = ?, valid = ?, last_update_time = ?, value = ?, error = ?, "
                   "rationale = ?, metadata = ? WHERE id = ?",
                   db_int(name), db_int(assessment->valid), db_int(assessment->last_update_time),
                   db_text(assessment->value), db_text(assessment->error), db_text(assessment->rationale),
                   db_text(assessment->metadata), db_int(assessment->id));
}

enum status assessment_report(struct store_tx *tx, const struct trace_info *trace,
                              struct assessment *assessment)
{
    struct assessment stored = {0};
    if (assessment->assessment_id.len && look_up(tx, trace, assessment->assessment_id, &stored) != OK)
        return FAILED;
    if (!stored.id || stored.kind != assessment->kind)
        return assessment_create(tx, trace, assessment);
    stored.name = assessment->name;
    stored.value = assessment->value;
    stored.error = assessment->error;
    stored.rationale = assessment->rationale;
    stored.metadata = assessment->metadata;
    *assessment = stored;
    return assessment_update(tx, assessment);
}

enum status assessment_delete(struct store_tx *tx, struct sv trace_id, struct sv assessment_id)
{
    struct trace_info trace;
    struct assessment assessment, overridden = {0};
    if (trace_look_up(tx, trace_id, &trace) != OK)
        return FAILED;
    if (!trace.id)
        return OK;
    if (look_up(tx, &trace, assessment_id, &assessment) != OK)
        return FAILED;
    if (!assessment.id)
        return OK;
    if (assessment.overrides.len && look_up(tx, &trace, assessment.overrides, &overridden) != OK)
        return FAILED;
    if (overridden.id && set_valid(tx, overridden.id, true) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM assessments WHERE id = ?", db_int(assessment.id));
}
