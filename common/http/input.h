#ifndef TRACKLIGHT_HTTP_INPUT_H
#define TRACKLIGHT_HTTP_INPUT_H

#include "common/http/request.h"

/* Stage "check input": content type rules, then the row's field table over JSON body, query string and path
 * parameters. GET and HEAD read the query string if there is one, else a JSON body; rows with raw_body read
 * the query string, and so do those with query_or_body unless the body is JSON; all others the body. On OK
 * request->input is the filled struct (NULL for rows without one); its texts point into request->json, the
 * query and the path. On FAILED the error is the one MLflow gives. */
enum status input_check(struct request *request);

/* MLflow's "wrong type" text: Invalid value <value> for parameter '<path>' supplied: … The value is compact
 * JSON of at most ERROR_VALUE_LIMIT bytes. */
enum status fail_invalid_value(struct request *request, struct json_object *value, const char *path);

#endif
