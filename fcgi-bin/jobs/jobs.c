#include "fcgi-bin/jobs/jobs.h"

#include "common/store/job_json.h"
#include "fcgi-bin/jobs/body.h"
#include "fcgi-bin/permit_filter.h"

#define BODY_LIMIT    (16L * 1024 * 1024)
#define STATUSES_MAX  1000
#define STATUS_CHOICE "'PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'TIMEOUT' or 'CANCELED'"

static enum status reply_job(struct request *request, const struct job *job)
{
    job_write(reply_json(request), job);
    return OK;
}

/* --- submit --- */

struct submit_in {
    struct sv job_name;
    struct json_object *params;
    struct opt_double timeout;
};

static const struct field submit_fields[] = {
    FIELD(struct submit_in, job_name, STRING),
    FIELD(struct submit_in, params, JSON),
    FIELD(struct submit_in, timeout, DOUBLE),
    FIELDS_END,
};

static enum status fill_submit(struct request *request, void *input)
{
    struct submit_in *in = input;
    struct body body;
    if (body_begin(&body, request) != OK)
        return FAILED;
    in->job_name = body_string(&body, "job_name", true);
    in->params = body_object(&body, "params", true);
    in->timeout = body_seconds(&body, "timeout");
    return body_end(&body);
}

/* The workers are woken only when the job is there for them. */
static enum status submit_job(struct request *request, const void *input)
{
    const struct submit_in *in = input;
    struct job job;
    if (request_begin(request, ACCESS_WRITE) != OK ||
        jobs_submit(request, in->job_name, in->params, in->timeout.set ? in->timeout.value : -1, &job) !=
            OK ||
        request_commit(request) != OK)
        return FAILED;
    jobs_signal();
    return reply_job(request, &job);
}

/* --- get, cancel --- */

struct id_in {
    struct sv job_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, job_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

/* A body, and a query, say nothing here. */
static enum status fill_id(struct request *request, void *input)
{
    struct id_in *in = input;
    in->job_id = request_parameter(request, "job_id");
    return OK;
}

static enum status get_job(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct job job;
    return job_get(request_tx(request), in->job_id, &job) == OK ? reply_job(request, &job) : FAILED;
}

static enum status cancel_job(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct job job;
    if (request_begin(request, ACCESS_WRITE) != OK ||
        job_cancel(request_tx(request), in->job_id, &job) != OK || request_commit(request) != OK)
        return FAILED;
    jobs_signal();
    return reply_job(request, &job);
}

/* --- search --- */

struct search_in {
    struct sv job_name;
    struct json_object *params;
    enum job_status *statuses;
    size_t status_count;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, job_name, STRING),
    FIELD(struct search_in, params, JSON),
    FIELDS_END,
};

static void read_statuses(struct body *body, struct search_in *in)
{
    struct json_object *list;
    if (!json_object_object_get_ex(body->object, "statuses", &list) || !list)
        return;
    if (!json_object_is_type(list, json_type_array)) {
        body_problem(body, "statuses", -1, "list_type", SV("Input should be a valid list"), list, SV_ABSENT);
        return;
    }
    size_t count = json_object_array_length(list);
    in->statuses = ARENA_ARRAY(body->request->arena, enum job_status, count);
    for (size_t i = 0; i < count && i < STATUSES_MAX; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        bool known = json_object_is_type(item, json_type_string) &&
                     job_status_parse(sv_from(json_object_get_string(item)), &in->statuses[in->status_count]);
        if (known)
            in->status_count++;
        else
            body_problem(body, "statuses", (int64_t)i, "enum", SV("Input should be " STATUS_CHOICE), item,
                         SV(",\"ctx\":{\"expected\":\"" STATUS_CHOICE "\"}"));
    }
}

static enum status fill_search(struct request *request, void *input)
{
    struct search_in *in = input;
    struct body body;
    if (body_begin(&body, request) != OK)
        return FAILED;
    in->job_name = body_string(&body, "job_name", false);
    in->params = body_object(&body, "params", false);
    read_statuses(&body, in);
    return body_end(&body);
}

static enum status search_jobs(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct job_filter filter = {
        .name = in->job_name,
        .params = in->params,
        .statuses = in->statuses,
        .status_count = in->status_count,
    };
    const struct job *jobs;
    size_t count;
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &filter.readable) != OK ||
        job_search(request_tx(request), &filter, &jobs, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "jobs");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        job_write(json, &jobs[i]);
    json_end_array(json);
    json_end_object(json);
    return OK;
}

#define SUBMIT(path_)                                                                                 \
    {                                                                                                 \
        .name = "submitJob", .area = "jobs", .method = METHOD_POST, .root = ROOT_BOTH, .path = path_, \
        .handler = submit_job, .access = ACCESS_NONE, .needs = NEEDS(JOB, EDIT),                      \
        .also = ALSO(NEEDS_IF(TRACE, EDIT, "params.trace_ids"),                                       \
                     NEEDS_IF(SCORER_MODEL, USE, "params.serialized_scorer")),                        \
        .input = INPUT(struct submit_in, submit_fields), .fill_input = fill_submit,                   \
        .error_shape = ERROR_DETAIL, .body_limit = BODY_LIMIT,                                        \
    }

/* MLflow answers the form with a slash alone; nothing else has the other one. */
const struct operation job_operations[] = {
    SUBMIT("/ajax-api/3.0/jobs/"),
    SUBMIT("/ajax-api/3.0/jobs"),
    {
        .name = "searchJobs",
        .area = "jobs",
        .method = METHOD_POST,
        .root = ROOT_BOTH,
        .path = "/ajax-api/3.0/jobs/search",
        .handler = search_jobs,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
        .fill_input = fill_search,
        .error_shape = ERROR_DETAIL,
        .body_limit = BODY_LIMIT,
    },
    {
        .name = "getJob",
        .area = "jobs",
        .method = METHOD_GET,
        .root = ROOT_BOTH,
        .path = "/ajax-api/3.0/jobs/{job_id}",
        .handler = get_job,
        .access = ACCESS_READ,
        .needs = NEEDS(JOB, READ),
        .input = INPUT(struct id_in, id_fields),
        .fill_input = fill_id,
        .error_shape = ERROR_DETAIL,
    },
    {
        .name = "cancelJob",
        .area = "jobs",
        .method = METHOD_PATCH,
        .root = ROOT_BOTH,
        .path = "/ajax-api/3.0/jobs/cancel/{job_id}",
        .handler = cancel_job,
        .access = ACCESS_NONE,
        .needs = NEEDS(JOB, EDIT),
        .input = INPUT(struct id_in, id_fields),
        .fill_input = fill_id,
        .error_shape = ERROR_DETAIL,
    },
    {.path = NULL},
};
