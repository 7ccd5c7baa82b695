#include <stdlib.h>

#include <json-c/json.h>

#include "common/jobs/scorer.h"
#include "common/store/list.h"
#include "common/store/traces.h"
#include "fcgi-bin/job_catalogue.h"
#include "fcgi-bin/tracking/tracking.h"

#define JOB_NAME         "invoke_scorer"
#define SESSION_METADATA "mlflow.trace.session"

struct invoke_in {
    struct sv experiment_id;
    struct sv serialized_scorer;
    struct list trace_ids;
    struct opt_bool log_assessments;
};

static const struct field invoke_fields[] = {
    FIELD(struct invoke_in, experiment_id, ID),
    FIELD(struct invoke_in, serialized_scorer, STRING),
    FIELD(struct invoke_in, trace_ids, STRINGS),
    FIELD(struct invoke_in, log_assessments, BOOL),
    FIELDS_END,
};

static enum status check_input(struct request *request, const struct invoke_in *in)
{
    const char *missing = NULL;
    if (!in->experiment_id.len)
        missing = "experiment_id";
    else if (!in->serialized_scorer.len)
        missing = "serialized_scorer";
    else if (!in->trace_ids.count)
        missing = "trace_ids";
    return missing ? fail(request, INVALID_PARAMETER_VALUE, "Missing required parameter: %s", missing) : OK;
}

/* --- Batches --- */

/* The traces of one job. */
struct batch {
    const struct sv *trace_ids;
    size_t count;
    struct sv job_id;
};

static void make_chunks(struct request *request, const struct invoke_in *in, struct row_list *batches)
{
    size_t size = (size_t)request_service(request)->settings->scorer_invoke_batch_size;
    const struct sv *ids = in->trace_ids.items;
    for (size_t at = 0; at < in->trace_ids.count; at += size) {
        size_t left = in->trace_ids.count - at;
        *ROW_LIST_ADD(batches, request->arena, struct batch) =
            (struct batch){.trace_ids = ids + at, .count = left < size ? left : size};
    }
}

struct session_trace {
    struct sv session;
    struct sv trace_id;
    int64_t time_ms;
    size_t session_place, place; /* of the session's first trace, and of this one, in the request */
};

/* By session as they come, then by time. */
static int compare_traces(const void *a, const void *b)
{
    const struct session_trace *left = a, *right = b;
    if (left->session_place != right->session_place)
        return left->session_place < right->session_place ? -1 : 1;
    if (left->time_ms != right->time_ms)
        return left->time_ms < right->time_ms ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

static int compare_sessions(const void *a, const void *b)
{
    const struct session_trace *left = a, *right = b;
    int order = sv_compare(left->session, right->session);
    return order ? order : (left->place < right->place ? -1 : left->place > right->place);
}

/* What is there and belongs to a session. */
static enum status find_sessions(struct request *request, const struct invoke_in *in,
                                 struct session_trace *traces, size_t *count)
{
    const struct sv *ids = in->trace_ids.items;
    struct store_tx *tx = request_tx(request);
    *count = 0;
    for (size_t i = 0; i < in->trace_ids.count; i++) {
        struct trace_info info;
        struct sv session;
        if (trace_look_up(tx, ids[i], &info) != OK)
            return FAILED;
        if (!info.id)
            continue;
        if (trace_get_metadata(tx, &info, SV(SESSION_METADATA), &session) != OK)
            return FAILED;
        if (session.len)
            traces[(*count)++] = (struct session_trace){
                .session = session, .trace_id = ids[i], .time_ms = info.request_time, .place = i};
    }
    return OK;
}

static void order_by_session(struct session_trace *traces, size_t count)
{
    if (count)
        qsort(traces, count, sizeof(*traces), compare_sessions);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && sv_equal(traces[i].session, traces[i - 1].session);
        traces[i].session_place = same ? traces[i - 1].session_place : traces[i].place;
    }
    if (count)
        qsort(traces, count, sizeof(*traces), compare_traces);
}

