#ifndef TRACKLIGHT_JOBS_SCORER_H
#define TRACKLIGHT_JOBS_SCORER_H

#include "common/base/arena.h"
#include "common/base/error.h"

/* Serialized scorers, as far as it must be known how to hand traces to them. */

/* Checks the JSON text of a scorer as MLflow's clients make it: INVALID_PARAMETER_VALUE with the reason if a
 * job could not load it. *session_level: it judges whole conversations, not traces one by one. */
enum status job_scorer_check(struct sv serialized, struct arena *arena, struct error *error,
                             bool *session_level);

#endif
