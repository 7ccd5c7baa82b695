#include "common/store/trace_statistics.h"

#include <stdio.h>

#include "common/base/arena_text.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/sql_text.h"
#include "common/store/text.h"

/* --- What there is --- */

struct dimension {
    const char *name;
    const char *value; /* SQL */
};

struct metric {
    const char *name;
    const char *value; /* SQL; NULL does not count */
    const char *join;  /* what the value needs besides the view's tables */
    unsigned types;    /* 1 << enum statistics_type */
    const struct dimension *dimensions;
};

struct view {
    const char *tables;
    const char *time; /* SQL: milliseconds */
    const struct metric *metrics;
};

#define COUNTS      (1U << STATISTICS_COUNT)
#define SPREADS     (1U << STATISTICS_AVG | 1U << STATISTICS_PERCENTILE)
#define SUMS        (1U << STATISTICS_SUM | SPREADS)
#define TOKENS(key) "JOIN trace_metrics AS m ON m.trace = t.id AND m.key = '" key "' "

#define TRACE_NAME "trace_name", "nt.value"
#define TRACE_STATE                                                                                      \
    "trace_status", "CASE t.status WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' WHEN 3 THEN 'IN_PROGRESS' ELSE " \
                    "'STATE_UNSPECIFIED' END"
#define SPAN_STATE "span_status", "CASE c.status WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' ELSE 'UNSET' END"

static const struct dimension no_more = {NULL, NULL};
static const struct dimension trace_name_only[] = {{TRACE_NAME}, {NULL, NULL}};
static const struct dimension trace_dimensions[] = {{TRACE_NAME}, {TRACE_STATE}, {NULL, NULL}};
static const struct dimension span_dimensions[] = {
    {"span_name", "c.name"}, {"span_type", "c.type"}, {SPAN_STATE}, {NULL, NULL}};
static const struct dimension span_latency_dimensions[] = {
    {"span_name", "c.name"}, {SPAN_STATE}, {NULL, NULL}};
static const struct dimension assessment_dimensions[] = {
    {"assessment_name", "an.name"}, {"assessment_value", "a.value"}, {NULL, NULL}};
static const struct dimension assessment_name_only[] = {{"assessment_name", "an.name"}, {NULL, NULL}};

static const struct metric trace_view_metrics[] = {
    {"trace_count", "1.0", "", COUNTS, trace_dimensions},
    {"latency", "t.duration", "", SPREADS, trace_name_only},
    {"input_tokens", "m.value", TOKENS("input_tokens"), SUMS, trace_name_only},
    {"output_tokens", "m.value", TOKENS("output_tokens"), SUMS, trace_name_only},
    {"total_tokens", "m.value", TOKENS("total_tokens"), SUMS, trace_name_only},
    {NULL, NULL, NULL, 0, NULL},
};

static const struct metric span_view_metrics[] = {
    {"span_count", "1.0", "", COUNTS, span_dimensions},
    {"latency", "(s.end_time - s.start_time) / 1000000", "", SPREADS, span_latency_dimensions},
    {NULL, NULL, NULL, 0, NULL},
};

/* What of an assessment's JSON is a number, or stands for one. */
#define ASSESSMENT_NUMBER                                                                             \
    "CASE WHEN a.value IN ('true', '\"yes\"') THEN 1.0 WHEN a.value IN ('false', '\"no\"') THEN 0.0 " \
    "WHEN a.value GLOB '[-0-9]*' THEN CAST(a.value AS REAL) END"

static const struct metric assessment_view_metrics[] = {
    {"assessment_count", "1.0", "", COUNTS, assessment_dimensions},
    {"assessment_value", ASSESSMENT_NUMBER, "", SPREADS, assessment_name_only},
    {NULL, NULL, NULL, 0, NULL},
};

