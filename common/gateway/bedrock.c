#include "common/gateway/bedrock.h"

#include <json-c/json.h>

#include "common/gateway/translate.h"
#include "common/gateway/unified.h"
#include "common/json/json_dump.h"

/* --- Embeddings of Amazon's Titan models: one text at a time --- */

static size_t parts(const struct provider_call *call)
{
    return call->route == GATEWAY_EMBEDDINGS ? embeddings_input_count(call) : 1;
}

static enum status embeddings_body(struct provider_call *call, struct provider_request *request)
{
    struct provider_body body;
    struct sv text;
    if (embeddings_input(call, call->part, &text) != OK)
        return FAILED;
    provider_body_begin(call, &body);
    json_begin_object(&body.json);
    json_put_string_field(&body.json, "inputText", text);
    chat_put_as(&body.json, call, "dimensions", "dimensions");
    json_end_object(&body.json);
    return provider_body_end(call, request, &body);
}

static enum status translate_embeddings(struct provider_call *call, struct json_object *reply,
                                        struct buffer *out, struct gateway_usage *usage)
{
    bool is_list = json_object_is_type(reply, json_type_array);
    size_t count = is_list ? json_object_array_length(reply) : 1;
    struct json_object **vectors = ARENA_ARRAY(call->arena, struct json_object *, count + 1);
    int64_t tokens = 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = is_list ? json_object_array_get_idx(reply, i) : reply;
        vectors[i] = provider_member(one, "embedding");
        if (!json_object_is_type(vectors[i], json_type_array))
            return provider_fail(call, 502, "The answer of the Bedrock model has no embedding.");
        tokens += token_count(one, "inputTextTokenCount", 0);
    }
    usage->input_tokens = usage->total_tokens = tokens;
    unified_embeddings(out, call->model, vectors, count, usage);
    return OK;
}

/* --- Requests --- */

static enum status base_of(struct provider_call *call, struct sv *base)
{
    struct sv region;
    if (provider_config(call, "api_base").data)
        return provider_base(call, base);
    if (bedrock_region(call, &region) != OK)
        return FAILED;
    const char *domain = sv_starts_with(region, SV("cn-")) ? "amazonaws.com.cn" : "amazonaws.com";
    *base = arena_printf(call->arena, "https://bedrock-runtime.%.*s.%s", SV_ARG(region), domain);
    return OK;
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    struct sv base;
    bool embeds = call->route == GATEWAY_EMBEDDINGS;
    if (base_of(call, &base) != OK)
        return FAILED;
    const char *action = call->stream ? "converse-stream" : "converse";
    /* A model may be an ARN: its slashes are encoded, too. */
    request->url = provider_url(call, base,
                                arena_printf(call->arena, "model/%.*s/%s",
                                             SV_ARG(provider_encode(call->arena, call->model)),
                                             embeds ? "invoke" : action));
    enum status status = embeds ? embeddings_body(call, request) : bedrock_converse_body(call, request);
    return status == OK ? bedrock_authorize(call, request) : FAILED;
}

static enum status translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage)
{
    return call->route == GATEWAY_EMBEDDINGS ? translate_embeddings(call, reply, out, usage)
                                             : bedrock_converse_translate(call, reply, out, usage);
}

const struct provider provider_bedrock = {
    .title = "Bedrock",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS),
    .framing = FRAMING_EVENT_STREAM,
    .prepare = bedrock_prepare,
    .token = bedrock_token,
    .read_token = bedrock_read_token,
    .build = build,
    .parts = parts,
    .translate = translate,
    .event = bedrock_converse_event,
    .state_size = sizeof(struct bedrock_stream),
};
