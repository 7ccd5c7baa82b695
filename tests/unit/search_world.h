#ifndef TRACKLIGHT_TESTS_SEARCH_WORLD_H
#define TRACKLIGHT_TESTS_SEARCH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/store/run_search.h"

/* Random runs that stand in a database and in memory. The memory's side says what a filter and an order mean,
 * without SQL. */

enum { METRICS = 5, PARAMS = 4, TAGS = 3, DATASETS = 2, RUNS_MAX = 3400, TEXT = 40, WORDS = 10 };
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

struct model_term {
    enum what what;
    int which;
    bool descending;
};

/* The one of this process. */
struct search_world {
    struct arena *arena;
    struct error error;
    struct store store;
    struct model_run *runs;
    size_t run_count;
    struct model_term terms[8]; /* the order that world_compare goes by */
    size_t term_count;
    char path[64];
};
extern struct search_world world;

extern const char *const metric_keys[METRICS];
extern const char *const param_keys[PARAMS];
extern const char *const tag_keys[TAGS];
extern const char *const status_names[];
extern const char *const words[WORDS];

/* An empty database; 0 if it stands. */
int world_open(void);
void world_close(void);

/* A new experiment of that id with `count` random runs; at most RUNS_MAX in all. */
void world_fill(int64_t experiment, size_t count);

/* One of the numbers below `bound`; the same ones in every run of the test. */
unsigned world_draw(unsigned bound);

/* Cut to TEXT bytes. */
void copy_text(char *to, const char *from);

struct db_conn *world_begin(enum db_access access);

/* runs/search in a snapshot of its own. */
enum status world_search(const struct run_search *input, struct run_page *page);

/* The name by which a run is found: its own or, without one, its tag's. */
const char *world_name_of(const struct model_run *run);

bool world_clause_holds(const struct model_run *run, const struct model_clause *clause);

/* For qsort of pointers to runs. */
int world_compare(const void *left, const void *right);

#endif
