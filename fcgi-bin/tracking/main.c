#include "fcgi-bin/job_catalogue.h"
#include "fcgi-bin/program.h"
#include "fcgi-bin/tracking/tracking.h"

static const struct operation *const tables[] = {
    experiment_operations,
    run_operations,
    run_data_operations,
    metric_operations,
    dataset_operations,
    artifact_operations,
    promptlab_operations,
    logged_model_operations,
    registered_model_operations,
    model_version_operations,
    webhook_operations,
    evaluation_dataset_operations,
    scorer_operations,
    scorer_job_operations,
    otlp_operations,
    server_operations,
    server_metrics_operations,
    trace_operations,
    trace_2_operations,
    trace_search_operations,
    trace_get_operations,
    trace_statistics_operations,
    assessment_operations,
    gateway_secret_operations,
    gateway_model_operations,
    gateway_endpoint_operations,
    gateway_binding_operations,
    gateway_discovery_operations,
    gateway_usage_operations,
    user_operations,
    permission_operations,
    session_operations,
    signup_operations,
    graphql_operations,
    NULL,
};

static enum status open_parts(struct service *service, struct arena *arena, struct error *error)
{
    if (webhooks_open(service, arena, error) != OK || jobs_open(service, arena, error) != OK)
        return FAILED;
    if (gateway_open(service, arena, error) == OK)
        return OK;
    jobs_close(service);
    return FAILED;
}

static void close_parts(struct service *service)
{
    gateway_close();
    jobs_close(service);
}

int main(int argc, char **argv)
{
    static struct service service;
    static const struct fastcgi_program program = {
        .program = {.name = "tracking", .tables = tables},
        .summary = "Answers the tracking API",
        .service = &service,
        .open = open_parts,
        .close = close_parts,
        .reload = jobs_reload,
    };
    return program_main(&program, argc, argv);
}