static const struct view views[] = {
    [STATISTICS_TRACES] = {"traces AS t ", "t.request_time", trace_view_metrics},
    [STATISTICS_SPANS] =
        {"traces AS t JOIN spans AS s ON s.trace = t.id JOIN span_classes AS c ON c.id = s.class ",
         "s.start_time / 1000000", span_view_metrics},
    [STATISTICS_ASSESSMENTS] = {"traces AS t JOIN assessments AS a ON a.trace = t.id AND a.valid = 1 "
                                "JOIN trace_names AS an ON an.id = a.name ",
                                "a.create_time", assessment_view_metrics},
};

static const char *const type_names[] = {
    [STATISTICS_COUNT] = "COUNT",
    [STATISTICS_SUM] = "SUM",
    [STATISTICS_AVG] = "AVG",
    [STATISTICS_PERCENTILE] = "PERCENTILE",
};

/* --- Checks --- */

/* "'a', 'b'" */
static void add_name(struct arena_text *list, struct sv name)
{
    arena_text_add(list, list->len ? SV(", '") : SV("'"));
    arena_text_add(list, search_clip(name));
    arena_text_add(list, SV("'"));
}

/* NULL, with the error, for one that the view has not. */
static const struct metric *find_metric(struct store_tx *tx, const struct statistics_query *query)
{
    struct arena_text names;
    arena_text_init(&names, tx->arena);
    for (const struct metric *metric = views[query->view].metrics; metric->name; metric++) {
        if (sv_equal(query->metric_name, sv_from(metric->name)))
            return metric;
        add_name(&names, sv_from(metric->name));
    }
    store_fail(tx, INVALID_PARAMETER_VALUE, "metric_name must be one of [%.*s], got '%.*s'",
               SV_ARG(arena_text_sv(&names)), SV_ARG(search_clip(query->metric_name)));
    return NULL;
}

static enum status check_types(struct store_tx *tx, const struct statistics_query *query,
                               const struct metric *metric)
{
    struct arena_text bad, good;
    arena_text_init(&bad, tx->arena);
    unsigned seen = 0;
    for (size_t i = 0; i < query->aggregation_count; i++) {
        unsigned type = 1U << query->aggregations[i].type;
        if (!(metric->types & type) && !(seen & type))
            add_name(&bad, sv_from(type_names[query->aggregations[i].type]));
        seen |= type;
    }
    if (!bad.len)
        return OK;
    struct sv refused = arena_text_sv(&bad);
    arena_text_init(&good, tx->arena);
    for (unsigned type = STATISTICS_COUNT; type <= STATISTICS_PERCENTILE; type++)
        if (metric->types & 1U << type)
            add_name(&good, sv_from(type_names[type]));
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Found invalid aggregation_type(s): [%.*s]. Supported aggregation types: [%.*s]",
                      SV_ARG(refused), SV_ARG(arena_text_sv(&good)));
}

static const struct dimension *find_dimension(const struct metric *metric, struct sv name)
{
    for (const struct dimension *dimension = metric->dimensions; dimension->name; dimension++)
        if (sv_equal(name, sv_from(dimension->name)))
            return dimension;
    return NULL;
}

static enum status check_dimensions(struct store_tx *tx, const struct statistics_query *query,
                                    const struct metric *metric, const struct dimension **dimensions)
{
    struct arena_text good;
    for (size_t i = 0; i < query->dimension_count; i++) {
        const struct dimension *found =
            i < STATISTICS_DIMENSIONS_MAX ? find_dimension(metric, query->dimensions[i]) : NULL;
        if (found) {
            dimensions[i] = found;
            continue;
        }
        arena_text_init(&good, tx->arena);
        for (const struct dimension *known = metric->dimensions; known->name; known++)
            add_name(&good, sv_from(known->name));
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Found invalid dimension(s): ['%.*s']. Supported dimensions: [%.*s]",
                          SV_ARG(search_clip(query->dimensions[i])), SV_ARG(arena_text_sv(&good)));
    }
    return OK;
}

