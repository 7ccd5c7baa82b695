#include "common/http/request_metrics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/http/server_internal.h"
#include "common/version.h"

static bool is_probe(const struct operation *operation)
{
    return operation && (strcmp(operation->name, "health") == 0 || strcmp(operation->name, "version") == 0);
}

/* What a client made up must not become a label. */
static const char *method_label(enum http_method method)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "OTHER",
    };
    return names[method];
}

void request_metrics(const struct request *request)
{
    char labels[METRICS_LABELS_MAX + 1];
    const struct operation *operation = request->operation;
    if (!metrics_are_kept() || is_probe(operation))
        return;
    const char *method = method_label(request->method), *name = operation ? operation->name : "none";
    const char *program = request->server->options.program->name;
    int status = request->reply.status;
    double seconds = (double)(clock_monotonic_us() - request->started_us) / 1e6;

    snprintf(labels, sizeof(labels), "method=\"%s\",status=\"%d\"", method, status);
    metrics_add("mlflow_http_request_total", sv_from(labels), 1);
    if (status >= 500 && request->error.code == INTERNAL_ERROR)
        metrics_add("mlflow_http_request_exceptions_total", sv_from(labels), 1);
    snprintf(labels, sizeof(labels), "method=\"%s\",mlflow_version=\"%s\",status=\"%d\"", method,
             MLFLOW_API_VERSION, status);
    metrics_observe("mlflow_http_request_duration_seconds", sv_from(labels), seconds);
    snprintf(labels, sizeof(labels), "program=\"%s\",operation=\"%s\",status=\"%d\"", program, name, status);
    metrics_add("tracklight_requests_total", sv_from(labels), 1);
    snprintf(labels, sizeof(labels), "program=\"%s\",operation=\"%s\"", program, name);
    metrics_observe("tracklight_request_duration_seconds", sv_from(labels), seconds);
}
