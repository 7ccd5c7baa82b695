#include <json-c/json.h>
#include <time.h>

#include "common/http/input_value.h"
#include "common/json/json_read.h"
#include "common/store/spans.h"
#include "common/trace/span_proto.h"
#include "fcgi-bin/tracking/traces.h"

/* Whole traces, with their spans. */

#define SPAN_PAGE 10000

/* A client asks for a trace while the last of its spans are still on their way. */
#define WAITS 3
static const long wait_ms[WAITS] = {50, 100, 200};

/* --- Whether all spans are there --- */

/* How many spans the client says that there are; 0 if it does not say. */
static int64_t announced_spans(struct arena *arena, struct sv size_stats)
{
    struct json_object *stats = NULL;
    struct sv problem;
    if (!size_stats.len || json_parse(arena, size_stats, &stats, &problem) != JSON_OK)
        return 0;
    int64_t count = 0;
    if (json_object_is_type(stats, json_type_object))
        count = json_object_get_int64(json_object_object_get(stats, "num_spans"));
    json_object_put(stats);
    return count;
}

struct stored_trace {
    int64_t id;     /* the store's own; 0: there is no such trace */
    bool has_spans; /* the store is where its spans go */
    bool is_complete;
};

static enum status look_up(struct request *request, struct sv trace_id, struct stored_trace *trace)
{
    struct store_tx *tx = request_tx(request);
    struct trace_info info;
    struct sv location, size_stats;
    int64_t count = 0;
    *trace = (struct stored_trace){0};
    if (trace_look_up(tx, trace_id, &info) != OK)
        return FAILED;
    if (!info.id)
        return OK;
    if (trace_get_tag(tx, &info, SV(TRACE_TAG_SPANS_LOCATION), &location) != OK ||
        trace_get_metadata(tx, &info, SV(TRACE_METADATA_SIZE_STATS), &size_stats) != OK ||
        span_count(tx, info.id, &count) != OK)
        return FAILED;
    trace->id = info.id;
    trace->has_spans = count > 0 || sv_equal(location, SV(TRACE_SPANS_IN_STORE));
    trace->is_complete = announced_spans(request->arena, size_stats) <= count;
    return OK;
}

/* --- Output --- */

static enum status put_span(struct request *request, struct json_writer *json, int64_t trace,
                            const struct span_place *place, bool *any)
{
    struct arena_mark mark = arena_mark(request->arena);
    struct sv content;
    if (span_content_load(request_tx(request), trace, place->span_id, &content) != OK)
        return FAILED;
    if (content.data) {
        if (!*any) {
            json_key(json, "spans");
            json_begin_array(json);
        }
        *any = true;
        json_put_raw(json, SV(""));
        if (!span_put_proto(&request->reply.body, request->arena, content))
            return error_internal(&request->error, request->arena, "the span %s cannot be read",
                                  place->span_id);
    }
    arena_rewind(request->arena, mark);
    return OK;
}

/* Spans that come while the reply is on its way may or may not be in it. */
static enum status put_spans(struct request *request, struct json_writer *json, int64_t trace,
                             struct span_place *places)
{
    struct span_place last;
    size_t count;
    bool any = false;
    for (const struct span_place *after = NULL;; after = &last) {
        if (span_page(request_tx(request), trace, after, places, SPAN_PAGE, &count) != OK)
            return FAILED;
        for (size_t i = 0; i < count; i++) {
            if (put_span(request, json, trace, &places[i], &any) != OK || reply_drain(request, false) != OK)
                return FAILED;
        }
        if (count < SPAN_PAGE)
            break;
        last = places[count - 1];
    }
    if (any)
        json_end_array(json);
    return OK;
}

/* {"trace_info": …, "spans": […]} */
static enum status put_trace(struct request *request, struct json_writer *json, int64_t id,
                             struct span_place *places)
{
    struct arena_mark mark = arena_mark(request->arena);
    struct trace trace;
    if (trace_load(request_tx(request), id, &trace) != OK)
        return FAILED;
    json_begin_object(json);
    json_key(json, "trace_info");
    put_trace_info(request, json, &trace);
    arena_rewind(request->arena, mark);
    if (put_spans(request, json, id, places) != OK)
        return FAILED;
    json_end_object(json);
    return OK;
}

