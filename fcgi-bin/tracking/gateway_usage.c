#include "common/store/gateway_usage.h"

#include "common/base/clock.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

#define MINUTE_MS 60000
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

static const struct enum_name bucket_names[] = {
    {"minute", MINUTE_MS},
    {"hour", HOUR_MS},
    {"day", DAY_MS},
    {NULL, 0},
};

struct usage_in {
    struct sv endpoint_id;
    struct sv name;
    struct opt_int64 since;
    struct opt_int64 until;
    struct opt_int64 bucket;
};

static const struct field usage_fields[] = {
    FIELD(struct usage_in, endpoint_id, STRING),
    FIELD(struct usage_in, name, STRING),
    FIELD(struct usage_in, since, INT64),
    FIELD(struct usage_in, until, INT64),
    FIELD(struct usage_in, bucket, ENUM, .enums = bucket_names),
    FIELDS_END,
};

static void put_mean(struct json_writer *json, const char *key, int64_t sum, int64_t count)
{
    if (count)
        json_put_double_field(json, key, (double)sum / (double)count);
}

static void put_sum(struct json_writer *json, const struct gateway_usage_sum *sum)
{
    json_begin_object(json);
    json_put_int_field(json, "time", sum->time_ms);
    json_put_string_field(json, "endpoint_id", sum->endpoint_id);
    json_put_string_field(json, "endpoint_name", sum->endpoint_name);
    json_put_string_field_if_set(json, "provider", sum->provider);
    json_put_string_field_if_set(json, "model", sum->model);
    json_put_int_field(json, "calls", sum->calls);
    json_put_int_field(json, "errors", sum->errors);
    json_put_int_field(json, "streamed", sum->streamed);
    json_put_int_field(json, "attempts", sum->attempts);
    json_put_int_field(json, "input_tokens", sum->input_tokens);
    json_put_int_field(json, "output_tokens", sum->output_tokens);
    json_put_int_field(json, "cached_tokens", sum->cached_tokens);
    put_mean(json, "mean_duration_ms", sum->duration_ms, sum->calls);
    json_put_int_field(json, "max_duration_ms", sum->max_duration_ms);
    put_mean(json, "mean_time_to_first_token_ms", sum->first_token_ms, sum->first_token_calls);
    json_end_object(json);
}

/* By default the last day, by the hour. */
static enum status get_usage(struct request *request, const void *input)
{
    const struct usage_in *in = input;
    struct gateway_usage_report report;
    struct gateway_usage_query query = {
        .endpoint_id = gateway_text(in->endpoint_id),
        .endpoint_name = gateway_text(in->name),
        .until_ms = in->until.set ? in->until.value : clock_now_ms() + 1,
        .bucket_ms = in->bucket.set ? in->bucket.value : HOUR_MS,
    };
    if (query.until_ms < 0 || (in->since.set && in->since.value < 0))
        return fail(request, INVALID_PARAMETER_VALUE,
                    "'since' and 'until' are milliseconds since 1970, not below 0.");
    query.since_ms = in->since.set ? in->since.value : query.until_ms > DAY_MS ? query.until_ms - DAY_MS : 0;
    if (query.since_ms > query.until_ms)
        return fail(request, INVALID_PARAMETER_VALUE, "'since' must not be later than 'until'.");
    if (permit_filter(request, PERMISSION_ON_ENDPOINT, PERMISSION_READ, &query.readable) != OK ||
        gateway_usage_read(request_tx(request), &query, &report) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_int_field(json, "since", query.since_ms);
    json_put_int_field(json, "until", query.until_ms);
    json_put_int_field(json, "bucket_ms", query.bucket_ms);
    json_key(json, "usage");
    json_begin_array(json);
    for (size_t i = 0; i < report.count; i++)
        put_sum(json, &report.sums[i]);
    json_end_array(json);
    json_end_object(json);
    return OK;
}

const struct operation gateway_usage_operations[] = {
    {
        .name = "getGatewayUsage",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/gateway/usage",
        .handler = get_usage,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct usage_in, usage_fields),
    },
    {.path = NULL},
};
