#include "common/store/trace_search.h"

#include <math.h>

#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/traces.h"

/* Searching traces, by API 3.0 and 2.0, and what two searches have in common. */

typedef void put_trace(struct request *request, struct json_writer *json, const struct trace *trace);

/* Writes the traces one by one and keeps none. One that vanished since the search is left out. */
static enum status put_page(struct request *request, struct json_writer *json, const struct trace_page *page,
                            put_trace *put)
{
    bool any = false;
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct trace trace;
        if (trace_load(request_tx(request), page->ids[i], &trace) == OK) {
            if (!any) {
                json_key(json, "traces");
                json_begin_array(json);
            }
            any = true;
            put(request, json, &trace);
        } else if (request->error.code != RESOURCE_DOES_NOT_EXIST) {
            return FAILED;
        }
        error_clear(&request->error);
        arena_rewind(request->arena, mark);
        if (reply_drain(request, false) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    return OK;
}

static enum status reply_search(struct request *request, struct trace_search *search,
                                struct opt_int64 max_results, put_trace *put)
{
    struct trace_page page = {0};
    if (take_max_results(request, max_results, TRACE_SEARCH_RESULTS_DEFAULT, &search->max_results) != OK)
        return FAILED;
    if (search->max_results > TRACE_SEARCH_RESULTS_MAX)
        return fail_max_results(request, search->max_results);
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search->readable) != OK ||
        trace_search(request_tx(request), search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page, put) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

/* --- API 3.0 --- */

struct experiment_location_in {
    struct sv experiment_id;
};

static const struct field experiment_location_fields[] = {
    FIELD(struct experiment_location_in, experiment_id, ID),
    FIELDS_END,
};

struct location_in {
    struct opt_object mlflow_experiment;
};

static const struct field location_fields[] = {
    FIELD(struct location_in, mlflow_experiment, OBJECT, .fields = experiment_location_fields,
          .size = sizeof(struct experiment_location_in)),
    FIELDS_END,
};

struct search_3_in {
    struct list locations;
    struct sv filter;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};

static const struct field search_3_fields[] = {
    FIELD(struct search_3_in, locations, OBJECTS, .required = true, .fields = location_fields,
          .size = sizeof(struct location_in)),
    FIELD(struct search_3_in, filter, STRING),
    FIELD(struct search_3_in, max_results, INT32),
    FIELD(struct search_3_in, order_by, STRINGS),
    FIELD(struct search_3_in, page_token, STRING),
    FIELDS_END,
};

/* Places that are no experiments hold no traces of ours. */
static void take_experiments(struct request *request, const struct list *locations,
                             struct trace_search *search)
{
    const struct location_in *items = locations->items;
    struct sv *ids = ARENA_ARRAY(request->arena, struct sv, locations->count);
    for (size_t i = 0; i < locations->count; i++) {
        const struct experiment_location_in *place = items[i].mlflow_experiment.value;
        if (place && place->experiment_id.data)
            ids[search->experiment_count++] = place->experiment_id;
    }
    search->experiment_ids = ids;
}

static enum status search_traces_3(struct request *request, const void *input)
{
    const struct search_3_in *in = input;
    struct trace_search search = {
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .page_token = in->page_token,
    };
    take_experiments(request, &in->locations, &search);
    return reply_search(request, &search, in->max_results, put_trace_info);
}

/* --- API 2.0 --- */

struct search_2_in {
    struct list experiment_ids;
    struct sv filter;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};

static const struct field search_2_fields[] = {
    FIELD(struct search_2_in, experiment_ids, IDS, .required = true),
    FIELD(struct search_2_in, filter, STRING),
    FIELD(struct search_2_in, max_results, INT32),
    FIELD(struct search_2_in, order_by, STRINGS),
    FIELD(struct search_2_in, page_token, STRING),
    FIELDS_END,
};

static enum status search_traces_2(struct request *request, const void *input)
{
    const struct search_2_in *in = input;
    struct trace_search search = {
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .page_token = in->page_token,
    };
    return reply_search(request, &search, in->max_results, put_trace_info_2);
}

/* --- Correlation --- */

struct correlation_in {
    struct list experiment_ids;
    struct sv filter_string1;
    struct sv filter_string2;
    struct sv base_filter;
};

static const struct field correlation_fields[] = {
    FIELD(struct correlation_in, experiment_ids, IDS, .required = true),
    FIELD(struct correlation_in, filter_string1, STRING, .required = true),
    FIELD(struct correlation_in, filter_string2, STRING, .required = true),
    FIELD(struct correlation_in, base_filter, STRING),
    FIELDS_END,
};

static enum status correlate_filters(struct request *request, const void *input)
{
    const struct correlation_in *in = input;
    struct trace_correlation_search search = {
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .filters = {in->filter_string1, in->filter_string2},
        .base_filter = in->base_filter,
    };
    struct trace_correlation found;
    if (in->experiment_ids.count == 0)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Missing value for required parameter 'experiment_ids'." API_DOCS_TAIL);
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search.readable) != OK ||
        trace_correlate(request_tx(request), &search, &found) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (!isnan(found.npmi)) {
        json_key(json, "npmi");
        json_put_double(json, found.npmi);
        json_key(json, "npmi_smoothed");
        json_put_double(json, found.npmi_smoothed);
    }
    json_put_int_field(json, "filter1_count", found.filter_counts[0]);
    json_put_int_field(json, "filter2_count", found.filter_counts[1]);
    json_put_int_field(json, "joint_count", found.joint_count);
    json_put_int_field(json, "total_count", found.total_count);
    json_end_object(json);
    return OK;
}

const struct operation trace_search_operations[] = {
    {
        .name = "searchTracesV3",
        .area = "traces",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/traces/search",
        .handler = search_traces_3,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_3_in, search_3_fields),
    },
    {
        .name = "searchTraces",
        .area = "traces",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/traces",
        .handler = search_traces_2,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_2_in, search_2_fields),
    },
    {
        .name = "calculateTraceFilterCorrelation",
        .area = "traces",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/traces/calculate-filter-correlation",
        .handler = correlate_filters,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct correlation_in, correlation_fields),
    },
    {.path = NULL},
};
