#ifndef TRACKLIGHT_BASE_ERROR_H
#define TRACKLIGHT_BASE_ERROR_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* What a function that can fail returns; the reason is in the struct error that it was handed. */
enum status { OK = 0, FAILED = -1 };

/* MLflow's error codes (spec: the "error_code" of a JSON error). common/http/error.c gives each its HTTP
 * status and its name; the order there follows this one. */
enum error_code {
    ERROR_NONE = 0,
    INTERNAL_ERROR,
    TEMPORARILY_UNAVAILABLE,
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    ENDPOINT_NOT_FOUND,
    NOT_FOUND,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_CONFLICT,
    ALREADY_EXISTS,
    ABORTED,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    CUSTOMER_UNAUTHORIZED,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_EXHAUSTED,
    INVALID_STATE,
    NOT_IMPLEMENTED,
    DEADLINE_EXCEEDED,
    CANCELLED,
    DATA_LOSS,
    METHOD_NOT_ALLOWED,     /* 405 */
    PAYLOAD_TOO_LARGE,      /* 413 */
    REQUEST_TIMEOUT,        /* 408 */
    UNSUPPORTED_MEDIA_TYPE, /* 415 */
    INSUFFICIENT_STORAGE,   /* 507 */
    URI_TOO_LONG,           /* 414 */
    HEADERS_TOO_LARGE,      /* 431 */
    WRONG_STATE,            /* 400: INVALID_STATE where it is the client who can mend it */
    ERROR_CODES
};

struct error {
    enum error_code code; /* ERROR_NONE while nothing failed */
    struct sv message;    /* shown to the client: says what to do; in the arena or static */
    struct sv detail;     /* for our log only (an SQLite message, an errno text); may be absent */
};

/* Sets the error and returns FAILED, so that `return error_set(...)` reads as one step. The first error
 * stays: a second call on a set error changes nothing. */
enum status error_set(struct error *error, struct arena *arena, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A fault of ours: the client sees a general sentence, the log gets the detail. */
enum status error_internal(struct error *error, struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void error_clear(struct error *error);

#endif
