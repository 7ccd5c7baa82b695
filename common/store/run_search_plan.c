#include <string.h>

#include "common/store/names.h"
#include "common/store/run_search_internal.h"

/* Costs are counted in rows that are looked at: a probe of a row is about the same in every plan. Counting
 * the entries of a range costs a small part of going through it, and is capped, cap by cap, as long as a
 * better answer may pay. */

enum {
    SMALL = 200,  /* rows that need no thought */
    SAMPLE = 300, /* entries of a walk that are tried */
    CHEAP = 3000, /* a walk of so many rows is not worth more counting */
    UNKNOWN = 1 << 30,
};
static const int64_t caps[] = {1000, 10000, 100000};

struct choice {
    enum run_search_plan plan;         /* SCAN, FIRST_RANGE (any range), ORDER_WALK */
    const struct condition *condition; /* of a range; NULL: the runs that have not ended */
    int64_t rows;
};

static enum status read_numbers(struct run_query *query, int64_t *numbers, int count)
{
    struct db_stmt *stmt = sql_text_query(&query->sql, query->tx->db);
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        for (int i = 0; i < count; i++)
            numbers[i] = db_column_int(stmt, i);
    return db_done(stmt);
}

static enum status count_stream(struct run_query *query, struct stream stream, int64_t cap, int64_t *count)
{
    *count = 0;
    stream_compile_count(query, &stream, cap);
    return read_numbers(query, count, 1);
}

/* --- Names --- */

static enum status resolve(struct run_query *query, enum name_kind kind, struct sv key, int64_t *id)
{
    return name_find(query->tx, query->experiment, kind, key, id);
}

/* *empty: a condition needs a key that nothing in the experiment has. */
static enum status resolve_names(struct run_query *query, bool *empty)
{
    *empty = false;
    query->absent_is_known = false;
    for (size_t i = 0; i < query->condition_count; i++) {
        struct condition *condition = &query->conditions[i];
        const struct search_clause *clause = condition->clauses[0];
        condition->weight = 0;
        if (condition->kind == CONDITION_RUN_COLUMN || condition->kind == CONDITION_DATASET)
            continue;
        enum name_kind kind = clause->entity->id == RUN_METRIC  ? NAME_METRIC
                              : clause->entity->id == RUN_PARAM ? NAME_PARAM
                                                                : NAME_TAG;
        if (resolve(query, kind, clause->key, &condition->name) != OK)
            return FAILED;
        if (!condition->name && condition->kind != CONDITION_ABSENT) {
            *empty = true;
            return OK;
        }
    }
    for (size_t i = 0; i < query->term_count; i++) {
        struct term *term = &query->terms[i];
        enum name_kind kind = term->kind == TERM_METRIC  ? NAME_METRIC
                              : term->kind == TERM_PARAM ? NAME_PARAM
                                                         : NAME_TAG;
        if (term->kind != TERM_COLUMN && resolve(query, kind, term->key, &term->name) != OK)
            return FAILED;
    }
    return query->uses_run_name ? resolve(query, NAME_TAG, SV("mlflow.runName"), &query->run_name) : OK;
}

/* --- Choosing --- */

static bool can_walk(const struct run_query *query)
{
    return query->terms[0].kind != TERM_COLUMN;
}

static bool scan_is_in_order(const struct run_query *query)
{
    return query->terms[0].kind == TERM_COLUMN && query->terms[0].column == RUN_KEY_START_TIME;
}

static bool both_lifecycles(const struct run_query *query)
{
    return query->lifecycles[0] && query->lifecycles[1];
}

static int one_lifecycle(const struct run_query *query)
{
    return both_lifecycles(query) ? -1 : query->lifecycles[1];
}

static enum status count_scan(struct run_query *query, int64_t cap, int64_t *rows)
{
    *rows = 0;
    for (int lifecycle = 0; lifecycle < 2; lifecycle++) {
        int64_t count = 0;
        if (query->lifecycles[lifecycle] &&
            count_stream(query, (struct stream){.kind = STREAM_SCAN, .lifecycle = lifecycle}, cap, &count) !=
                OK)
            return FAILED;
        *rows += count;
    }
    return OK;
}

