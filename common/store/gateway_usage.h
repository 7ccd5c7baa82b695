#ifndef TRACKLIGHT_STORE_GATEWAY_USAGE_H
#define TRACKLIGHT_STORE_GATEWAY_USAGE_H

#include "common/store/permissions.h"
#include "common/store/store.h"

/* The record of calls through the gateway: one row for each, summed up on reading. Rows do not depend on
 * their endpoint: they stay when it is deleted. */

#define GATEWAY_USAGE_ROWS_MAX 10000 /* of one gateway_usage_add */

/* One call that came to an endpoint that exists, however it ended. */
struct gateway_usage_row {
    int64_t time_ms; /* when it began, since 1970 UTC */
    struct sv endpoint_id;
    struct sv endpoint_name;
    struct sv provider;    /* that answered, or was tried last; absent: none */
    struct sv model;       /* the provider's name of it */
    int64_t input_tokens;  /* these three: -1 if the provider did not say */
    int64_t output_tokens; /* */
    int64_t cached_tokens; /* of the input's */
    int64_t status;        /* HTTP status for the client; 499: it left before the end */
    int64_t duration_ms;
    int64_t first_token_ms; /* from the beginning to the first piece of a stream; -1: none */
    bool streamed;
    int64_t attempts; /* calls of providers, from 0 on */
};

/* Also deletes a slice of the rows that are older than the store's settings want them to be. */
enum status gateway_usage_add(struct store_tx *tx, const struct gateway_usage_row *rows, size_t count);

/* --- Reading --- */

struct gateway_usage_query {
    struct sv endpoint_id;                    /* absent: all; one that is gone is still found by its id */
    struct sv endpoint_name;                  /* absent: all */
    const struct permission_filter *readable; /* endpoints that may be shown; NULL: all */
    int64_t since_ms;                         /* from here on */
    int64_t until_ms;                         /* before here */
    int64_t bucket_ms;                        /* width; buckets begin at multiples of it since 1970 UTC */
};

struct gateway_usage_sum {
    int64_t time_ms; /* when the bucket begins */
    struct sv endpoint_id;
    struct sv endpoint_name; /* as it was then */
    struct sv provider;      /* absent: none was called */
    struct sv model;
    int64_t calls, errors; /* errors: status 400 and above */
    int64_t streamed;
    int64_t attempts;
    int64_t input_tokens, output_tokens, cached_tokens;
    int64_t duration_ms; /* summed up */
    int64_t max_duration_ms;
    int64_t first_token_ms;    /* summed up */
    int64_t first_token_calls; /* that had one */
};

#define GATEWAY_USAGE_SUMS_MAX 10000

struct gateway_usage_report {
    const struct gateway_usage_sum *sums; /* by time, then endpoint, its name, provider, model */
    size_t count;
};

/* INVALID_PARAMETER_VALUE if there would be more than GATEWAY_USAGE_SUMS_MAX sums. */
enum status gateway_usage_read(struct store_tx *tx, const struct gateway_usage_query *query,
                               struct gateway_usage_report *report);

#endif
