#include "fcgi-bin/gateway/inference.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/utf8.h"
#include "common/gateway/chat_request.h"
#include "common/http/error.h"
#include "common/json/json_read.h"

#define CLIENT_HEADERS_MAX 128
#define NAME_SHOWN_BYTES   255

/* --- Failures --- */

enum status fail_text(struct inference *inference, int status, const char *format, ...)
{
    bool gone = inference->failure.client_gone;
    va_list arguments;
    va_start(arguments, format);
    struct sv detail = arena_vprintf(inference->request->arena, format, arguments);
    va_end(arguments);
    inference->failure = (struct failure){.status = status, .detail = detail, .client_gone = gone};
    return FAILED;
}

enum status fail_object(struct inference *inference, enum error_code code, struct sv message)
{
    inference->failure = (struct failure){
        .status = error_http_status(code), .detail = message, .as_object = true, .code = code};
    return FAILED;
}

enum status fail_error(struct inference *inference, struct error *error)
{
    if (error->detail.len)
        log_error("id=%s message=\"%.*s\" detail=\"%.*s\"", inference->request->id, SV_ARG(error->message),
                  SV_ARG(error->detail));
    fail_object(inference, error->code, error->message);
    error_clear(error);
    return FAILED;
}

static enum status reply_failure(struct inference *inference)
{
    const struct failure *failure = &inference->failure;
    struct request *request = inference->request;
    struct json_writer *json = &request->reply.json;
    if (failure->client_gone)
        return request->reply.broken ? FAILED : fail(request, CANCELLED, "The client has gone away.");
    buffer_clear(&request->reply.body, REPLY_DRAIN_BYTES);
    json_writer_init_utf8(json, &request->reply.body);
    json_begin_object(json);
    json_key(json, "detail");
    if (failure->is_json) {
        json_put_raw(json, failure->detail);
    } else if (failure->as_object) {
        json_begin_object(json);
        json_put_string_field(json, "error_code", sv_from(error_code_name(failure->code)));
        json_put_string_field(json, "message", failure->detail);
        json_end_object(json);
    } else {
        json_put_string(json, failure->detail);
    }
    json_end_object(json);
    request->reply.status = failure->status;
    request->reply.content_type = "application/json";
    if (failure->status == 503)
        reply_header(request, "retry-after", SV("1"));
    return OK;
}

/* --- What came --- */

static bool is_true(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return json_object_get_boolean(value);
    case json_type_int:
    case json_type_double:
        return json_object_get_double(value) != 0;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_array:
        return json_object_array_length(value) > 0;
    case json_type_object:
        return json_object_object_length(value) > 0;
    default:
        return false;
    }
}

static enum status parse_body(struct inference *inference)
{
    struct request *request = inference->request;
    struct sv problem = SV_ABSENT;
    switch (json_parse(request->arena, request->body, &request->json, &problem)) {
    case JSON_OK:
        break;
    case JSON_EMPTY:
        return fail_text(inference, 400, "Invalid JSON payload: the body is empty");
    default:
        return fail_text(inference, 400, "Invalid JSON payload: %.*s", SV_ARG(problem));
    }
    if (!json_object_is_type(request->json, json_type_object))
        return fail_text(inference, 400, "Invalid JSON payload: the body should be an object");
    return OK;
}

/* Takes the endpoint's name out of the body. */
static enum status take_name(struct inference *inference)
{
    struct json_object *body = inference->request->json;
    struct json_object *model = provider_member(body, "model");
    if (!is_true(model))
        return fail_text(inference, 400, "Missing required 'model' parameter in request body");
    if (!json_object_is_type(model, json_type_string))
        return fail_text(inference, 400,
                         "The 'model' parameter in the request body should be a string: the name of an "
                         "endpoint");
    inference->name = arena_copy(inference->request->arena, json_string_view(model));
    json_object_object_del(body, "model");
    return OK;
}

static enum status check_payload(struct inference *inference)
{
    struct json_object *body = inference->request->json;
    struct work *work = inference->work;
    struct sv problem = SV_ABSENT;
    bool chat = inference->route == GATEWAY_CHAT;
    if ((chat ? chat_request_check : embeddings_request_check)(inference->request->arena, body,
                                                               &work->payload, &problem) != OK)
        return fail_text(inference, 400, "Invalid %s payload: %.*s", chat ? "chat" : "embeddings",
                         SV_ARG(problem));
    inference->payload = work->payload;
    inference->stream = chat && is_true(provider_member(work->payload, "stream"));
    return OK;
}

static void take_headers(struct inference *inference)
{
    struct request *request = inference->request;
    struct header *headers = ARENA_ARRAY(request->arena, struct header, CLIENT_HEADERS_MAX);
    inference->header_count = request_headers(request, headers, CLIENT_HEADERS_MAX);
    inference->headers = ARENA_ARRAY(request->arena, struct name_value, inference->header_count);
    for (size_t i = 0; i < inference->header_count; i++)
        inference->headers[i] = (struct name_value){sv_from(headers[i].name), headers[i].value};
}

