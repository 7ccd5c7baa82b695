#include <string.h>

#include "common/base/clock.h"
#include "common/gateway/unified.h"
#include "common/http/error.h"
#include "common/json/json_read.h"
#include "fcgi-bin/gateway/answer.h"
#include "fcgi-bin/gateway/stream.h"

#define TOKEN_WAIT_MS 30000

/* --- Before the call --- */

/* What the adapter has set by provider_fail. */
static enum status fail_by_adapter(struct inference *inference)
{
    const struct provider_call *call = &inference->work->call;
    inference->failure = (struct failure){
        .status = call->as_object ? error_http_status(call->code) : call->status,
        .detail = call->detail,
        .as_object = call->as_object,
        .code = call->code,
    };
    return FAILED;
}

static enum status open_secret(struct inference *inference, const struct gateway_route_model *model)
{
    struct error error = {.code = ERROR_NONE};
    struct arena *arena = inference->request->arena;
    struct locked *plain;
    /* Headers are made of it, in this arena. */
    arena_hold_secrets(arena);
    if (secrets_open(inference->gateway->secrets, arena, &error, inference->changes, model, &plain) != OK)
        return fail_error(inference, &error);
    bool good = work_read_secret(inference->work, arena, locked_sv(plain));
    locked_drop(plain);
    if (good)
        return OK;
    return fail_object(inference, INVALID_PARAMETER_VALUE,
                       SV("The secret of this model is not what it should be: a map of texts. Set it anew."));
}

static enum status read_config(struct inference *inference, const struct gateway_route_model *model)
{
    struct sv problem;
    if (!model->auth_config.len)
        return OK;
    if (json_parse(inference->request->arena, model->auth_config, &inference->work->config, &problem) ==
            JSON_OK &&
        (!inference->work->config || json_object_is_type(inference->work->config, json_type_object)))
        return OK;
    return fail_object(inference, INVALID_PARAMETER_VALUE,
                       SV("The auth_config of this model's secret is not a map of texts. Set it anew."));
}

static const char *const route_paths[GATEWAY_ROUTES] = {
    [GATEWAY_CHAT] = "chat",
    [GATEWAY_EMBEDDINGS] = "embeddings",
    [GATEWAY_OPENAI_CHAT] = "/openai/v1/chat/completions",
    [GATEWAY_OPENAI_EMBEDDINGS] = "/openai/v1/embeddings",
    [GATEWAY_OPENAI_RESPONSES] = "/openai/v1/responses",
    [GATEWAY_ANTHROPIC_MESSAGES] = "/anthropic/v1/messages",
    [GATEWAY_GEMINI_GENERATE] = "/gemini/v1beta/models/{endpoint_name}:generateContent",
    [GATEWAY_GEMINI_STREAM] = "/gemini/v1beta/models/{endpoint_name}:streamGenerateContent",
};

static enum status check_route(struct inference *inference)
{
    const struct provider_call *call = &inference->work->call;
    const struct provider *adapter = call->row->adapter;
    const char *title = adapter->routes ? adapter->title : call->row->name;
    const char *path = route_paths[inference->route];
    if (adapter->routes & GATEWAY_ROUTE_BIT(inference->route))
        return OK;
    if (inference->route < GATEWAY_OPENAI_CHAT)
        return fail_text(inference, 501, "The %s route is not implemented for %s models.", path, title);
    struct sv supported = SV("");
    for (int route = GATEWAY_OPENAI_CHAT; route < GATEWAY_ROUTES; route++) {
        if (adapter->routes & GATEWAY_ROUTE_BIT(route))
            supported = arena_printf(inference->request->arena, "%.*s%s/gateway%s (provider_path: %s)",
                                     SV_ARG(supported), supported.len ? ", " : "", route_paths[route],
                                     adapter->path ? adapter->path((enum gateway_route)route) : "");
    }
    if (!supported.len)
        return fail_text(inference, 501, "The passthrough route '%s' is not implemented for %s models.", path,
                         title);
    return fail_text(inference, 400,
                     "Unsupported passthrough endpoint '%s' for %s provider. Supported endpoints: %.*s", path,
                     title, SV_ARG(supported));
}

