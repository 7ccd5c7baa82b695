#include "common/store/job_json.h"

static void put_raw_or_null(struct json_writer *json, const char *key, struct sv value)
{
    json_key(json, key);
    if (value.data)
        json_put_raw(json, value);
    else
        json_put_null(json);
}

static void put_text_or_null(struct json_writer *json, const char *key, struct sv value)
{
    json_key(json, key);
    if (value.data)
        json_put_string(json, value);
    else
        json_put_null(json);
}

static void put_number_or_null(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    if (value >= 0)
        json_put_double(json, value);
    else
        json_put_null(json);
}

void job_write(struct json_writer *json, const struct job *job)
{
    json_begin_object(json);
    json_put_string_field(json, "job_id", job->job_id);
    json_put_int_field(json, "creation_time", job->creation_time);
    json_put_string_field(json, "job_name", job->name);
    put_raw_or_null(json, "params", job->params);
    put_number_or_null(json, "timeout", job->timeout);
    json_put_string_field(json, "status", sv_from(job_status_name(job->status)));
    if (job->status == JOB_SUCCEEDED)
        put_raw_or_null(json, "result", job->result);
    else
        put_text_or_null(json, "result", job->result);
    json_put_int_field(json, "retry_count", job->retry_count);
    json_put_int_field(json, "last_update_time", job->last_update_time);
    put_raw_or_null(json, "status_details", job->status_details);
    put_number_or_null(json, "progress", job->progress);
    put_text_or_null(json, "progress_message", job->progress_message);
    json_end_object(json);
}
