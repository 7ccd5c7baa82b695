#include "common/store/trace_statistics.h"

#include <time.h>

#include "common/store/text.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/traces.h"

#define DEFAULT_RESULTS 1000
#define INTERVAL_MAX_S  (100LL * 366 * 24 * 3600)

struct aggregation_in {
    struct opt_int64 aggregation_type;
    struct opt_double percentile_value;
};

static const struct enum_name aggregation_types[] = {
    {"COUNT", STATISTICS_COUNT},
    {"SUM", STATISTICS_SUM},
    {"AVG", STATISTICS_AVG},
    {"PERCENTILE", STATISTICS_PERCENTILE},
    {NULL, 0},
};

static const struct field aggregation_fields[] = {
    FIELD(struct aggregation_in, aggregation_type, ENUM, .required = true, .enums = aggregation_types),
    FIELD(struct aggregation_in, percentile_value, DOUBLE),
    FIELDS_END,
};

struct metrics_in {
    struct list experiment_ids;
    struct opt_int64 view_type;
    struct sv metric_name;
    struct list aggregations;
    struct list dimensions;
    struct list filters;
    struct opt_int64 time_interval_seconds;
    struct opt_int64 start_time_ms;
    struct opt_int64 end_time_ms;
    struct opt_int64 max_results;
};

static const struct enum_name view_names[] = {
    {"TRACES", STATISTICS_TRACES},
    {"SPANS", STATISTICS_SPANS},
    {"ASSESSMENTS", STATISTICS_ASSESSMENTS},
    {NULL, 0},
};

static const struct field metrics_fields[] = {
    FIELD(struct metrics_in, experiment_ids, IDS, .required = true),
    FIELD(struct metrics_in, view_type, ENUM, .required = true, .enums = view_names),
    FIELD(struct metrics_in, metric_name, STRING, .required = true),
    FIELD(struct metrics_in, aggregations, OBJECTS, .required = true, .fields = aggregation_fields,
          .size = sizeof(struct aggregation_in)),
    FIELD(struct metrics_in, dimensions, STRINGS),
    FIELD(struct metrics_in, filters, STRINGS),
    FIELD(struct metrics_in, time_interval_seconds, INT64),
    FIELD(struct metrics_in, start_time_ms, INT64),
    FIELD(struct metrics_in, end_time_ms, INT64),
    FIELD(struct metrics_in, max_results, INT32),
    FIELDS_END,
};

static enum status take_aggregations(struct request *request, const struct list *given,
                                     struct statistics_query *query)
{
    const struct aggregation_in *items = given->items;
    if (!given->count)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Missing value for required parameter 'aggregations'." API_DOCS_TAIL);
    if (given->count > STATISTICS_AGGREGATIONS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE, "At most %d aggregations may be asked for at once.",
                    STATISTICS_AGGREGATIONS_MAX);
    struct statistics_aggregation *taken =
        ARENA_ARRAY(request->arena, struct statistics_aggregation, given->count);
    for (size_t i = 0; i < given->count; i++) {
        bool is_percentile = items[i].aggregation_type.value == STATISTICS_PERCENTILE;
        double percentile = items[i].percentile_value.value;
        if (is_percentile != items[i].percentile_value.set)
            return fail(
                request, INVALID_PARAMETER_VALUE,
                "aggregations[%zu].percentile_value goes with aggregation_type PERCENTILE, and only with it.",
                i);
        if (is_percentile && !(percentile >= 0 && percentile <= 100))
            return fail(request, INVALID_PARAMETER_VALUE,
                        "aggregations[%zu].percentile_value must be between 0 and 100.", i);
        taken[i] = (struct statistics_aggregation){
            .type = (enum statistics_type)items[i].aggregation_type.value, .percentile = percentile};
    }
    query->aggregations = taken;
    query->aggregation_count = given->count;
    return OK;
}

