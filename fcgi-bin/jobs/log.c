#include "common/store/job_log.h"
#include "fcgi-bin/jobs/jobs.h"

struct log_in {
    struct sv job_id;
    struct opt_int64 offset;
    struct opt_int64 max_bytes;
};

static const struct field log_fields[] = {
    FIELD(struct log_in, job_id, STRING, .required = true, .in_path = true),
    FIELD(struct log_in, offset, INT64),
    FIELD(struct log_in, max_bytes, INT64),
    FIELDS_END,
};

/* A character that the end of what was read splits is left to the next part, unless it will never be whole.
 */
static void keep_characters_whole(struct job_log_part *part)
{
    size_t len = part->bytes.len, back = 0;
    if (part->complete || len < 4)
        return;
    while (back < 3 && ((unsigned char)part->bytes.data[len - 1 - back] & 0xc0) == 0x80)
        back++;
    unsigned char lead = (unsigned char)part->bytes.data[len - 1 - back];
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (wanted <= back + 1)
        return;
    part->bytes.len -= back + 1;
    part->end -= (int64_t)back + 1;
}

static enum status get_log(struct request *request, const void *input)
{
    const struct log_in *in = input;
    struct job_log_part part;
    if (in->max_bytes.set && in->max_bytes.value < 16)
        return fail(request, INVALID_PARAMETER_VALUE, "'max_bytes' must be at least 16.");
    size_t max = in->max_bytes.set && in->max_bytes.value < (int64_t)JOB_LOG_READ_MAX
                     ? (size_t)in->max_bytes.value
                     : JOB_LOG_READ_MAX;
    if (job_log_read(request_tx(request), in->job_id, in->offset.value, max, &part) != OK)
        return FAILED;
    keep_characters_whole(&part);
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "job_id", in->job_id);
    json_put_int_field(json, "offset", part.begin);
    json_put_int_field(json, "next_offset", part.end);
    json_put_int_field(json, "size", part.size);
    json_put_bool_field(json, "complete", part.complete);
    json_put_string_field(json, "text", part.bytes);
    json_end_object(json);
    return OK;
}

const struct operation job_log_operations[] = {
    {
        .name = "getJobLog",
        .area = "jobs",
        .method = METHOD_GET,
        .root = ROOT_BOTH,
        .path = "/ajax-api/3.0/jobs/{job_id}/log",
        .handler = get_log,
        .access = ACCESS_READ,
        .needs = NEEDS(JOB, READ),
        .input = INPUT(struct log_in, log_fields),
        .error_shape = ERROR_DETAIL,
    },
    {.path = NULL},
};