static enum status make_sessions(struct request *request, const struct invoke_in *in,
                                 struct row_list *batches)
{
    struct session_trace *traces = ARENA_ARRAY(request->arena, struct session_trace, in->trace_ids.count);
    struct sv *ids = ARENA_ARRAY(request->arena, struct sv, in->trace_ids.count);
    size_t count;
    if (request_begin(request, ACCESS_READ) != OK || find_sessions(request, in, traces, &count) != OK ||
        request_commit(request) != OK)
        return FAILED;
    order_by_session(traces, count);
    struct batch *batch = NULL;
    for (size_t i = 0; i < count; i++) {
        ids[i] = traces[i].trace_id;
        if (i == 0 || traces[i].session_place != traces[i - 1].session_place) {
            batch = ROW_LIST_ADD(batches, request->arena, struct batch);
            batch->trace_ids = &ids[i];
        }
        batch->count++;
    }
    return OK;
}

/* --- Jobs --- */

static struct json_object *new_string(struct sv text)
{
    return json_object_new_string_len(text.data, sv_printf_length(text));
}

static struct json_object *make_params(const struct invoke_in *in, const struct batch *batch)
{
    struct json_object *params = json_object_new_object(), *ids = json_object_new_array();
    for (size_t i = 0; i < batch->count; i++)
        json_object_array_add(ids, new_string(batch->trace_ids[i]));
    json_object_object_add(params, "experiment_id", new_string(in->experiment_id));
    json_object_object_add(params, "serialized_scorer", new_string(in->serialized_scorer));
    json_object_object_add(params, "trace_ids", ids);
    json_object_object_add(params, "log_assessments", json_object_new_boolean(in->log_assessments.value));
    return params;
}

static enum status submit_batches(struct request *request, const struct invoke_in *in, struct batch *batches,
                                  size_t count)
{
    if (request_begin(request, ACCESS_WRITE) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        struct job job;
        struct json_object *params = make_params(in, &batches[i]);
        enum status status = jobs_submit(request, SV(JOB_NAME), params, -1, &job);
        json_object_put(params);
        if (status != OK)
            return FAILED;
        batches[i].job_id = job.job_id;
    }
    return request_commit(request);
}

static enum status invoke_scorer(struct request *request, const void *input)
{
    const struct invoke_in *in = input;
    struct row_list list = {0};
    bool session_level = false;
    if (check_input(request, in) != OK ||
        job_scorer_check(in->serialized_scorer, request->arena, &request->error, &session_level) != OK)
        return FAILED;
    if (!session_level)
        make_chunks(request, in, &list);
    else if (make_sessions(request, in, &list) != OK)
        return FAILED;
    struct batch *batches = list.items;
    if (list.count) {
        if (submit_batches(request, in, batches, list.count) != OK)
            return FAILED;
        jobs_signal();
    }
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "jobs");
    json_begin_array(json);
    for (size_t i = 0; i < list.count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "job_id", batches[i].job_id);
        json_key(json, "trace_ids");
        json_begin_array(json);
        for (size_t n = 0; n < batches[i].count; n++)
            json_put_string(json, batches[i].trace_ids[n]);
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return OK;
}

const struct operation scorer_job_operations[] = {
    {
        .name = "invokeScorer",
        .area = "scorers",
        .method = METHOD_POST,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/scorer/invoke",
        .handler = invoke_scorer,
        .access = ACCESS_NONE,
        .needs = NEEDS_IF(EXPERIMENT, EDIT, "experiment_id"),
        .also = ALSO(NEEDS_IF(TRACE, EDIT, "trace_ids"), NEEDS_IF(SCORER_MODEL, USE, "serialized_scorer")),
        .input = INPUT(struct invoke_in, invoke_fields),
    },
    {.path = NULL},
};