static const struct provider_row *row_for(const struct gateway_route_model *model, struct json_object *config)
{
    const struct provider_row *row = provider_find(model->provider);
    if (!row && provider_text(config, "api_base").len)
        row = &provider_compatible;
    return row;
}

static enum status set_up(struct inference *inference, const struct gateway_route_model *model)
{
    struct work *work = inference->work;
    if (read_config(inference, model) != OK)
        return FAILED;
    const struct provider_row *row = row_for(model, work->config);
    if (!row)
        return fail_object(inference, INVALID_PARAMETER_VALUE,
                           arena_printf(inference->request->arena,
                                        "The provider '%.*s' is not known here. If its API is OpenAI's, set "
                                        "auth_config.api_base of the model's secret to its URL.",
                                        SV_ARG(model->provider)));
    work->call = (struct provider_call){
        .arena = inference->request->arena,
        .row = row,
        .model = model->model_name,
        .config = work->config,
        .route = inference->route,
        .stream = inference->stream,
        .server_credentials = inference->gateway->service.settings->gateway_server_credentials,
        .payload = inference->payload,
        .headers = inference->headers,
        .header_count = inference->header_count,
        .now_ms = clock_now_ms(),
    };
    if (check_route(inference) != OK || open_secret(inference, model) != OK)
        return FAILED;
    work->call.secret = work->secret;
    return OK;
}

/* --- Tokens --- */

static enum status fetch_token(struct inference *inference, struct http_client *client,
                               struct gateway_token *token)
{
    struct provider_call *call = &inference->work->call;
    struct provider_request request = {.method = SV_ABSENT};
    struct http_reply reply;
    struct sv key, body;
    if (call->row->adapter->token(call, &request, &key) != OK)
        return fail_by_adapter(inference);
    if (answer_begin(inference, client, &request, false, &reply) != OK ||
        answer_read(inference, client, &body) != OK)
        return FAILED;
    http_end(client);
    if (reply.status != 200)
        return fail_text(inference, 502,
                         "The provider '%.*s' gave no access token (status %d). Check the secret and its "
                         "auth_config.",
                         SV_ARG(inference->model->provider), reply.status);
    if (call->row->adapter->read_token(call, body, token) != OK)
        return fail_by_adapter(inference);
    return OK;
}

static enum status get_token(struct inference *inference, struct http_client *client)
{
    struct work *work = inference->work;
    struct provider_call *call = &work->call;
    struct tokens *tokens = inference->gateway->tokens;
    const struct provider *adapter = call->row->adapter;
    struct provider_request unused = {.method = SV_ABSENT};
    struct sv key = SV_ABSENT;
    if (adapter->prepare && adapter->prepare(call) != OK)
        return fail_by_adapter(inference);
    if (call->token || !adapter->token)
        return OK;
    call->key_only = true;
    enum status status = adapter->token(call, &unused, &key);
    call->key_only = false;
    if (status != OK)
        return fail_by_adapter(inference);
    if (!key.data)
        return OK;
    /* What a change of the secret leaves behind is never found again. */
    key = arena_printf(call->arena, "%.*s %.*s", SV_ARG(inference->model->secret_id), SV_ARG(key));
    struct gateway_token *token = ARENA_NEW(call->arena, struct gateway_token);
    call->token = token;
    if (key.len > TOKEN_KEY_BYTES)
        return fetch_token(inference, client, token);
    if (tokens_begin(tokens, call->arena, key, TOKEN_WAIT_MS, token))
        return OK;
    memcpy(work->token_key, key.data, key.len);
    work->token_key_len = key.len;
    work->tokens = tokens;
    status = fetch_token(inference, client, token);
    work->tokens = NULL;
    tokens_end(tokens, key, status == OK ? token : NULL);
    return status;
}

/* --- The call --- */

static enum status build(struct inference *inference, struct provider_request *request)
{
    *request = (struct provider_request){.method = SV_ABSENT};
    return inference->work->call.row->adapter->build(&inference->work->call, request) == OK
               ? OK
               : fail_by_adapter(inference);
}

