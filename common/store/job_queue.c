#include "common/store/job_queue.h"

#include <json-c/json.h>

#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/jobs/parameters.h"
#include "common/json/json_read.h"
#include "common/store/jobs_internal.h"
#include "common/store/list.h"

#define CANCELED_AT_ONCE 500 /* in one transaction, for a lock that is held */

/* --- Taking --- */

struct candidate {
    int64_t id, due_ms; /* 0: none */
    const struct job_type *type;
};

/* Of one type. */
static enum status find_due(struct store_tx *tx, const struct job_type *type, int64_t now_ms,
                            struct candidate *found)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, due_time FROM jobs WHERE job_name = ? AND status = 0 "
                                    "AND due_time <= ? ORDER BY due_time, id LIMIT 1",
                                    db_text(type->name), db_int(now_ms));
    if (!stmt)
        return FAILED;
    *found = (struct candidate){.type = type};
    if (db_step(stmt) == DB_ROW) {
        found->id = db_column_int(stmt, 0);
        found->due_ms = db_column_int(stmt, 1);
    }
    return db_done(stmt);
}

/* A job that was cancelled counts until its processes have ended. */
static enum status is_full(struct store_tx *tx, const struct job_type *type, bool *full)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE job_name = ? AND lease IS NOT NULL LIMIT ?)",
        db_text(type->name), db_int(type->max_parallel));
    if (!stmt)
        return FAILED;
    *full = db_step(stmt) == DB_ROW && db_column_int(stmt, 0) >= type->max_parallel;
    return db_done(stmt);
}

/* The one that is due longest of the types that have room. */
static enum status find_candidate(struct store_tx *tx, const struct job_types *types, int64_t now_ms,
                                  struct candidate *best)
{
    *best = (struct candidate){0};
    for (size_t i = 0; i < types->count; i++) {
        struct candidate found;
        bool full = false;
        if (find_due(tx, &types->items[i], now_ms, &found) != OK)
            return FAILED;
        if (!found.id || (best->id && (found.due_ms > best->due_ms ||
                                       (found.due_ms == best->due_ms && found.id > best->id))))
            continue;
        if (is_full(tx, found.type, &full) != OK)
            return FAILED;
        if (!full)
            *best = found;
    }
    return OK;
}

static enum status load(struct store_tx *tx, int64_t id, struct job *job)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?", db_int(id));
    if (!stmt)
        return FAILED;
    *job = (struct job){.id = id};
    if (db_step(stmt) == DB_ROW)
        job_read(stmt, job);
    return db_done(stmt);
}

static enum status find_lock_key(struct store_tx *tx, const struct job *job, const struct job_type *type,
                                 struct sv *key)
{
    struct json_object *params;
    struct sv problem = SV_ABSENT;
    *key = SV_ABSENT;
    if (type->exclusive == JOB_SHARED)
        return OK;
    if (json_parse(tx->arena, job->params, &params, &problem) != JSON_OK)
        return error_internal(tx->error, tx->arena, "the parameters of job %.*s are no JSON: %.*s",
                              SV_ARG(job->job_id), SV_ARG(problem));
    *key = job_lock_key(type, params, tx->arena);
    json_object_put(params);
    return OK;
}

static enum status is_locked(struct store_tx *tx, struct sv key, bool *locked)
{
    *locked = false;
    if (!key.data)
        return OK;
    struct db_stmt *stmt = db_query(tx->db, "SELECT 1 FROM jobs WHERE lock_key = ?", db_text(key));
    if (!stmt)
        return FAILED;
    *locked = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status cancel_locked_out(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL, "UPDATE jobs SET status = 5, last_update_time = ? WHERE id = ?",
                   db_int(tx->now_ms), db_int(id));
}

static int64_t timeout_of(const struct job *job, const struct job_type *type)
{
    if (job->timeout < 0)
        return type->timeout_ms;
    double ms = job->timeout * 1000;
    if (ms >= (double)JOB_TIMEOUT_MAX_MS)
        return JOB_TIMEOUT_MAX_MS;
    return ms < 1 ? 1 : (int64_t)ms;
}

