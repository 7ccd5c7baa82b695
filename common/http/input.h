#ifndef TRACKLIGHT_HTTP_INPUT_H
#define TRACKLIGHT_HTTP_INPUT_H

#include "common/http/request.h"

/* Stage "check input": content type rules, JSON or query string, then the row's field table. On OK
 * request->input is the filled struct (or NULL for rows without one); on FAILED the error is MLflow's (spec
 * tracking.md 1.2, 1.3). */
enum status input_check(struct request *request);

/* MLflow's "wrong type" text: Invalid value <value> for parameter '<path>' supplied: … */
enum status fail_invalid_value(struct request *request, struct json_object *value, const char *path);

#endif