static enum status take_passthrough(struct inference *inference)
{
    struct json_object *body = inference->request->json;
    inference->payload = body;
    inference->stream =
        inference->route == GATEWAY_GEMINI_STREAM ||
        (inference->route != GATEWAY_OPENAI_EMBEDDINGS && inference->route != GATEWAY_GEMINI_GENERATE &&
         is_true(provider_member(body, "stream")));
    take_headers(inference);
    return OK;
}

static const struct field inference_fields[] = {
    FIELD(struct inference, name, STRING),
    FIELDS_END,
};

/* Which endpoint is meant, so that it is known before anything else is done who may use it. What is wrong
 * with the body is told in the handler's way. */
static enum status fill_inference(struct request *request, void *in)
{
    struct inference *inference = in;
    inference->request = request;
    inference->is_unreadable = parse_body(inference) != OK;
    if (!inference->is_unreadable) {
        inference->name = request_parameter(request, "endpoint_name");
        inference->is_unreadable = !inference->name.data && take_name(inference) != OK;
    }
    return OK;
}

/* The order of these checks is the interface: see docs/gateway.md. */
static enum status read_request(struct inference *inference, bool detect)
{
    struct json_object *body = inference->request->json;
    if (inference->is_unreadable)
        return FAILED;
    if (detect && json_object_object_get_ex(body, "messages", NULL))
        inference->route = GATEWAY_CHAT;
    else if (detect && json_object_object_get_ex(body, "input", NULL))
        inference->route = GATEWAY_EMBEDDINGS;
    else if (detect)
        return fail_text(inference, 400, "Invalid request: payload format must be either chat or embeddings");
    return inference->route < GATEWAY_OPENAI_CHAT ? check_payload(inference) : take_passthrough(inference);
}

/* --- Where it goes --- */

static bool is_good_name(struct sv name)
{
    size_t at = 0;
    while (at < name.len) {
        uint32_t c = utf8_next(name, &at);
        if (c != '-' && c != '.' && !utf8_is_word(c))
            return false;
    }
    return name.len > 0;
}

static enum status load_routing(struct inference *inference)
{
    struct request *request = inference->request;
    if (request_begin(request, ACCESS_READ) != OK ||
        routes_find(inference->gateway->routes, request_tx(request), inference->name,
                    &inference->work->route) != OK ||
        request_commit(request) != OK) {
        if (request->error.code == INTERNAL_ERROR || request->error.code == ERROR_NONE)
            return FAILED;
        /* The transaction is rolled back with the request. */
        return fail_error(inference, &request->error);
    }
    inference->routing = &inference->work->route->routing;
    inference->changes = inference->work->route->changes;
    return OK;
}

static enum status check_endpoint(struct inference *inference)
{
    if (!is_good_name(inference->name))
        return fail_object(
            inference, INVALID_PARAMETER_VALUE,
            arena_printf(inference->request->arena,
                         "The route name provided contains disallowed characters for a url endpoint. "
                         "'%.*s' is invalid. Names cannot contain spaces or any non alphanumeric characters "
                         "other than hyphen and underscore.",
                         SV_ARG(utf8_first(inference->name, NAME_SHOWN_BYTES))));
    if (inference->route < GATEWAY_OPENAI_CHAT && provider_member(inference->payload, "model"))
        return fail_text(inference, 422,
                         "The parameter 'model' is not permitted to be passed. The route being queried "
                         "already defines a model instance.");
    return OK;
}

/* --- Attempts --- */

static void sum_up_failures(struct inference *inference, size_t count)
{
    struct failure last = inference->failure;
    struct arena *arena = inference->request->arena;
    struct sv status = last.from_provider ? arena_printf(arena, "%d: ", last.status) : SV("");
    inference->failure = (struct failure){
        .status = last.status,
        .detail = arena_printf(arena, "All %zu fallback attempts failed. Last error: %.*s%.*s", count,
                               SV_ARG(status), SV_ARG(last.detail)),
        .from_provider = last.from_provider,
    };
}

static enum status try_models(struct inference *inference)
{
    const struct gateway_route_model **models;
    size_t count;
    if (plan_attempts(inference, &models, &count) != OK)
        return FAILED;
    bool has_fallback = count > 1;
    for (size_t i = 0; i < count; i++) {
        enum status status = call_model(inference, models[i]);
        work_end_attempt(inference->work);
        if (status == OK || inference->failure.client_gone)
            return status;
        log_info("id=%s endpoint=\"%.*s\" model=\"%.*s/%.*s\" failed with %d", inference->request->id,
                 SV_ARG(inference->name), SV_ARG(models[i]->provider), SV_ARG(models[i]->model_name),
                 inference->failure.status);
    }
    if (has_fallback)
        sum_up_failures(inference, count);
    return FAILED;
}

/* --- The record --- */

/* What a client made up must not become a label. */
static const char *provider_label(struct sv name)
{
    const struct provider_row *row = name.data ? provider_find(name) : NULL;
    return row ? row->name : name.data ? "other" : "none";
}

static void count_tokens(const char *provider, const char *kind, int64_t tokens)
{
    char labels[METRICS_LABELS_MAX + 1];
    if (tokens <= 0)
        return;
    snprintf(labels, sizeof(labels), "provider=\"%s\",kind=\"%s\"", provider, kind);
    metrics_add("tracklight_gateway_tokens_total", sv_from(labels), (double)tokens);
}

