#include "common/store/trace_requests.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/json/json_read.h"
#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/text.h"
#include "common/store/validate.h"

/* Traces and microseconds after which a slice of a deletion ends. */
enum { DELETION_SLICE = 64, DELETION_SLICE_US = 5000 };

static enum status put_all(struct store_tx *tx, const struct trace_info *info,
                           const struct trace_report *report)
{
    for (size_t i = 0; i < report->tag_count; i++) {
        const struct key_value *tag = &report->tags[i];
        /* Where artifacts lie is the server's to say. */
        if (sv_equal(tag->key, SV(TRACE_TAG_ARTIFACT_LOCATION)))
            continue;
        if (trace_put_tag(tx, info, tag->key, tag->value) != OK)
            return FAILED;
    }
    for (size_t i = 0; i < report->metadata_count; i++) {
        if (trace_put_metadata(tx, info, report->metadata[i].key, report->metadata[i].value) != OK)
            return FAILED;
    }
    return OK;
}

/* The numbers of a JSON object become metrics of the trace; text that is no such object is nobody's error. */
static enum status put_numbers(struct store_tx *tx, const struct trace_info *info, struct sv text)
{
    struct json_object *root;
    struct sv problem;
    if (json_parse(tx->arena, text, &root, &problem) != JSON_OK)
        return OK;
    enum status status = OK;
    if (json_object_is_type(root, json_type_object)) {
        json_object_object_foreach(root, key, value)
        {
            bool is_number =
                json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
            if (is_number && status == OK)
                status = trace_put_metric(tx, info, sv_from(key), json_object_get_double(value));
        }
    }
    json_object_put(root);
    return status;
}

static enum status put_usage(struct store_tx *tx, const struct trace_info *info,
                             const struct trace_report *report)
{
    for (size_t i = 0; i < report->metadata_count; i++) {
        const struct key_value *item = &report->metadata[i];
        bool counts = sv_equal(item->key, SV(TRACE_METADATA_TOKEN_USAGE)) ||
                      sv_equal(item->key, SV(TRACE_METADATA_COST));
        if (counts && put_numbers(tx, info, item->value) != OK)
            return FAILED;
    }
    return OK;
}

/* What the report says over what spans have said. */
static void merge(struct trace_info *info, const struct trace_report *from)
{
    const struct trace_info *report = &from->info;
    if (from->has_request_time)
        info->request_time = report->request_time;
    if (from->has_status)
        info->status = report->status;
    if (report->has_duration) {
        info->has_duration = true;
        info->duration = report->duration;
    }
    if (report->client_request_id.data)
        info->client_request_id = report->client_request_id;
    if (report->request_preview.data)
        info->request_preview = report->request_preview;
    if (report->response_preview.data)
        info->response_preview = report->response_preview;
    info->finalized = true;
}

enum status trace_report_store(struct store_tx *tx, const struct trace_report *report,
                               struct trace_info *stored)
{
    if (experiment_require_active(tx, report->info.experiment_id) != OK ||
        trace_look_up(tx, report->info.trace_id, stored) != OK)
        return FAILED;
    if (stored->id) {
        merge(stored, report);
        if (experiment_require_active(tx, stored->experiment_id) != OK || trace_update(tx, stored) != OK)
            return FAILED;
    } else {
        *stored = report->info;
        stored->finalized = true;
        if (!report->has_request_time)
            stored->request_time = tx->now_ms;
        if (trace_insert(tx, stored) != OK)
            return FAILED;
    }
    return put_all(tx, stored, report) == OK ? put_usage(tx, stored, report) : FAILED;
}

enum status trace_begin(struct store_tx *tx, int64_t experiment, int64_t timestamp,
                        const struct key_value *metadata, size_t metadata_count, const struct key_value *tags,
                        size_t tag_count, struct trace_info *info)
{
    struct trace_report report = {
        .tags = tags, .tag_count = tag_count, .metadata = metadata, .metadata_count = metadata_count};
    *info = (struct trace_info){.trace_id = id_new(tx->arena),
                                .experiment_id = experiment,
                                .request_time = timestamp,
                                .status = TRACE_IN_PROGRESS};
    return trace_insert(tx, info) == OK ? put_all(tx, info, &report) : FAILED;
}

enum status trace_end(struct store_tx *tx, struct sv trace_id, int64_t timestamp, enum trace_status status,
                      const struct key_value *metadata, size_t metadata_count, const struct key_value *tags,
                      size_t tag_count, struct trace_info *info)
{
    struct trace_report report = {
        .tags = tags, .tag_count = tag_count, .metadata = metadata, .metadata_count = metadata_count};
    if (trace_find(tx, trace_id, info) != OK)
        return FAILED;
    if (__builtin_sub_overflow(timestamp, info->request_time, &info->duration))
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Invalid value %lld for parameter 'timestamp_ms' supplied: it is too far from the start.",
            (long long)timestamp);
    info->has_duration = true;
    info->status = status;
    if (trace_update(tx, info) != OK || put_all(tx, info, &report) != OK)
        return FAILED;
    return put_usage(tx, info, &report);
}

