#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/job_signal.h"
#include "common/base/number.h"
#include "common/http/server.h"
#include "common/jobs/parameters.h"
#include "common/jobs/worker_token.h"
#include "common/store/job_log.h"
#include "fcgi-bin/jobs/jobs.h"

/* Workers on other hosts: the queue over HTTP. docs/jobs.md describes the protocol. */

#define BODY_LIMIT   (16L * 1024 * 1024)
#define TAKE_MAX     100
#define WAIT_MAX_MS  25000
#define WAITING_MAX  16  /* requests that wait at a time; each has a thread */
#define SLICE_MS     500 /* of waiting, between two looks whether the process is to end */
#define LOOK_MS      5000
#define LEASE_DIGITS 32

static struct sv token;
static atomic_int waiting;

enum status workers_open(struct service *service, struct arena *arena, struct error *error)
{
    struct sv problem;
    if (job_worker_token(service->settings, arena, &token, &problem))
        return OK;
    return error_set(error, arena, INTERNAL_ERROR, "%.*s", SV_ARG(problem));
}

void workers_close(void)
{
    token = SV_ABSENT;
}

static enum status check_token(struct request *request)
{
    struct sv given = request_header(request, "authorization");
    if (!token.data)
        return fail(request, ENDPOINT_NOT_FOUND,
                    "Workers on other hosts are not let in: jobs_worker_token is not set.");
    struct sv scheme = sv_first(given, sizeof("Bearer ") - 1);
    if (sv_equal_ignoring_case(scheme, SV("Bearer ")) &&
        job_tokens_equal(sv_from_offset(given, scheme.len), token, request->arena))
        return OK;
    reply_header(request, "www-authenticate", SV("Bearer"));
    return fail(request, UNAUTHENTICATED, "The token of the worker is missing or wrong.");
}

static int64_t lease_ms(const struct request *request)
{
    return request_service(request)->settings->jobs_lease * 1000;
}

static int64_t max_crashes(const struct request *request)
{
    return request_service(request)->settings->jobs_max_crashes;
}

/* --- Leases on the wire: "<id>.<proof>" --- */

static struct sv lease_text(struct arena *arena, const struct job_lease *lease)
{
    return arena_printf(arena, "%lld.%.*s", (long long)lease->id, SV_ARG(lease->lease));
}

static enum status read_lease(struct request *request, struct sv text, struct job_lease *lease)
{
    struct sv rest = text, id = sv_cut(&rest, '.');
    *lease = (struct job_lease){.lease = rest};
    if (rest.len == LEASE_DIGITS && parse_int64(id, 1, INT64_MAX, &lease->id))
        return OK;
    return fail(request, INVALID_PARAMETER_VALUE, "'%.*s' is not a lease.", SV_ARG(sv_first(text, 100)));
}

static const char *const hold_names[] = {
    [JOB_HELD] = "held", [JOB_HOLD_CANCELED] = "canceled", [JOB_HOLD_LOST] = "lost"};

/* Those of the types that a worker knows, too. */
static struct job_types types_among(struct arena *arena, const struct job_types *types,
                                    const struct list *names)
{
    struct job_types found = {.items = ARENA_ARRAY(arena, struct job_type, types->count)};
    const struct sv *known = names->items;
    for (size_t i = 0; i < types->count; i++) {
        bool wanted = false;
        for (size_t n = 0; !wanted && n < names->count; n++)
            wanted = sv_equal(types->items[i].name, known[n]);
        if (wanted)
            found.items[found.count++] = types->items[i];
    }
    return found;
}

/* --- Waiting --- */

struct watch {
    struct job_types types;
    struct job_lease *leases;
    size_t lease_count;
    bool ready; /* there is something to take, or a lease is not held any more */
    int64_t due_ms;
};

static enum status look(struct request *request, struct watch *watch)
{
    watch->due_ms = INT64_MAX;
    if (request_begin(request, ACCESS_READ) != OK)
        return FAILED;
    struct store_tx *tx = request_tx(request);
    if (watch->types.count && jobs_next_due(tx, &watch->types, &watch->due_ms) != OK)
        return FAILED;
    watch->ready = watch->due_ms <= tx->now_ms;
    for (size_t i = 0; i < watch->lease_count && !watch->ready; i++) {
        enum job_hold hold;
        if (job_check(tx, &watch->leases[i], &hold) != OK)
            return FAILED;
        watch->ready = hold != JOB_HELD;
    }
    return request_commit(request);
}

