#include "common/store/metrics.h"

#include <stdlib.h>

#include "common/store/limits.h"
#include "fcgi-bin/tracking/tracking.h"

/* Points that are read at a time: what a history of any length takes of memory. */
#define HISTORY_PAGE 5000

static void put_point(struct json_writer *json, struct sv key, struct sv run_id,
                      const struct metric_point *point)
{
    json_begin_object(json);
    json_put_string_field(json, "key", key);
    json_put_double_field(json, "value", point->value);
    json_put_int_field(json, "timestamp", point->timestamp);
    json_put_int_field(json, "step", point->step);
    json_put_string_field_if_set(json, "run_id", run_id);
    json_end_object(json);
}

/* --- get-history --- */

struct history_in {
    struct sv run_id;
    struct sv metric_key;
    struct opt_int64 max_results;
    struct sv page_token;
};

static const struct field history_fields[] = {
    FIELD(struct history_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct history_in, metric_key, STRING, .required = true),
    FIELD(struct history_in, max_results, INT32),
    FIELD(struct history_in, page_token, STRING),
    FIELDS_END,
};

/* Writes up to `wanted` points from the cursor on; *more tells whether there are further ones. */
static enum status put_history(struct request *request, struct json_writer *json, const struct history_in *in,
                               int64_t wanted, struct history_cursor *cursor, bool *more)
{
    struct metric_point *points = ARENA_ARRAY(request->arena, struct metric_point, HISTORY_PAGE);
    bool any = false;
    int64_t written = 0;
    *more = false;
    for (;;) {
        struct history_cursor before = *cursor;
        size_t count;
        if (metric_history(request_tx(request), in->run_id, in->metric_key, cursor, points, HISTORY_PAGE,
                           &count) != OK)
            return FAILED;
        bool is_last = count < HISTORY_PAGE;
        if ((int64_t)count > wanted - written) {
            count = (size_t)(wanted - written);
            *more = is_last = true;
            *cursor = before;
            if (count)
                history_cursor_move(cursor, &points[count - 1], count);
        }
        for (size_t i = 0; i < count; i++) {
            if (!any) {
                json_key(json, "metrics");
                json_begin_array(json);
            }
            any = true;
            put_point(json, in->metric_key, SV_ABSENT, &points[i]);
        }
        written += (int64_t)count;
        if (is_last)
            break;
        if (reply_drain(request, false) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    return OK;
}

static enum status get_metric_history(struct request *request, const void *input)
{
    const struct history_in *in = input;
    struct history_cursor cursor;
    int64_t wanted;
    bool more;
    if (take_max_results(request, in->max_results, INT64_MAX, &wanted) != OK ||
        history_cursor_parse(request_tx(request), in->run_id, in->metric_key, in->page_token, &cursor) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_history(request, json, in, wanted, &cursor, &more) != OK)
        return FAILED;
    if (more) {
        struct sv token = history_cursor_token(request->arena, in->run_id, in->metric_key, &cursor);
        json_put_string_field(json, "next_page_token", token);
    }
    json_end_object(json);
    return OK;
}

/* --- get-history-bulk --- */

struct bulk_in {
    struct list run_id;
    struct sv metric_key;
    struct opt_int64 max_results;
};

static const struct field bulk_fields[] = {
    FIELD(struct bulk_in, run_id, STRINGS),
    FIELD(struct bulk_in, metric_key, STRING),
    FIELD(struct bulk_in, max_results, INT32),
    FIELDS_END,
};

static int compare_texts(const void *left, const void *right)
{
    return sv_compare(*(const struct sv *)left, *(const struct sv *)right);
}

static enum status put_bulk(struct request *request, struct json_writer *json, const struct bulk_in *in,
                            size_t limit)
{
    struct sv *run_ids = in->run_id.items;
    struct metric_point *points = ARENA_ARRAY(request->arena, struct metric_point, limit);
    qsort(run_ids, in->run_id.count, sizeof(struct sv), compare_texts);
    for (size_t i = 0; i < in->run_id.count && limit > 0; i++) {
        if (i && sv_equal(run_ids[i], run_ids[i - 1]))
            continue;
        struct history_cursor cursor = {0};
        size_t count;
        if (metric_history(request_tx(request), run_ids[i], in->metric_key, &cursor, points, limit, &count) !=
            OK)
            return FAILED;
        for (size_t k = 0; k < count; k++)
            put_point(json, in->metric_key, run_ids[i], &points[k]);
        limit -= count;
    }
    return OK;
}

static enum status get_metric_history_bulk(struct request *request, const void *input)
{
    const struct bulk_in *in = input;
    int64_t limit;
    if (in->run_id.count == 0)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "GetMetricHistoryBulk request must specify at least one run_id.");
    if (in->run_id.count > BULK_HISTORY_RUNS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "GetMetricHistoryBulk request cannot specify more than %d run_ids. Received %zu run_ids.",
                    BULK_HISTORY_RUNS_MAX, in->run_id.count);
    if (in->metric_key.len == 0)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "GetMetricHistoryBulk request must specify a metric_key.");
    if (take_max_results(request, in->max_results, BULK_HISTORY_POINTS_MAX, &limit) != OK)
        return FAILED;
    if (limit > BULK_HISTORY_POINTS_MAX)
        limit = BULK_HISTORY_POINTS_MAX;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "metrics");
    json_begin_array(json);
    if (put_bulk(request, json, in, (size_t)limit) != OK)
        return FAILED;
    json_end_array(json);
    json_end_object(json);
    return OK;
}

