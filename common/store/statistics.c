#include "common/store/statistics.h"

#include "common/store/list.h"

static enum status read_runs(struct store_tx *tx, struct store_statistics *statistics)
{
    struct db_stmt *stmt = db_query0(
        tx->db,
        "SELECT count(*), count(*) FILTER (WHERE lifecycle = 1), min(start_time), max(start_time) FROM runs");
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW) {
        statistics->runs = db_column_int(stmt, 0);
        statistics->deleted_runs = db_column_int(stmt, 1);
        statistics->oldest_run_ms = db_column_int(stmt, 2);
        statistics->newest_run_ms = db_column_int(stmt, 3);
    }
    return db_done(stmt);
}

static enum status read_experiments(struct store_tx *tx, struct db_stmt *stmt,
                                    const struct experiment_statistics **rows, size_t *count)
{
    struct row_list list = {0};
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct experiment_statistics *row = ROW_LIST_ADD(&list, tx->arena, struct experiment_statistics);
        row->id = db_column_int(stmt, 0);
        row->name = db_column_text_copy(stmt, 1);
        row->lifecycle = (enum lifecycle)db_column_int(stmt, 2);
        row->count = db_column_int(stmt, 3);
    }
    *rows = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status store_statistics_read(struct store_tx *tx, size_t top, struct store_statistics *statistics)
{
    *statistics = (struct store_statistics){0};
    if (read_runs(tx, statistics) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT e.id, e.name, e.lifecycle, c.n FROM (SELECT experiment, count(*) AS n FROM runs "
                 "GROUP BY experiment ORDER BY n DESC LIMIT ?) c JOIN experiments e ON e.id = c.experiment "
                 "ORDER BY c.n DESC, e.id",
                 db_int((int64_t)top));
    if (read_experiments(tx, stmt, &statistics->by_runs, &statistics->by_runs_count) != OK)
        return FAILED;
    stmt = db_query(tx->db,
                    "SELECT e.id, e.name, e.lifecycle, c.n FROM (SELECT experiment, count(*) AS n FROM "
                    "traces GROUP BY experiment ORDER BY n DESC LIMIT ?) c JOIN experiments e "
                    "ON e.id = c.experiment ORDER BY c.n DESC, e.id",
                    db_int((int64_t)top));
    return read_experiments(tx, stmt, &statistics->by_traces, &statistics->by_traces_count);
}

enum status store_secret_count(struct store_tx *tx, int64_t *count)
{
    struct db_stmt *stmt = db_query0(tx->db, "SELECT count(*) FROM gateway_secrets");
    if (!stmt)
        return FAILED;
    *count = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}
