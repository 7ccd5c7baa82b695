/* fill_runs DATABASE RUNS [EXPERIMENT]: fills one experiment with runs of 10 params, 10 metrics and 5 tags,
 * for measuring. What it writes is the same for the same arguments.
 *
 *   params   p0: 10 values, p1: 1,000 values, p2: 'x' in all but 1 of 1,000 runs, p3…p9: free
 *   metrics  m0…m7: uniform in [0, 1), m8: 10 values, m9: NaN in 1 of 100 runs and absent in 1 of 10
 *   tags     t0: 10 values, t1…t3: free, mlflow.runName
 *   1 run in 1,000 is still running, 1 in 200 is deleted */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/number.h"
#include "common/db/db.h"

enum { PARAMS = 10, METRICS = 10, TAGS = 5, BATCH = 2000 };

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64*: good enough, and the same everywhere. */
static uint64_t draw(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static double draw_unit(void)
{
    return (double)(draw() >> 11) * 0x1p-53;
}

struct fill {
    struct db *db;
    struct db_conn *conn;
    struct arena *arena;
    struct error error;
    int64_t experiment;
    int64_t params[PARAMS];
    int64_t metrics[METRICS];
    int64_t tags[TAGS];
};

static enum status intern(struct fill *fill, int kind, struct sv name, int64_t *id)
{
    if (db_exec(fill->conn, NULL,
                "INSERT INTO names (experiment, kind, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(fill->experiment), db_int(kind), db_text(name)) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(fill->conn, "SELECT id FROM names WHERE experiment = ? AND kind = ? AND name = ?",
                 db_int(fill->experiment), db_int(kind), db_text(name));
    if (stmt && db_step(stmt) == DB_ROW)
        *id = db_column_int(stmt, 0);
    return db_done(stmt);
}

static enum status prepare_names(struct fill *fill)
{
    if (db_exec(fill->conn, NULL,
                "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time)"
                " VALUES (?, ?, 'mlflow-artifacts:/bench', 0, 0) ON CONFLICT DO NOTHING",
                db_int(fill->experiment),
                db_text(arena_printf(fill->arena, "bench %" PRId64, fill->experiment))) != OK)
        return FAILED;
    for (int i = 0; i < PARAMS; i++)
        if (intern(fill, 1, arena_printf(fill->arena, "p%d", i), &fill->params[i]) != OK)
            return FAILED;
    for (int i = 0; i < METRICS; i++)
        if (intern(fill, 0, arena_printf(fill->arena, "m%d", i), &fill->metrics[i]) != OK)
            return FAILED;
    for (int i = 0; i < TAGS; i++) {
        struct sv name = i == TAGS - 1 ? SV("mlflow.runName") : arena_printf(fill->arena, "t%d", i);
        if (intern(fill, 2, name, &fill->tags[i]) != OK)
            return FAILED;
    }
    return OK;
}

static enum status write_metrics(struct fill *fill, int64_t run, int64_t time, bool settled)
{
    for (int i = 0; i < METRICS; i++) {
        struct db_value value = db_double(i == 8 ? (double)(draw() % 10) : draw_unit());
        uint64_t fate = draw() % 100;
        if (i == 9 && fate >= 90)
            continue;
        bool is_nan = i == 9 && fate == 0;
        if (db_exec(fill->conn, NULL,
                    "INSERT INTO latest_metrics (run, name, value, step, timestamp, settled) VALUES (?, ?, "
                    "?, 1, ?, ?)",
                    db_int(run), db_int(fill->metrics[i]), is_nan ? db_null() : value, db_int(time),
                    db_int(settled)) != OK ||
            db_exec(
                fill->conn, NULL,
                "INSERT INTO metrics (run, name, timestamp, step, value, is_nan) VALUES (?, ?, ?, 1, ?, ?)",
                db_int(run), db_int(fill->metrics[i]), db_int(time), is_nan ? db_double(0) : value,
                db_int(is_nan)) != OK)
            return FAILED;
    }
    return OK;
}

static struct sv param_value(struct fill *fill, int i)
{
    switch (i) {
    case 0:
        return arena_printf(fill->arena, "v%d", (int)(draw() % 10));
    case 1:
        return arena_printf(fill->arena, "w%d", (int)(draw() % 1000));
    case 2:
        return draw() % 1000 ? SV("x") : SV("y");
    default:
        return arena_printf(fill->arena, "%.6f", draw_unit());
    }
}

static enum status write_run(struct fill *fill, int64_t number)
{
    int64_t time = 1700000000000 + number * 1000;
    bool running = draw() % 1000 == 0;
    bool deleted = draw() % 200 == 0;
    struct sv run_id = arena_printf(fill->arena, "%016" PRIx64 "%016" PRIx64, draw(), draw());
    struct sv name = arena_printf(fill->arena, "run-%" PRId64, number);
    if (db_exec(
            fill->conn, NULL,
            "INSERT INTO runs (run_id, experiment, lifecycle, status, start_time, end_time, deleted_time, "
            "name,"
            " user_id, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'bench', ?)",
            db_text(run_id), db_int(fill->experiment), db_int(deleted), db_int(running ? 1 : 3), db_int(time),
            running ? db_null() : db_int(time + 500), deleted ? db_int(time) : db_null(), db_text(name),
            db_text(arena_printf(fill->arena, "mlflow-artifacts:/bench/%.*s/artifacts", SV_ARG(run_id)))) !=
        OK)
        return FAILED;
    int64_t run = db_last_insert_id(fill->conn);
    for (int i = 0; i < PARAMS; i++)
        if (db_exec(fill->conn, NULL, "INSERT INTO params (run, name, value) VALUES (?, ?, ?)", db_int(run),
                    db_int(fill->params[i]), db_text(param_value(fill, i))) != OK)
            return FAILED;
    for (int i = 0; i < TAGS; i++) {
        struct sv value = i == 0          ? arena_printf(fill->arena, "v%d", (int)(draw() % 10))
                          : i == TAGS - 1 ? name
                                          : arena_printf(fill->arena, "%d", (int)(draw() % 1000000));
        if (db_exec(fill->conn, NULL, "INSERT INTO tags (run, name, value) VALUES (?, ?, ?)", db_int(run),
                    db_int(fill->tags[i]), db_text(value)) != OK)
            return FAILED;
    }
    return write_metrics(fill, run, time, !running);
}

static enum status write_batch(struct fill *fill, int64_t first, int64_t end)
{
    if (db_begin(fill->db, DB_WRITE, fill->arena, &fill->error, &fill->conn) != OK)
        return FAILED;
    enum status status = prepare_names(fill);
    for (int64_t number = first; number < end && status == OK; number++)
        status = write_run(fill, number);
    if (status != OK) {
        db_rollback(fill->conn);
        return FAILED;
    }
    return db_commit(fill->conn);
}

int main(int argc, char **argv)
{
    struct fill fill = {.arena = arena_new((size_t)1 << 30), .experiment = 1};
    int64_t runs;
    if (argc < 3 || argc > 4 || !parse_int64(sv_from(argv[2]), 1, 100000000, &runs) ||
        (argc == 4 && !parse_int64(sv_from(argv[3]), 1, INT64_MAX, &fill.experiment))) {
        fputs("Usage: fill_runs DATABASE RUNS [EXPERIMENT]\n", stderr);
        return 2;
    }
    struct db_options options = {.path = sv_from(argv[1]),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 60000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    fill.db = db_open(&options, fill.arena, &fill.error);
    enum status status = fill.db ? OK : FAILED;
    for (int64_t first = 0; first < runs && status == OK; first += BATCH) {
        status = write_batch(&fill, first, first + BATCH < runs ? first + BATCH : runs);
        if (status == OK)
            arena_reset(fill.arena);
    }
    if (status != OK)
        fprintf(stderr, "%.*s %.*s\n", SV_ARG(fill.error.message), SV_ARG(fill.error.detail));
    db_close(fill.db);
    arena_free(fill.arena);
    return status == OK ? 0 : 1;
}
