#include <math.h>

#include "common/search/like.h"
#include "common/store/run_search_internal.h"
#include "common/store/runs.h"

/* --- Numbers: comparisons become inclusive ranges --- */

static void narrow(double *low, double *high, const struct search_clause *clause)
{
    double value = clause->number.real;
    switch (clause->op) {
    case SEARCH_EQ:
        *low = fmax(*low, value);
        *high = fmin(*high, value);
        break;
    case SEARCH_GE:
        *low = fmax(*low, value);
        break;
    case SEARCH_GT:
        *low = fmax(*low, nextafter(value, INFINITY));
        break;
    case SEARCH_LE:
        *high = fmin(*high, value);
        break;
    case SEARCH_LT:
        *high = fmin(*high, nextafter(value, -INFINITY));
        break;
    default:
        break;
    }
}

/* The least integer that is greater than the number, or not less. False if there is none in 64 bits. */
static bool integer_above(const struct search_number *number, bool strictly, int64_t *result)
{
    int64_t floor_value;
    bool exact = number->is_integer;
    if (exact) {
        floor_value = number->integer;
    } else {
        if (number->real >= 0x1p63)
            return false;
        if (number->real < -0x1p63) {
            *result = INT64_MIN;
            return true;
        }
        floor_value = (int64_t)floor(number->real);
        exact = floor(number->real) == number->real;
    }
    if (exact && !strictly) {
        *result = floor_value;
        return true;
    }
    return !__builtin_add_overflow(floor_value, 1, result);
}

static bool integer_below(const struct search_number *number, bool strictly, int64_t *result)
{
    int64_t above;
    /* The greatest integer below is the one before the least that is not below. */
    if (!integer_above(number, !strictly, &above)) {
        *result = INT64_MAX;
        return true;
    }
    return !__builtin_sub_overflow(above, 1, result);
}

static void narrow_time(struct time_range *range, const struct search_clause *clause, bool *impossible)
{
    int64_t low = INT64_MIN;
    int64_t high = INT64_MAX;
    bool possible = true;
    if (clause->op == SEARCH_EQ || clause->op == SEARCH_GE || clause->op == SEARCH_GT)
        possible = integer_above(&clause->number, clause->op == SEARCH_GT, &low);
    if (possible && (clause->op == SEARCH_EQ || clause->op == SEARCH_LE || clause->op == SEARCH_LT))
        possible = integer_below(&clause->number, clause->op == SEARCH_LT, &high);
    if (low > range->low)
        range->low = low;
    if (high < range->high)
        range->high = high;
    range->is_set = true;
    if (!possible || range->low > range->high)
        *impossible = true;
}

/* --- Status: the five names are compared here, the database sees a set --- */

static bool text_matches(const struct search_clause *clause, struct sv text)
{
    switch (clause->op) {
    case SEARCH_EQ:
        return sv_equal(text, clause->text);
    case SEARCH_NE:
        return !sv_equal(text, clause->text);
    default:
        return search_like(clause->text, text, clause->op == SEARCH_ILIKE);
    }
}

static unsigned matching_statuses(const struct search_clause *clause)
{
    static const struct {
        enum run_status status;
        struct sv name;
    } names[] = {
        {RUN_RUNNING, {"RUNNING", 7}}, {RUN_SCHEDULED, {"SCHEDULED", 9}}, {RUN_FINISHED, {"FINISHED", 8}},
        {RUN_FAILED, {"FAILED", 6}},   {RUN_KILLED, {"KILLED", 6}},
    };
    unsigned statuses = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_matches(clause, names[i].name))
            statuses |= 1U << names[i].status;
    return statuses;
}

/* --- Conditions --- */

static enum condition_kind kind_of(const struct search_clause *clause)
{
    if (clause->op == SEARCH_IS_NULL)
        return CONDITION_ABSENT;
    if (clause->op == SEARCH_IS_NOT_NULL)
        return CONDITION_PRESENT;
    switch ((enum run_entity)clause->entity->id) {
    case RUN_METRIC:
        return CONDITION_METRIC;
    case RUN_PARAM:
        return CONDITION_PARAM;
    case RUN_TAG:
        return CONDITION_TAG;
    case RUN_DATASET:
        return CONDITION_DATASET;
    case RUN_ATTRIBUTE:
        break;
    }
    return CONDITION_RUN_COLUMN;
}

/* The condition that the clause joins: of the same key, for the kinds that have one value a key. */
static struct condition *find_condition(struct run_query *query, enum condition_kind kind,
                                        const struct search_clause *clause)
{
    if (kind != CONDITION_METRIC && kind != CONDITION_PARAM && kind != CONDITION_TAG)
        return NULL;
    for (size_t i = 0; i < query->condition_count; i++) {
        struct condition *condition = &query->conditions[i];
        if (condition->kind == kind && sv_equal(condition->clauses[0]->key, clause->key))
            return condition;
    }
    return NULL;
}

