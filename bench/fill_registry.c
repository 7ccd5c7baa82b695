/* Fills a database with registered models for bench/run:
 *
 *     fill_registry DATABASE MODELS
 *
 * Model i has 5 versions on average (1 to 9), an alias and two tags: "team" with one of 10 values, "owner"
 * with one of 1,000. Versions have a run, the stages in turn, and two tags alike. One model in 20 is a
 * prompt. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/number.h"
#include "common/db/db.h"

enum { BATCH = 1000, PROMPT_EVERY = 20 };

#define PROMPT_TAG "mlflow.prompt.is_prompt"

struct fill {
    struct db *db;
    struct db_conn *conn;
    struct arena *arena;
    struct error error;
};

static enum status tag_model(struct fill *fill, int64_t model, struct sv key, struct sv value)
{
    return db_exec(fill->conn, NULL, "INSERT INTO registered_model_tags (model, key, value) VALUES (?, ?, ?)",
                   db_int(model), db_text(key), db_text(value));
}

static enum status tag_version(struct fill *fill, int64_t model, int64_t version, struct sv key,
                               struct sv value)
{
    return db_exec(fill->conn, NULL,
                   "INSERT INTO model_version_tags (version, model, key, value) VALUES (?, ?, ?, ?)",
                   db_int(version), db_int(model), db_text(key), db_text(value));
}

static enum status write_version(struct fill *fill, int64_t model, int64_t number, int64_t version)
{
    int64_t time = 1700000000000 + number * 1000 + version * 37;
    struct sv source = arena_printf(fill->arena, "s3://bucket/%" PRId64 "/%" PRId64, number, version);
    struct sv run = arena_printf(fill->arena, "%032" PRIx64, (uint64_t)(number * 10 + version));
    if (db_exec(fill->conn, NULL,
                "INSERT INTO model_versions (model, version, stage, creation_time, last_update_time, "
                "description, "
                "source, location, run_id, run_link) VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, '')",
                db_int(model), db_int(version), db_int(version % 4), db_int(time), db_int(time),
                db_text(source), db_text(source), db_text(run)) != OK)
        return FAILED;
    int64_t id = db_last_insert_id(fill->conn);
    if (number % PROMPT_EVERY == 0 && tag_version(fill, model, id, SV(PROMPT_TAG), SV("true")) != OK)
        return FAILED;
    if (tag_version(fill, model, id, SV("team"),
                    arena_printf(fill->arena, "t%d", (int)((number + version) % 10))) != OK)
        return FAILED;
    return tag_version(fill, model, id, SV("owner"),
                       arena_printf(fill->arena, "o%d", (int)((number * 7 + version) % 1000)));
}

static enum status write_model(struct fill *fill, int64_t number)
{
    /* Not in the order of their names. */
    struct sv name = arena_printf(fill->arena, "model-%05" PRId64, number * 7919 % 100003);
    int64_t time = 1700000000000 + number * 1000;
    int64_t versions = 1 + number % 9;
    if (db_exec(fill->conn, NULL,
                "INSERT INTO registered_models (name, last_version, creation_time, last_update_time, "
                "description) "
                "VALUES (?, ?, ?, ?, 'A model of the benchmark.')",
                db_text(name), db_int(versions), db_int(time), db_int(time)) != OK)
        return FAILED;
    int64_t id = db_last_insert_id(fill->conn);
    if (number % PROMPT_EVERY == 0 && tag_model(fill, id, SV(PROMPT_TAG), SV("true")) != OK)
        return FAILED;
    if (tag_model(fill, id, SV("team"), arena_printf(fill->arena, "t%d", (int)(number % 10))) != OK ||
        tag_model(fill, id, SV("owner"), arena_printf(fill->arena, "o%d", (int)(number % 1000))) != OK)
        return FAILED;
    for (int64_t version = 1; version <= versions; version++)
        if (write_version(fill, id, number, version) != OK)
            return FAILED;
    return db_exec(fill->conn, NULL,
                   "INSERT INTO model_aliases (model, alias, version) VALUES (?, 'champion', ?)", db_int(id),
                   db_int(versions));
}

static enum status write_batch(struct fill *fill, int64_t first, int64_t end)
{
    if (db_begin(fill->db, DB_WRITE, fill->arena, &fill->error, &fill->conn) != OK)
        return FAILED;
    enum status status = OK;
    for (int64_t number = first; number < end && status == OK; number++)
        status = write_model(fill, number);
    if (status != OK) {
        db_rollback(fill->conn);
        return FAILED;
    }
    return db_commit(fill->conn);
}

int main(int argc, char **argv)
{
    struct fill fill = {.arena = arena_new((size_t)1 << 30)};
    int64_t models;
    if (argc != 3 || !parse_int64(sv_from(argv[2]), 1, 100000, &models)) {
        fputs("Usage: fill_registry DATABASE MODELS\n", stderr);
        return 2;
    }
    struct db_options options = {.path = sv_from(argv[1]),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 60000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    fill.db = db_open(&options, fill.arena, &fill.error);
    enum status status = fill.db ? OK : FAILED;
    for (int64_t first = 0; first < models && status == OK; first += BATCH) {
        status = write_batch(&fill, first, first + BATCH < models ? first + BATCH : models);
        if (status == OK)
            arena_reset(fill.arena);
    }
    if (status != OK)
        fprintf(stderr, "%.*s %.*s\n", SV_ARG(fill.error.message), SV_ARG(fill.error.detail));
    db_close(fill.db);
    arena_free(fill.arena);
    return status == OK ? 0 : 1;
}
