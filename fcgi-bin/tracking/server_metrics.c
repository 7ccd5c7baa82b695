#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/net/target.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"
#include "common/store/span_index.h"
#include "fcgi-bin/service.h"
#include "fcgi-bin/tracking/tracking.h"

/* GET /metrics, in the text format 0.0.4 of Prometheus. */

static enum status check_network(struct request *request)
{
    struct sv allowed = request_service(request)->settings->metrics_allowed_networks, problem;
    struct network *networks;
    size_t count;
    uint8_t address[ADDRESS_BYTES];
    if (!allowed.len)
        return OK;
    if (!networks_parse(request->arena, allowed, &networks, &count, &problem))
        return error_internal(&request->error, request->arena, "%.*s", SV_ARG(problem));
    if (address_parse(request->remote_addr, address) && networks_hold(networks, count, address))
        return OK;
    return fail(request, PERMISSION_DENIED, "The metrics are not shown to this address.");
}

static enum status write_database(struct request *request, struct buffer *out)
{
    struct db_info info;
    if (db_info(request_service(request)->store.db, request->arena, &request->error, &info) != OK)
        return FAILED;
    metrics_write_gauge(out, "tracklight_database_bytes", SV_ABSENT, (double)info.database_bytes);
    metrics_write_gauge(out, "tracklight_database_wal_bytes", SV_ABSENT, (double)info.wal_bytes);
    return OK;
}

static enum status write_queues(struct request *request, struct buffer *out)
{
    const struct outbox_summary *rows;
    size_t count;
    double waiting = 0;
    if (outbox_summarize(request_tx(request), &rows, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++)
        waiting += (double)rows[i].waiting;
    metrics_write_gauge(out, "tracklight_queue_depth", SV("queue=\"webhooks\""), waiting);
    return OK;
}

static enum status write_index(struct request *request, struct buffer *out)
{
    struct span_index_state state;
    if (span_index_state(request_tx(request), &state) != OK)
        return FAILED;
    metrics_write_gauge_more(out, "tracklight_queue_depth", SV("queue=\"spans\""),
                             (double)(state.newest - state.watermark));
    return OK;
}

static enum status write_jobs(struct request *request, struct buffer *out)
{
    int64_t pending, running;
    if (job_depths(request_tx(request), &pending, &running) != OK)
        return FAILED;
    metrics_write_gauge_more(out, "tracklight_queue_depth", SV("queue=\"jobs\",status=\"PENDING\""),
                             (double)pending);
    metrics_write_gauge_more(out, "tracklight_queue_depth", SV("queue=\"jobs\",status=\"RUNNING\""),
                             (double)running);
    return OK;
}

static enum status prometheus(struct request *request, const void *input)
{
    (void)input;
    struct buffer *out = &request->reply.body;
    if (!metrics_are_kept())
        return fail(request, ENDPOINT_NOT_FOUND,
                    "Metrics are not kept. Start the server with --expose-prometheus DIR.");
    if (check_network(request) != OK)
        return FAILED;
    reply_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", SV(""));
    metrics_write_gauge(out, "mlflow_exporter_info", SV("version=\"0.23.1\""), 1);
    if (!metrics_write(out))
        return error_internal(&request->error, request->arena, "the metrics cannot be read");
    if (!request_service(request)->has_store)
        return OK;
    if (write_database(request, out) != OK || request_begin(request, ACCESS_READ) != OK ||
        write_queues(request, out) != OK || write_jobs(request, out) != OK || write_index(request, out) != OK)
        return FAILED;
    return request_commit(request);
}

const struct operation server_metrics_operations[] = {
    {
        .name = "prometheus",
        .area = "server",
        .method = METHOD_GET,
        .root = ROOT_PLAIN,
        .path = "/metrics",
        .handler = prometheus,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .never_artifacts_only = true,
    },
    {.path = NULL},
};
