#include "common/store/jobs.h"

#include <json-c/json.h>

#include "common/base/id.h"
#include "common/jobs/parameters.h"
#include "common/json/json_read.h"
#include "common/store/jobs_internal.h"
#include "common/store/list.h"
#include "common/store/text.h"

static const char *const status_names[JOB_STATUSES] = {"PENDING", "RUNNING", "SUCCEEDED",
                                                       "FAILED",  "TIMEOUT", "CANCELED"};

const char *job_status_name(enum job_status status)
{
    return status_names[status];
}

bool job_status_parse(struct sv name, enum job_status *status)
{
    for (int i = 0; i < JOB_STATUSES; i++) {
        if (sv_equal(name, sv_from(status_names[i]))) {
            *status = (enum job_status)i;
            return true;
        }
    }
    return false;
}

bool job_is_final(enum job_status status)
{
    return status != JOB_PENDING && status != JOB_RUNNING;
}

void job_read(struct db_stmt *stmt, struct job *job)
{
    *job = (struct job){
        .id = db_column_int(stmt, 0),
        .job_id = db_column_text_copy(stmt, 1),
        .name = db_column_text_copy(stmt, 2),
        .params = db_column_text_copy(stmt, 3),
        .timeout = db_column_is_null(stmt, 4) ? -1 : db_column_double(stmt, 4),
        .status = (enum job_status)db_column_int(stmt, 5),
        .result = db_column_text_copy(stmt, 6),
        .creation_time = db_column_int(stmt, 7),
        .last_update_time = db_column_int(stmt, 8),
        .retry_count = db_column_int(stmt, 9),
        .attempts = db_column_int(stmt, 10),
        .start_time = db_column_int(stmt, 11),
        .progress = db_column_is_null(stmt, 12) ? -1 : db_column_double(stmt, 12),
        .progress_message = db_column_text_copy(stmt, 13),
        .status_details = db_column_text_copy(stmt, 14),
        .worker = db_column_text_copy(stmt, 15),
    };
}

static enum status not_found(struct store_tx *tx, struct sv job_id)
{
    struct sv shown = search_clip(job_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Job with ID %.*s not found", SV_ARG(shown));
}

enum status job_get(struct store_tx *tx, struct sv job_id, struct job *job)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT " JOB_COLUMNS " FROM jobs WHERE job_id = ?", db_text(job_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        job_read(stmt, job);
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : not_found(tx, job_id);
}

/* As text, whatever a client sent. */
static struct sv experiment_of(struct store_tx *tx, struct json_object *params)
{
    struct json_object *value;
    if (!json_object_object_get_ex(params, "experiment_id", &value) || !value)
        return SV_ABSENT;
    if (json_object_is_type(value, json_type_string))
        return arena_copy(tx->arena, json_string_view(value));
    return json_object_is_type(value, json_type_int)
               ? arena_copy(tx->arena, sv_from(json_object_to_json_string(value)))
               : SV_ABSENT;
}

enum status job_create(struct store_tx *tx, const struct job_new *new, struct job *job)
{
    struct json_object *params;
    struct sv problem = SV_ABSENT;
    if (json_parse(tx->arena, new->params, &params, &problem) != JSON_OK)
        return error_internal(tx->error, tx->arena, "the parameters of a job are no JSON: %.*s",
                              SV_ARG(problem));
    struct sv experiment_id = experiment_of(tx, params);
    json_object_put(params);
    struct sv job_id = id_new_uuid(tx->arena);
    if (db_exec(tx->db, NULL,
                "INSERT INTO jobs (job_id, job_name, params, experiment_id, timeout, creation_time, "
                "last_update_time, due_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(job_id), db_text(new->name), db_text(new->params), db_text(experiment_id),
                new->timeout < 0 ? db_null() : db_double(new->timeout), db_int(tx->now_ms),
                db_int(tx->now_ms), db_int(tx->now_ms)) != OK)
        return FAILED;
    return job_get(tx, job_id, job);
}

enum status job_cancel(struct store_tx *tx, struct sv job_id, struct job *job)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "UPDATE jobs SET status = 5, last_update_time = ? WHERE job_id = ? AND status IN (0, 1)",
                db_int(tx->now_ms), db_text(job_id)) != OK ||
        job_get(tx, job_id, job) != OK)
        return FAILED;
    if (changed)
        return OK;
    return store_fail(tx, WRONG_STATE,
                      "The Job %.*s is already finalized with status: %s, it can't be updated.",
                      SV_ARG(job_id), job_status_name(job->status));
}

/* --- Searching --- */

#define NEWEST_FIRST " ORDER BY creation_time DESC, id DESC"
#define READABLE                                                                                            \
    "experiment_id IS NOT NULL AND (CAST(experiment_id AS INTEGER) IN (SELECT value FROM json_each(?))) = " \
    "? "

