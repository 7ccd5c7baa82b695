#ifndef TRACKLIGHT_STORE_SPANS_H
#define TRACKLIGHT_STORE_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/traces.h"
#include "common/trace/span.h"

/* The spans of a trace. */

/* Code points of a name and a type that searches see. */
#define SPAN_CLASS_TEXT_MAX 500

/* Stores a span, or replaces the one that has its id. */
enum status span_put(struct store_tx *tx, const struct trace_info *trace, const struct span_row *span);

enum status span_count(struct store_tx *tx, int64_t trace, int64_t *count);

/* Where a span stands among those of its trace: roots first, then by start time. */
struct span_place {
    bool is_child;
    int64_t start_time;
    char span_id[24];
};

/* The places behind `after` (NULL: from the first on), at most `limit`. */
enum status span_page(struct store_tx *tx, int64_t trace, const struct span_place *after,
                      struct span_place *places, size_t limit, size_t *count);

/* The content of one span, in the arena; absent if there is no such span any more. */
enum status span_content_load(struct store_tx *tx, int64_t trace, const char *span_id, struct sv *content);

/* The ids of the classes of an experiment's spans, and what they stand for, are in span_classes: see
 * sql/sqlite/0005-traces.sql. */

/* What spans say, in the order of their ids: those above `after`, at most `limit`, and no more once they have
 * come to `bytes`. */
#define SPAN_CONTENT_MAX (16UL * 1024 * 1024) /* bytes; longer ones are absent here */
struct span_content {
    int64_t id;
    int64_t trace; /* the store's own id; the trace may have gone */
    struct sv content;
};
enum status span_contents_after(struct store_tx *tx, int64_t after, size_t limit, size_t bytes,
                                struct span_content **contents, size_t *count);

/* --- Upkeep of a trace by its spans --- */

/* Sums over a trace's stored spans, by tree: parents often repeat the sums of their children, so of spans on
 * one path only the topmost that says something counts. */
enum status span_usage_of_trace(struct store_tx *tx, int64_t trace, struct span_usage *usage);

#endif
