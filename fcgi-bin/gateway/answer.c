#include "fcgi-bin/gateway/answer.h"

#include <string.h>

#include "common/base/log.h"
#include "common/gateway/unified.h"
#include "common/http/error.h"
#include "common/json/json_read.h"

#define PIECE_BYTES      (16 * 1024)
#define SECRET_MIN_BYTES 6 /* shorter texts are no secrets, and stand in any message */
#define TYPE_SHOWN_BYTES 100

static bool is_gone(void *context)
{
    return request_client_gone(context);
}

/* --- Sending and reading --- */

static enum status check_target(struct inference *inference, struct sv url, struct checked_target *target)
{
    struct error error = {.code = ERROR_NONE};
    if (targets_check(inference->gateway->targets, inference->request->arena, &error, url, false, target) ==
        OK)
        return OK;
    if (error.code == INVALID_PARAMETER_VALUE)
        return fail_error(inference, &error);
    return fail_text(inference, 502, "%.*s", SV_ARG(error.message));
}

enum status answer_begin(struct inference *inference, struct http_client *client,
                         const struct provider_request *request, bool stream, struct http_reply *reply)
{
    const struct settings *settings = inference->gateway->service.settings;
    struct checked_target target;
    if (check_target(inference, request->url, &target) != OK)
        return FAILED;
    const struct http_call call = {
        .method = request->method.data ? request->method : SV("POST"),
        .url = request->url,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .connect_ms = settings->gateway_connect_timeout * 1000,
        .first_byte_ms = settings->gateway_first_byte_timeout * 1000,
        .total_ms = settings->gateway_total_timeout * 1000,
        .cancelled = is_gone,
        .cancel_context = inference->request,
        .pinned = target.pinned,
        .no_proxy = !target.proxied,
        .no_expect = true,
        .http1 = stream,
    };
    enum http_outcome outcome = http_begin(client, &call, reply);
    return outcome == HTTP_OK ? OK : answer_failed(inference, outcome, http_problem(client));
}

enum status answer_read(struct inference *inference, struct http_client *client, struct sv *body)
{
    struct buffer *buffer = http_scratch(client, HTTP_SCRATCH_BODY, ANSWER_MAX_BYTES);
    int64_t idle_ms = inference->gateway->service.settings->gateway_idle_timeout * 1000;
    char *piece;
    long got = 0;
    while ((piece = buffer_reserve(buffer, PIECE_BYTES)) &&
           (got = http_read(client, piece, PIECE_BYTES, idle_ms)) > 0)
        buffer->len += (size_t)got;
    if (!piece)
        return answer_failed(inference, HTTP_TOO_LARGE, "");
    if (got == HTTP_READ_WAITING)
        return answer_failed(inference, HTTP_TIMED_OUT, "the answer paused for too long");
    if (got == HTTP_READ_FAILED)
        return answer_failed(inference, http_outcome(client), http_problem(client));
    *body = buffer_sv(buffer);
    if (!body->data)
        *body = SV("");
    return OK;
}

enum status answer_failed(struct inference *inference, enum http_outcome outcome, const char *problem)
{
    struct sv provider = inference->model->provider;
    if (outcome != HTTP_CANCELLED)
        log_warning("id=%s endpoint=\"%.*s\" provider=\"%.*s\" problem=\"%s\"", inference->request->id,
                    SV_ARG(inference->name), SV_ARG(provider), problem);
    switch (outcome) {
    case HTTP_CANCELLED:
        inference->failure.client_gone = true;
        return fail_text(inference, 499, "The client has gone away.");
    case HTTP_TIMED_OUT:
        return fail_text(inference, 504, "The provider '%.*s' did not answer in time.", SV_ARG(provider));
    case HTTP_NOT_REACHED:
        return fail_text(inference, 502, "The provider '%.*s' cannot be reached.", SV_ARG(provider));
    case HTTP_UNTRUSTED:
        return fail_text(inference, 502,
                         "No secure connection to the provider '%.*s' is possible: its certificate is not "
                         "trusted, or TLS failed.",
                         SV_ARG(provider));
    case HTTP_TOO_LARGE:
        return fail_text(inference, 502, "The answer of the provider '%.*s' is larger than %lu bytes.",
                         SV_ARG(provider), ANSWER_MAX_BYTES);
    case HTTP_MISUSED:
        return fail_text(inference, 400, "The URL or a header for the provider '%.*s' cannot be sent.",
                         SV_ARG(provider));
    default:
        return fail_text(inference, 502,
                         "The connection to the provider '%.*s' broke off, or it did not answer in HTTP.",
                         SV_ARG(provider));
    }
}

