#include "common/store/trace_ingest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/number.h"
#include "common/store/experiments.h"

enum { PROBLEMS_MAX = 20 }; /* lines of a message */

/* The spans of one trace in an export. */
struct batch {
    const struct trace_span *const *spans;
    size_t count;
    const struct otlp_resource *resource; /* of the first */
    const struct trace_span *root;        /* the last one; NULL: none */
    int64_t start;                        /* milliseconds */
    bool has_end;
    int64_t end;
    bool has_usage;
    struct sv session, user; /* of the first span that says so */
};

static int64_t milliseconds(int64_t nanoseconds)
{
    return nanoseconds / 1000000;
}

static struct batch summarize(const struct trace_span *const *spans, size_t count)
{
    struct batch batch = {.spans = spans, .count = count, .start = INT64_MAX};
    for (size_t i = 0; i < count; i++) {
        const struct span_row *row = &spans[i]->row;
        if (milliseconds(row->start_time) < batch.start)
            batch.start = milliseconds(row->start_time);
        if (row->has_end_time && (!batch.has_end || milliseconds(row->end_time) > batch.end)) {
            batch.has_end = true;
            batch.end = milliseconds(row->end_time);
        }
        if (!row->parent_span_id.data)
            batch.root = spans[i];
        if (row->usage)
            batch.has_usage = true;
        if (!batch.session.data)
            batch.session = spans[i]->session;
        if (!batch.user.data)
            batch.user = spans[i]->user;
    }
    return batch;
}

/* --- The row --- */

static void stretch(struct trace_info *info, const struct batch *batch)
{
    bool has_end = info->has_duration || batch->has_end;
    int64_t end = info->request_time + info->duration;
    if (!info->has_duration || (batch->has_end && batch->end > end))
        end = batch->end;
    if (batch->start < info->request_time)
        info->request_time = batch->start;
    info->has_duration = has_end;
    info->duration = has_end && end > info->request_time ? end - info->request_time : 0;
}

/* What a batch says about its trace: how it ended is said once, by a root that has ended. */
static void apply(struct trace_info *info, const struct batch *batch)
{
    const struct trace_span *root = batch->root;
    if (!info->finalized)
        stretch(info, batch);
    if (!root)
        return;
    bool undecided = info->status == TRACE_IN_PROGRESS || info->status == TRACE_UNSPECIFIED;
    if (undecided && root->row.has_end_time)
        info->status = root->row.status == SPAN_ERROR ? TRACE_ERROR : TRACE_OK;
    if (!info->request_preview.data)
        info->request_preview = root->request_preview;
    if (!info->response_preview.data)
        info->response_preview = root->response_preview;
}

static bool row_differs(const struct trace_info *a, const struct trace_info *b)
{
    return a->request_time != b->request_time || a->has_duration != b->has_duration ||
           a->duration != b->duration || a->status != b->status ||
           a->request_preview.data != b->request_preview.data ||
           a->response_preview.data != b->response_preview.data;
}

static enum status put_resource_tags(struct store_tx *tx, const struct trace_info *info,
                                     const struct batch *batch)
{
    const struct trace_tag *tags;
    size_t count;
    if (!batch->resource)
        return OK;
    resource_tags(tx->arena, batch->resource, &tags, &count);
    for (size_t i = 0; i < count; i++)
        if (trace_put_tag(tx, info, tags[i].key, tags[i].value) != OK)
            return FAILED;
    return OK;
}

static enum status put_root_tags(struct store_tx *tx, const struct trace_info *info,
                                 const struct trace_span *root)
{
    for (size_t i = 0; root && i < root->tag_count; i++) {
        const struct trace_tag *tag = &root->tags[i];
        if (sv_equal(tag->key, SV(TRACE_TAG_ARTIFACT_LOCATION)))
            continue;
        if (trace_put_tag(tx, info, tag->key, tag->value) != OK)
            return FAILED;
    }
    return OK;
}

static enum status insert(struct store_tx *tx, const struct trace_ingest *ingest, const struct batch *batch,
                          struct trace_info *info)
{
    *info = (struct trace_info){
        .trace_id = batch->spans[0]->trace_id,
        .request_time = batch->start,
        .status = TRACE_IN_PROGRESS,
    };
    apply(info, batch);
    if (experiment_parse_id(tx, ingest->experiment_id, &info->experiment_id) != OK ||
        trace_insert(tx, info) != OK)
        return FAILED;
    return put_resource_tags(tx, info, batch);
}

static enum status update(struct store_tx *tx, const struct batch *batch, struct trace_info *info)
{
    struct trace_info before = *info;
    apply(info, batch);
    return row_differs(&before, info) ? trace_update(tx, info) : OK;
}

/* --- What goes with it --- */

static enum status put_metadata_if_unset(struct store_tx *tx, const struct trace_info *info, struct sv key,
                                         struct sv value)
{
    struct sv present;
    if (!value.data)
        return OK;
    if (trace_get_metadata(tx, info, key, &present) != OK)
        return FAILED;
    return present.data ? OK : trace_put_metadata(tx, info, key, value);
}

struct total {
    const char *name;
    double value; /* NAN: not known */
};

static struct sv number_text(struct arena *arena, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (value == floor(value) && value < 9007199254740992.0)
        return arena_printf(arena, "%lld", (long long)value);
    size_t len = format_double(value, text);
    return arena_copy(arena, (struct sv){text, len});
}

/* Numbers become metrics of the trace, and together one item of metadata. The first `always` count as 0 where
 * they are not known. */