/* --- The statement --- */

static enum status add_experiments(struct store_tx *tx, const struct statistics_query *query,
                                   struct sql_text *sql)
{
    struct arena_text list;
    int64_t *ids = ARENA_ARRAY(tx->arena, int64_t, query->experiment_count);
    for (size_t i = 0; i < query->experiment_count; i++)
        if (experiment_parse_id(tx, query->experiment_ids[i], &ids[i]) != OK)
            return FAILED;
    permission_filter_add(sql, query->readable, "t.experiment");
    if (!query->experiment_count)
        return OK;
    arena_text_init(&list, tx->arena);
    arena_text_add(&list, SV("["));
    for (size_t i = 0; i < query->experiment_count; i++) {
        char text[24];
        int len = snprintf(text, sizeof(text), "%s%lld", i ? "," : "", (long long)ids[i]);
        arena_text_add(&list, (struct sv){text, (size_t)len});
    }
    arena_text_add(&list, SV("]"));
    sql_text_add(sql, " AND t.experiment IN (SELECT value FROM json_each(?))");
    sql_text_bind(sql, db_text(arena_text_sv(&list)));
    return OK;
}

static void add_bounds(const struct statistics_query *query, struct sql_text *sql)
{
    if (query->start_time) {
        sql_text_add(sql, " AND t.request_time >= ?");
        sql_text_bind(sql, db_int(query->start_time));
    }
    if (query->end_time) {
        sql_text_add(sql, " AND t.request_time <= ?");
        sql_text_bind(sql, db_int(query->end_time));
    }
}

/* Columns: bucket, three dimensions, value; ordered by them, so that groups and the values in them come in
 * order. */
static enum status compile(struct store_tx *tx, const struct statistics_query *query,
                           const struct metric *metric, const struct dimension *const *dimensions,
                           struct sql_text *sql)
{
    const struct view *view = &views[query->view];
    bool by_trace_name = false;
    sql_text_add(sql, "SELECT ");
    if (query->interval_ms) {
        sql_text_printf(sql, "(%s) - (((%s) %% ?) + ?) %% ?", view->time, view->time);
        for (int i = 0; i < 3; i++)
            sql_text_bind(sql, db_int(query->interval_ms));
    } else {
        sql_text_add(sql, "NULL");
    }
    for (size_t i = 0; i < STATISTICS_DIMENSIONS_MAX; i++) {
        sql_text_printf(sql, ", %s", dimensions[i]->name ? dimensions[i]->value : "NULL");
        by_trace_name = by_trace_name || dimensions[i]->name == trace_name_only[0].name;
    }
    sql_text_printf(sql, ", %s AS number FROM %s%s", metric->value, view->tables, metric->join);
    if (by_trace_name)
        sql_text_printf(sql,
                        "JOIN trace_names AS nn ON nn.experiment = t.experiment AND nn.kind = %d AND "
                        "nn.name = '" TRACE_TAG_NAME "' "
                        "JOIN trace_tags AS nt ON nt.trace = t.id AND nt.name = nn.id ",
                        TRACE_NAME_TAG);
    sql_text_add(sql, "WHERE number IS NOT NULL");
    if (add_experiments(tx, query, sql) != OK)
        return FAILED;
    add_bounds(query, sql);
    for (size_t i = 0; i < query->filter_count; i++)
        if (statistics_add_filter(tx, query->view, query->filters[i], sql) != OK)
            return FAILED;
    sql_text_add(sql, " ORDER BY 1, 2, 3, 4, 5");
    return OK;
}

/* --- Groups --- */

struct group {
    const struct statistics_query *query;
    struct statistics_point point;
    struct row_list numbers; /* double, ascending; only where percentiles are wanted */
    bool keeps_numbers;
    int64_t count;
    double sum;
    double *values;
};

