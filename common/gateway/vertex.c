#include <string.h>

#include <json-c/json.h>
#include <openssl/crypto.h>

#include "common/gateway/anthropic.h"
#include "common/gateway/gemini.h"
#include "common/gateway/oauth.h"
#include "common/gateway/translate.h"
#include "common/gateway/unified.h"
#include "common/gateway/vertex_jwt.h"

#define DEFAULT_LOCATION  SV("us-central1")
#define DEFAULT_TOKEN_URI SV("https://oauth2.googleapis.com/token")
#define GRANT_TYPE        SV("urn:ietf:params:oauth:grant-type:jwt-bearer")
#define CLAUDE_VERSION    SV("vertex-2023-10-16")

/* Vertex AI serves models of several makers, each in its maker's format. */
enum family { FAMILY_GOOGLE, FAMILY_CLAUDE, FAMILY_OPENAI };

static enum family family_of(struct sv model)
{
    static const struct sv google[] = {
        SV("gemini"),
        SV("text-embedding"),
        SV("textembedding"),
        SV("text-multilingual-embedding"),
    };
    if (sv_starts_with(model, SV("claude")))
        return FAMILY_CLAUDE;
    for (size_t i = 0; i < sizeof(google) / sizeof(google[0]); i++) {
        if (sv_starts_with(model, google[i]))
            return FAMILY_GOOGLE;
    }
    return FAMILY_OPENAI;
}

/* --- Access tokens --- */

static enum status bad_credentials(struct provider_call *call, const char *why)
{
    provider_end(call);
    return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                              "'vertex_credentials' of the secret must be the JSON key of a service account: "
                              "%s.",
                              why);
}

/* The account's texts lie in what provider_parse keeps. */
static enum status read_account(struct provider_call *call, struct service_account *account)
{
    struct json_object *value;
    struct sv text = provider_secret(call, "vertex_credentials");
    if (!text.data)
        return bad_credentials(call, "it is not set");
    if (!provider_parse(call, text, &value) || !json_object_is_type(value, json_type_object))
        return bad_credentials(call, "it is no JSON object");
    if (!sv_equal(provider_text(value, "type"), SV("service_account")))
        return bad_credentials(call, "its type is not service_account");
    *account = (struct service_account){
        .email = provider_text(value, "client_email"),
        .private_key = provider_text(value, "private_key"),
        .key_id = provider_text(value, "private_key_id"),
        .token_uri = provider_text(value, "token_uri"),
    };
    if (!account->email.len || !account->private_key.len)
        return bad_credentials(call, "it lacks client_email or private_key");
    if (!account->token_uri.len)
        account->token_uri = DEFAULT_TOKEN_URI;
    return OK;
}

static void forget_account(struct provider_call *call, const struct service_account *account)
{
    OPENSSL_cleanse((char *)account->private_key.data, account->private_key.len);
    provider_end(call);
}

static enum status token(struct provider_call *call, struct provider_request *request, struct sv *key)
{
    struct service_account account = {.token_uri = SV_ABSENT};
    *key = SV_ABSENT;
    if (read_account(call, &account) != OK)
        return FAILED;
    request->url = arena_copy(call->arena, account.token_uri);
    *key = oauth_key(call, account.token_uri, account.email, account.private_key);
    struct sv assertion = call->key_only ? SV("") : vertex_jwt(call->arena, &account, call->now_ms / 1000);
    forget_account(call, &account);
    if (!assertion.data)
        return bad_credentials(call, "its private_key is no RSA key of 2048 bits or more in PEM");
    oauth_parameter(call, request, "grant_type", GRANT_TYPE);
    oauth_parameter(call, request, "assertion", assertion);
    return oauth_form(call, request);
}

/* --- Where models are --- */

static bool is_plain_name(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return text.len > 0 && text.len <= 63;
}

static enum status project_of(struct provider_call *call, struct sv *project)
{
    struct json_object *value;
    *project = provider_config(call, "vertex_project");
    if (!project->data && provider_parse(call, provider_secret(call, "vertex_credentials"), &value))
        *project = arena_copy(call->arena, provider_text(value, "project_id"));
    provider_end(call);
    if (!project->len)
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "The provider '%s' needs 'vertex_project' in auth_config.",
                                  call->row->name);
    *project = provider_encode(call->arena, *project);
    return OK;
}

static size_t offset_of(struct sv text, struct sv piece)
{
    size_t at = 0;
    while (at < text.len && !sv_starts_with(sv_from_offset(text, at), piece))
        at++;
    return at;
}

/* ".../projects/P/locations/L", below which all models are. An api_base may name a host, that path, or the
 * folder of Google's own models. */
