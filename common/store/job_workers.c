#include "common/store/job_queue.h"
#include "common/store/list.h"
#include "common/store/text.h"

#define WORKER_MAX   200
#define FORGOTTEN_MS 86400000LL /* a worker that has not been heard of for a day is gone */

enum status job_worker_seen(struct store_tx *tx, struct sv worker, struct sv host, bool remote)
{
    if (!worker.len || worker.len > WORKER_MAX || host.len > WORKER_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "A worker must have a name, and its name and its host at most %d bytes.",
                          WORKER_MAX);
    if (db_exec(tx->db, NULL, "DELETE FROM job_workers WHERE last_seen < ? AND worker <> ?",
                db_int(tx->now_ms - FORGOTTEN_MS), db_text(worker)) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "INSERT INTO job_workers (worker, host, remote, start_time, last_seen) "
                   "VALUES (?, ?, ?, ?, ?) ON CONFLICT (worker) DO UPDATE SET "
                   "host = CASE excluded.host WHEN '' THEN host ELSE excluded.host END, remote = "
                   "excluded.remote, last_seen = excluded.last_seen",
                   db_text(worker), db_text(host.data ? host : SV("")), db_int(remote), db_int(tx->now_ms),
                   db_int(tx->now_ms));
}

enum status job_worker_gone(struct store_tx *tx, struct sv worker)
{
    return db_exec(tx->db, NULL, "DELETE FROM job_workers WHERE worker = ?", db_text(worker));
}

enum status job_workers(struct store_tx *tx, const struct job_worker **workers, size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt =
        db_query0(tx->db, "SELECT worker, host, remote, start_time, last_seen, (SELECT count(*) FROM jobs j "
                          "WHERE j.worker = w.worker AND j.lease IS NOT NULL) FROM job_workers w "
                          "ORDER BY last_seen DESC, worker");
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&list, tx->arena, struct job_worker) = (struct job_worker){
            .worker = db_column_text_copy(stmt, 0),
            .host = db_column_text_copy(stmt, 1),
            .remote = db_column_int(stmt, 2) != 0,
            .start_time = db_column_int(stmt, 3),
            .last_seen = db_column_int(stmt, 4),
            .running = db_column_int(stmt, 5),
        };
    *workers = list.items;
    *count = list.count;
    return db_done(stmt);
}