static struct db_stmt *open_search(struct store_tx *tx, const struct job_filter *filter)
{
    struct db_value list = permission_filter_list(filter->readable),
                    listed = permission_filter_listed(filter->readable),
                    experiment = db_text(filter->experiment_id);
    if (filter->readable)
        return db_query(tx->db,
                        "SELECT " JOB_COLUMNS " FROM jobs WHERE " READABLE
                        "AND (? IS NULL OR job_name = ?) AND (? IS NULL OR experiment_id = ?)" NEWEST_FIRST,
                        list, listed, db_text(filter->name), db_text(filter->name), experiment, experiment);
    if (filter->name.data)
        return db_query(tx->db,
                        "SELECT " JOB_COLUMNS " FROM jobs WHERE job_name = ? "
                        "AND (? IS NULL OR experiment_id = ?)" NEWEST_FIRST,
                        db_text(filter->name), experiment, experiment);
    if (filter->experiment_id.data)
        return db_query(tx->db, "SELECT " JOB_COLUMNS " FROM jobs WHERE experiment_id = ?" NEWEST_FIRST,
                        experiment);
    return db_query0(tx->db, "SELECT " JOB_COLUMNS " FROM jobs" NEWEST_FIRST);
}

static bool has_status(const struct job_filter *filter, enum job_status status)
{
    bool found = filter->status_count == 0;
    for (size_t i = 0; !found && i < filter->status_count; i++)
        found = filter->statuses[i] == status;
    return found;
}

static bool has_params(struct store_tx *tx, const struct job_filter *filter, struct sv text)
{
    struct json_object *params;
    struct sv problem;
    if (!filter->params || json_object_object_length(filter->params) == 0)
        return true;
    struct arena_mark mark = arena_mark(tx->arena);
    bool equal = json_parse(tx->arena, text, &params, &problem) == JSON_OK;
    if (!equal)
        return false;
    json_object_object_foreach(filter->params, name, wanted)
    {
        struct json_object *value;
        equal = equal && json_object_object_get_ex(params, name, &value) && job_json_equal(value, wanted);
    }
    json_object_put(params);
    arena_rewind(tx->arena, mark);
    return equal;
}

static void reverse(struct job *jobs, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct job job = jobs[i];
        jobs[i] = jobs[count - 1 - i];
        jobs[count - 1 - i] = job;
    }
}

enum status job_search(struct store_tx *tx, const struct job_filter *filter, const struct job **jobs,
                       size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt = open_search(tx, filter);
    if (!stmt)
        return FAILED;
    while ((filter->newest == 0 || list.count < (size_t)filter->newest) && db_step(stmt) == DB_ROW) {
        if (has_status(filter, (enum job_status)db_column_int(stmt, 5)) &&
            has_params(tx, filter, db_column_text(stmt, 3)))
            job_read(stmt, ROW_LIST_ADD(&list, tx->arena, struct job));
    }
    if (db_done(stmt) != OK)
        return FAILED;
    reverse(list.items, list.count);
    *jobs = list.items;
    *count = list.count;
    return OK;
}

enum status job_experiment(struct store_tx *tx, struct sv job_id, struct sv *experiment_id)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT experiment_id FROM jobs WHERE job_id = ?", db_text(job_id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    *experiment_id = found ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : not_found(tx, job_id);
}

/* --- Removing --- */

static enum status read_count(struct db_stmt *stmt, int64_t *count)
{
    if (!stmt)
        return FAILED;
    *count = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

enum status job_depths(struct store_tx *tx, int64_t *pending, int64_t *running)
{
    if (read_count(db_query0(tx->db, "SELECT count(*) FROM jobs WHERE status = 0"), pending) != OK)
        return FAILED;
    return read_count(db_query0(tx->db, "SELECT count(*) FROM jobs WHERE status = 1 AND lease IS NOT NULL"),
                      running);
}

enum status job_remove(struct store_tx *tx, struct sv job_id, int64_t older_than_ms, bool *removed)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "DELETE FROM jobs WHERE job_id = ? AND status > 1 AND lease IS NULL AND creation_time < ?",
                db_text(job_id), db_int(older_than_ms ? older_than_ms : INT64_MAX)) != OK)
        return FAILED;
    *removed = changed > 0;
    return OK;
}

enum status job_removable(struct store_tx *tx, int64_t older_than_ms, size_t limit, const struct sv **job_ids,
                          size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT job_id FROM jobs WHERE creation_time < ? AND status > 1 AND lease IS NULL "
                 "ORDER BY creation_time, id LIMIT ?",
                 db_int(older_than_ms ? older_than_ms : INT64_MAX), db_int((int64_t)limit));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&list, tx->arena, struct sv) = db_column_text_copy(stmt, 0);
    *job_ids = list.items;
    *count = list.count;
    return db_done(stmt);
}