/* Until a signal comes, something is due, or the time is over. */
static void pause_until(struct job_signal *signal, const struct watch *watch, int64_t deadline_us)
{
    int64_t look_us = clock_monotonic_us() + LOOK_MS * 1000L;
    if (look_us > deadline_us)
        look_us = deadline_us;
    while (!server_is_ending() && clock_now_ms() < watch->due_ms) {
        struct pollfd polled = {.fd = job_signal_fd(signal), .events = POLLIN};
        int64_t left_ms = (look_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0 || poll(&polled, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS) != 0)
            break;
    }
    job_signal_take(signal);
}

static enum status wait_with(struct request *request, struct job_signal *signal, struct watch *watch,
                             int64_t wait_ms)
{
    int64_t deadline_us = clock_monotonic_us() + wait_ms * 1000;
    for (;;) {
        struct arena_mark mark = arena_mark(request->arena);
        if (look(request, watch) != OK)
            return FAILED;
        arena_rewind(request->arena, mark);
        if (watch->ready || !signal || server_is_ending() || clock_monotonic_us() >= deadline_us)
            return OK;
        pause_until(signal, watch, deadline_us);
    }
}

static enum status wait_until_ready(struct request *request, struct watch *watch, int64_t wait_ms)
{
    struct job_signal *signal = NULL;
    if (wait_ms > WAIT_MAX_MS)
        wait_ms = WAIT_MAX_MS;
    bool may_wait = wait_ms > 0 && atomic_fetch_add(&waiting, 1) < WAITING_MAX;
    if (may_wait)
        signal = job_signal_open(jobs_database());
    enum status status = wait_with(request, signal, watch, wait_ms);
    job_signal_close(signal);
    if (wait_ms > 0)
        atomic_fetch_sub(&waiting, 1);
    return status;
}

/* --- start, stop --- */

struct worker_in {
    struct sv worker;
    struct sv host;
};

static const struct field worker_fields[] = {
    FIELD(struct worker_in, worker, STRING, .required = true),
    FIELD(struct worker_in, host, STRING),
    FIELDS_END,
};

static enum status start_worker(struct request *request, const void *input)
{
    const struct worker_in *in = input;
    int64_t requeued = 0;
    if (check_token(request) != OK || request_begin(request, ACCESS_WRITE) != OK ||
        job_worker_seen(request_tx(request), in->worker, in->host, true) != OK ||
        jobs_requeue_of_worker(request_tx(request), in->worker, max_crashes(request), &requeued) != OK ||
        request_commit(request) != OK)
        return FAILED;
    if (requeued)
        jobs_signal();
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_int_field(json, "lease_ms", lease_ms(request));
    json_put_int_field(json, "requeued", requeued);
    json_end_object(json);
    return OK;
}