/* One request and its whole answer; *body lies in the client's buffer. */
static enum status ask(struct inference *inference, struct http_client *client, struct json_object **value,
                       struct sv *body)
{
    struct provider_request request;
    struct http_reply reply;
    if (build(inference, &request) != OK)
        return FAILED;
    inference->attempts += inference->work->call.part == 0;
    if (answer_begin(inference, client, &request, false, &reply) != OK ||
        answer_read(inference, client, body) != OK)
        return FAILED;
    http_end(client);
    return answer_parse(inference, client, reply.status, *body, value);
}

/* All answers, where one call takes several requests. */
static enum status ask_in_parts(struct inference *inference, struct http_client *client, size_t count)
{
    struct work *work = inference->work;
    work->reply = json_object_new_array();
    for (work->call.part = 0; work->call.part < count; work->call.part++) {
        struct json_object *value = NULL;
        struct sv body;
        enum status status = ask(inference, client, &value, &body);
        if (json_object_array_add(work->reply, value) != 0)
            json_object_put(value);
        if (status != OK)
            return FAILED;
    }
    return OK;
}

static void relay(struct inference *inference, const struct http_client *client, struct sv body)
{
    struct buffer *out = &inference->request->reply.body;
    const struct provider *adapter = inference->work->call.row->adapter;
    (adapter->read_usage ? adapter->read_usage : unified_read_usage)(inference->work->reply,
                                                                     &inference->usage);
    if (answer_is(client, "application/json"))
        buffer_append_sv(out, body);
    else
        buffer_append_sv(
            out, sv_from(json_object_to_json_string_ext(inference->work->reply, JSON_C_TO_STRING_PLAIN)));
}

static enum status answer_whole(struct inference *inference, struct http_client *client)
{
    struct work *work = inference->work;
    struct reply *reply = &inference->request->reply;
    const struct provider *adapter = work->call.row->adapter;
    size_t parts = adapter->parts ? adapter->parts(&work->call) : 1;
    struct sv body = SV("");
    if (parts > 1 ? ask_in_parts(inference, client, parts) != OK
                  : ask(inference, client, &work->reply, &body) != OK)
        return FAILED;
    if (inference->route >= GATEWAY_OPENAI_CHAT) {
        relay(inference, client, body);
    } else if (unified_translate(&work->call, work->reply, &reply->body, &inference->usage) != OK) {
        buffer_clear(&reply->body, REPLY_DRAIN_BYTES);
        return fail_by_adapter(inference);
    }
    reply->status = 200;
    reply->content_type = "application/json";
    return OK;
}

static enum status answer_streamed(struct inference *inference, struct http_client *client)
{
    struct provider_request request;
    struct http_reply reply;
    struct sv body;
    bool unified = inference->route < GATEWAY_OPENAI_CHAT;
    if (build(inference, &request) != OK)
        return FAILED;
    inference->attempts++;
    if (answer_begin(inference, client, &request, true, &reply) != OK)
        return FAILED;
    if (reply.status < 300 && stream_is_one(inference, client))
        return stream_relay(inference, client);
    /* A refusal, or a whole answer although a stream was asked for. */
    if (answer_read(inference, client, &body) != OK)
        return FAILED;
    http_end(client);
    if (answer_parse(inference, client, reply.status, body, &inference->work->reply) != OK)
        return FAILED;
    if (unified)
        return fail_text(inference, 502, "The provider '%.*s' did not answer with a stream.",
                         SV_ARG(inference->model->provider));
    relay(inference, client, body);
    inference->request->reply.status = 200;
    inference->request->reply.content_type = "application/json";
    return OK;
}

enum status call_model(struct inference *inference, const struct gateway_route_model *model)
{
    inference->model = model;
    inference->usage = GATEWAY_NO_USAGE;
    inference->failure = (struct failure){.status = 0};
    if (set_up(inference, model) != OK)
        return FAILED;
    struct http_client *client = http_client_of_thread(HTTP_FOR_CALLS);
    if (!client)
        return fail_text(inference, 503, "The server has no memory for the call. Try again later.");
    if (get_token(inference, client) != OK)
        return FAILED;
    enum status status =
        inference->stream ? answer_streamed(inference, client) : answer_whole(inference, client);
    http_end(client);
    return status;
}