/* Between the two nearest ranks. */
static double percentile_of(const double *numbers, size_t count, double percentile)
{
    double rank = percentile / 100 * (double)(count - 1);
    size_t below = (size_t)rank;
    size_t above = below + 1 < count ? below + 1 : below;
    return numbers[below] + (numbers[above] - numbers[below]) * (rank - (double)below);
}

static void finish_group(struct group *group, statistics_visitor *visit, void *context)
{
    for (size_t i = 0; i < group->query->aggregation_count; i++) {
        const struct statistics_aggregation *aggregation = &group->query->aggregations[i];
        switch (aggregation->type) {
        case STATISTICS_COUNT:
            group->values[i] = (double)group->count;
            break;
        case STATISTICS_SUM:
            group->values[i] = group->sum;
            break;
        case STATISTICS_AVG:
            group->values[i] = group->sum / (double)group->count;
            break;
        case STATISTICS_PERCENTILE:
            group->values[i] =
                percentile_of(group->numbers.items, group->numbers.count, aggregation->percentile);
            break;
        }
    }
    visit(context, &group->point);
}

static bool is_in_group(const struct group *group, struct db_stmt *stmt)
{
    if (!group->count || group->point.bucket != db_column_int(stmt, 0))
        return false;
    for (size_t i = 0; i < group->query->dimension_count; i++)
        if (!sv_equal(group->point.dimensions[i], db_column_text(stmt, (int)i + 1)))
            return false;
    return true;
}

static void begin_group(struct group *group, struct db_stmt *stmt)
{
    group->count = 0;
    group->sum = 0;
    group->numbers.count = 0;
    group->point.has_bucket = group->query->interval_ms > 0;
    group->point.bucket = db_column_int(stmt, 0);
    for (size_t i = 0; i < group->query->dimension_count; i++)
        group->point.dimensions[i] = db_column_text_copy(stmt, (int)i + 1);
}

static enum status read_groups(struct store_tx *tx, struct db_stmt *stmt, struct group *group, int64_t limit,
                               statistics_visitor *visit, void *context)
{
    int64_t done = 0;
    enum db_row row = DB_DONE;
    if (!stmt)
        return FAILED;
    while (done < limit && (row = db_step(stmt)) == DB_ROW) {
        if (!is_in_group(group, stmt)) {
            if (group->count) {
                finish_group(group, visit, context);
                done++;
            }
            begin_group(group, stmt);
        }
        double number = db_column_double(stmt, STATISTICS_DIMENSIONS_MAX + 1);
        group->count++;
        group->sum += number;
        if (group->keeps_numbers)
            *ROW_LIST_ADD(&group->numbers, tx->arena, double) = number;
    }
    if (row == DB_DONE && group->count && done < limit)
        finish_group(group, visit, context);
    return db_done(stmt);
}

enum status trace_statistics(struct store_tx *tx, const struct statistics_query *query, int64_t limit,
                             statistics_visitor *visit, void *context)
{
    const struct dimension *dimensions[STATISTICS_DIMENSIONS_MAX] = {&no_more, &no_more, &no_more};
    struct sql_text sql;
    struct group group = {.query = query,
                          .values = ARENA_ARRAY(tx->arena, double, query->aggregation_count + 1)};
    group.point.values = group.values;
    for (size_t i = 0; i < query->aggregation_count; i++)
        group.keeps_numbers = group.keeps_numbers || query->aggregations[i].type == STATISTICS_PERCENTILE;
    if (query->interval_ms && (!query->start_time || !query->end_time))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "start_time_ms and end_time_ms are required if time_interval_seconds is set");
    sql_text_init(&sql, tx->arena);
    const struct metric *metric = find_metric(tx, query);
    if (!metric || check_types(tx, query, metric) != OK ||
        check_dimensions(tx, query, metric, dimensions) != OK ||
        compile(tx, query, metric, dimensions, &sql) != OK)
        return FAILED;
    return read_groups(tx, sql_text_query(&sql, tx->db), &group, limit, visit, context);
}
