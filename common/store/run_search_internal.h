#ifndef TRACKLIGHT_STORE_RUN_SEARCH_INTERNAL_H
#define TRACKLIGHT_STORE_RUN_SEARCH_INTERNAL_H

#include "common/search/languages.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"
#include "common/store/run_search.h"
#include "common/store/sort_rows.h"
#include "common/store/sql_text.h"

/* How the files of runs/search share the work:
 *
 *   run_search.c          the request: parse, go through the experiments, merge, make the page
 *   run_search_compile.c  filter and order_by become conditions and terms, the same for every experiment
 *   run_search_plan.c     one experiment: names become ids, ranges are counted, a plan is chosen
 *   run_search_sql.c      one stream of a plan as SQL; run_search_conditions.c the filter's part of it
 *
 * A plan is one or more streams: statements whose rows come in the order of the result and do not overlap. */

/* Clauses on one key make one condition. */
enum condition_kind {
    CONDITION_METRIC,
    CONDITION_PARAM,
    CONDITION_TAG,
    CONDITION_ABSENT, /* the param or tag must not exist */
    CONDITION_PRESENT,
    CONDITION_RUN_COLUMN,
    CONDITION_DATASET,
};

struct condition {
    enum condition_kind kind;
    const struct search_clause **clauses;
    size_t clause_count;
    double low, high; /* of a metric, inclusive; what its comparisons but != leave */
    bool has_range;
    int64_t name;   /* of the key in the experiment at hand; 0: nothing there has it */
    int64_t weight; /* estimated matches in the experiment at hand: cheap to fail is asked first */
};

enum term_kind { TERM_METRIC, TERM_PARAM, TERM_TAG, TERM_COLUMN };

struct term {
    enum term_kind kind;
    enum run_key column;
    struct sv key;
    bool descending;
    bool nullable;
    enum sort_type type;
    int64_t name;
};

#define TERMS_MAX (SEARCH_ORDER_BY_MAX + 2)

struct time_range {
    int64_t low, high; /* inclusive */
    bool is_set;
};

struct run_query {
    struct store_tx *tx;
    enum run_search_plan forced;
    struct condition *conditions;
    size_t condition_count;
    bool impossible; /* conditions that contradict each other */
    struct time_range start_time;
    struct time_range end_time;
    unsigned statuses; /* bit 1 << status */
    struct term terms[TERMS_MAX];
    enum sort_type types[TERMS_MAX];
    size_t term_count;
    bool lifecycles[2];
    bool uses_run_name;

    const struct sort_value *after; /* go on behind this row, or NULL */
    size_t limit;                   /* rows wanted */
    int64_t experiment;             /* the one at hand */
    int64_t run_name;               /* the name id of mlflow.runName there */
    bool absent_is_known;           /* whether has_absent holds for the experiment at hand */
    bool has_absent;                /* some run there lacks the first term's key */
    struct sql_text sql;
    struct sort_rows *rows;
};

#define ALL_STATUSES       0x3eU /* 1..5 */
#define UNSETTLED_STATUSES 0x06U /* 1, 2: those of the index runs_unsettled */

void run_query_compile(struct run_query *query, const struct search_filter *filter,
                       const struct search_order_by *order_by);

/* Adds the experiment's rows to query->rows. */
enum status run_query_search_experiment(struct run_query *query);

/* --- Conditions as SQL (run_search_conditions.c) --- */

/* What a statement has at hand when it asks the conditions. */
struct place {
    const char *run; /* the run's id */
    const struct condition
        *own; /* the condition whose value stands in the row that the statement starts from */
    const char *own_value;
};

#define BOTH_LIFECYCLES (-1)

/* Whether the condition has an index to start from, and the table that its values stand in. */
bool condition_has_range(const struct condition *condition);
const char *condition_table(const struct condition *condition);

/* " AND …" for the condition's value in this column. */
void condition_add_tests(struct sql_text *sql, const char *column, const struct condition *condition);
/* The same for a metric with other bounds; NaN is NULL and passes != only. */
void condition_add_metric_tests(struct sql_text *sql, const char *column, const struct condition *condition,
                                double low, double high);
/* A test of the dataset x. */
void condition_add_dataset_test(struct sql_text *sql, const struct search_clause *clause);

/* " AND …" for everything that the filter asks, but the condition at hand and the start time. */
void run_query_add_conditions(struct run_query *query, const struct place *place);
void run_query_add_start_time(struct run_query *query);
void run_query_add_lifecycle(struct run_query *query, int lifecycle, const char *column);
/* The name of the run r. */
void run_query_add_name(struct run_query *query);

/* --- Streams --- */

enum stream_kind {
    STREAM_SCAN,            /* runs of one lifecycle, newest first */
    STREAM_UNSETTLED,       /* runs that have not ended, where the filter asks for no others */
    STREAM_RANGE,           /* the index range of a condition */
    STREAM_RANGE_UNSETTLED, /* … and the runs that the metrics' index leaves out */
    STREAM_ORDER,           /* the index of the first term, in its order */
    STREAM_ORDER_UNSETTLED, /* … and the runs that the metrics' index leaves out */
    STREAM_ORDER_NAN,       /* settled runs whose metric is NaN */
    STREAM_ORDER_ABSENT,    /* runs of one lifecycle that do not have the first term's key */
};

struct stream {
    enum stream_kind kind;
    const struct condition *condition; /* of STREAM_RANGE */
    int lifecycle;                     /* 0, 1, or -1 for both */
};

/* Puts the stream's statement into query->sql: r.id, then the terms' values (class and value where nullable).
 * False if it cannot have rows behind query->after. */
bool stream_compile(struct run_query *query, const struct stream *stream);

/* A statement that counts the entries of a stream's range, up to a cap. */
void stream_compile_count(struct run_query *query, const struct stream *stream, int64_t cap);

/* A statement that counts the experiment's runs that lack the first term's key. */
void stream_compile_missing(struct run_query *query);

/* A statement that takes the first `size` entries of a stream's range in its order and gives: how many there
 * were, how many of them match, the first and the last value of the first term. */
void stream_compile_sample(struct run_query *query, const struct stream *stream, int64_t size);

#endif