static struct span_place *new_page(struct request *request)
{
    return ARENA_ARRAY(request->arena, struct span_place, SPAN_PAGE);
}

/* --- One trace --- */

struct get_in {
    struct sv trace_id;
    struct opt_bool allow_partial;
};

static const struct field get_fields[] = {
    FIELD(struct get_in, trace_id, STRING, .required = true),
    FIELD(struct get_in, allow_partial, BOOL),
    FIELDS_END,
};

/* Without a transaction, which would hold up checkpoints. */
static enum status wait_a_little(struct request *request, long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    if (request_commit(request) != OK)
        return FAILED;
    nanosleep(&pause, NULL);
    return request_begin(request, ACCESS_STREAM_READ);
}

static enum status find(struct request *request, const struct get_in *in, struct stored_trace *trace)
{
    struct sv shown = input_excerpt(in->trace_id);
    for (size_t i = 0;; i++) {
        if (look_up(request, in->trace_id, trace) != OK)
            return FAILED;
        if (!trace->id)
            return fail(request, RESOURCE_DOES_NOT_EXIST, "Trace with ID %.*s is not found.", SV_ARG(shown));
        if (!trace->has_spans)
            return fail(request, RESOURCE_DOES_NOT_EXIST, "Trace data not stored in tracking store");
        if (trace->is_complete || in->allow_partial.value)
            return OK;
        if (i == WAITS)
            return fail(request, RESOURCE_DOES_NOT_EXIST,
                        "Trace with ID %.*s is not fully exported yet, please try again later.",
                        SV_ARG(shown));
        if (wait_a_little(request, wait_ms[i]) != OK)
            return FAILED;
    }
}

static enum status get_trace(struct request *request, const void *input)
{
    const struct get_in *in = input;
    struct stored_trace trace;
    if (find(request, in, &trace) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "trace");
    if (put_trace(request, json, trace.id, new_page(request)) != OK)
        return FAILED;
    json_end_object(json);
    return OK;
}

/* --- Several traces --- */

struct batch_in {
    struct list trace_ids;
};

static const struct field batch_fields[] = {
    FIELD(struct batch_in, trace_ids, STRINGS, .required = true),
    FIELDS_END,
};

static bool comes_again(const struct sv *ids, size_t count, size_t place)
{
    for (size_t i = place + 1; i < count; i++)
        if (sv_equal(ids[i], ids[place]))
            return true;
    return false;
}

/* Traces that are not there, or not all of them yet, are left out; clients ask again. */
static enum status batch_get_traces(struct request *request, const void *input)
{
    const struct batch_in *in = input;
    const struct sv *ids = in->trace_ids.items;
    struct span_place *places = new_page(request);
    struct json_writer *json = reply_json(request);
    bool any = false;
    json_begin_object(json);
    for (size_t i = 0; i < in->trace_ids.count; i++) {
        struct stored_trace trace;
        if (comes_again(ids, in->trace_ids.count, i))
            continue;
        if (look_up(request, ids[i], &trace) != OK)
            return FAILED;
        if (!trace.id || !trace.has_spans || !trace.is_complete)
            continue;
        if (!any) {
            json_key(json, "traces");
            json_begin_array(json);
        }
        any = true;
        if (put_trace(request, json, trace.id, places) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    json_end_object(json);
    return OK;
}

#define ROW(name_, path_, handler_, needs_, type_, fields_)                                                \
    {                                                                                                      \
        .name = name_, .area = "traces", .method = METHOD_GET, .root = ROOT_API_3, .path = path_,          \
        .handler = handler_, .access = ACCESS_STREAM_READ, .needs = needs_, .input = INPUT(type_, fields_) \
    }

const struct operation trace_get_operations[] = {
    ROW("getTrace", "/mlflow/traces/get", get_trace, NEEDS(TRACE, READ), struct get_in, get_fields),
    ROW("batchGetTraces", "/mlflow/traces/batchGet", batch_get_traces, NEEDS_IF(TRACE, READ, "trace_ids"),
        struct batch_in, batch_fields),
    {.path = NULL},
};
