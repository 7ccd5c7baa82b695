#ifndef TRACKLIGHT_STORE_TRACE_REQUESTS_H
#define TRACKLIGHT_STORE_TRACE_REQUESTS_H

#include "common/store/traces.h"

/* What clients ask to be done with traces, as opposed to what spans do to them (traces.h, spans.h). */

/* How a trace went, as its client says it. In `info` the store's own id and `finalized` are ignored; what is
 * missing leaves what spans said. A new trace without a time is one of now. */
struct trace_report {
    struct trace_info info;
    bool has_request_time;
    bool has_status;
    const struct key_value *tags;
    size_t tag_count;
    const struct key_value *metadata;
    size_t metadata_count;
};

/* Stores the report: a new trace, or more about one whose spans came first (tags and metadata are merged).
 * Token counts and costs in its metadata become numbers of the trace. *stored is the row. */
enum status trace_report_store(struct store_tx *tx, const struct trace_report *report,
                               struct trace_info *stored);

/* The calls of API 2.0: a trace begins (its id is made here), and ends after `timestamp` - start. */
enum status trace_begin(struct store_tx *tx, int64_t experiment, int64_t timestamp,
                        const struct key_value *metadata, size_t metadata_count, const struct key_value *tags,
                        size_t tag_count, struct trace_info *info);
enum status trace_end(struct store_tx *tx, struct sv trace_id, int64_t timestamp, enum trace_status status,
                      const struct key_value *metadata, size_t metadata_count, const struct key_value *tags,
                      size_t tag_count, struct trace_info *info);

/* One tag with MLflow's rules: key checked, value cut. */
enum status trace_set_tag(struct store_tx *tx, struct sv trace_id, struct sv key, struct sv value);
enum status trace_remove_tag(struct store_tx *tx, struct sv trace_id, struct sv key);

/* Deletes either the traces of an experiment up to and including a time, the oldest first and at most
 * `max_traces` (0: all), or those with the given ids. */
struct trace_deletion {
    int64_t experiment;
    bool has_timestamp;
    int64_t timestamp;
    bool has_max_traces;
    int64_t max_traces;
    const struct sv *trace_ids;
    size_t trace_id_count;
};

/* How far a deletion has come; zeroed at first. */
struct trace_deletion_progress {
    int64_t deleted;
    size_t ids_done;
    bool done;
};
/* One slice of it, of a few milliseconds, so that others who write need not wait for all of it: call it in
 * one transaction after the other until it is done. */
enum status trace_delete_slice(struct store_tx *tx, const struct trace_deletion *deletion,
                               struct trace_deletion_progress *progress);

/* Neither side of a link is checked: clients link before a trace is there. What is linked already stays so.
 */
#define TRACE_LINKS_MAX 100
enum status trace_link_many(struct store_tx *tx, const struct sv *trace_ids, size_t count, struct sv run_id);
/* `prompt` is "name/version". */
enum status trace_link_prompt(struct store_tx *tx, struct sv trace_id, struct sv prompt);

#endif
