#ifndef TRACKLIGHT_STORE_TRACE_STATISTICS_H
#define TRACKLIGHT_STORE_TRACE_STATISTICS_H

#include "common/store/permissions.h"
#include "common/store/traces.h"

/* Numbers over many traces, their spans or their assessments: counts, sums, averages and percentiles, by
 * dimensions and by time. */

/* Numbered as in MLflow's API, and so are the aggregations. */
enum statistics_view { STATISTICS_TRACES = 1, STATISTICS_SPANS = 2, STATISTICS_ASSESSMENTS = 3 };
enum statistics_type {
    STATISTICS_COUNT = 1,
    STATISTICS_SUM = 2,
    STATISTICS_AVG = 3,
    STATISTICS_PERCENTILE = 4,
};

struct statistics_aggregation {
    enum statistics_type type;
    double percentile; /* 0 to 100; of STATISTICS_PERCENTILE */
};

#define STATISTICS_DIMENSIONS_MAX   3
#define STATISTICS_AGGREGATIONS_MAX 64
#define STATISTICS_FILTERS_MAX      64

struct statistics_query {
    enum statistics_view view;
    struct sv metric_name;
    const struct sv *experiment_ids; /* as the client wrote them; none: all experiments */
    size_t experiment_count;
    const struct permission_filter *readable;          /* experiments that may be shown; NULL: all */
    const struct statistics_aggregation *aggregations; /* checked but for whether the metric has them */
    size_t aggregation_count;
    const struct sv *dimensions;
    size_t dimension_count;
    const struct sv *filters; /* "trace.status = 'OK'": one clause each */
    size_t filter_count;
    int64_t interval_ms; /* 0: not by time */
    int64_t start_time;  /* milliseconds, both inclusive, of the trace's start; 0: no bound */
    int64_t end_time;
};

struct statistics_point {
    bool has_bucket;
    int64_t bucket;                                  /* milliseconds since 1970 UTC */
    struct sv dimensions[STATISTICS_DIMENSIONS_MAX]; /* in the order of the query */
    const double *values;                            /* of each aggregation */
};

/* Visits the points in their order, at most `limit`; a point lives until the next one.
 * INVALID_PARAMETER_VALUE in MLflow's words for what the metric has not. */
typedef void statistics_visitor(void *context, const struct statistics_point *point);
enum status trace_statistics(struct store_tx *tx, const struct statistics_query *query, int64_t limit,
                             statistics_visitor *visit, void *context);

struct sql_text;

/* Adds the condition that a filter stands for, over the tables t (traces), c (span_classes) or a
 * (assessments) and an (their names). */
enum status statistics_add_filter(struct store_tx *tx, enum statistics_view view, struct sv filter,
                                  struct sql_text *sql);

#endif