static enum status begin_attempt(struct store_tx *tx, const struct candidate *found, struct sv worker,
                                 int64_t lease_ms, struct sv lock_key, struct job_taken *taken)
{
    struct sv lease = id_new(tx->arena);
    if (db_exec(tx->db, NULL,
                "UPDATE jobs SET status = 1, lease = ?, worker = ?, due_time = ?, lock_key = ?, "
                "attempts = attempts + 1, start_time = ?, last_update_time = ?, progress = NULL, "
                "progress_message = NULL WHERE id = ?",
                db_text(lease), db_text(worker), db_int(tx->now_ms + lease_ms), db_text(lock_key),
                db_int(tx->now_ms), db_int(tx->now_ms), db_int(found->id)) != OK ||
        load(tx, found->id, &taken->job) != OK)
        return FAILED;
    taken->type = found->type;
    taken->timeout_ms = timeout_of(&taken->job, found->type);
    taken->lease = (struct job_lease){
        .id = found->id,
        .job_id = taken->job.job_id,
        .lease = lease,
        .attempt = taken->job.attempts,
        .until_ms = tx->now_ms + lease_ms,
    };
    return OK;
}

enum status job_take(struct store_tx *tx, struct sv worker, int64_t lease_ms, const struct job_types *types,
                     struct job_taken *taken_job, bool *taken)
{
    *taken = false;
    for (int i = 0; i < CANCELED_AT_ONCE; i++) {
        struct candidate found;
        struct job job;
        struct sv lock_key;
        bool locked;
        if (find_candidate(tx, types, tx->now_ms, &found) != OK)
            return FAILED;
        if (!found.id)
            return OK;
        if (load(tx, found.id, &job) != OK || find_lock_key(tx, &job, found.type, &lock_key) != OK ||
            is_locked(tx, lock_key, &locked) != OK)
            return FAILED;
        if (!locked) {
            *taken = true;
            return begin_attempt(tx, &found, worker, lease_ms, lock_key, taken_job);
        }
        if (cancel_locked_out(tx, found.id) != OK)
            return FAILED;
    }
    return OK;
}

enum status jobs_next_due(struct store_tx *tx, const struct job_types *types, int64_t *due_ms)
{
    *due_ms = INT64_MAX;
    for (size_t i = 0; i < types->count; i++) {
        struct candidate found;
        bool full = false;
        if (find_due(tx, &types->items[i], INT64_MAX, &found) != OK ||
            (found.id && is_full(tx, found.type, &full) != OK))
            return FAILED;
        if (found.id && !full && found.due_ms < *due_ms)
            *due_ms = found.due_ms;
    }
    struct db_stmt *stmt = db_query0(tx->db, "SELECT min(due_time) FROM jobs WHERE lease IS NOT NULL");
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW && !db_column_is_null(stmt, 0) && db_column_int(stmt, 0) < *due_ms)
        *due_ms = db_column_int(stmt, 0);
    return db_done(stmt);
}

/* --- Holding --- */

enum status job_check(struct store_tx *tx, const struct job_lease *lease, enum job_hold *hold)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT status FROM jobs WHERE id = ? AND lease = ?",
                                    db_int(lease->id), db_text(lease->lease));
    if (!stmt)
        return FAILED;
    *hold = JOB_HOLD_LOST;
    if (db_step(stmt) == DB_ROW)
        *hold = db_column_int(stmt, 0) == JOB_RUNNING ? JOB_HELD : JOB_HOLD_CANCELED;
    return db_done(stmt);
}

enum status job_of_lease(struct store_tx *tx, const struct job_lease *lease, struct job *job,
                         enum job_hold *hold)
{
    if (job_check(tx, lease, hold) != OK)
        return FAILED;
    return *hold == JOB_HOLD_LOST ? OK : load(tx, lease->id, job);
}

