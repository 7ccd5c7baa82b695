#ifndef TRACKLIGHT_JOBS_PARAMETERS_H
#define TRACKLIGHT_JOBS_PARAMETERS_H

#include <json-c/json.h>

#include "common/base/error.h"
#include "common/jobs/types.h"

/* What a client sends to a job, and what of it decides. */

/* Whether a job of this type may be submitted with these parameters (an object): INVALID_PARAMETER_VALUE with
 * MLflow's texts if the type is not enabled, or a required parameter is missing; with ours if one is of
 * another type than declared. Parameters that are not declared pass. */
enum status job_check_params(const struct job_type *type, struct json_object *params, struct arena *arena,
                             struct error *error);

/* Jobs with the same key exclude each other: the name and a digest of the parameters that count. Absent for a
 * type that excludes nothing. In the arena. */
struct sv job_lock_key(const struct job_type *type, struct json_object *params, struct arena *arena);

/* Whether two values are equal as Python sees it: 1 == 1.0 == true, "0" != 0. */
bool job_json_equal(struct json_object *a, struct json_object *b);

/* The value as compact JSON with raw UTF-8, in the arena; numbers that JSON does not know become the strings
 * "NaN", "Infinity" and "-Infinity", also in `value`. */
struct sv job_json_text(struct json_object *value, struct arena *arena);

#endif