static enum status count_unsettled(struct run_query *query, int64_t cap, int64_t *rows)
{
    return count_stream(query, (struct stream){.kind = STREAM_UNSETTLED}, cap, rows);
}

static bool wants_unsettled_only(const struct run_query *query)
{
    return !(query->statuses & ~UNSETTLED_STATUSES);
}

/* The smallest range among the listing and the conditions, none counted beyond the cap. */
static enum status smallest_range(struct run_query *query, int64_t cap, int64_t unsettled,
                                  struct choice *best)
{
    *best = (struct choice){.plan = RUN_SEARCH_SCAN};
    if (count_scan(query, cap, &best->rows) != OK)
        return FAILED;
    if (wants_unsettled_only(query) && unsettled < best->rows)
        *best = (struct choice){RUN_SEARCH_FIRST_RANGE, NULL, unsettled};
    for (size_t i = 0; i < query->condition_count; i++) {
        struct condition *condition = &query->conditions[i];
        if (!condition_has_range(condition))
            continue;
        int64_t rows;
        struct stream stream = {.kind = STREAM_RANGE, .condition = condition};
        if (count_stream(query, stream, cap, &rows) != OK)
            return FAILED;
        if (condition->kind == CONDITION_METRIC)
            rows += unsettled;
        condition->weight = rows;
        if (rows < best->rows)
            *best = (struct choice){RUN_SEARCH_FIRST_RANGE, condition, rows};
    }
    return OK;
}

/* How many entries an in-order walk would look at before it has found the rows wanted, judged by its first
 * entries; and how many it would find. */
static enum status estimate_walk(struct run_query *query, struct stream stream, int64_t wanted, int64_t *rows,
                                 int64_t *found)
{
    int64_t sample[3] = {0};
    stream_compile_sample(query, &stream, SAMPLE);
    if (read_numbers(query, sample, 3) != OK)
        return FAILED;
    if (sample[0] < SAMPLE || wanted <= sample[1]) {
        *rows = sample[0];
        *found = sample[1];
    } else {
        *rows = sample[1] ? wanted * SAMPLE / sample[1] : UNKNOWN;
        *found = sample[1] ? wanted : 0;
    }
    /* Equal values are read to the last before the first is given. */
    if (stream.kind == STREAM_ORDER && sample[0] == SAMPLE && sample[2] && *rows < caps[2]) {
        int64_t ties;
        if (count_stream(query, stream, caps[2], &ties) != OK)
            return FAILED;
        if (ties > *rows)
            *rows = ties;
    }
    return OK;
}

/* Whether any run of the experiment lacks the first term's key. Counting costs a small part of looking for
 * such runs. */
static enum status has_absent(struct run_query *query, bool *absent)
{
    if (!query->absent_is_known) {
        int64_t missing = 0;
        stream_compile_missing(query);
        if (read_numbers(query, &missing, 1) != OK)
            return FAILED;
        query->absent_is_known = true;
        query->has_absent = missing > 0;
    }
    *absent = query->has_absent;
    return OK;
}

static enum status estimate_order(struct run_query *query, int64_t unsettled, int64_t *rows)
{
    int64_t wanted = (int64_t)query->limit;
    int64_t found = 0;
    *rows = 0;
    if (can_walk(query) && !(query->after && query->after[0].class != SORT_VALUE)) {
        struct stream walk = {.kind = STREAM_ORDER, .lifecycle = one_lifecycle(query)};
        if (query->terms[0].name && estimate_walk(query, walk, wanted, rows, &found) != OK)
            return FAILED;
        *rows += query->terms[0].kind == TERM_METRIC ? unsettled : 0;
        if (found >= wanted || *rows >= UNKNOWN)
            return OK;
    }
    bool absent = false;
    if (can_walk(query) && has_absent(query, &absent) != OK)
        return FAILED;
    if (can_walk(query) && !absent)
        return OK;
    int64_t scanned = 0;
    struct stream scan = {.kind = can_walk(query) ? STREAM_ORDER_ABSENT : STREAM_SCAN,
                          .lifecycle = query->lifecycles[0] ? 0 : 1};
    if (estimate_walk(query, scan, wanted - found, &scanned, &found) != OK)
        return FAILED;
    *rows += scanned;
    return OK;
}

