#ifndef TRACKLIGHT_STORE_ASSESSMENTS_H
#define TRACKLIGHT_STORE_ASSESSMENTS_H

#include "common/store/traces.h"

/* Feedback and expectations on traces. */

/* Most characters of a stack trace that are kept; the end counts. */
#define ASSESSMENT_STACK_TRACE_MAX 10000

/* Stores a new assessment of a trace. An absent id is made here, times of 0 are now; it is valid, and one
 * that it overrides no longer is. *assessment is completed. */
enum status assessment_create(struct store_tx *tx, const struct trace_info *trace,
                              struct assessment *assessment);

/* As assessment_create, but one that the trace has already is overwritten: a trace's report tells it again.
 */
enum status assessment_report(struct store_tx *tx, const struct trace_info *trace,
                              struct assessment *assessment);

/* RESOURCE_DOES_NOT_EXIST in MLflow's words if the trace or the assessment is not there. */
enum status assessment_find(struct store_tx *tx, struct sv trace_id, struct sv assessment_id,
                            struct assessment *assessment);

/* Overwrites name, value, error, rationale, metadata and validity; last_update_time becomes now. */
enum status assessment_update(struct store_tx *tx, struct assessment *assessment);

/* Nothing there is no error. What it overrode becomes valid again. */
enum status assessment_delete(struct store_tx *tx, struct sv trace_id, struct sv assessment_id);

#endif