static enum status take_times(struct request *request, const struct metrics_in *in,
                              struct statistics_query *query)
{
    int64_t seconds = in->time_interval_seconds.value;
    if (seconds < 0 || seconds > INTERVAL_MAX_S)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "time_interval_seconds must be between 0 and %lld, got %lld", INTERVAL_MAX_S,
                    (long long)seconds);
    query->interval_ms = seconds * 1000;
    query->start_time = in->start_time_ms.value;
    query->end_time = in->end_time_ms.value;
    return OK;
}

/* --- Output --- */

struct output {
    struct request *request;
    const struct statistics_query *query;
    struct json_writer *json;
    bool any;
};

static void put_bucket(struct json_writer *json, int64_t ms)
{
    char text[40];
    struct tm broken;
    time_t seconds = ms / 1000;
    if (gmtime_r(&seconds, &broken) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &broken))
        json_put_string_field(json, "time_bucket", sv_from(text));
}

/* One name for each value. */
static bool came_before(const struct statistics_query *query, size_t place)
{
    const struct statistics_aggregation *all = query->aggregations;
    for (size_t i = 0; i < place; i++)
        if (all[i].type == all[place].type && all[i].percentile == all[place].percentile)
            return true;
    return false;
}

static void put_values(const struct output *out, const struct statistics_point *point)
{
    json_key(out->json, "values");
    json_begin_object(out->json);
    for (size_t i = 0; i < out->query->aggregation_count; i++) {
        const struct statistics_aggregation *aggregation = &out->query->aggregations[i];
        struct sv label = SV_ABSENT;
        if (came_before(out->query, i))
            continue;
        for (const struct enum_name *name = aggregation_types; name->name; name++)
            if (name->value == (int64_t)aggregation->type)
                label = sv_from(name->name);
        if (aggregation->type == STATISTICS_PERCENTILE)
            label = arena_printf(out->request->arena, "P%.*s",
                                 SV_ARG(text_double(out->request->arena, aggregation->percentile)));
        json_key_sv(out->json, label);
        json_put_double(out->json, point->values[i]);
    }
    json_end_object(out->json);
}

static void put_point(void *context, const struct statistics_point *point)
{
    struct output *out = context;
    struct json_writer *json = out->json;
    if (!out->any) {
        json_key(json, "data_points");
        json_begin_array(json);
    }
    out->any = true;
    json_begin_object(json);
    json_put_string_field(json, "metric_name", out->query->metric_name);
    if (point->has_bucket || out->query->dimension_count) {
        json_key(json, "dimensions");
        json_begin_object(json);
        if (point->has_bucket)
            put_bucket(json, point->bucket);
        for (size_t i = 0; i < out->query->dimension_count; i++) {
            json_key_sv(json, out->query->dimensions[i]);
            json_put_string(json, point->dimensions[i]);
        }
        json_end_object(json);
    }
    put_values(out, point);
    json_end_object(json);
}

static enum status query_trace_metrics(struct request *request, const void *input)
{
    const struct metrics_in *in = input;
    struct statistics_query query = {
        .view = (enum statistics_view)in->view_type.value,
        .metric_name = in->metric_name,
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .dimensions = in->dimensions.items,
        .dimension_count = in->dimensions.count,
        .filters = in->filters.items,
        .filter_count = in->filters.count,
    };
    struct output out = {.request = request, .query = &query};
    int64_t limit;
    if (take_max_results(request, in->max_results, DEFAULT_RESULTS, &limit) != OK ||
        take_aggregations(request, &in->aggregations, &query) != OK ||
        permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &query.readable) != OK ||
        take_times(request, in, &query) != OK)
        return FAILED;
    if (query.filter_count > STATISTICS_FILTERS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE, "At most %d filters may be given.",
                    STATISTICS_FILTERS_MAX);
    out.json = reply_json(request);
    json_begin_object(out.json);
    if (trace_statistics(request_tx(request), &query, limit, put_point, &out) != OK)
        return FAILED;
    if (out.any)
        json_end_array(out.json);
    json_end_object(out.json);
    return OK;
}

const struct operation trace_statistics_operations[] = {
    {
        .name = "queryTraceMetrics",
        .area = "traces",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/traces/metrics",
        .handler = query_trace_metrics,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct metrics_in, metrics_fields),
    },
    {.path = NULL},
};
