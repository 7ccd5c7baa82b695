#include "common/version.h"
#include "fcgi-bin/tracking/tracking.h"

static enum status version(struct request *request, const void *input)
{
    (void)input;
    return reply_text(request, 200, "text/html", SV(MLFLOW_API_VERSION));
}

/* Nothing is ever sent to the vendor: the page is told that telemetry is off. */
static enum status get_ui_telemetry(struct request *request, const void *input)
{
    (void)input;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "disable_ui_events");
    json_begin_array(json);
    json_end_array(json);
    json_put_bool_field(json, "disable_ui_telemetry", true);
    json_put_int_field(json, "ui_rollout_percentage", 0);
    json_end_object(json);
    return OK;
}

static enum status post_ui_telemetry(struct request *request, const void *input)
{
    (void)input;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "status", SV("disabled"));
    json_end_object(json);
    return OK;
}

const struct operation server_operations[] = {
    {
        .name = "health",
        .area = "server",
        .method = METHOD_GET,
        .root = ROOT_PREFIXED,
        .path = "/health",
        .handler = server_health,
        .access = ACCESS_NONE,
        .needs = NEEDS(PUBLIC, NONE),
        .never_artifacts_only = true,
    },
    {
        .name = "version",
        .area = "server",
        .method = METHOD_GET,
        .root = ROOT_PREFIXED,
        .path = "/version",
        .handler = version,
        .access = ACCESS_NONE,
        .needs = NEEDS(PUBLIC, NONE),
        .never_artifacts_only = true,
    },
    {
        .name = "getUiTelemetry",
        .area = "server",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/ui-telemetry",
        .handler = get_ui_telemetry,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .never_artifacts_only = true,
    },
    {
        .name = "postUiTelemetry",
        .area = "server",
        .method = METHOD_POST,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/ui-telemetry",
        .handler = post_ui_telemetry,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .never_artifacts_only = true,
    },
    {.path = NULL},
};