enum status job_heartbeat(struct store_tx *tx, const struct job_lease *lease, int64_t lease_ms,
                          enum job_hold *hold)
{
    if (job_check(tx, lease, hold) != OK)
        return FAILED;
    if (*hold == JOB_HOLD_LOST)
        return OK;
    return db_exec(tx->db, NULL, "UPDATE jobs SET due_time = ? WHERE id = ?", db_int(tx->now_ms + lease_ms),
                   db_int(lease->id));
}

enum status job_progress(struct store_tx *tx, const struct job_lease *lease, double progress,
                         struct sv message, struct sv details, enum job_hold *hold)
{
    if (job_check(tx, lease, hold) != OK)
        return FAILED;
    if (*hold == JOB_HOLD_LOST)
        return OK;
    if (details.len > JOB_DETAILS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "The details of a job's status exceed %d bytes.",
                          JOB_DETAILS_MAX);
    message = utf8_valid(message) ? utf8_first(message, JOB_MESSAGE_MAX) : SV_ABSENT;
    return db_exec(tx->db, NULL,
                   "UPDATE jobs SET progress = coalesce(?, progress), "
                   "progress_message = coalesce(?, progress_message), "
                   "status_details = coalesce(?, status_details), last_update_time = ? WHERE id = ?",
                   progress >= 0 ? db_double(progress < 1 ? progress : 1) : db_null(), db_text(message),
                   db_text(details), db_int(tx->now_ms), db_int(lease->id));
}

/* --- Ending --- */

static enum status finalize(struct store_tx *tx, int64_t id, enum job_status status, struct sv result)
{
    return db_exec(tx->db, NULL,
                   "UPDATE jobs SET status = ?, result = ?, last_update_time = ?, lease = NULL, "
                   "lock_key = NULL WHERE id = ?",
                   db_int(status), db_text(result), db_int(tx->now_ms), db_int(id));
}

static enum status release(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL, "UPDATE jobs SET lease = NULL, lock_key = NULL WHERE id = ?", db_int(id));
}

/* A job whose result is no JSON could not be shown to anybody. */
static enum status succeed(struct store_tx *tx, int64_t id, struct sv text, enum job_status *status)
{
    struct json_object *value;
    struct sv problem = SV("it is empty");
    if (json_parse(tx->arena, text, &value, &problem) != JSON_OK) {
        *status = JOB_FAILED;
        return finalize(tx, id, JOB_FAILED,
                        arena_printf(tx->arena, "The result of the job is not JSON: %.*s", SV_ARG(problem)));
    }
    struct sv result = job_json_text(value, tx->arena);
    json_object_put(value);
    return finalize(tx, id, JOB_SUCCEEDED, result);
}

static enum status retry_or_fail(struct store_tx *tx, int64_t id, const struct job_ending *ending,
                                 enum job_status *status)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT retry_count FROM jobs WHERE id = ?", db_int(id));
    if (!stmt)
        return FAILED;
    int64_t retries = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    *status = JOB_FAILED;
    if (!ending->type || retries >= ending->type->max_retries)
        return finalize(tx, id, JOB_FAILED, ending->text);
    *status = JOB_PENDING;
    return db_exec(tx->db, NULL,
                   "UPDATE jobs SET status = 0, retry_count = retry_count + 1, due_time = ?, "
                   "last_update_time = ?, lease = NULL, lock_key = NULL WHERE id = ?",
                   db_int(tx->now_ms + job_retry_delay_ms(ending->type, retries + 1)), db_int(tx->now_ms),
                   db_int(id));
}

static enum status return_job(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL,
                   "UPDATE jobs SET status = 0, due_time = creation_time, attempts = attempts - 1, "
                   "last_update_time = ?, lease = NULL, lock_key = NULL WHERE id = ?",
                   db_int(tx->now_ms), db_int(id));
}

