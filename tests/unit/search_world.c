#include "tests/unit/search_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search_world world;

const char *const metric_keys[METRICS] = {"acc", "loss", "a b", "x.y/z", "\xc3\xa9t\xc3\xa9"};
const char *const param_keys[PARAMS] = {"lr", "opt", "a-b", "in"};
const char *const tag_keys[TAGS] = {"team", "x.y", "note"};
const char *const status_names[] = {"", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};
const char *const words[WORDS] = {"adam", "Adam", "sgd", "SGD_2",    "100%",
                                  "a_b",  "10",   "9",   "\xc3\xa9", "x'y"};

static uint64_t seed = 88172645463325252;

unsigned world_draw(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % bound);
}

void copy_text(char *to, const char *from)
{
    snprintf(to, TEXT, "%s", from);
}

/* --- Filling --- */

static int64_t name_id(struct db_conn *conn, int64_t experiment, int kind, const char *name)
{
    assert_int_equal(
        db_exec(conn, NULL,
                "INSERT INTO names (experiment, kind, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(experiment), db_int(kind), db_text(sv_from(name))),
        OK);
    struct db_stmt *stmt =
        db_query(conn, "SELECT id FROM names WHERE experiment = ? AND kind = ? AND name = ?",
                 db_int(experiment), db_int(kind), db_text(sv_from(name)));
    assert_int_equal(db_step(stmt), DB_ROW);
    int64_t id = db_column_int(stmt, 0);
    assert_int_equal(db_done(stmt), OK);
    return id;
}

static void draw_run(struct model_run *run, int64_t experiment)
{
    *run = (struct model_run){.experiment = experiment};
    snprintf(run->run_id, sizeof(run->run_id), "%08x%08x%08x%08x", world_draw(1U << 31), world_draw(1U << 31),
             world_draw(1U << 31), world_draw(1U << 31));
    run->lifecycle = world_draw(8) == 0;
    run->status = world_draw(10) == 0 ? 1 + (int)world_draw(2) : 3 + (int)world_draw(3);
    run->start_time = 1000 + world_draw(60);
    run->has_end_time = world_draw(4) != 0;
    run->end_time = run->has_end_time ? 1000 + world_draw(40) : 0;
    if (world_draw(10))
        snprintf(run->name, TEXT, "%s-%u", words[world_draw(WORDS)], world_draw(5));
    if (!run->name[0] || world_draw(2))
        snprintf(run->name_tag, TEXT, "%s-%u", words[world_draw(WORDS)], world_draw(5));
    snprintf(run->user, TEXT, "%s", words[world_draw(3)]);
    snprintf(run->uri, TEXT, "s3://b/%u", world_draw(50));
    for (int i = 0; i < METRICS; i++) {
        unsigned fate = world_draw(20);
        run->metric_states[i] = fate < 3 ? ABSENT : fate < 5 ? NOT_A_NUMBER : PRESENT;
        if (i == 4 && world_draw(10)) /* a rare metric */
            run->metric_states[i] = ABSENT;
        run->metrics[i] = i == 0 ? world_draw(5) * 0.25 : world_draw(1000) / 100.0 - 5;
    }
    for (int i = 0; i < PARAMS; i++)
        if (world_draw(8))
            copy_text(run->params[i], words[world_draw(i == 0 ? 3 : WORDS)]);
    for (int i = 0; i < TAGS; i++)
        if (world_draw(3))
            copy_text(run->tags[i], words[world_draw(WORDS)]);
    run->dataset_count = (int)world_draw(DATASETS + 1);
    for (int i = 0; i < run->dataset_count; i++) {
        snprintf(run->datasets[i].name, TEXT, "ds%u", world_draw(4) + (unsigned)i * 4);
        snprintf(run->datasets[i].digest, TEXT, "D%u", world_draw(3));
        if (world_draw(4))
            copy_text(run->datasets[i].context, world_draw(2) ? "train" : "test");
    }
}

static void store_text(struct db_conn *conn, struct model_run *run, int kind, const char *key,
                       const char *value)
{
    if (!value[0])
        return;
    int64_t name = name_id(conn, run->experiment, kind, key);
    enum status status = kind == 1
                             ? db_exec(conn, NULL, "INSERT INTO params (run, name, value) VALUES (?, ?, ?)",
                                       db_int(run->id), db_int(name), db_text(sv_from(value)))
                             : db_exec(conn, NULL, "INSERT INTO tags (run, name, value) VALUES (?, ?, ?)",
                                       db_int(run->id), db_int(name), db_text(sv_from(value)));
    assert_int_equal(status, OK);
}

static void store_dataset(struct db_conn *conn, struct model_run *run, int i)
{
    assert_int_equal(db_exec(conn, NULL,
                             "INSERT INTO datasets (experiment, name, digest, source_type, source)"
                             " VALUES (?, ?, ?, '', '') ON CONFLICT DO NOTHING",
                             db_int(run->experiment), db_text(sv_from(run->datasets[i].name)),
                             db_text(sv_from(run->datasets[i].digest))),
                     OK);
    assert_int_equal(db_exec(conn, NULL,
                             "INSERT INTO dataset_inputs (run, dataset) SELECT ?, id FROM datasets"
                             " WHERE experiment = ? AND name = ? AND digest = ?",
                             db_int(run->id), db_int(run->experiment),
                             db_text(sv_from(run->datasets[i].name)),
                             db_text(sv_from(run->datasets[i].digest))),
                     OK);
    if (run->datasets[i].context[0])
        assert_int_equal(db_exec(conn, NULL,
                                 "INSERT INTO dataset_input_tags (input, key, value)"
                                 " VALUES (?, 'mlflow.data.context', ?)",
                                 db_int(db_last_insert_id(conn)), db_text(sv_from(run->datasets[i].context))),
                         OK);
}

static void store_run(struct db_conn *conn, struct model_run *run)
{
    assert_int_equal(db_exec(conn, NULL,
                             "INSERT INTO runs (run_id, experiment, lifecycle, status, start_time, end_time, "
                             "deleted_time, name,"
                             " user_id, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)",
                             db_text(sv_from(run->run_id)), db_int(run->experiment), db_int(run->lifecycle),
                             db_int(run->status), db_int(run->start_time),
                             run->has_end_time ? db_int(run->end_time) : db_null(),
                             db_text(sv_from(run->name)), db_text(sv_from(run->user)),
                             db_text(sv_from(run->uri))),
                     OK);
    run->id = db_last_insert_id(conn);
    for (int i = 0; i < METRICS; i++)
        if (run->metric_states[i] != ABSENT)
            assert_int_equal(
                db_exec(conn, NULL,
                        "INSERT INTO latest_metrics (run, name, value, step, timestamp, settled)"
                        " VALUES (?, ?, ?, 0, 0, ?)",
                        db_int(run->id), db_int(name_id(conn, run->experiment, 0, metric_keys[i])),
                        run->metric_states[i] == PRESENT ? db_double(run->metrics[i]) : db_null(),
                        db_int(run->status > 2)),
                OK);
    for (int i = 0; i < PARAMS; i++)
        store_text(conn, run, 1, param_keys[i], run->params[i]);
    for (int i = 0; i < TAGS; i++)
        store_text(conn, run, 2, tag_keys[i], run->tags[i]);
    store_text(conn, run, 2, "mlflow.runName", run->name_tag);
    for (int i = 0; i < run->dataset_count; i++)
        store_dataset(conn, run, i);
}

struct db_conn *world_begin(enum db_access access)
{
    struct db_conn *conn;
    error_clear(&world.error);
    assert_int_equal(db_begin(world.store.db, access, world.arena, &world.error, &conn), OK);
    return conn;
}

void world_fill(int64_t experiment, size_t count)
{
    struct db_conn *conn = world_begin(DB_WRITE);
    assert_int_equal(
        db_exec(conn, NULL,
                "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time)"
                " VALUES (?, ?, '', 0, 0)",
                db_int(experiment), db_text(arena_printf(world.arena, "e%d", (int)experiment))),
        OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(db_commit(conn), OK);
        arena_reset(world.arena);
        conn = world_begin(DB_WRITE);
        struct model_run *run = &world.runs[world.run_count++];
        draw_run(run, experiment);
        store_run(conn, run);
    }
    assert_int_equal(db_commit(conn), OK);
}

int world_open(void)
{
    world.arena = arena_new(256 * 1024 * 1024);
    world.runs = calloc(RUNS_MAX, sizeof(world.runs[0]));
    snprintf(world.path, sizeof(world.path), "/tmp/test-search-%d.db", (int)getpid());
    struct db_options options = {.path = sv_from(world.path),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 10000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    world.store.db = world.runs ? db_open(&options, world.arena, &world.error) : NULL;
    return world.store.db ? 0 : -1;
}

void world_close(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    db_close(world.store.db);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char file[80];
        snprintf(file, sizeof(file), "%s%s", world.path, suffixes[i]);
        unlink(file);
    }
    free(world.runs);
    arena_free(world.arena);
}

enum status world_search(const struct run_search *input, struct run_page *page)
{
    struct db_conn *conn = world_begin(DB_READ);
    struct store_tx tx = {.store = &world.store, .db = conn, .arena = world.arena, .error = &world.error};
    enum status status = run_search(&tx, input, page);
    db_rollback(conn);
    return status;
}

/* --- What clauses mean --- */

static bool compare_numbers(double value, enum operation operation, double with)
{
    switch (operation) {
    case EQ:
        return value == with;
    case NE:
        return value != with;
    case LT:
        return value < with;
    case LE:
        return value <= with;
    case GT:
        return value > with;
    default:
        return value >= with;
    }
}

static char fold(char byte, bool ignore_case)
{
    return ignore_case && byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

/* By definition, branch by branch; "_" takes a whole code point. */
static bool is_like(const char *pattern, const char *text, bool ignore_case)
{
    if (!*pattern)
        return !*text;
    if (*pattern == '%')
        return is_like(pattern + 1, text, ignore_case) || (*text && is_like(pattern, text + 1, ignore_case));
    if (!*text)
        return false;
    if (*pattern == '_') {
        text++;
        while (((unsigned char)*text & 0xc0) == 0x80)
            text++;
        return is_like(pattern + 1, text, ignore_case);
    }
    return fold(*pattern, ignore_case) == fold(*text, ignore_case) &&
           is_like(pattern + 1, text + 1, ignore_case);
}

static bool compare_text(const char *value, const struct model_clause *clause)
{
    bool listed = false;
    switch (clause->operation) {
    case EQ:
        return strcmp(value, clause->text) == 0;
    case NE:
        return strcmp(value, clause->text) != 0;
    case LIKE:
    case ILIKE:
        return is_like(clause->text, value, clause->operation == ILIKE);
    default:
        for (int i = 0; i < clause->item_count; i++)
            listed |= strcmp(value, clause->items[i]) == 0;
        return listed == (clause->operation == IN);
    }
}

const char *world_name_of(const struct model_run *run)
{
    return run->name[0] ? run->name : run->name_tag;
}

static bool column_holds(const struct model_run *run, const struct model_clause *clause)
{
    switch ((enum column)clause->which) {
    case RUN_ID:
        return compare_text(run->run_id, clause);
    case RUN_NAME:
        return compare_text(world_name_of(run), clause);
    case USER:
        return compare_text(run->user, clause);
    case STATUS:
        return compare_text(status_names[run->status], clause);
    case URI:
        return compare_text(run->uri, clause);
    case START:
        return compare_numbers((double)run->start_time, clause->operation, clause->number);
    case END:
        break;
    }
    return run->has_end_time && compare_numbers((double)run->end_time, clause->operation, clause->number);
}

bool world_clause_holds(const struct model_run *run, const struct model_clause *clause)
{
    const char *text;
    switch (clause->what) {
    case IS_METRIC:
        if (run->metric_states[clause->which] == ABSENT)
            return false;
        if (run->metric_states[clause->which] == NOT_A_NUMBER)
            return clause->operation == NE;
        return compare_numbers(run->metrics[clause->which], clause->operation, clause->number);
    case IS_PARAM:
    case IS_TAG:
        text = clause->what == IS_PARAM ? run->params[clause->which] : run->tags[clause->which];
        if (clause->operation == IS_NULL)
            return !text[0];
        return text[0] && (clause->operation == IS_NOT_NULL || compare_text(text, clause));
    case IS_COLUMN:
        return column_holds(run, clause);
    case IS_DATASET:
        break;
    }
    for (int i = 0; i < run->dataset_count; i++) {
        text = clause->which == 0   ? run->datasets[i].name
               : clause->which == 1 ? run->datasets[i].digest
                                    : run->datasets[i].context;
        if (text[0] && compare_text(text, clause))
            return true;
    }
    return false;
}

/* --- What an order means --- */

/* 0 a value, 1 NaN, 2 nothing. */
static int class_of(const struct model_run *run, const struct model_term *term)
{
    switch (term->what) {
    case IS_METRIC:
        return run->metric_states[term->which] == PRESENT  ? 0
               : run->metric_states[term->which] == ABSENT ? 2
                                                           : 1;
    case IS_PARAM:
        return run->params[term->which][0] ? 0 : 2;
    case IS_TAG:
        return run->tags[term->which][0] ? 0 : 2;
    default:
        return term->which == END && !run->has_end_time ? 2 : 0;
    }
}

static int sign(double difference)
{
    return (difference > 0) - (difference < 0);
}

static int compare_values(const struct model_run *a, const struct model_run *b, const struct model_term *term)
{
    switch (term->what) {
    case IS_METRIC:
        return sign(a->metrics[term->which] - b->metrics[term->which]);
    case IS_PARAM:
        return strcmp(a->params[term->which], b->params[term->which]);
    case IS_TAG:
        return strcmp(a->tags[term->which], b->tags[term->which]);
    default:
        break;
    }
    switch ((enum column)term->which) {
    case RUN_ID:
        return strcmp(a->run_id, b->run_id);
    case RUN_NAME:
        return strcmp(world_name_of(a), world_name_of(b));
    case USER:
        return strcmp(a->user, b->user);
    case STATUS:
        return strcmp(status_names[a->status], status_names[b->status]);
    case URI:
        return strcmp(a->uri, b->uri);
    case START:
        return sign((double)(a->start_time - b->start_time));
    case END:
        break;
    }
    return sign((double)(a->end_time - b->end_time));
}

int world_compare(const void *left, const void *right)
{
    const struct model_run *a = *(const struct model_run *const *)left;
    const struct model_run *b = *(const struct model_run *const *)right;
    for (size_t i = 0; i < world.term_count; i++) {
        int class_a = class_of(a, &world.terms[i]);
        int class_b = class_of(b, &world.terms[i]);
        if (class_a != class_b)
            return class_a - class_b;
        int order = class_a ? 0 : compare_values(a, b, &world.terms[i]);
        if (order)
            return world.terms[i].descending ? -order : order;
    }
    if (a->start_time != b->start_time)
        return a->start_time > b->start_time ? -1 : 1;
    return strcmp(a->run_id, b->run_id);
}
