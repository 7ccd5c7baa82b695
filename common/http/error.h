#ifndef TRACKLIGHT_HTTP_ERROR_H
#define TRACKLIGHT_HTTP_ERROR_H

#include "common/base/error.h"

/* The HTTP status of an error, and the "error_code" that MLflow's clients know it by. */
int error_http_status(enum error_code code);
const char *error_code_name(enum error_code code);

/* "Not Found" for 404 (RFC 9110 section 15). */
const char *http_reason(int status);

#endif