/* --- get-history-bulk-interval --- */

struct interval_in {
    struct list run_ids;
    struct sv metric_key;
    struct opt_int64 start_step;
    struct opt_int64 end_step;
    struct opt_int64 max_results;
};

static const struct field interval_fields[] = {
    FIELD(struct interval_in, run_ids, STRINGS, .required = true),
    FIELD(struct interval_in, metric_key, STRING, .required = true),
    FIELD(struct interval_in, start_step, INT32),
    FIELD(struct interval_in, end_step, INT32),
    FIELD(struct interval_in, max_results, INT32),
    FIELDS_END,
};

enum status check_interval(struct request *request, size_t run_count, struct opt_int64 start_step,
                           struct opt_int64 end_step, struct opt_int64 max_results)
{
    if (run_count > BULK_INTERVAL_RUNS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "GetMetricHistoryBulkInterval request must specify at most %d run_ids. Received %zu "
                    "run_ids." API_DOCS_TAIL,
                    BULK_INTERVAL_RUNS_MAX, run_count);
    if (max_results.set && (max_results.value < 1 || max_results.value > BULK_INTERVAL_RESULTS_MAX))
        return fail(request, INVALID_PARAMETER_VALUE, "max_results must be between 1 and %d." API_DOCS_TAIL,
                    BULK_INTERVAL_RESULTS_MAX);
    if (start_step.set != end_step.set)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "If either start step or end step are specified, both must be specified.");
    if (start_step.set && start_step.value > end_step.value)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "end_step must be greater than start_step. Found start_step=%lld and end_step=%lld.",
                    (long long)start_step.value, (long long)end_step.value);
    return OK;
}

static enum status put_samples(struct request *request, struct json_writer *json,
                               const struct metric_sample *sample)
{
    int64_t *steps;
    size_t step_count;
    bool any = false;
    if (metric_sample_steps(request_tx(request), sample, &steps, &step_count) != OK)
        return FAILED;
    for (size_t i = 0; i < sample->run_count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct metric_point *points;
        size_t count;
        if (metric_points_at(request_tx(request), sample->run_ids[i], sample->key, steps, step_count,
                             BULK_HISTORY_POINTS_MAX, &points, &count) != OK)
            return FAILED;
        for (size_t k = 0; k < count; k++) {
            if (!any) {
                json_key(json, "metrics");
                json_begin_array(json);
            }
            any = true;
            put_point(json, sample->key, sample->run_ids[i], &points[k]);
        }
        arena_rewind(request->arena, mark);
        if (reply_drain(request, false) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    return OK;
}

static enum status get_metric_history_bulk_interval(struct request *request, const void *input)
{
    const struct interval_in *in = input;
    if (check_interval(request, in->run_ids.count, in->start_step, in->end_step, in->max_results) != OK)
        return FAILED;
    struct metric_sample sample = {
        .run_ids = in->run_ids.items,
        .run_count = in->run_ids.count,
        .key = in->metric_key,
        .has_range = in->start_step.set,
        .start_step = in->start_step.value,
        .end_step = in->end_step.value,
        .max_results = (size_t)(in->max_results.set ? in->max_results.value : BULK_INTERVAL_RESULTS_MAX),
    };
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_samples(request, json, &sample) != OK)
        return FAILED;
    json_end_object(json);
    return OK;
}

const struct operation metric_operations[] = {
    {
        .name = "getMetricHistory",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/metrics/get-history",
        .handler = get_metric_history,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(RUN, READ),
        .input = INPUT(struct history_in, history_fields),
    },
    {
        .name = "getMetricHistoryBulk",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/metrics/get-history-bulk",
        .handler = get_metric_history_bulk,
        .access = ACCESS_READ,
        .needs = NEEDS(RUN, READ),
        .input = INPUT(struct bulk_in, bulk_fields),
    },
    {
        .name = "getMetricHistoryBulkInterval",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/metrics/get-history-bulk-interval",
        .handler = get_metric_history_bulk_interval,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(RUN, READ),
        .input = INPUT(struct interval_in, interval_fields),
    },
    {.path = NULL},
};