static enum status models_root(struct provider_call *call, struct sv *root)
{
    struct sv base = provider_config(call, "api_base"), project;
    struct sv location = provider_config(call, "vertex_location");
    if (!location.data)
        location = DEFAULT_LOCATION;
    base = sv_first(base, sv_find(base, '?'));
    base = sv_first(base, offset_of(base, SV("/publishers/")));
    while (sv_ends_with(base, SV("/")))
        base = sv_first(base, base.len - 1);
    *root = base;
    if (offset_of(base, SV("/projects/")) < base.len)
        return OK;
    if (!is_plain_name(location))
        return provider_fail_code(call, INVALID_PARAMETER_VALUE,
                                  "'vertex_location' in auth_config must look like us-central1 or global.");
    if (project_of(call, &project) != OK)
        return FAILED;
    if (!base.len)
        base = sv_equal(location, SV("global"))
                   ? SV("https://aiplatform.googleapis.com")
                   : arena_printf(call->arena, "https://%.*s-aiplatform.googleapis.com", SV_ARG(location));
    bool has_version = sv_ends_with(base, SV("/v1")) || sv_ends_with(base, SV("/v1beta1"));
    *root = arena_printf(call->arena, "%.*s%s/projects/%.*s/locations/%.*s", SV_ARG(base),
                         has_version ? "" : "/v1", SV_ARG(project), SV_ARG(location));
    return OK;
}

static enum status model_url(struct provider_call *call, struct provider_request *request,
                             const char *publisher, const char *method)
{
    struct sv root, model;
    if (models_root(call, &root) != OK || model_in_path(call, &model) != OK)
        return FAILED;
    request->url = arena_printf(call->arena, "%.*s/publishers/%s/models/%.*s:%s", SV_ARG(root), publisher,
                                SV_ARG(model), method);
    return OK;
}

/* --- Requests --- */

/* The newer models take one text at a time. */
static size_t parts(const struct provider_call *call)
{
    bool one_by_one =
        call->route == GATEWAY_EMBEDDINGS && sv_starts_with(call->model, SV("gemini-embedding"));
    return one_by_one ? embeddings_input_count(call) : 1;
}

static enum status put_instance(struct provider_call *call, struct json_writer *json, size_t at)
{
    struct sv text;
    if (embeddings_input(call, at, &text) != OK)
        return FAILED;
    json_begin_object(json);
    json_put_string_field(json, "content", text);
    json_end_object(json);
    return OK;
}

static enum status predict_body(struct provider_call *call, struct provider_request *request)
{
    struct provider_body body;
    struct json_writer *json = &body.json;
    bool one_by_one = parts(call) > 1;
    size_t first = one_by_one ? call->part : 0;
    size_t end = one_by_one ? call->part + 1 : embeddings_input_count(call);
    provider_body_begin(call, &body);
    json_begin_object(json);
    json_key(json, "instances");
    json_begin_array(json);
    for (size_t i = first; i < end; i++) {
        if (put_instance(call, json, i) != OK)
            return FAILED;
    }
    json_end_array(json);
    if (provider_member(call->payload, "dimensions")) {
        json_key(json, "parameters");
        json_begin_object(json);
        chat_put_as(json, call, "dimensions", "outputDimensionality");
        json_end_object(json);
    }
    json_end_object(json);
    return provider_body_end(call, request, &body);
}

static enum status build_google(struct provider_call *call, struct provider_request *request)
{
    if (call->route == GATEWAY_EMBEDDINGS)
        return model_url(call, request, "google", "predict") == OK ? predict_body(call, request) : FAILED;
    bool streams = call->route == GATEWAY_GEMINI_STREAM || (call->route == GATEWAY_CHAT && call->stream);
    if (model_url(call, request, "google", streams ? "streamGenerateContent?alt=sse" : "generateContent") !=
        OK)
        return FAILED;
    if (call->route == GATEWAY_CHAT)
        return gemini_chat_body(call, request, false);
    if (provider_payload_body(call, request, SV_ABSENT, false) != OK)
        return FAILED;
    return provider_client_headers(call, request);
}

static enum status build_claude(struct provider_call *call, struct provider_request *request)
{
    const struct anthropic_body body = {.version = CLAUDE_VERSION};
    if (call->route == GATEWAY_EMBEDDINGS)
        return provider_fail(call, 501, "The embeddings route is not implemented for Anthropic models.");
    if (model_url(call, request, "anthropic", call->stream ? "streamRawPredict" : "rawPredict") != OK)
        return FAILED;
    if (call->route == GATEWAY_CHAT)
        return anthropic_chat_body(call, request, &body);
    if (anthropic_messages_body(call, request, &body) != OK)
        return FAILED;
    return provider_client_headers(call, request);
}

static enum status build_openai(struct provider_call *call, struct provider_request *request)
{
    struct sv root;
    if (models_root(call, &root) != OK)
        return FAILED;
    request->url = arena_printf(call->arena, "%.*s/endpoints/openapi/%s", SV_ARG(root),
                                call->route == GATEWAY_EMBEDDINGS ? "embeddings" : "chat/completions");
    return provider_payload_body(call, request, call->model, true);
}

