#include <string.h>

#include "common/http/error.h"
#include "common/json/json_check.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/net/http_client.h"
#include "fcgi-bin/gateway/gateway.h"

/* Leads to the deployments server that the administrator has named (MLFLOW_DEPLOYMENTS_TARGET). */

#define ANSWER_MAX_BYTES (64UL * 1024 * 1024)

struct proxy_in {
    struct sv gateway_path;
    struct json_object *json_data;
};

static const struct field get_fields[] = {
    FIELD(struct proxy_in, gateway_path, STRING),
    FIELDS_END,
};
static const struct field post_fields[] = {
    FIELD(struct proxy_in, gateway_path, STRING),
    FIELD(struct proxy_in, json_data, JSON),
    FIELDS_END,
};

static struct sv without_slashes(struct sv path)
{
    while (sv_starts_with(path, SV("/")))
        path = sv_from_offset(path, 1);
    while (sv_ends_with(path, SV("/")))
        path = sv_first(path, path.len - 1);
    return path;
}

/* One segment of a path, as it may stand in a URL, that leads nowhere else. */
static bool is_segment(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (!c || !strchr("-._~%:@!$&'()*+,;=", c)))
            return false;
    }
    return text.len && !sv_equal(text, SV(".")) && !sv_equal(text, SV(".."));
}

static bool is_invocation(struct sv path)
{
    struct sv head = SV("gateway/"), tail = SV("/invocations");
    return path.len > head.len + tail.len && sv_starts_with(path, head) && sv_ends_with(path, tail) &&
           is_segment(sv_first(sv_from_offset(path, head.len), path.len - head.len - tail.len));
}

static enum status check_path(struct request *request, struct sv path)
{
    if (!path.len)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Deployments proxy request must specify a gateway_path.");
    struct sv bare = without_slashes(path);
    bool post = request->method == METHOD_POST;
    if (post ? is_invocation(bare) : sv_equal(bare, SV("api/2.0/endpoints")))
        return OK;
    return fail(request, INVALID_PARAMETER_VALUE, "Invalid gateway_path: %.*s for method: %s", SV_ARG(path),
                post ? "POST" : "GET");
}

static enum status refuse(struct request *request, int status, struct sv message)
{
    struct json_writer *json = reply_json(request);
    request->reply.status = status;
    json_begin_object(json);
    json_put_string_field(json, "error_code", sv_from(error_code_name(INTERNAL_ERROR)));
    json_put_string_field(json, "message", message);
    json_end_object(json);
    return OK;
}

static bool is_gone(void *context)
{
    return request_client_gone(context);
}

static enum status forward(struct request *request, struct sv url, struct sv body)
{
    struct gateway *gateway = request_gateway(request);
    const struct settings *settings = gateway->service.settings;
    const struct name_value json_type = {SV("content-type"), SV("application/json")};
    struct checked_target target;
    struct http_reply reply;
    struct http_client *client = http_client_of_thread(HTTP_FOR_CALLS);
    if (!client)
        return fail(request, TEMPORARILY_UNAVAILABLE, "The server has no memory for the call.");
    if (targets_check(gateway->targets, request->arena, &request->error, url, true, &target) != OK)
        return FAILED;
    const struct http_call call = {
        .method = request->method_name,
        .url = url,
        .headers = &json_type,
        .header_count = body.data ? 1 : 0,
        .body = body,
        .connect_ms = settings->gateway_connect_timeout * 1000,
        .first_byte_ms = settings->gateway_first_byte_timeout * 1000,
        .total_ms = settings->gateway_total_timeout * 1000,
        .cancelled = is_gone,
        .cancel_context = request,
        .pinned = target.pinned,
        .no_proxy = !target.proxied,
        .no_expect = true,
    };
    struct buffer *answer = http_scratch(client, HTTP_SCRATCH_BODY, ANSWER_MAX_BYTES);
    enum http_outcome outcome = http_exchange(client, &call, &reply, answer);
    if (outcome == HTTP_CANCELLED)
        return fail(request, CANCELLED, "The client has gone away.");
    if (outcome != HTTP_OK)
        return refuse(request, outcome == HTTP_TIMED_OUT ? 504 : 502,
                      arena_printf(request->arena, "The deployments server cannot be reached: %s.",
                                   http_problem(client)));
    if (reply.status != 200)
        return refuse(request, reply.status >= 400 && reply.status < 600 ? reply.status : 502,
                      arena_printf(request->arena,
                                   "Deployments proxy request failed with error code %d. Error message: %.*s",
                                   reply.status, SV_ARG(buffer_sv(answer))));
    struct json_check check;
    if (json_check(request->arena, buffer_sv(answer), &check) != JSON_OK)
        return refuse(request, 502, SV("The deployments server did not answer with JSON."));
    return reply_text(request, 200, "application/json", buffer_sv(answer));
}

static enum status gateway_proxy(struct request *request, const void *input)
{
    const struct proxy_in *in = input;
    struct sv target = request_service(request)->settings->deployments_target;
    struct sv body = SV_ABSENT;
    if (!target.len)
        return reply_text(request, 200, "application/json", SV("{\"endpoints\": []}"));
    if (check_path(request, in->gateway_path) != OK)
        return FAILED;
    while (sv_ends_with(target, SV("/")))
        target = sv_first(target, target.len - 1);
    if (in->json_data)
        body = json_dump(request->arena, in->json_data, false);
    else if (request->method == METHOD_POST)
        body = SV("");
    return forward(
        request,
        arena_printf(request->arena, "%.*s/%.*s", SV_ARG(target), SV_ARG(without_slashes(in->gateway_path))),
        body);
}

const struct operation deployments_operations[] = {
    {
        .name = "gatewayProxy",
        .area = "gateway",
        .method = METHOD_GET,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/gateway-proxy",
        .handler = gateway_proxy,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct proxy_in, get_fields),
    },
    {
        .name = "gatewayProxy",
        .area = "gateway",
        .method = METHOD_POST,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/gateway-proxy",
        .handler = gateway_proxy,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct proxy_in, post_fields),
    },
    {.path = NULL},
};
