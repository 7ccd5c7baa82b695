#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/id.h"
#include "common/store/run_search.h"
#include "common/store/run_search_internal.h"

/* Random runs stand in the database and in memory; random queries are answered by both, and must agree: the
 * memory's side is written from the meaning of the language, without SQL. */

enum { METRICS = 5, PARAMS = 4, TAGS = 3, DATASETS = 2, RUNS_MAX = 3400, TEXT = 40 };
enum state { ABSENT, NOT_A_NUMBER, PRESENT };

struct model_run {
    int64_t id;
    int64_t experiment;
    char run_id[33];
    int lifecycle;
    int status;
    int64_t start_time;
    bool has_end_time;
    int64_t end_time;
    char name[TEXT]; /* "" where only the tag has it */
    char name_tag[TEXT];
    char user[TEXT];
    char uri[TEXT];
    enum state metric_states[METRICS];
    double metrics[METRICS];
    char params[PARAMS][TEXT]; /* "" is absent */
    char tags[TAGS][TEXT];
    int dataset_count;
    struct {
        char name[TEXT], digest[TEXT], context[TEXT]; /* context "" is absent */
    } datasets[DATASETS];
};

static const char *const metric_keys[METRICS] = {"acc", "loss", "a b", "x.y/z", "\xc3\xa9t\xc3\xa9"};
static const char *const param_keys[PARAMS] = {"lr", "opt", "a-b", "in"};
static const char *const tag_keys[TAGS] = {"team", "x.y", "note"};
static const char *const status_names[] = {"", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};
static const char *const words[] = {"adam", "Adam", "sgd", "SGD_2",    "100%",
                                    "a_b",  "10",   "9",   "\xc3\xa9", "x'y"};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static struct model_run *model;
static size_t model_count;
static struct arena *arena;
static struct error error;
static struct store store;
static char path[64];

static uint64_t seed = 88172645463325252;

static unsigned draw(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % bound);
}

