#ifndef TRACKLIGHT_JOBS_WORKER_TOKEN_H
#define TRACKLIGHT_JOBS_WORKER_TOKEN_H

#include "common/base/config.h"

/* What workers on other hosts prove themselves with, to servers that hold the same. */

#define JOB_TOKEN_MIN 16 /* characters */

/* The token of the settings, or in the first line of the file that they name; absent if they name neither.
 * False, with a sentence in *problem, if it is too short, holds blanks, or cannot be read. */
bool job_worker_token(const struct settings *settings, struct arena *arena, struct sv *token,
                      struct sv *problem);

/* Whether two tokens are equal, in constant time. Absent equals nothing. */
bool job_tokens_equal(struct sv a, struct sv b, struct arena *arena);

#endif