/* --- Reading as JSON --- */

bool answer_is(const struct http_client *client, const char *media_type)
{
    struct sv type = http_header(client, SV("Content-Type"));
    struct sv wanted = sv_from(media_type);
    for (size_t i = 0; i + wanted.len <= type.len; i++) {
        if (sv_equal_ignoring_case(sv_first(sv_from_offset(type, i), wanted.len), wanted))
            return true;
    }
    return false;
}

static struct sv without(struct arena *arena, struct sv text, struct sv secret)
{
    size_t at = 0;
    while (secret.len >= SECRET_MIN_BYTES && at + secret.len <= text.len) {
        if (memcmp(text.data + at, secret.data, secret.len) == 0)
            text = arena_printf(arena, "%.*s***%.*s", SV_ARG(sv_first(text, at)),
                                SV_ARG(sv_from_offset(text, at + secret.len)));
        at++;
    }
    return text;
}

/* A provider may repeat the key that it refuses. */
static struct sv without_secrets(const struct inference *inference, struct sv text)
{
    const struct provider_call *call = &inference->work->call;
    struct arena *arena = inference->request->arena;
    if (call->secret) {
        json_object_object_foreach(call->secret, name, value)
        {
            (void)name;
            if (json_object_is_type(value, json_type_string))
                text = without(arena, text, json_string_view(value));
        }
    }
    if (call->token) {
        text = without(arena, text, call->token->access);
        text = without(arena, text, call->token->secret);
        text = without(arena, text, call->token->session);
    }
    return text;
}

/* A copy: what the parsed answer holds is freed with the attempt. */
static enum status fail_as_told(struct inference *inference, int status, struct json_object *body)
{
    struct json_object *error = NULL;
    struct sv detail;
    bool has_error = json_object_object_get_ex(body, "error", &error);
    if (json_object_is_type(error, json_type_string)) {
        detail = json_string_view(error);
    } else if (has_error) {
        struct json_object *message = provider_member(error, "message");
        detail = json_object_is_type(message, json_type_string) ? json_string_view(message)
                                                                : sv_from(http_reason(status));
    } else {
        detail = sv_from(
            json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    }
    inference->failure = (struct failure){
        .status = status,
        .is_json = !has_error,
        .from_provider = true,
        .detail = arena_copy(inference->request->arena, without_secrets(inference, detail)),
    };
    return FAILED;
}

static enum status unsupported_type(struct inference *inference, const struct http_client *client)
{
    struct sv type = http_header(client, SV("Content-Type"));
    return fail_text(inference, 502,
                     "The returned data type from the route service is not supported. Received content "
                     "type: %.*s",
                     SV_ARG(sv_first(type, TYPE_SHOWN_BYTES)));
}

enum status answer_parse(struct inference *inference, struct http_client *client, int status, struct sv body,
                         struct json_object **value)
{
    struct sv problem;
    if (status >= 300 && status < 400)
        return fail_text(inference, 502,
                         "The provider '%.*s' answered with a redirect (status %d), which is not followed.",
                         SV_ARG(inference->model->provider), status);
    if (answer_is(client, "application/json")) {
        if (json_parse(inference->request->arena, body, value, &problem) != JSON_OK)
            return fail_text(inference, 502,
                             "The answer of the provider '%.*s' is not the JSON that it says "
                             "it is.",
                             SV_ARG(inference->model->provider));
    } else if (answer_is(client, "text/plain")) {
        *value = json_object_new_object();
        json_object_object_add(*value, "message", json_object_new_string_len(body.data, (int)body.len));
    } else {
        return unsupported_type(inference, client);
    }
    return status >= 400 ? fail_as_told(inference, status < 600 ? status : 502, *value) : OK;
}