static void count_call(const struct gateway_usage_row *row)
{
    char labels[METRICS_LABELS_MAX + 1];
    const char *provider = provider_label(row->provider);
    snprintf(labels, sizeof(labels), "provider=\"%s\",status=\"%d\"", provider, (int)row->status);
    metrics_add("tracklight_gateway_calls_total", sv_from(labels), 1);
    snprintf(labels, sizeof(labels), "provider=\"%s\"", provider);
    metrics_observe("tracklight_gateway_duration_seconds", sv_from(labels),
                    (double)row->duration_ms / 1000.0);
    count_tokens(provider, "input", row->input_tokens);
    count_tokens(provider, "output", row->output_tokens);
}

static void record(struct inference *inference, int64_t time_ms)
{
    const struct request *request = inference->request;
    const struct gateway_route_model *model = inference->model;
    int64_t began_us = request->started_us;
    struct gateway_usage_row row = {
        .time_ms = time_ms,
        .endpoint_id = inference->routing->endpoint_id,
        .endpoint_name = inference->routing->name,
        .input_tokens = inference->usage.input_tokens,
        .output_tokens = inference->usage.output_tokens,
        .cached_tokens = inference->usage.cached_tokens,
        .status = inference->failure.status ? inference->failure.status : 200,
        .duration_ms = (clock_monotonic_us() - began_us) / 1000,
        .first_token_ms = inference->first_token_us ? (inference->first_token_us - began_us) / 1000 : -1,
        .streamed = inference->stream,
        .attempts = inference->attempts,
    };
    if (model) {
        row.provider = model->provider;
        row.model = model->model_name;
    }
    count_call(&row);
    usage_add(inference->gateway->usage, &row);
}

/* --- Handlers --- */

static enum status answer(struct inference *inference, bool detect)
{
    struct request *request = inference->request;
    int64_t time_ms = clock_now_ms();
    if (read_request(inference, detect) != OK)
        return reply_failure(inference);
    if (load_routing(inference) != OK)
        return request->error.code != ERROR_NONE ? FAILED : reply_failure(inference);
    enum status status = check_endpoint(inference);
    if (status == OK)
        status = try_models(inference);
    record(inference, time_ms);
    if (status == OK)
        return request->reply.broken ? FAILED : OK;
    return reply_failure(inference);
}

static enum status infer(struct request *request, const struct inference *in, enum gateway_route route,
                         bool detect)
{
    struct inference inference = *in;
    inference.gateway = request_gateway(request);
    inference.work = work_begin();
    inference.route = route;
    inference.usage = GATEWAY_NO_USAGE;
    if (!inference.work)
        return fail(request, TEMPORARILY_UNAVAILABLE,
                    "The server has no memory for the request. Try again later.");
    enum status status = answer(&inference, detect);
    work_end(inference.work);
    return status;
}

static enum status invocations(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_CHAT, true);
}

static enum status chat_completions(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_CHAT, false);
}

static enum status openai_chat(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_OPENAI_CHAT, false);
}

static enum status openai_embeddings(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_OPENAI_EMBEDDINGS, false);
}

static enum status openai_responses(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_OPENAI_RESPONSES, false);
}

static enum status anthropic_messages(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_ANTHROPIC_MESSAGES, false);
}

static enum status gemini_generate(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_GEMINI_GENERATE, false);
}

static enum status gemini_stream(struct request *request, const void *in)
{
    return infer(request, in, GATEWAY_GEMINI_STREAM, false);
}

#define INFERENCE(name_, path_, handler_)                                                              \
    {                                                                                                  \
        .name = (name_), .area = "gateway", .method = METHOD_POST, .root = ROOT_BOTH, .path = (path_), \
        .handler = (handler_), .access = ACCESS_NONE, .needs = NEEDS_IF(ENDPOINT_NAME, USE, "name"),   \
        .input = INPUT(struct inference, inference_fields), .fill_input = fill_inference,              \
        .error_shape = ERROR_DETAIL, .any_content_type = true                                          \
    }

const struct operation inference_operations[] = {
    INFERENCE("invocations", "/gateway/{endpoint_name}/mlflow/invocations", invocations),
    INFERENCE("chatCompletions", "/gateway/mlflow/v1/chat/completions", chat_completions),
    INFERENCE("openaiChat", "/gateway/openai/v1/chat/completions", openai_chat),
    INFERENCE("openaiEmbeddings", "/gateway/openai/v1/embeddings", openai_embeddings),
    INFERENCE("openaiResponses", "/gateway/openai/v1/responses", openai_responses),
    INFERENCE("anthropicMessages", "/gateway/anthropic/v1/messages", anthropic_messages),
    INFERENCE("geminiGenerate", "/gateway/gemini/v1beta/models/{endpoint_name}:generateContent",
              gemini_generate),
    INFERENCE("geminiStream", "/gateway/gemini/v1beta/models/{endpoint_name}:streamGenerateContent",
              gemini_stream),
    {.path = NULL},
};