static const struct condition *forced_range(const struct run_query *query)
{
    const struct condition *found = NULL;
    for (size_t i = 0; i < query->condition_count; i++)
        if (condition_has_range(&query->conditions[i]) && (!found || query->forced == RUN_SEARCH_LAST_RANGE))
            found = &query->conditions[i];
    return found;
}

static struct choice forced_choice(const struct run_query *query)
{
    struct choice choice = {.plan = RUN_SEARCH_SCAN};
    if (query->forced == RUN_SEARCH_ORDER_WALK && can_walk(query))
        choice.plan = RUN_SEARCH_ORDER_WALK;
    if (query->forced == RUN_SEARCH_FIRST_RANGE || query->forced == RUN_SEARCH_LAST_RANGE) {
        choice.condition = forced_range(query);
        if (choice.condition || wants_unsettled_only(query))
            choice.plan = RUN_SEARCH_FIRST_RANGE;
    }
    return choice;
}

static enum status choose(struct run_query *query, struct choice *choice)
{
    if (query->forced != RUN_SEARCH_AUTO) {
        *choice = forced_choice(query);
        return OK;
    }
    *choice = (struct choice){.plan = RUN_SEARCH_SCAN};
    bool filters = query->condition_count || query->start_time.is_set || query->end_time.is_set ||
                   query->statuses != ALL_STATUSES;
    if (!filters && (scan_is_in_order(query) || can_walk(query))) {
        choice->plan = can_walk(query) ? RUN_SEARCH_ORDER_WALK : RUN_SEARCH_SCAN;
        return OK;
    }
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct condition *condition = &query->conditions[i];
        if (condition->kind == CONDITION_RUN_COLUMN && condition_has_range(condition)) {
            *choice = (struct choice){RUN_SEARCH_FIRST_RANGE, condition, 1};
            return OK;
        }
    }
    if (count_scan(query, SMALL, &choice->rows) != OK)
        return FAILED;
    if (choice->rows < SMALL)
        return OK;

    int64_t unsettled;
    if (count_unsettled(query, caps[2], &unsettled) != OK ||
        smallest_range(query, caps[0], unsettled, choice) != OK)
        return FAILED;
    if (choice->rows < caps[0])
        return OK;
    int64_t walk = UNKNOWN;
    if ((can_walk(query) || scan_is_in_order(query)) && estimate_order(query, unsettled, &walk) != OK)
        return FAILED;
    bool ordered = can_walk(query) || scan_is_in_order(query);
    struct choice in_order = {can_walk(query) ? RUN_SEARCH_ORDER_WALK : RUN_SEARCH_SCAN, NULL, walk};
    int64_t cap = caps[0];
    for (size_t i = 1; i < sizeof(caps) / sizeof(caps[0]); i++) {
        if (choice->rows < cap || walk <= CHEAP || walk <= cap)
            break;
        cap = caps[i];
        if (smallest_range(query, cap, unsettled, choice) != OK)
            return FAILED;
    }
    /* Where no range is known to be smaller, the walk is no worse: it may end early. */
    if (ordered && (walk <= choice->rows || choice->rows >= cap))
        *choice = in_order;
    return OK;
}

/* --- Running --- */

static struct sort_value read_value(struct db_stmt *stmt, const struct term *term, int *column)
{
    struct sort_value value = {.type = term->type};
    if (term->nullable)
        value.class = (enum sort_class)db_column_int(stmt, (*column)++);
    if (term->type == SORT_INT)
        value.integer = db_column_int(stmt, *column);
    else if (term->type == SORT_DOUBLE)
        value.real = db_column_double(stmt, *column);
    else
        value.text = db_column_text(stmt, *column);
    (*column)++;
    return value;
}