static enum status put_totals(struct store_tx *tx, const struct trace_info *info, struct sv key,
                              struct total *totals, size_t count, size_t always)
{
    struct sv text = SV("{");
    for (size_t i = 0; i < count; i++) {
        if (isnan(totals[i].value) && i >= always)
            continue;
        if (isnan(totals[i].value))
            totals[i].value = 0;
        struct sv number = number_text(tx->arena, totals[i].value);
        text = arena_printf(tx->arena, "%.*s%s\"%s\": %.*s", SV_ARG(text), i ? ", " : "", totals[i].name,
                            SV_ARG(number));
        if (trace_put_metric(tx, info, sv_from(totals[i].name), totals[i].value) != OK)
            return FAILED;
    }
    return trace_put_metadata(tx, info, key, arena_printf(tx->arena, "%.*s}", SV_ARG(text)));
}

static enum status put_usage(struct store_tx *tx, const struct trace_info *info)
{
    struct span_usage usage;
    if (span_usage_of_trace(tx, info->id, &usage) != OK)
        return FAILED;
    struct total tokens[] = {
        {"input_tokens", usage.input_tokens},
        {"output_tokens", usage.output_tokens},
        {"total_tokens", usage.total_tokens},
        {"cache_read_input_tokens", usage.cache_read_input_tokens},
        {"cache_creation_input_tokens", usage.cache_creation_input_tokens},
    };
    struct total costs[] = {
        {"input_cost", usage.input_cost},
        {"output_cost", usage.output_cost},
        {"total_cost", usage.total_cost},
    };
    if (!isnan(usage.total_tokens) &&
        put_totals(tx, info, SV(TRACE_METADATA_TOKEN_USAGE), tokens, 5, 3) != OK)
        return FAILED;
    return isnan(usage.total_cost) ? OK : put_totals(tx, info, SV(TRACE_METADATA_COST), costs, 3, 3);
}

static enum status put_details(struct store_tx *tx, const struct trace_ingest *ingest,
                               const struct batch *batch, const struct trace_info *info)
{
    if (!info->finalized &&
        (put_metadata_if_unset(tx, info, SV(TRACE_METADATA_SESSION), batch->session) != OK ||
         put_metadata_if_unset(tx, info, SV(TRACE_METADATA_USER), batch->user) != OK ||
         (batch->has_usage && put_usage(tx, info) != OK)))
        return FAILED;
    if (put_root_tags(tx, info, batch->root) != OK)
        return FAILED;
    if (ingest->run_id.len && batch->root && batch->root->row.has_end_time &&
        trace_link_run(tx, info->trace_id, ingest->run_id) != OK)
        return FAILED;
    return trace_put_tag(tx, info, SV(TRACE_TAG_SPANS_LOCATION), SV(TRACE_SPANS_IN_STORE));
}

static enum status store_batch(struct store_tx *tx, const struct trace_ingest *ingest,
                               const struct batch *batch)
{
    struct trace_info info;
    bool writable = true;
    if (trace_look_up(tx, batch->spans[0]->trace_id, &info) != OK ||
        (info.id && permission_filter_has(tx, ingest->writable, info.experiment_id, &writable) != OK))
        return FAILED;
    if (!writable)
        return store_fail(tx, PERMISSION_DENIED, "The trace belongs to another experiment.");
    enum status status = info.id ? update(tx, batch, &info) : insert(tx, ingest, batch, &info);
    for (size_t i = 0; i < batch->count && status == OK; i++)
        status = span_put(tx, &info, &batch->spans[i]->row);
    return status == OK ? put_details(tx, ingest, batch, &info) : FAILED;
}

/* --- Trace by trace --- */

static bool is_ours(const struct error *error)
{
    return error->code == TEMPORARILY_UNAVAILABLE || error->code == INTERNAL_ERROR;
}

/* OK where the fault was the trace's alone: it is noted, and undone. */
static enum status refuse(struct store_tx *tx, const struct batch *batch, struct trace_ingest_result *result)
{
    struct sv trace_id = batch->spans[0]->trace_id;
    if (is_ours(tx->error))
        return FAILED;
    if (result->refused_traces < PROBLEMS_MAX)
        result->problems =
            arena_printf(tx->arena, "%.*s%sTrace %.*s: %.*s", SV_ARG(result->problems),
                         result->problems.len ? "\n" : "", SV_ARG(trace_id), SV_ARG(tx->error->message));
    result->refused_traces++;
    result->refused_spans += batch->count;
    return db_part_undo(tx->db);
}

static int compare_spans(const void *a, const void *b)
{
    const struct trace_span *left = *(const struct trace_span *const *)a;
    const struct trace_span *right = *(const struct trace_span *const *)b;
    int order = sv_compare(left->trace_id, right->trace_id);
    return order ? order : (left > right) - (left < right);
}

enum status trace_ingest(struct store_tx *tx, const struct trace_ingest *ingest,
                         struct trace_ingest_result *result)
{
    *result = (struct trace_ingest_result){.problems = SV("")};
    const struct trace_span **spans = ARENA_ARRAY(tx->arena, const struct trace_span *, ingest->count + 1);
    for (size_t i = 0; i < ingest->count; i++)
        spans[i] = &ingest->spans[i];
    qsort(spans, ingest->count, sizeof(spans[0]), compare_spans);
    for (size_t from = 0, to; from < ingest->count; from = to) {
        to = from + 1;
        while (to < ingest->count && sv_equal(spans[to]->trace_id, spans[from]->trace_id))
            to++;
        struct batch batch = summarize(&spans[from], to - from);
        batch.resource = ingest->resources[spans[from] - ingest->spans];
        result->traces++;
        if (db_part_begin(tx->db) != OK)
            return FAILED;
        enum status status = store_batch(tx, ingest, &batch);
        status = status == OK ? db_part_keep(tx->db) : refuse(tx, &batch, result);
        if (status != OK)
            return FAILED;
    }
    return OK;
}