static void copy_text(char *to, const char *from)
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
    snprintf(run->run_id, sizeof(run->run_id), "%08x%08x%08x%08x", draw(1U << 31), draw(1U << 31),
             draw(1U << 31), draw(1U << 31));
    run->lifecycle = draw(8) == 0;
    run->status = draw(10) == 0 ? 1 + (int)draw(2) : 3 + (int)draw(3);
    run->start_time = 1000 + draw(60);
    run->has_end_time = draw(4) != 0;
    run->end_time = run->has_end_time ? 1000 + draw(40) : 0;
    if (draw(10))
        snprintf(run->name, TEXT, "%s-%u", words[draw(WORDS)], draw(5));
    if (!run->name[0] || draw(2))
        snprintf(run->name_tag, TEXT, "%s-%u", words[draw(WORDS)], draw(5));
    snprintf(run->user, TEXT, "%s", words[draw(3)]);
    snprintf(run->uri, TEXT, "s3://b/%u", draw(50));
    for (int i = 0; i < METRICS; i++) {
        unsigned fate = draw(20);
        run->metric_states[i] = fate < 3 ? ABSENT : fate < 5 ? NOT_A_NUMBER : PRESENT;
        if (i == 4 && draw(10)) /* a rare metric */
            run->metric_states[i] = ABSENT;
        run->metrics[i] = i == 0 ? draw(5) * 0.25 : draw(1000) / 100.0 - 5;
    }
    for (int i = 0; i < PARAMS; i++)
        if (draw(8))
            copy_text(run->params[i], words[draw(i == 0 ? 3 : WORDS)]);
    for (int i = 0; i < TAGS; i++)
        if (draw(3))
            copy_text(run->tags[i], words[draw(WORDS)]);
    run->dataset_count = (int)draw(DATASETS + 1);
    for (int i = 0; i < run->dataset_count; i++) {
        snprintf(run->datasets[i].name, TEXT, "ds%u", draw(4) + (unsigned)i * 4);
        snprintf(run->datasets[i].digest, TEXT, "D%u", draw(3));
        if (draw(4))
            copy_text(run->datasets[i].context, draw(2) ? "train" : "test");
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

static struct db_conn *begin(enum db_access access)
{
    struct db_conn *conn;
    error_clear(&error);
    assert_int_equal(db_begin(store.db, access, arena, &error, &conn), OK);
    return conn;
}

static void fill(int64_t experiment, size_t count)
{
    struct db_conn *conn = begin(DB_WRITE);
    assert_int_equal(
        db_exec(conn, NULL,
                "INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time)"
                " VALUES (?, ?, '', 0, 0)",
                db_int(experiment), db_text(arena_printf(arena, "e%d", (int)experiment))),
        OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(db_commit(conn), OK);
        arena_reset(arena);
        conn = begin(DB_WRITE);
        struct model_run *run = &model[model_count++];
        draw_run(run, experiment);
        store_run(conn, run);
    }
    assert_int_equal(db_commit(conn), OK);
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(256 * 1024 * 1024);
    model = calloc(RUNS_MAX, sizeof(model[0]));
    snprintf(path, sizeof(path), "/tmp/test-search-%d.db", (int)getpid());
    struct db_options options = {.path = sv_from(path),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 10000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    store.db = db_open(&options, arena, &error);
    if (!store.db)
        return -1;
    fill(11, 400);
    fill(12, 150);
    fill(13, 5);
    fill(14, 2600);
    fill(15, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    db_close(store.db);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char file[80];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    free(model);
    arena_free(arena);
    return 0;
}

/* --- The memory's side: clauses --- */

enum what { IS_METRIC, IS_PARAM, IS_TAG, IS_COLUMN, IS_DATASET };
enum column { RUN_ID, RUN_NAME, USER, STATUS, URI, START, END };
enum operation { EQ, NE, LT, LE, GT, GE, LIKE, ILIKE, IN, NOT_IN, IS_NULL, IS_NOT_NULL };

struct model_clause {
    enum what what;
    int which;
    enum operation operation;
    double number;
    char text[TEXT];
    char items[3][TEXT];
    int item_count;
};

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

static const char *name_of(const struct model_run *run)
{
    return run->name[0] ? run->name : run->name_tag;
}

static bool column_holds(const struct model_run *run, const struct model_clause *clause)
{
    switch ((enum column)clause->which) {
    case RUN_ID:
        return compare_text(run->run_id, clause);
    case RUN_NAME:
        return compare_text(name_of(run), clause);
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

static bool clause_holds(const struct model_run *run, const struct model_clause *clause)
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

/* --- The memory's side: order --- */

struct model_term {
    enum what what;
    int which;
    bool descending;
};

static struct model_term terms[8];
static size_t term_count;

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
        return strcmp(name_of(a), name_of(b));
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

static int compare_runs(const void *left, const void *right)
{
    const struct model_run *a = *(const struct model_run *const *)left;
    const struct model_run *b = *(const struct model_run *const *)right;
    for (size_t i = 0; i < term_count; i++) {
        int class_a = class_of(a, &terms[i]);
        int class_b = class_of(b, &terms[i]);
        if (class_a != class_b)
            return class_a - class_b;
        int order = class_a ? 0 : compare_values(a, b, &terms[i]);
        if (order)
            return terms[i].descending ? -order : order;
    }
    if (a->start_time != b->start_time)
        return a->start_time > b->start_time ? -1 : 1;
    return strcmp(a->run_id, b->run_id);
}

/* --- Queries --- */

struct query {
    struct model_clause clauses[5];
    size_t clause_count;
    struct sv filter;
    struct sv order_by[8];
    struct sv experiment_ids[5];
    int64_t experiments[5];
    size_t experiment_count;
    enum view_type view;
};

static const char *const operation_texts[] = {
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ilike", "IN", "not in", "IS NULL", "IS NOT NULL"};

static void draw_text_value(struct model_clause *clause, const char *const *values, unsigned count)
{
    const char *value = values[draw(count)];
    copy_text(clause->text, value);
    if (clause->operation == LIKE || clause->operation == ILIKE) {
        static const char *const patterns[] = {"%",  "a%",  "A%",   "%d%", "_d_m",
                                               "%2", "1_%", "100%", "%_%", "f%D"};
        if (draw(4))
            copy_text(clause->text, patterns[draw(10)]);
    }
    clause->item_count = 1 + (int)draw(3);
    for (int i = 0; i < clause->item_count; i++)
        copy_text(clause->items[i], values[draw(count)]);
}

static enum operation draw_text_operation(bool lists)
{
    static const enum operation operations[] = {EQ, NE, LIKE, ILIKE, IN, NOT_IN};
    return operations[draw(lists ? 6 : 4)];
}

static struct model_clause draw_clause(const struct query *query)
{
    static const char *const dataset_names[] = {"ds0", "ds1", "ds5", "none"};
    static const char *const digests[] = {"D0", "D1", "d1"};
    static const char *const contexts[] = {"train", "test", "Train"};
    static const char *const uris[] = {"s3://b/1", "s3://b/2"};
    struct model_clause clause = {.what = (enum what)draw(5)};
    const struct model_run *run = &model[draw((unsigned)model_count)];
    const char *run_ids[] = {run->run_id, model[draw((unsigned)model_count)].run_id, "F%"};
    const char *names[] = {name_of(run), "adam-1", "zz"};
    (void)query;
    switch (clause.what) {
    case IS_METRIC:
        clause.which = (int)draw(METRICS);
        clause.operation = (enum operation)draw(6);
        clause.number = clause.which == 0 ? draw(5) * 0.25 : draw(1000) / 100.0 - 5;
        break;
    case IS_PARAM:
    case IS_TAG:
        clause.which = (int)draw(clause.what == IS_PARAM ? PARAMS : TAGS);
        clause.operation = draw(6) ? draw_text_operation(false) : draw(2) ? IS_NULL : IS_NOT_NULL;
        draw_text_value(&clause, words, WORDS);
        break;
    case IS_COLUMN:
        clause.which = (int)draw(7);
        clause.operation = draw_text_operation(clause.which == RUN_ID);
        if (clause.which == START || clause.which == END) {
            clause.operation = (enum operation)draw(6);
            clause.number = 1000 + draw(60) + (draw(4) ? 0 : 0.5);
        } else {
            draw_text_value(&clause,
                            clause.which == RUN_ID     ? run_ids
                            : clause.which == RUN_NAME ? names
                            : clause.which == STATUS   ? status_names + 1
                            : clause.which == URI      ? uris
                                                       : words,
                            clause.which == STATUS ? 5
                            : clause.which == URI  ? 2
                                                   : 3);
        }
        break;
    case IS_DATASET:
        clause.which = (int)draw(3);
        clause.operation = draw_text_operation(true);
        draw_text_value(&clause,
                        clause.which == 0   ? dataset_names
                        : clause.which == 1 ? digests
                                            : contexts,
                        clause.which == 0 ? 4 : 3);
        break;
    }
    return clause;
}

static const char *const column_names[] = {"run_id",       "run_name",   "user_id", "status",
                                           "artifact_uri", "start_time", "end_time"};

static struct sv identifier(enum what what, int which)
{
    static const char *const datasets[] = {"name", "digest", "context"};
    switch (what) {
    case IS_METRIC:
        return arena_printf(arena, "metrics.`%s`", metric_keys[which]);
    case IS_PARAM:
        return arena_printf(arena, "params.\"%s\"", param_keys[which]);
    case IS_TAG:
        return arena_printf(arena, "tags.%s", tag_keys[which]);
    case IS_DATASET:
        return arena_printf(arena, "dataset.%s", datasets[which]);
    case IS_COLUMN:
        break;
    }
    return arena_printf(arena, "%s%s", draw(2) ? "attributes." : "", column_names[which]);
}

static struct sv clause_text(const struct model_clause *clause)
{
    struct sv left = identifier(clause->what, clause->which);
    const char *operation = operation_texts[clause->operation];
    bool number = clause->what == IS_METRIC ||
                  (clause->what == IS_COLUMN && (clause->which == START || clause->which == END));
    if (number)
        return arena_printf(arena, "%.*s %s %.17g", SV_ARG(left), operation, clause->number);
    if (clause->operation == IS_NULL || clause->operation == IS_NOT_NULL)
        return arena_printf(arena, "%.*s %s", SV_ARG(left), operation);
    if (clause->operation != IN && clause->operation != NOT_IN)
        return arena_printf(arena, "%.*s %s \"%s\"", SV_ARG(left), operation, clause->text);
    struct sv list = arena_printf(arena, "\"%s\",", clause->items[0]);
    for (int i = 1; i < clause->item_count; i++)
        list = arena_printf(arena, "%.*s \"%s\"%s", SV_ARG(list), clause->items[i],
                            i + 1 < clause->item_count ? "," : "");
    return arena_printf(arena, "%.*s %s (%.*s)", SV_ARG(left), operation, SV_ARG(list));
}

static void draw_order(struct query *query)
{
    term_count = 0;
    for (unsigned i = draw(4); i > 0; i--) {
        struct model_term term = {.what = (enum what)draw(4), .descending = draw(2)};
        term.which = (int)draw(term.what == IS_METRIC  ? METRICS
                               : term.what == IS_PARAM ? PARAMS
                               : term.what == IS_TAG   ? TAGS
                                                       : 7);
        bool duplicate = false;
        for (size_t j = 0; j < term_count; j++)
            duplicate |= terms[j].what == term.what && terms[j].which == term.which;
        if (duplicate)
            continue;
        struct sv key = identifier(term.what, term.which);
        query->order_by[term_count] = arena_printf(arena, "%.*s%s", SV_ARG(key),
                                                   term.descending ? " DESC"
                                                   : draw(2)       ? " asc"
                                                                   : "");
        terms[term_count++] = term;
    }
}

static void add_experiment(struct query *query, int64_t experiment)
{
    query->experiments[query->experiment_count] = experiment;
    query->experiment_ids[query->experiment_count++] = arena_printf(arena, "%d", (int)experiment);
}

static void draw_query(struct query *query)
{
    *query = (struct query){.view = (enum view_type)(1 + draw(3))};
    query->clause_count = draw(4);
    query->filter = SV("");
    for (size_t i = 0; i < query->clause_count; i++) {
        query->clauses[i] = draw_clause(query);
        struct sv text = clause_text(&query->clauses[i]);
        query->filter =
            arena_printf(arena, "%.*s%s%.*s", SV_ARG(query->filter), i ? " AND " : "", SV_ARG(text));
    }
    draw_order(query);
    if (draw(3) == 0) {
        add_experiment(query, 14);
    } else if (draw(2)) {
        add_experiment(query, 11);
    } else {
        for (int64_t experiment = 15; experiment >= 11; experiment--)
            if (draw(2))
                add_experiment(query, experiment);
    }
}

/* The answer of the memory: ids in order. */
static size_t expect(const struct query *query, int64_t *ids)
{
    static struct model_run *found[RUNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < model_count; i++) {
        bool holds = query->view == VIEW_ALL || model[i].lifecycle == (query->view == VIEW_DELETED_ONLY);
        bool asked = false;
        for (size_t j = 0; j < query->experiment_count; j++)
            asked |= query->experiments[j] == model[i].experiment;
        for (size_t j = 0; j < query->clause_count; j++)
            holds = holds && clause_holds(&model[i], &query->clauses[j]);
        if (holds && asked)
            found[count++] = &model[i];
    }
    qsort(found, count, sizeof(found[0]), compare_runs);
    for (size_t i = 0; i < count; i++)
        ids[i] = found[i]->id;
    return count;
}

static void explain(const struct query *query, int plan, const char *what)
{
    print_error("%s: plan %d, view %d, filter: %.*s\n", what, plan, (int)query->view, SV_ARG(query->filter));
    for (size_t i = 0; i < term_count; i++)
        print_error("  order by %.*s\n", SV_ARG(query->order_by[i]));
    for (size_t i = 0; i < query->experiment_count; i++)
        print_error("  experiment %d\n", (int)query->experiments[i]);
}

static struct run_page search(const struct query *query, int plan, int64_t max_results, struct sv token)
{
    struct db_conn *conn = begin(DB_READ);
    struct store_tx tx = {.store = &store, .db = conn, .arena = arena, .error = &error};
    struct run_search input = {.experiment_ids = query->experiment_ids,
                               .experiment_count = query->experiment_count,
                               .filter = query->filter,
                               .order_by = query->order_by,
                               .order_by_count = term_count,
                               .view = query->view,
                               .max_results = max_results,
                               .page_token = token,
                               .plan = (enum run_search_plan)plan};
    struct run_page page;
    enum status status = run_search(&tx, &input, &page);
    if (status != OK) {
        explain(query, plan, "failed");
        print_error("  %.*s %.*s\n", SV_ARG(error.message), SV_ARG(error.detail));
    }
    assert_int_equal(status, OK);
    assert_int_equal(db_commit(conn), OK);
    return page;
}

/* Goes through all pages; the last one has no token, and no page but it is short. */
static void assert_pages(const struct query *query, int plan, int64_t max_results, bool plain_offsets,
                         const int64_t *expected, size_t expected_count)
{
    size_t at = 0;
    struct sv token = SV_ABSENT;
    for (;;) {
        struct run_page page = search(query, plan, max_results, token);
        size_t left = expected_count - at;
        bool right = page.count == (left < (size_t)max_results ? left : (size_t)max_results) &&
                     (page.next_page_token.data != NULL) == (left > (size_t)max_results);
        for (size_t i = 0; right && i < page.count; i++)
            right = page.ids[i] == expected[at + i];
        if (!right) {
            explain(query, plan, "wrong");
            print_error("  page at %zu: %zu rows of %zu left\n", at, page.count, left);
        }
        assert_true(right);
        at += page.count;
        if (!page.next_page_token.data)
            break;
        token = page.next_page_token;
        if (plain_offsets)
            token = base64_encode(arena, arena_printf(arena, "{\"offset\": %zu}", at));
    }
    assert_int_equal(at, expected_count);
}

static void every_plan_finds_what_the_definition_says(void **state)
{
    (void)state;
    static int64_t expected[RUNS_MAX];
    size_t rows = 0;
    for (int round = 0; round < 700; round++) {
        struct query query;
        arena_reset(arena);
        draw_query(&query);
        size_t count = expect(&query, expected);
        rows += count;
        int64_t size = 1 + (int64_t)count / (1 + (int64_t)draw(6)) + draw(3);
        for (int plan = RUN_SEARCH_AUTO; plan <= RUN_SEARCH_ORDER_WALK; plan++)
            assert_pages(&query, plan, size, round % 16 == 0, expected, count);
    }
    assert_true(rows > 10000); /* the queries are not all empty */
}

/* Without clauses or with few: the orders themselves, page by page. */
static void every_order_pages_through_every_run(void **state)
{
    (void)state;
    static int64_t expected[RUNS_MAX];
    static const struct {
        enum what what;
        int count;
    } kinds[] = {{IS_METRIC, METRICS}, {IS_PARAM, PARAMS}, {IS_TAG, TAGS}, {IS_COLUMN, 7}};
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        for (int which = 0; which < kinds[kind].count * 2; which++) {
            struct query query = {.view = which % 4 == 3 ? VIEW_ALL : VIEW_ACTIVE_ONLY, .filter = SV("")};
            arena_reset(arena);
            terms[0] = (struct model_term){kinds[kind].what, which / 2, which % 2};
            term_count = 1;
            struct sv key = identifier(terms[0].what, which / 2);
            query.order_by[0] = arena_printf(arena, "%.*s%s", SV_ARG(key), which % 2 ? " DESC" : "");
            add_experiment(&query, 11);
            add_experiment(&query, 12);
            size_t count = expect(&query, expected);
            assert_pages(&query, RUN_SEARCH_AUTO, 23, false, expected, count);
            assert_pages(&query, RUN_SEARCH_ORDER_WALK, 23, false, expected, count);
            assert_pages(&query, RUN_SEARCH_SCAN, 23, false, expected, count);
        }
}

static enum status try_search(const struct run_search *input, struct run_page *page)
{
    struct db_conn *conn = begin(DB_READ);
    struct store_tx tx = {.store = &store, .db = conn, .arena = arena, .error = &error};
    enum status status = run_search(&tx, input, page);
    db_rollback(conn);
    return status;
}

static void client_errors_have_mlflows_texts(void **state)
{
    (void)state;
    struct sv good = SV("11");
    struct sv bad = SV("abc");
    struct sv twice[] = {SV("metrics.a"), SV("metrics.a DESC")};
    struct run_search inputs[] = {
        {.experiment_ids = &bad, .experiment_count = 1, .view = VIEW_ACTIVE_ONLY, .max_results = 1},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .filter = SV("a")},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .order_by = twice,
         .order_by_count = 2},
        {.experiment_ids = &good,
         .experiment_count = 1,
         .view = VIEW_ACTIVE_ONLY,
         .max_results = 1,
         .page_token = SV("!!!!a")},
    };
    static const char *const messages[] = {
        "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.",
        "Invalid clause(s) in filter string: 'a'",
        "`order_by` contains duplicate fields: ['metrics.a DESC']",
        "Invalid page token, could not base64-decode",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct run_page page;
        assert_int_equal(try_search(&inputs[i], &page), FAILED);
        assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
        if (!sv_equal(error.message, sv_from(messages[i])))
            fail_msg("'%.*s' is not '%s'", SV_ARG(error.message), messages[i]);
    }
}

static void no_experiments_or_unknown_ones_give_nothing(void **state)
{
    (void)state;
    struct sv unknown[] = {SV("999"), SV("-3")};
    struct run_search input = {.view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    assert_int_equal(try_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    input.experiment_ids = unknown;
    input.experiment_count = 2;
    assert_int_equal(try_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    assert_null(page.next_page_token.data);
}

static void an_experiment_named_twice_gives_its_runs_once(void **state)
{
    (void)state;
    struct sv ids[] = {SV("13"), SV("13"), SV("013")};
    struct run_search input = {
        .experiment_ids = ids, .experiment_count = 3, .view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    assert_int_equal(try_search(&input, &page), OK);
    assert_int_equal(page.count, 5);
}

static void an_offset_beyond_the_end_gives_nothing(void **state)
{
    (void)state;
    struct sv id = SV("11");
    struct run_search input = {
        .experiment_ids = &id, .experiment_count = 1, .view = VIEW_ALL, .max_results = 10};
    struct run_page page;
    input.page_token = base64_encode(arena, SV("{\"offset\": 1000000000000}"));
    assert_int_equal(try_search(&input, &page), OK);
    assert_int_equal(page.count, 0);
    assert_null(page.next_page_token.data);
}

static const char *other_id(int number)
{
    static char id[33];
    snprintf(id, sizeof(id), "%032d", number);
    return id;
}

static void the_largest_lists_and_filters_are_served(void **state)
{
    (void)state;
    struct sv id = SV("11");
    char *list = arena_alloc(arena, 64 * SEARCH_LIST_ITEMS_MAX);
    size_t len = 0;
    for (int i = 0; i < SEARCH_LIST_ITEMS_MAX; i++)
        len += (size_t)snprintf(list + len, 64, "'%s',", i == 0 ? model[0].run_id : other_id(i));
    struct sv filters[] = {
        arena_printf(arena, "run_id IN (%.*s)", (int)len, list),
        arena_printf(arena, "run_id NOT IN (%.*s)", (int)len, list),
    };
    size_t counts[2];
    for (size_t i = 0; i < 2; i++) {
        struct run_search input = {.experiment_ids = &id,
                                   .experiment_count = 1,
                                   .filter = filters[i],
                                   .view = VIEW_ALL,
                                   .max_results = 50000};
        struct run_page page;
        assert_int_equal(try_search(&input, &page), OK);
        counts[i] = page.count;
    }
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 399);
}

static void the_most_clauses_and_order_keys_are_served(void **state)
{
    (void)state;
    struct sv id = SV("11");
    struct sv order_by[SEARCH_ORDER_BY_MAX];
    struct sv filter = SV("");
    for (int i = 0; i < SEARCH_CLAUSES_MAX; i++) {
        static const char *const forms[] = {"metrics.acc != 1%d", "params.p%d IS NULL",
                                            "dataset.name != 'x%d'", "attributes.run_id != 'x%d'",
                                            "tags.team != 'x%d'"};
        char clause[64];
        snprintf(clause, sizeof(clause), "%s", forms[i % 5]);
        char *number = strstr(clause, "%d");
        snprintf(number, 3, "%02d", i);
        memmove(number + 2, strstr(forms[i % 5], "%d") + 2, strlen(strstr(forms[i % 5], "%d") + 2) + 1);
        filter = arena_printf(arena, "%.*s%s%s", SV_ARG(filter), i ? " AND " : "", clause);
    }
    for (int i = 0; i < SEARCH_ORDER_BY_MAX; i++)
        order_by[i] = arena_printf(arena, "metrics.%s%d", i ? "m" : "acc", i);
    struct run_search input = {.experiment_ids = &id,
                               .experiment_count = 1,
                               .filter = filter,
                               .order_by = order_by,
                               .order_by_count = SEARCH_ORDER_BY_MAX,
                               .view = VIEW_ALL,
                               .max_results = 10};
    size_t expected = 0;
    for (size_t i = 0; i < model_count; i++)
        expected += model[i].experiment == 11 && model[i].metric_states[0] != ABSENT && model[i].tags[0][0] &&
                    model[i].dataset_count;
    size_t count = 0;
    do {
        struct run_page page;
        if (try_search(&input, &page) != OK)
            fail_msg("%.*s %.*s", SV_ARG(error.message), SV_ARG(error.detail));
        count += page.count;
        input.page_token = page.next_page_token;
    } while (input.page_token.data);
    assert_true(expected > 50);
    assert_int_equal(count, expected);
}

/* --- What SQLite makes of the statements --- */

static struct sv query_plan(struct run_query *query)
{
    struct sv sql = arena_printf(arena, "EXPLAIN QUERY PLAN %.*s", (int)query->sql.len, query->sql.data);
    struct db_stmt *stmt = db_query_text(query->tx->db, sql, query->sql.values, query->sql.value_count);
    struct sv plan = SV("");
    assert_non_null(stmt);
    while (db_step(stmt) == DB_ROW)
        plan = arena_printf(arena, "%.*s%.*s\n", SV_ARG(plan), SV_ARG(db_column_text(stmt, 3)));
    assert_int_equal(db_done(stmt), OK);
    return plan;
}

static void assert_plan(struct run_query *query, const struct stream *stream, const char *const *steps)
{
    assert_true(stream_compile(query, stream));
    struct sv plan = query_plan(query);
    const char *at = plan.data;
    for (; *steps; steps++) {
        bool forbidden = **steps == '!';
        const char *found = strstr(forbidden ? plan.data : at, *steps + forbidden);
        if (forbidden == (found != NULL))
            fail_msg("'%s' in the plan:\n%.*s", *steps, SV_ARG(plan));
        if (!forbidden)
            at = found;
    }
}

static void compile(struct run_query *query, struct store_tx *tx, const char *filter, const char *order,
                    const struct sort_value *after)
{
    struct search_filter parsed;
    struct search_order_by order_by;
    struct sv text = sv_from(order);
    *query = (struct run_query){.tx = tx, .limit = 101, .experiment = 11, .after = after};
    assert_int_equal(search_parse_filter(arena, &error, &run_language, sv_from(filter), &parsed), OK);
    assert_int_equal(search_parse_order_by(arena, &error, &run_language, &text, order ? 1 : 0, &order_by),
                     OK);
    run_query_compile(query, &parsed, &order_by);
    sql_text_init(&query->sql, arena);
    for (size_t i = 0; i < query->condition_count; i++)
        query->conditions[i].name = 1;
    query->terms[0].name = 2;
}

static void statements_run_on_the_indexes_they_are_made_for(void **state)
{
    (void)state;
    static const struct sort_value after_metric[] = {{.type = SORT_DOUBLE, .real = 1},
                                                     {.type = SORT_INT, .integer = 1},
                                                     {.type = SORT_TEXT, .text = {"x", 1}}};
    static const char filter[] = "metrics.acc > 0.5 AND metrics.acc < 1 AND params.lr = 'adam'";
    struct db_conn *conn = begin(DB_READ);
    struct store_tx tx = {.store = &store, .db = conn, .arena = arena, .error = &error};
    struct run_query query;

    compile(&query, &tx, "", NULL, NULL);
    assert_plan(
        &query, &(struct stream){.kind = STREAM_SCAN},
        (const char *const[]){
            "SEARCH r USING COVERING INDEX runs_listing (experiment=? AND lifecycle=? AND start_time>? AND "
            "start_time<?)",
            "!TEMP B-TREE", NULL});
    compile(&query, &tx, "", NULL, after_metric + 1);
    assert_plan(&query, &(struct stream){.kind = STREAM_SCAN},
                (const char *const[]){"SEARCH r USING COVERING INDEX runs_listing", "!TEMP B-TREE", NULL});

    compile(&query, &tx, filter, "metrics.loss", NULL);
    assert_plan(&query,
                &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[0], .lifecycle = -1},
                (const char *const[]){
                    "SEARCH d USING COVERING INDEX latest_metrics_by_value (name=? AND value>? AND value<?)",
                    "SEARCH m USING PRIMARY KEY (run=? AND name=?)", "SEARCH r USING INTEGER PRIMARY KEY",
                    "SEARCH k0 USING PRIMARY KEY (run=? AND name=?)", NULL});
    assert_plan(&query,
                &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[1], .lifecycle = -1},
                (const char *const[]){"SEARCH d USING COVERING INDEX params_by_value (name=? AND value=?)",
                                      "SEARCH m USING PRIMARY KEY (run=? AND name=?)",
                                      "SEARCH r USING INTEGER PRIMARY KEY", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE_UNSETTLED, .condition = &query.conditions[0]},
                (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)",
                                      "SEARCH d USING PRIMARY KEY (run=? AND name=?)", NULL});

    static const struct sort_value *const starts[] = {NULL, after_metric};
    for (size_t i = 0; i < 2; i++) {
        compile(&query, &tx, filter, "metrics.loss DESC", starts[i]);
        assert_plan(
            &query, &(struct stream){.kind = STREAM_ORDER},
            (const char *const[]){
                "SEARCH o USING COVERING INDEX latest_metrics_by_value (name=? AND value>? AND value<?)",
                "SEARCH m USING PRIMARY KEY (run=? AND name=?)", "SEARCH r USING INTEGER PRIMARY KEY",
                "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", NULL});
        assert_plan(&query, &(struct stream){.kind = STREAM_ORDER_UNSETTLED},
                    (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)",
                                          "SEARCH o USING PRIMARY KEY (run=? AND name=?)", NULL});
        assert_plan(&query, &(struct stream){.kind = STREAM_ORDER_NAN},
                    (const char *const[]){
                        "SEARCH o USING COVERING INDEX latest_metrics_by_value (name=? AND value=?)", NULL});
        assert_plan(
            &query, &(struct stream){.kind = STREAM_ORDER_ABSENT},
            (const char *const[]){"SEARCH r USING COVERING INDEX runs_listing", "!TEMP B-TREE", NULL});
    }
    compile(&query, &tx, filter, "params.opt", NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_ORDER},
                (const char *const[]){"SEARCH o USING COVERING INDEX params_by_value (name=?)",
                                      "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", NULL});

    compile(&query, &tx, "status = 'RUNNING'", NULL, NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_UNSETTLED, .lifecycle = -1},
                (const char *const[]){"SEARCH r USING INDEX runs_unsettled (experiment=?)", NULL});

    compile(&query, &tx, "run_id IN ('a', 'b') AND dataset.name = 'd' AND params.lr LIKE 'ad%'", NULL, NULL);
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[0]},
                (const char *const[]){"SEARCH r USING INDEX sqlite_autoindex_runs_1 (run_id=?)", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[1]},
                (const char *const[]){
                    "SEARCH x USING COVERING INDEX sqlite_autoindex_datasets_1 (experiment=? AND name=?)",
                    "SEARCH i USING COVERING INDEX dataset_inputs_by_dataset (dataset=?)",
                    "SEARCH r USING INTEGER PRIMARY KEY", NULL});
    assert_plan(&query, &(struct stream){.kind = STREAM_RANGE, .condition = &query.conditions[2]},
                (const char *const[]){"SEARCH d USING COVERING INDEX params_by_value (name=?", NULL});
    db_rollback(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_finds_what_the_definition_says),
        cmocka_unit_test(every_order_pages_through_every_run),
        cmocka_unit_test(client_errors_have_mlflows_texts),
        cmocka_unit_test(no_experiments_or_unknown_ones_give_nothing),
        cmocka_unit_test(an_experiment_named_twice_gives_its_runs_once),
        cmocka_unit_test(an_offset_beyond_the_end_gives_nothing),
        cmocka_unit_test(the_largest_lists_and_filters_are_served),
        cmocka_unit_test(the_most_clauses_and_order_keys_are_served),
        cmocka_unit_test(statements_run_on_the_indexes_they_are_made_for),
    };
    return cmocka_run_group_tests_name("runs/search", tests, set_up, tear_down);
}
