#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "common/base/buffer.h"
#include "common/gateway/sse.h"
#include "common/gateway/unified.h"
#include "common/http/error.h"
#include "common/json/json_read.h"
#include "tests/unit/gateway_fixture.h"

static struct provider_call call;
static struct gateway_usage usage;

static struct json_object *parse(const char *text)
{
    struct json_object *value;
    struct sv problem;
    if (!text)
        return NULL;
    if (json_parse(call.arena, sv_from(text), &value, &problem) != JSON_OK)
        fail_msg("%s is no JSON: %.*s", text, SV_ARG(problem));
    return value;
}

void fixture_end(void)
{
    provider_end(&call);
    json_object_put(call.secret);
    json_object_put(call.config);
    json_object_put(call.payload);
    arena_free(call.arena);
    arena_free(call.scratch);
    call = (struct provider_call){.arena = NULL};
}

struct provider_call *fixture_call(const char *provider, enum gateway_route route, const char *secret,
                                   const char *config, const char *payload)
{
    fixture_end();
    call.arena = arena_new(16UL * 1024 * 1024);
    call.scratch = arena_new(16UL * 1024 * 1024);
    call.row = provider_find(sv_from(provider));
    if (!call.row)
        call.row = &provider_compatible;
    call.model = SV("model-1");
    call.route = route;
    call.secret = parse(secret ? secret : "{\"api_key\": \"K\"}");
    call.config = parse(config);
    call.payload = parse(payload ? payload : "{}");
    call.stream = json_object_get_boolean(provider_member(call.payload, "stream"));
    call.now_ms = FIXTURE_NOW_MS;
    usage = GATEWAY_NO_USAGE;
    return &call;
}

static const char *refusal(void)
{
    struct sv text =
        call.as_object ? arena_printf(call.arena, "%s %.*s", error_code_name(call.code), SV_ARG(call.detail))
                       : arena_printf(call.arena, "%d %.*s", call.status, SV_ARG(call.detail));
    return text.data;
}

static const char *request_text(const struct provider_request *request)
{
    struct sv text =
        arena_printf(call.arena, "%.*s %.*s\n", SV_ARG(request->method.data ? request->method : SV("POST")),
                     SV_ARG(request->url));
    for (size_t i = 0; i < request->header_count; i++)
        text = arena_printf(call.arena, "%.*s%.*s: %.*s\n", SV_ARG(text), SV_ARG(request->headers[i].name),
                            SV_ARG(request->headers[i].value));
    return arena_printf(call.arena, "%.*s\n%.*s", SV_ARG(text), SV_ARG(request->body)).data;
}

const char *fixture_request(void)
{
    struct provider_request request = {.header_count = 0};
    return call.row->adapter->build(&call, &request) == OK ? request_text(&request) : refusal();
}

const char *fixture_token_request(struct sv *key)
{
    struct provider_request request = {.header_count = 0};
    return call.row->adapter->token(&call, &request, key) == OK ? request_text(&request) : refusal();
}

const char *fixture_read_token(const char *body)
{
    struct gateway_token token;
    if (call.row->adapter->read_token(&call, sv_from(body), &token) != OK)
        return refusal();
    return arena_printf(call.arena, "%.*s %lld", SV_ARG(token.access), (long long)token.expires_ms).data;
}

static const char *text_of(struct buffer *out)
{
    const char *text = arena_cstr(call.arena, buffer_sv(out));
    assert_false(out->failed);
    buffer_free(out);
    return text;
}

const char *fixture_reply(const char *reply)
{
    struct buffer out;
    struct json_object *value = parse(reply);
    buffer_init(&out, 16UL * 1024 * 1024);
    usage = GATEWAY_NO_USAGE;
    enum status status = unified_translate(&call, value, &out, &usage);
    const char *text = text_of(&out);
    json_object_put(value);
    return status == OK ? text : refusal();
}

static enum provider_step translate_event(void *state, const struct sse_event *from, struct buffer *out)
{
    const struct provider_event event = {.type = from->type, .data = from->data};
    enum provider_step step = unified_event(&call, state, &event, out, &usage);
    if (step == STEP_DONE)
        BUFFER_LITERAL(out, "(done)");
    else if (step == STEP_ERROR)
        buffer_printf(out, "(error %.*s)", SV_ARG(call.detail));
    arena_reset(call.scratch);
    return step;
}

const char *fixture_stream(const char *events)
{
    struct buffer out;
    struct sse_parser parser;
    struct sse_event event;
    struct sv input = sv_from(events);
    void *state = arena_alloc(call.arena, call.row->adapter->state_size + 1);
    enum provider_step step = STEP_OK;
    buffer_init(&out, 16UL * 1024 * 1024);
    sse_init(&parser);
    usage = GATEWAY_NO_USAGE;
    while (step == STEP_OK && sse_next(&parser, &input, &event) == SSE_EVENT)
        step = translate_event(state, &event, &out);
    if (step == STEP_OK && sse_end(&parser, &event) == SSE_EVENT)
        translate_event(state, &event, &out);
    sse_free(&parser);
    return text_of(&out);
}

const char *fixture_usage(void)
{
    return arena_printf(call.arena, "%lld %lld %lld %lld", (long long)usage.input_tokens,
                        (long long)usage.output_tokens, (long long)usage.total_tokens,
                        (long long)usage.cached_tokens)
        .data;
}
