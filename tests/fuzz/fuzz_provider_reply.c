/* Whatever a provider answers, and whatever a client's payload holds: requests, replies and frames that come
 * out are JSON, failures have a status and a text, and nothing is left over. The first line of an input names
 * the provider, a route by its number, and what is done: "openai 0 reply". */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base/number.h"
#include "common/gateway/chat_request.h"
#include "common/gateway/sse.h"
#include "common/gateway/unified.h"
#include "common/json/json_read.h"

#define ROOM (16UL * 1024 * 1024)

static const char secret_text[] = "{\"api_key\": \"K\", \"aws_access_key_id\": \"A\", "
                                  "\"aws_secret_access_key\": \"S\", \"client_secret\": \"S\"}";
static const char config_text[] =
    "{\"api_base\": \"http://127.0.0.1:1/v1?a=b\", \"aws_region_name\": \"us-east-1\", \"auth_mode\": \"\", "
    "\"vertex_project\": \"p\", \"tenant_id\": \"t\", \"client_id\": \"c\"}";

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct json_object *parse(struct arena *arena, struct sv text)
{
    struct json_object *value;
    struct sv problem;
    return json_parse(arena, text, &value, &problem) == JSON_OK ? value : NULL;
}

static void require_json(struct arena *arena, struct sv text)
{
    struct json_object *value = parse(arena, text);
    require(value != NULL);
    json_object_put(value);
}

static void require_failure(const struct provider_call *call)
{
    require(call->detail.data != NULL);
    require(call->as_object ? call->code != ERROR_NONE : call->status >= 400 && call->status < 600);
}

/* Frames of JSON between "data: " and a blank line. */
static void require_frames(struct arena *arena, struct sv text)
{
    while (text.len) {
        require(sv_starts_with(text, SV("data: ")));
        size_t end = sv_find(text, '\n');
        require(sv_starts_with(sv_from_offset(text, end), SV("\n\n")));
        require_json(arena, sv_from_offset(sv_first(text, end), 6));
        text = sv_from_offset(text, end + 2);
    }
}

/* As it comes to adapters: of the unified routes only what has been checked. */
static bool take_payload(struct provider_call *call, struct sv text)
{
    struct sv problem;
    struct json_object *body = parse(call->arena, text);
    enum status status = OK;
    if (call->route == GATEWAY_CHAT)
        status = chat_request_check(call->arena, body, &call->payload, &problem);
    else if (call->route == GATEWAY_EMBEDDINGS)
        status = embeddings_request_check(call->arena, body, &call->payload, &problem);
    else
        call->payload = json_object_get(body);
    json_object_put(body);
    return status == OK && json_object_is_type(call->payload, json_type_object);
}

static void check_request(struct provider_call *call, struct sv text)
{
    struct provider_request request = {.header_count = 0};
    if (!take_payload(call, text))
        return;
    call->stream = json_object_get_boolean(provider_member(call->payload, "stream"));
    if (call->row->adapter->build(call, &request) != OK) {
        require_failure(call);
        return;
    }
    require(request.url.len > 0 && request.header_count <= PROVIDER_MAX_HEADERS);
    require_json(call->arena, request.body);
}

static void check_reply(struct provider_call *call, struct sv text)
{
    struct buffer out;
    struct gateway_usage usage = GATEWAY_NO_USAGE;
    struct json_object *reply = parse(call->arena, text);
    if (!reply)
        return;
    buffer_init(&out, ROOM);
    if (call->route > GATEWAY_EMBEDDINGS) {
        void (*read)(struct json_object *, struct gateway_usage *) = call->row->adapter->read_usage;
        (read ? read : unified_read_usage)(reply, &usage);
    } else if (unified_translate(call, reply, &out, &usage) == OK) {
        require(!out.failed);
        require_json(call->arena, buffer_sv(&out));
    } else {
        require_failure(call);
    }
    require(usage.input_tokens >= -1 && usage.output_tokens >= -1);
    json_object_put(reply);
    buffer_free(&out);
}

static enum provider_step check_event(struct provider_call *call, void *state,
                                      const struct provider_event *event)
{
    struct buffer out;
    struct gateway_usage usage = GATEWAY_NO_USAGE;
    buffer_init(&out, ROOM);
    enum provider_step step = unified_event(call, state, event, &out, &usage);
    require(!out.failed);
    require_frames(call->arena, buffer_sv(&out));
    if (step == STEP_ERROR)
        require_failure(call);
    buffer_free(&out);
    arena_reset(call->scratch);
    return step;
}

/* For both framings: the event's type and its data, in turn with a stream's own framing. */
static void check_stream(struct provider_call *call, struct sv text)
{
    struct sse_parser parser;
    struct sse_event from;
    void *state = arena_alloc(call->arena, call->row->adapter->state_size + 1);
    enum provider_step step = STEP_OK;
    sse_init(&parser);
    while (step == STEP_OK && sse_next(&parser, &text, &from) == SSE_EVENT) {
        struct provider_event event = {.type = from.type, .data = from.data};
        event.is_exception = call->row->adapter->framing == FRAMING_EVENT_STREAM && from.id.len > 0;
        step = check_event(call, state, &event);
    }
    sse_free(&parser);
}

static void check_token(struct provider_call *call, struct sv text)
{
    struct gateway_token token;
    struct provider_request request = {.header_count = 0};
    const struct provider *adapter = call->row->adapter;
    struct sv key = SV_ABSENT;
    if (!adapter->token)
        return;
    if (adapter->token(call, &request, &key) != OK)
        require_failure(call);
    if (adapter->read_token && adapter->read_token(call, text, &token) != OK)
        require_failure(call);
}

static void check(struct provider_call *call, struct sv action, struct sv text)
{
    if (sv_equal(action, SV("request")))
        check_request(call, text);
    else if (sv_equal(action, SV("reply")))
        check_reply(call, text);
    else if (sv_equal(action, SV("stream")))
        check_stream(call, text);
    else if (sv_equal(action, SV("token")))
        check_token(call, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sv rest = {size ? (const char *)data : "", size};
    struct sv head = sv_cut(&rest, '\n');
    const struct provider_row *row = provider_find(sv_cut(&head, ' '));
    int64_t route;
    if (size > 16384 || !row || !rest.data ||
        !parse_int64(sv_cut(&head, ' '), 0, GATEWAY_ROUTES - 1, &route) ||
        !(row->adapter->routes & GATEWAY_ROUTE_BIT(route)))
        return 0;
    const struct gateway_token token = {.access = SV("T"), .secret = SV("S")};
    struct provider_call call = {
        .arena = arena_new(512UL * 1024 * 1024),
        .scratch = arena_new(512UL * 1024 * 1024),
        .row = row,
        .model = SV("model-1"),
        .route = (enum gateway_route)route,
        .now_ms = 1795335612444,
        .token = &token,
    };
    call.secret = parse(call.arena, sv_from(secret_text));
    call.config = parse(call.arena, sv_from(config_text));
    check(&call, head, rest);
    provider_end(&call);
    json_object_put(call.payload);
    json_object_put(call.config);
    json_object_put(call.secret);
    arena_free(call.scratch);
    arena_free(call.arena);
    return 0;
}