static enum status run_stream(struct run_query *query, struct stream stream)
{
    if (!stream_compile(query, &stream))
        return OK;
    struct db_stmt *stmt = sql_text_query(&query->sql, query->tx->db);
    bool more = stmt != NULL;
    while (more && db_step(stmt) == DB_ROW) {
        struct sort_value values[TERMS_MAX];
        int column = 1;
        for (size_t i = 0; i < query->term_count; i++)
            values[i] = read_value(stmt, &query->terms[i], &column);
        more = sort_rows_add(query->rows, db_column_int(stmt, 0), values);
    }
    sort_rows_end_stream(query->rows);
    return db_done(stmt);
}

/* One stream for each lifecycle asked for: the listing is sorted within one. */
static enum status run_listing(struct run_query *query, enum stream_kind kind)
{
    for (int lifecycle = 0; lifecycle < 2; lifecycle++)
        if (query->lifecycles[lifecycle] &&
            run_stream(query, (struct stream){.kind = kind, .lifecycle = lifecycle}) != OK)
            return FAILED;
    return OK;
}

static enum status run_range(struct run_query *query, const struct condition *condition)
{
    struct stream stream = {.kind = STREAM_RANGE, .condition = condition, .lifecycle = one_lifecycle(query)};
    if (!condition) {
        stream.kind = STREAM_UNSETTLED;
        return run_stream(query, stream);
    }
    if (run_stream(query, stream) != OK)
        return FAILED;
    stream.kind = STREAM_RANGE_UNSETTLED;
    return condition->kind == CONDITION_METRIC ? run_stream(query, stream) : OK;
}

static bool is_full(const struct run_query *query, enum sort_class class)
{
    return sort_rows_count_class(query->rows, class) >= query->limit;
}

/* Values first, then NaN, then runs without the key; each only if the page is not full by then. */
static enum status run_walk(struct run_query *query)
{
    struct stream stream = {.lifecycle = one_lifecycle(query)};
    if (query->terms[0].name) {
        bool is_metric = query->terms[0].kind == TERM_METRIC;
        stream.kind = STREAM_ORDER;
        if (run_stream(query, stream) != OK)
            return FAILED;
        stream.kind = STREAM_ORDER_UNSETTLED;
        if (is_metric && run_stream(query, stream) != OK)
            return FAILED;
        stream.kind = STREAM_ORDER_NAN;
        if (is_metric && !is_full(query, SORT_VALUE) && run_stream(query, stream) != OK)
            return FAILED;
    }
    if (is_full(query, SORT_NAN))
        return OK;
    bool absent;
    if (has_absent(query, &absent) != OK)
        return FAILED;
    return absent ? run_listing(query, STREAM_ORDER_ABSENT) : OK;
}

/* The conditions that fail most often are asked first. Returns where `kept` went. */
static const struct condition *sort_conditions(struct run_query *query, const struct condition *kept)
{
    for (size_t i = 1; i < query->condition_count; i++)
        for (size_t j = i; j > 0 && query->conditions[j].weight < query->conditions[j - 1].weight; j--) {
            struct condition *a = &query->conditions[j - 1];
            struct condition *b = &query->conditions[j];
            struct condition swap = *a;
            *a = *b;
            *b = swap;
            kept = kept == a ? b : kept == b ? a : kept;
        }
    return kept;
}

enum status run_query_search_experiment(struct run_query *query)
{
    bool empty;
    struct choice choice;
    if (resolve_names(query, &empty) != OK)
        return FAILED;
    if (empty)
        return OK;
    if (choose(query, &choice) != OK)
        return FAILED;
    choice.condition = sort_conditions(query, choice.condition);
    switch (choice.plan) {
    case RUN_SEARCH_ORDER_WALK:
        return run_walk(query);
    case RUN_SEARCH_FIRST_RANGE:
        return run_range(query, choice.condition);
    default:
        return run_listing(query, STREAM_SCAN);
    }
}