static enum status enter_ending(struct store_tx *tx, int64_t id, const struct job_ending *ending,
                                enum job_status *status)
{
    switch (ending->end) {
    case JOB_END_SUCCEEDED:
        *status = JOB_SUCCEEDED;
        return succeed(tx, id, ending->text, status);
    case JOB_END_FAILED:
        *status = JOB_FAILED;
        return finalize(tx, id, JOB_FAILED, ending->text);
    case JOB_END_TIMEOUT:
        *status = JOB_TIMED_OUT;
        return finalize(tx, id, JOB_TIMED_OUT, SV_ABSENT);
    case JOB_END_TRANSIENT:
        return retry_or_fail(tx, id, ending, status);
    case JOB_END_RETURNED:
        *status = JOB_PENDING;
        return return_job(tx, id);
    }
    return error_internal(tx->error, tx->arena, "a job cannot end in way %d", (int)ending->end);
}

enum status job_finish(struct store_tx *tx, const struct job_lease *lease, const struct job_ending *ending,
                       enum job_hold *hold, enum job_status *status)
{
    enum job_status become = JOB_CANCELED;
    if (job_check(tx, lease, hold) != OK)
        return FAILED;
    if (*hold == JOB_HOLD_LOST)
        return OK;
    enum status done =
        *hold == JOB_HOLD_CANCELED ? release(tx, lease->id) : enter_ending(tx, lease->id, ending, &become);
    if (status)
        *status = become;
    return done;
}

/* --- Lost workers --- */

static enum status any_is_lost(struct store_tx *tx, bool *lost)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT 1 FROM jobs WHERE lease IS NOT NULL AND due_time <= ? LIMIT 1", db_int(tx->now_ms));
    if (!stmt)
        return FAILED;
    *lost = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

/* Jobs without a worker: marked by a lease that ran out. */
static enum status requeue(struct store_tx *tx, int64_t max_crashes, int64_t *count)
{
    int64_t failed = 0, pending = 0, canceled = 0;
    struct sv text =
        arena_printf(tx->arena, "The job was given up: the worker that ran it was lost, %lld times in all.",
                     (long long)max_crashes);
    if (db_exec(tx->db, &failed,
                "UPDATE jobs SET status = 3, result = ?, crashes = crashes + 1, last_update_time = ?, "
                "lease = NULL, lock_key = NULL "
                "WHERE lease IS NOT NULL AND due_time <= ? AND status = 1 AND crashes + 1 >= ?",
                db_text(text), db_int(tx->now_ms), db_int(tx->now_ms), db_int(max_crashes)) != OK ||
        db_exec(tx->db, &pending,
                "UPDATE jobs SET status = 0, due_time = creation_time, crashes = crashes + 1, "
                "last_update_time = ?, lease = NULL, lock_key = NULL "
                "WHERE lease IS NOT NULL AND due_time <= ? AND status = 1",
                db_int(tx->now_ms), db_int(tx->now_ms)) != OK ||
        db_exec(tx->db, &canceled,
                "UPDATE jobs SET lease = NULL, lock_key = NULL WHERE lease IS NOT NULL AND due_time <= ?",
                db_int(tx->now_ms)) != OK)
        return FAILED;
    if (count)
        *count = failed + pending + canceled;
    return OK;
}

enum status jobs_requeue_lost(struct store_tx *tx, int64_t max_crashes, int64_t *count)
{
    bool lost = false;
    if (count)
        *count = 0;
    if (any_is_lost(tx, &lost) != OK)
        return FAILED;
    return lost ? requeue(tx, max_crashes, count) : OK;
}

enum status jobs_requeue_of_worker(struct store_tx *tx, struct sv worker, int64_t max_crashes, int64_t *count)
{
    if (db_exec(tx->db, NULL, "UPDATE jobs SET due_time = 0 WHERE worker = ? AND lease IS NOT NULL",
                db_text(worker)) != OK)
        return FAILED;
    return jobs_requeue_lost(tx, max_crashes, count);
}