enum status trace_set_tag(struct store_tx *tx, struct sv trace_id, struct sv key, struct sv value)
{
    struct trace_info info;
    struct key_value tag = {key, value};
    if (validate_run_tag(tx, &tag, NO_ITEM) != OK || trace_find(tx, trace_id, &info) != OK)
        return FAILED;
    return trace_put_tag(tx, &info, tag.key, tag.value);
}

enum status trace_remove_tag(struct store_tx *tx, struct sv trace_id, struct sv key)
{
    struct trace_info info;
    bool deleted = false;
    if (trace_look_up(tx, trace_id, &info) != OK ||
        (info.id && trace_delete_tag(tx, &info, key, &deleted) != OK))
        return FAILED;
    if (deleted)
        return OK;
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No trace tag with key '%.*s' for trace with ID '%.*s'",
                      SV_ARG(search_clip(key)), SV_ARG(search_clip(trace_id)));
}

/* --- Deleting --- */

static enum status check_deletion(struct store_tx *tx, const struct trace_deletion *deletion)
{
    bool has_ids = deletion->trace_id_count > 0;
    if (!deletion->has_timestamp && !has_ids)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Either `max_timestamp_millis` or `trace_ids` must be specified.");
    if (deletion->has_timestamp && has_ids)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Only one of `max_timestamp_millis` and `trace_ids` can be specified.");
    if (deletion->has_max_traces && has_ids)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "`max_traces` can't be specified if `trace_ids` is specified.");
    if (deletion->has_max_traces && deletion->max_traces <= 0)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "`max_traces` must be a positive integer, received %lld.",
                          (long long)deletion->max_traces);
    return OK;
}

/* Ids first: deleting from a table under a statement that reads it would be asking for trouble. */
static enum status find_oldest(struct store_tx *tx, const struct trace_deletion *deletion, int64_t limit,
                               struct row_list *found)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT id, trace_id FROM traces WHERE experiment = ? AND request_time <= ? "
                 "ORDER BY request_time, trace_id DESC LIMIT ?",
                 db_int(deletion->experiment), db_int(deletion->timestamp), db_int(limit));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct trace_info *info = ROW_LIST_ADD(found, tx->arena, struct trace_info);
        info->id = db_column_int(stmt, 0);
        info->trace_id = db_column_text_copy(stmt, 1);
    }
    return db_done(stmt);
}

static enum status delete_by_time(struct store_tx *tx, const struct trace_deletion *deletion,
                                  int64_t deadline_us, struct trace_deletion_progress *progress)
{
    struct row_list found = {0};
    int64_t limit = DELETION_SLICE;
    if (deletion->has_max_traces && deletion->max_traces - progress->deleted < limit)
        limit = deletion->max_traces - progress->deleted;
    if (find_oldest(tx, deletion, limit, &found) != OK)
        return FAILED;
    const struct trace_info *infos = found.items;
    size_t count = 0;
    while (count < found.count && (count == 0 || clock_monotonic_us() < deadline_us))
        if (trace_delete(tx, &infos[count++]) != OK)
            return FAILED;
    progress->deleted += (int64_t)count;
    progress->done = (count == found.count && count < DELETION_SLICE) ||
                     (deletion->has_max_traces && progress->deleted >= deletion->max_traces);
    return OK;
}

static enum status delete_by_id(struct store_tx *tx, const struct trace_deletion *deletion,
                                int64_t deadline_us, struct trace_deletion_progress *progress)
{
    size_t end = deletion->trace_id_count;
    for (bool first = true; progress->ids_done < end && (first || clock_monotonic_us() < deadline_us);
         first = false) {
        struct trace_info info;
        if (trace_look_up(tx, deletion->trace_ids[progress->ids_done++], &info) != OK)
            return FAILED;
        if (!info.id || info.experiment_id != deletion->experiment)
            continue;
        if (trace_delete(tx, &info) != OK)
            return FAILED;
        progress->deleted++;
    }
    progress->done = progress->ids_done == end;
    return OK;
}

enum status trace_delete_slice(struct store_tx *tx, const struct trace_deletion *deletion,
                               struct trace_deletion_progress *progress)
{
    int64_t deadline_us = clock_monotonic_us() + DELETION_SLICE_US;
    if (check_deletion(tx, deletion) != OK)
        return FAILED;
    return deletion->has_timestamp ? delete_by_time(tx, deletion, deadline_us, progress)
                                   : delete_by_id(tx, deletion, deadline_us, progress);
}

/* --- Links --- */

enum status trace_link_many(struct store_tx *tx, const struct sv *trace_ids, size_t count, struct sv run_id)
{
    if (count > TRACE_LINKS_MAX)
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Cannot link more than %d traces to a run in a single request. Provided %zu traces.",
            TRACE_LINKS_MAX, count);
    for (size_t i = 0; i < count; i++) {
        if (trace_link_run(tx, trace_ids[i], run_id) != OK)
            return FAILED;
    }
    return OK;
}

enum status trace_link_prompt(struct store_tx *tx, struct sv trace_id, struct sv prompt)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO trace_prompt_links (prompt, trace_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                   db_text(prompt), db_text(trace_id));
}