static void add_clause(struct run_query *query, const struct search_clause *clause, size_t clauses_left)
{
    enum condition_kind kind = kind_of(clause);
    if (kind == CONDITION_RUN_COLUMN) {
        switch ((enum run_key)clause->fixed->id) {
        case RUN_KEY_STATUS:
            query->statuses &= matching_statuses(clause);
            return;
        case RUN_KEY_START_TIME:
            narrow_time(&query->start_time, clause, &query->impossible);
            if (clause->op != SEARCH_NE)
                return;
            break;
        case RUN_KEY_END_TIME:
            narrow_time(&query->end_time, clause, &query->impossible);
            if (clause->op != SEARCH_NE)
                return;
            break;
        case RUN_KEY_RUN_NAME:
            query->uses_run_name = true;
            break;
        default:
            break;
        }
    }
    struct condition *condition = find_condition(query, kind, clause);
    if (!condition) {
        condition = &query->conditions[query->condition_count++];
        *condition = (struct condition){.kind = kind, .low = -INFINITY, .high = INFINITY};
        condition->clauses = ARENA_ARRAY(query->tx->arena, const struct search_clause *, clauses_left);
    }
    condition->clauses[condition->clause_count++] = clause;
    if (kind == CONDITION_METRIC && clause->op != SEARCH_NE) {
        narrow(&condition->low, &condition->high, clause);
        condition->has_range = true;
        if (condition->low > condition->high)
            query->impossible = true;
    }
}

/* --- Order --- */

static struct term column_term(enum run_key column, bool descending)
{
    bool is_int = column == RUN_KEY_START_TIME || column == RUN_KEY_END_TIME || column == RUN_KEY_STATUS;
    return (struct term){.kind = TERM_COLUMN,
                         .column = column,
                         .descending = descending,
                         .nullable = column == RUN_KEY_END_TIME,
                         .type = is_int ? SORT_INT : SORT_TEXT};
}

static struct term order_term(const struct search_order *order)
{
    switch ((enum run_entity)order->entity->id) {
    case RUN_METRIC:
        return (struct term){.kind = TERM_METRIC,
                             .key = order->key,
                             .descending = order->descending,
                             .nullable = true,
                             .type = SORT_DOUBLE};
    case RUN_PARAM:
    case RUN_TAG:
        return (struct term){.kind = order->entity->id == RUN_PARAM ? TERM_PARAM : TERM_TAG,
                             .key = order->key,
                             .descending = order->descending,
                             .nullable = true,
                             .type = SORT_TEXT};
    case RUN_ATTRIBUTE:
    case RUN_DATASET:
        break;
    }
    return column_term((enum run_key)order->fixed->id, order->descending);
}

static void compile_order(struct run_query *query, const struct search_order_by *order_by)
{
    bool has_start_time = false;
    bool has_run_id = false;
    /* Nothing is equal behind a run id. */
    for (size_t i = 0; i < order_by->count && !has_run_id; i++) {
        struct term term = order_term(&order_by->items[i]);
        bool is_column = term.kind == TERM_COLUMN;
        has_start_time |= is_column && term.column == RUN_KEY_START_TIME;
        has_run_id |= is_column && term.column == RUN_KEY_RUN_ID;
        query->uses_run_name |= is_column && term.column == RUN_KEY_RUN_NAME;
        query->terms[query->term_count++] = term;
    }
    if (!has_start_time && !has_run_id)
        query->terms[query->term_count++] = column_term(RUN_KEY_START_TIME, true);
    if (!has_run_id)
        query->terms[query->term_count++] = column_term(RUN_KEY_RUN_ID, false);
    for (size_t i = 0; i < query->term_count; i++)
        query->types[i] = query->terms[i].type;
}

void run_query_compile(struct run_query *query, const struct search_filter *filter,
                       const struct search_order_by *order_by)
{
    struct arena *arena = query->tx->arena;
    query->start_time = query->end_time = (struct time_range){.low = INT64_MIN, .high = INT64_MAX};
    query->statuses = ALL_STATUSES;
    query->conditions = filter->count ? ARENA_ARRAY(arena, struct condition, filter->count) : NULL;
    for (size_t i = 0; i < filter->count; i++)
        add_clause(query, &filter->clauses[i], filter->count - i);
    if (!query->statuses)
        query->impossible = true;
    compile_order(query, order_by);
}