static enum status build(struct provider_call *call, struct provider_request *request)
{
    enum family family = family_of(call->model);
    bool for_gemini = call->route == GATEWAY_GEMINI_GENERATE || call->route == GATEWAY_GEMINI_STREAM;
    if ((for_gemini && family != FAMILY_GOOGLE) ||
        (call->route == GATEWAY_ANTHROPIC_MESSAGES && family != FAMILY_CLAUDE))
        return provider_fail(call, 400,
                             "The model '%.*s' of the Vertex AI provider does not know the format of this "
                             "route. Use /gateway/mlflow/v1/chat/completions.",
                             SV_ARG(sv_first(call->model, 256)));
    if (!call->token)
        return provider_fail(call, 502, "There is no access token for Vertex AI.");
    if (provider_bearer(call, request, call->token->access) != OK)
        return FAILED;
    if (family == FAMILY_GOOGLE)
        return build_google(call, request);
    return family == FAMILY_CLAUDE ? build_claude(call, request) : build_openai(call, request);
}

/* --- Answers --- */

/* "predictions" of one reply, added to the others'. */
static enum status take_predictions(struct provider_call *call, struct json_object *reply,
                                    struct json_object **vectors, size_t room, size_t *count, int64_t *tokens)
{
    struct json_object *predictions = provider_member(reply, "predictions");
    size_t length =
        json_object_is_type(predictions, json_type_array) ? json_object_array_length(predictions) : 0;
    for (size_t i = 0; i < length && *count < room; i++) {
        struct json_object *embeddings =
            provider_member(json_object_array_get_idx(predictions, i), "embeddings");
        struct json_object *vector = provider_member(embeddings, "values");
        if (!json_object_is_type(vector, json_type_array))
            break;
        vectors[(*count)++] = vector;
        *tokens += token_count(provider_member(embeddings, "statistics"), "token_count", 0);
    }
    return length ? OK : provider_fail(call, 502, "The answer of the Vertex AI model has no predictions.");
}

static enum status translate_predictions(struct provider_call *call, struct json_object *reply,
                                         struct buffer *out, struct gateway_usage *usage)
{
    size_t wanted = embeddings_input_count(call), count = 0;
    bool is_list = json_object_is_type(reply, json_type_array);
    size_t replies = is_list ? json_object_array_length(reply) : 1;
    struct json_object **vectors = ARENA_ARRAY(call->arena, struct json_object *, wanted + 1);
    int64_t tokens = 0;
    for (size_t i = 0; i < replies; i++) {
        struct json_object *one = is_list ? json_object_array_get_idx(reply, i) : reply;
        if (take_predictions(call, one, vectors, wanted, &count, &tokens) != OK)
            return FAILED;
    }
    if (count != wanted)
        return provider_fail(call, 502, "The Vertex AI model answered %zu texts with %zu embeddings.", wanted,
                             count);
    usage->input_tokens = usage->total_tokens = tokens;
    unified_embeddings(out, call->model, vectors, count, usage);
    return OK;
}

static enum status translate(struct provider_call *call, struct json_object *reply, struct buffer *out,
                             struct gateway_usage *usage)
{
    enum family family = family_of(call->model);
    bool embeds = call->route == GATEWAY_EMBEDDINGS;
    if (family == FAMILY_CLAUDE)
        return anthropic_translate(call, reply, out, usage);
    if (family == FAMILY_OPENAI)
        return embeds ? unified_clean_embeddings(call, reply, out, usage)
                      : unified_clean_chat(call, reply, out, usage);
    return embeds ? translate_predictions(call, reply, out, usage)
                  : gemini_translate(call, reply, out, usage);
}

static enum provider_step event(struct provider_call *call, void *state, const struct provider_event *event,
                                struct buffer *out, struct gateway_usage *usage)
{
    switch (family_of(call->model)) {
    case FAMILY_GOOGLE:
        return gemini_event(call, state, event, out, usage);
    case FAMILY_CLAUDE:
        return anthropic_event(call, state, event, out, usage);
    default:
        return unified_clean_event(call, state, event, out, usage);
    }
}

/* The two formats name their tokens differently. */
static void read_usage(struct json_object *reply, struct gateway_usage *usage)
{
    gemini_read_usage(reply, usage);
    anthropic_read_usage(reply, usage);
}

static const char *path(enum gateway_route route)
{
    if (route == GATEWAY_ANTHROPIC_MESSAGES)
        return "{model}:rawPredict";
    return gemini_path(route);
}

union state {
    struct anthropic_stream anthropic;
    struct gemini_stream gemini;
};

const struct provider provider_vertex = {
    .title = "Vertex AI",
    .routes = GATEWAY_ROUTE_BIT(GATEWAY_CHAT) | GATEWAY_ROUTE_BIT(GATEWAY_EMBEDDINGS) |
              GATEWAY_ROUTE_BIT(GATEWAY_GEMINI_GENERATE) | GATEWAY_ROUTE_BIT(GATEWAY_GEMINI_STREAM) |
              GATEWAY_ROUTE_BIT(GATEWAY_ANTHROPIC_MESSAGES),
    .framing = FRAMING_SSE,
    .token = token,
    .read_token = oauth_read_token,
    .build = build,
    .parts = parts,
    .translate = translate,
    .event = event,
    .state_size = sizeof(union state),
    .read_usage = read_usage,
    .path = path,
};