static enum status stop_worker(struct request *request, const void *input)
{
    const struct worker_in *in = input;
    if (check_token(request) != OK || request_begin(request, ACCESS_WRITE) != OK ||
        job_worker_gone(request_tx(request), in->worker) != OK || request_commit(request) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- take --- */

struct take_in {
    struct sv worker;
    struct sv host;
    struct list types;
    struct opt_int64 max;
    struct opt_int64 wait_ms;
};

static const struct field take_fields[] = {
    FIELD(struct take_in, worker, STRING, .required = true),
    FIELD(struct take_in, host, STRING),
    FIELD(struct take_in, types, STRINGS),
    FIELD(struct take_in, max, INT64),
    FIELD(struct take_in, wait_ms, INT64),
    FIELDS_END,
};

static enum status take_jobs(struct request *request, const struct take_in *in, const struct job_types *types,
                             struct job_taken *jobs, size_t *count)
{
    int64_t max = in->max.set ? in->max.value : 1;
    struct store_tx *tx;
    bool taken = true;
    *count = 0;
    if (request_begin(request, ACCESS_WRITE) != OK)
        return FAILED;
    tx = request_tx(request);
    if (job_worker_seen(tx, in->worker, in->host, true) != OK ||
        jobs_requeue_lost(tx, max_crashes(request), NULL) != OK)
        return FAILED;
    while (taken && (int64_t)*count < max && *count < TAKE_MAX) {
        if (job_take(tx, in->worker, lease_ms(request), types, &jobs[*count], &taken) != OK)
            return FAILED;
        *count += taken;
    }
    return request_commit(request);
}

static void put_taken(struct json_writer *json, struct arena *arena, const struct job_taken *taken)
{
    json_begin_object(json);
    json_put_string_field(json, "job_id", taken->job.job_id);
    json_put_string_field(json, "job_name", taken->job.name);
    json_key(json, "params");
    json_put_raw(json, taken->job.params);
    json_put_int_field(json, "timeout_ms", taken->timeout_ms);
    json_put_int_field(json, "retry_count", taken->job.retry_count);
    json_put_int_field(json, "creation_time", taken->job.creation_time);
    json_put_int_field(json, "attempt", taken->lease.attempt);
    json_put_string_field(json, "lease", lease_text(arena, &taken->lease));
    json_end_object(json);
}

static void put_due(struct json_writer *json, int64_t due_ms)
{
    int64_t now_ms = clock_now_ms();
    json_key(json, "due_in_ms");
    if (due_ms == INT64_MAX)
        json_put_null(json);
    else
        json_put_int(json, due_ms > now_ms ? due_ms - now_ms : 0);
}

static enum status take_with(struct request *request, const struct take_in *in, const struct job_types *types)
{
    struct watch watch = {.types = types_among(request->arena, types, &in->types)};
    struct job_taken *jobs = ARENA_ARRAY(request->arena, struct job_taken, TAKE_MAX);
    size_t count = 0;
    if (wait_until_ready(request, &watch, in->wait_ms.value) != OK)
        return FAILED;
    if (watch.ready &&
        (take_jobs(request, in, &watch.types, jobs, &count) != OK || look(request, &watch) != OK))
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "jobs");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        put_taken(json, request->arena, &jobs[i]);
    json_end_array(json);
    json_put_int_field(json, "lease_ms", lease_ms(request));
    put_due(json, watch.due_ms);
    json_end_object(json);
    return OK;
}

static enum status take(struct request *request, const void *input)
{
    if (check_token(request) != OK)
        return FAILED;
    const struct job_types *types = jobs_types_take();
    enum status status = take_with(request, input, types);
    jobs_types_drop(types);
    return status;
}

/* --- wait --- */

struct wait_in {
    struct list types;
    struct list leases;
    struct opt_int64 wait_ms;
};

static const struct field wait_fields[] = {
    FIELD(struct wait_in, types, STRINGS),
    FIELD(struct wait_in, leases, STRINGS),
    FIELD(struct wait_in, wait_ms, INT64),
    FIELDS_END,
};

static enum status wait_for_news(struct request *request, const void *input)
{
    const struct wait_in *in = input;
    const struct sv *texts = in->leases.items;
    struct watch watch = {.leases = ARENA_ARRAY(request->arena, struct job_lease, in->leases.count),
                          .lease_count = in->leases.count};
    if (check_token(request) != OK)
        return FAILED;
    for (size_t i = 0; i < in->leases.count; i++)
        if (read_lease(request, texts[i], &watch.leases[i]) != OK)
            return FAILED;
    const struct job_types *types = jobs_types_take();
    watch.types = types_among(request->arena, types, &in->types);
    enum status status = wait_until_ready(request, &watch, in->wait_ms.value);
    jobs_types_drop(types);
    if (status != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_bool_field(json, "ready", watch.ready);
    put_due(json, watch.due_ms);
    json_end_object(json);
    return OK;
}

/* --- report --- */

struct news_in {
    struct sv lease;
    struct sv log; /* base64 */
    struct opt_double progress;
    struct sv message;
    struct json_object *details;
    struct opt_int64 end;
    struct sv text;
};

static const struct enum_name end_names[] = {
    {"succeeded", JOB_END_SUCCEEDED}, {"failed", JOB_END_FAILED},     {"timeout", JOB_END_TIMEOUT},
    {"transient", JOB_END_TRANSIENT}, {"returned", JOB_END_RETURNED}, {NULL, 0},
};

static const struct field news_fields[] = {
    FIELD(struct news_in, lease, STRING, .required = true),
    FIELD(struct news_in, log, STRING),
    FIELD(struct news_in, progress, DOUBLE),
    FIELD(struct news_in, message, STRING),
    FIELD(struct news_in, details, JSON),
    FIELD(struct news_in, end, ENUM, .enums = end_names),
    FIELD(struct news_in, text, STRING),
    FIELDS_END,
};

struct report_in {
    struct sv worker;
    struct sv host;
    struct list jobs;
};

static const struct field report_fields[] = {
    FIELD(struct report_in, worker, STRING, .required = true),
    FIELD(struct report_in, host, STRING),
    FIELD(struct report_in, jobs, OBJECTS, .fields = news_fields, .size = sizeof(struct news_in)),
    FIELDS_END,
};

static enum status enter_log(struct request *request, const struct job_lease *lease,
                             const struct job_type *type, struct sv text, enum job_hold *hold)
{
    struct sv bytes = base64_decode(request->arena, text);
    if (!bytes.data)
        return fail(request, INVALID_PARAMETER_VALUE, "'log' is not base64.");
    return job_log_append(request_tx(request), lease, bytes, type ? type->output_bytes : JOB_OUTPUT_DEFAULT,
                          hold);
}

static enum status enter_progress(struct request *request, const struct job_lease *lease,
                                  const struct news_in *in, enum job_hold *hold)
{
    struct sv details = SV_ABSENT;
    if (in->details && !json_object_is_type(in->details, json_type_object))
        return fail(request, INVALID_PARAMETER_VALUE, "'details' is not an object.");
    if (in->details)
        details = job_json_text(in->details, request->arena);
    return job_progress(request_tx(request), lease, in->progress.set ? in->progress.value : -1, in->message,
                        details, hold);
}

static enum status enter_end(struct request *request, const struct job_lease *lease,
                             const struct job_type *type, const struct news_in *in, enum job_hold *hold,
                             const char **status)
{
    const struct job_ending ending = {.end = (enum job_end)in->end.value, .text = in->text, .type = type};
    enum job_status became = JOB_PENDING;
    if (job_finish(request_tx(request), lease, &ending, hold, &became) != OK)
        return FAILED;
    *status = job_status_name(became);
    return OK;
}

struct news_out {
    struct sv lease;
    enum job_hold hold;
    const char *status; /* of a job that ended; else NULL */
};

static enum status enter_news(struct request *request, const struct job_types *types,
                              const struct news_in *in, struct news_out *out)
{
    struct store_tx *tx = request_tx(request);
    struct job_lease lease;
    struct job job;
    *out = (struct news_out){.lease = in->lease};
    if (read_lease(request, in->lease, &lease) != OK || job_of_lease(tx, &lease, &job, &out->hold) != OK)
        return FAILED;
    if (out->hold == JOB_HOLD_LOST)
        return OK;
    const struct job_type *type = job_types_find(types, job.name);
    if (in->log.len && enter_log(request, &lease, type, in->log, &out->hold) != OK)
        return FAILED;
    if ((in->progress.set || in->message.data || in->details) &&
        enter_progress(request, &lease, in, &out->hold) != OK)
        return FAILED;
    return in->end.set ? enter_end(request, &lease, type, in, &out->hold, &out->status)
                       : job_heartbeat(tx, &lease, lease_ms(request), &out->hold);
}

static enum status enter_report(struct request *request, const struct report_in *in, struct news_out *out)
{
    const struct news_in *news = in->jobs.items;
    if (request_begin(request, ACCESS_WRITE) != OK ||
        job_worker_seen(request_tx(request), in->worker, in->host, true) != OK)
        return FAILED;
    const struct job_types *types = jobs_types_take();
    enum status status = OK;
    for (size_t i = 0; status == OK && i < in->jobs.count; i++)
        status = enter_news(request, types, &news[i], &out[i]);
    jobs_types_drop(types);
    return status == OK ? request_commit(request) : FAILED;
}

static enum status report(struct request *request, const void *input)
{
    const struct report_in *in = input;
    struct news_out *out = ARENA_ARRAY(request->arena, struct news_out, in->jobs.count);
    bool ended = false;
    if (check_token(request) != OK || enter_report(request, in, out) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "jobs");
    json_begin_array(json);
    for (size_t i = 0; i < in->jobs.count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "lease", out[i].lease);
        json_put_string_field(json, "hold", sv_from(hold_names[out[i].hold]));
        json_put_string_field_if_set(json, "status", sv_from(out[i].status));
        json_end_object(json);
        ended = ended || out[i].status;
    }
    json_end_array(json);
    json_put_int_field(json, "lease_ms", lease_ms(request));
    json_end_object(json);
    if (ended)
        jobs_signal();
    return OK;
}

/* Workers are not users: what they need is their token. */
#define WORKER_ROW(name_, path_, handler_, input_)                                            \
    {                                                                                         \
        .name = name_, .area = "jobs", .method = METHOD_POST, .root = ROOT_API_3_ONLY,        \
        .path = "/tracklight/jobs/worker/" path_, .handler = handler_, .access = ACCESS_NONE, \
        .needs = NEEDS(PUBLIC, NONE), .input = input_, .body_limit = BODY_LIMIT,              \
    }

const struct operation job_worker_operations[] = {
    WORKER_ROW("startJobWorker", "start", start_worker, INPUT(struct worker_in, worker_fields)),
    WORKER_ROW("stopJobWorker", "stop", stop_worker, INPUT(struct worker_in, worker_fields)),
    WORKER_ROW("takeJobs", "take", take, INPUT(struct take_in, take_fields)),
    WORKER_ROW("waitForJobs", "wait", wait_for_news, INPUT(struct wait_in, wait_fields)),
    WORKER_ROW("reportJobs", "report", report, INPUT(struct report_in, report_fields)),
    {.path = NULL},
};
