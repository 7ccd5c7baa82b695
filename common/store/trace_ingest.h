#ifndef TRACKLIGHT_STORE_TRACE_INGEST_H
#define TRACKLIGHT_STORE_TRACE_INGEST_H

#include "common/store/permissions.h"
#include "common/store/spans.h"

/* Spans that arrive, in any order and more than once, become traces. */

struct trace_ingest {
    struct sv experiment_id; /* as the client wrote it; of traces that are new */
    struct sv run_id;        /* absent, or a run that traces are linked to when they are complete */
    const struct permission_filter *writable; /* experiments whose traces may be changed; NULL: all */
    const struct trace_span *spans;
    const struct otlp_resource *const *resources; /* of each span */
    size_t count;
};

struct trace_ingest_result {
    size_t traces;
    size_t refused_traces;
    size_t refused_spans;
    struct sv problems; /* "Trace tr-…: why", one line for each of the first refused traces */
};

/* Stores the spans of each trace, or none of them: a trace that is refused takes nothing with it. FAILED only
 * where the database fails. */
enum status trace_ingest(struct store_tx *tx, const struct trace_ingest *ingest,
                         struct trace_ingest_result *result);

#endif
