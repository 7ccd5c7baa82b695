#ifndef TRACKLIGHT_TRACE_SPAN_H
#define TRACKLIGHT_TRACE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"
#include "common/trace/otlp.h"

/* Spans as they are stored. */

/* Numbered as in OTLP. */
enum span_status { SPAN_UNSET = 0, SPAN_OK = 1, SPAN_ERROR = 2 };

/* What a span used; NAN where it does not say. */
struct span_usage {
    double input_tokens;
    double output_tokens;
    double total_tokens;
    double cache_read_input_tokens;
    double cache_creation_input_tokens;
    double input_cost; /* US dollars */
    double output_cost;
    double total_cost;
    struct sv model; /* may be absent */
    struct sv provider;
};

struct span_row {
    struct sv span_id;        /* 16 hex digits */
    struct sv parent_span_id; /* absent: a root */
    struct sv name;
    struct sv type; /* "" for none */
    enum span_status status;
    int64_t start_time; /* nanoseconds since 1970 UTC */
    bool has_end_time;  /* else still running */
    int64_t end_time;
    struct sv content;              /* the span as JSON text (MLflow's traces.json has the same) */
    const struct span_usage *usage; /* NULL: none */
};

/* A span that came by OTLP, ready to be stored, and what it says about its trace. */
struct trace_span {
    struct span_row row;
    struct sv trace_id; /* "tr-" and 32 hex digits */
    struct sv session;  /* may be absent, and so may the rest */
    struct sv user;
    struct sv request_preview; /* of roots */
    struct sv response_preview;
    const struct trace_tag *tags; /* of the trace; of roots */
    size_t tag_count;
};

struct trace_tag {
    struct sv key;
    struct sv value;
};

/* Translates one span: attributes as texts, foreign conventions as MLflow's, ids as hex. False where it
 * cannot be stored; *problem is static. Everything is in the arena, or part of `from`. */
bool span_prepare(struct arena *arena, const struct otlp_span *from, struct trace_span *span,
                  const char **problem);

/* The tags that a trace gets from what its sender says of itself. */
void resource_tags(struct arena *arena, const struct otlp_resource *resource, const struct trace_tag **tags,
                   size_t *count);

/* A request's or response's preview: at most 1000 code points of the last message of this role, or of the
 * text itself. In the arena. */
struct sv span_preview(struct arena *arena, struct sv text, struct sv role);

#endif
