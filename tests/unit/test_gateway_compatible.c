#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "tests/unit/gateway_fixture.h"

#define JSON_HEADER "content-type: application/json\n\n"

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

/* The request of a provider whose secret has api_key "K". */
static const char *request(const char *provider, enum gateway_route route, const char *config,
                           const char *payload)
{
    fixture_call(provider, route, NULL, config, payload);
    return fixture_request();
}

static const char *request_with(const char *provider, const char *secret, const char *config)
{
    fixture_call(provider, GATEWAY_CHAT, secret, config, "{\"a\":1}");
    return fixture_request();
}

/* --- azure, azure_ai --- */

static void azures_deployment_is_the_model(void **state)
{
    (void)state;
    assert_string_equal(
        request("azure", GATEWAY_CHAT, "{\"api_base\":\"https://a.openai.azure.com\"}", "{\"stream\":true}"),
        "POST https://a.openai.azure.com/openai/deployments/model-1/chat/completions?api-version=2024-02-01\n"
        "api-key: K\n" JSON_HEADER "{\"stream\":true}");
    assert_string_equal(
        request("azure", GATEWAY_CHAT,
                "{\"api_base\":\"https://a\",\"api_version\":\"2024-10-21\",\"auth_mode\":\"api_key\"}",
                "{\"stream\":true}"),
        "POST https://a/openai/deployments/model-1/chat/completions?api-version=2024-10-21\napi-key: "
        "K\n" JSON_HEADER "{\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    assert_string_equal(
        request("azure", GATEWAY_CHAT, NULL, "{}"),
        "INVALID_PARAMETER_VALUE The provider 'azure' has no fixed address. Set 'api_base' in the "
        "auth_config of the secret.");
}

#define PRINCIPAL              \
    "{\"api_base\":\"https://" \
    "a\",\"auth_mode\":\"service_principal\",\"tenant_id\":\"t-1\",\"client_id\":\"c&1\"}"

static void a_service_principal_gets_a_token_first(void **state)
{
    (void)state;
    struct sv key;
    struct provider_call *call = fixture_call("azure", GATEWAY_EMBEDDINGS, "{\"client_secret\":\"s+/=\"}",
                                              PRINCIPAL, "{\"input\":\"a\"}");
    assert_string_equal(fixture_token_request(&key),
                        "POST https://login.microsoftonline.com/t-1/oauth2/v2.0/token\n"
                        "content-type: application/x-www-form-urlencoded\n\n"
                        "grant_type=client_credentials&client_id=c%261&client_secret=s%2B%2F%3D&"
                        "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default");
    assert_true(key.len > 0);
    assert_string_equal(
        fixture_read_token("{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"T\"}"),
        "T 1795339211444");
    const struct gateway_token token = {.access = SV("T")};
    call->token = &token;
    assert_string_equal(fixture_request(),
                        "POST https://a/openai/deployments/model-1/embeddings?api-version=2024-02-01\n"
                        "authorization: Bearer T\n" JSON_HEADER "{\"input\":\"a\"}");
}

static void tokens_of_other_secrets_have_other_keys_that_do_not_tell_them(void **state)
{
    (void)state;
    struct sv key;
    char first[128] = "";
    static const char *const secrets[] = {"{\"client_secret\":\"hidden-1\"}",
                                          "{\"client_secret\":\"hidden-2\"}"};
    for (size_t i = 0; i < 2; i++) {
        fixture_call("azure", GATEWAY_CHAT, secrets[i], PRINCIPAL, "{}");
        fixture_token_request(&key);
        assert_true(key.len > 0 && key.len < sizeof(first));
        assert_false(sv_equal(key, sv_from(first)));
        memcpy(first, key.data, key.len);
        first[key.len] = '\0';
        assert_null(strstr(first, "hidden"));
    }
    fixture_call("azure", GATEWAY_CHAT, secrets[1], PRINCIPAL, "{\"other\":1}");
    fixture_token_request(&key);
    assert_true(sv_equal(key, sv_from(first)));
}

static void a_service_principal_needs_all_of_its_settings(void **state)
{
    (void)state;
    struct sv key;
    static const char *const configs[] = {
        "{\"api_base\":\"https://a\",\"auth_mode\":\"service_principal\",\"tenant_id\":\"t\"}",
        "{\"api_base\":\"https://a\",\"auth_mode\":\"service_principal\",\"client_id\":\"c\"}",
    };
    for (size_t i = 0; i < 2; i++) {
        fixture_call("azure", GATEWAY_CHAT, "{\"client_secret\":\"s\"}", configs[i], "{}");
        assert_memory_equal(fixture_token_request(&key), "INVALID_PARAMETER_VALUE ", 24);
    }
    fixture_call("azure", GATEWAY_CHAT, "{\"api_key\":\"s\"}", PRINCIPAL, "{}");
    assert_memory_equal(fixture_token_request(&key), "INVALID_PARAMETER_VALUE ", 24);
}

static void an_api_key_needs_no_token(void **state)
{
    (void)state;
    struct sv key = SV("x");
    fixture_call("azure", GATEWAY_CHAT, NULL, "{\"api_base\":\"https://a\"}", "{}");
    fixture_token_request(&key);
    assert_null(key.data);
    fixture_call("databricks", GATEWAY_CHAT, NULL, "{\"api_base\":\"https://a\",\"auth_mode\":\"pat_token\"}",
                 "{}");
    key = SV("x");
    fixture_token_request(&key);
    assert_null(key.data);
}

static void an_answer_without_a_token_is_a_bad_gateway(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "", "[]", "{\"access_token\":\"\"}", "{\"access_token\":7}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        fixture_call("azure", GATEWAY_CHAT, "{\"client_secret\":\"s\"}", PRINCIPAL, "{}");
        assert_memory_equal(fixture_read_token(bodies[i]), "502 ", 4);
    }
}

static void a_lifetime_may_be_a_text_or_untold(void **state)
{
    (void)state;
    static const struct {
        const char *body, *expected;
    } cases[] = {
        {"{\"access_token\":\"T\",\"expires_in\":\"60\"}", "T 1795335672444"},
        {"{\"access_token\":\"T\"}", "T 1795335912444"},
        {"{\"access_token\":\"T\",\"expires_in\":-1}", "T 1795335912444"},
        {"{\"access_token\":\"T\",\"expires_in\":9223372036854775807}", "T 1795335912444"},
        {"{\"access_token\":\"T\",\"expires_in\":\"soon\"}", "T 1795335912444"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_call("azure", GATEWAY_CHAT, "{\"client_secret\":\"s\"}", PRINCIPAL, "{}");
        assert_string_equal(fixture_read_token(cases[i].body), cases[i].expected);
    }
}

static void azure_ai_is_called_below_models_with_a_version(void **state)
{
    (void)state;
    static const struct {
        const char *config, *url;
    } cases[] = {
        {"{\"api_base\":\"https://r.services.ai.azure.com\"}",
         "POST "
         "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview\napi-key: "
         "K\n"},
        {"{\"api_base\":\"https://r/models/\"}",
         "POST https://r/models/chat/completions?api-version=2024-05-01-preview\n"},
        {"{\"api_base\":\"https://r\",\"api_version\":\"v2\"}",
         "POST https://r/models/chat/completions?api-version=v2\n"},
        {"{\"api_base\":\"https://r/models?api-version=v3\"}",
         "POST https://r/models/chat/completions?api-version=v3\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = request("azure_ai", GATEWAY_CHAT, cases[i].config, "{}");
        assert_memory_equal(text, cases[i].url, strlen(cases[i].url));
    }
}

/* --- mistral, databricks --- */

static void mistral_gets_the_payload_unchanged(void **state)
{
    (void)state;
    assert_string_equal(
        request("mistral", GATEWAY_CHAT, NULL, "{\"temperature\":0.9,\"n\":2,\"top_k\":3,\"stream\":true}"),
        "POST https://api.mistral.ai/v1/chat/completions\nauthorization: Bearer K\n" JSON_HEADER
        "{\"model\":\"model-1\",\"temperature\":0.9,\"n\":2,\"top_k\":3,\"stream\":true}");
}

static void mistrals_embeddings_bear_the_models_own_name(void **state)
{
    (void)state;
    fixture_call("mistral", GATEWAY_EMBEDDINGS, NULL, NULL, NULL);
    assert_string_equal(
        fixture_reply("{\"model\":\"mistral-embed-2312\",\"data\":[{\"embedding\":[1],\"index\":0}],"
                      "\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}"),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[1],\"index\":0}],"
        "\"model\":\"model-1\",\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}");
}

static void databricks_is_called_below_its_serving_endpoints(void **state)
{
    (void)state;
    assert_string_equal(
        request("databricks", GATEWAY_CHAT, "{\"api_base\":\"https://w\"}", "{\"stream\":true}"),
        "POST https://w/serving-endpoints/chat/completions\nauthorization: Bearer K\n" JSON_HEADER
        "{\"model\":\"model-1\",\"stream\":true}");
    assert_non_null(strstr(
        request("databricks", GATEWAY_EMBEDDINGS, "{\"api_base\":\"https://w/serving-endpoints/\"}", "{}"),
        "POST https://w/serving-endpoints/embeddings\n"));
}

static void databricks_asks_its_own_host_for_tokens(void **state)
{
    (void)state;
    struct sv key;
    struct provider_call *call =
        fixture_call("databricks", GATEWAY_CHAT, "{\"client_secret\":\"s&1\"}",
                     "{\"api_base\":\"https://w:8/"
                     "serving-endpoints?x=1\",\"auth_mode\":\"oauth_m2m\",\"client_id\":\"c\"}",
                     "{}");
    assert_string_equal(fixture_token_request(&key),
                        "POST https://w:8/oidc/v1/token\nauthorization: Basic YzpzJjE=\n"
                        "content-type: application/x-www-form-urlencoded\n\n"
                        "grant_type=client_credentials&scope=all-apis");
    assert_true(key.len > 0);
    const struct gateway_token token = {.access = SV("T")};
    call->token = &token;
    assert_non_null(strstr(fixture_request(), "authorization: Bearer T\n"));
}

/* --- The compatible ones --- */

static void compatible_providers_differ_in_their_address_only(void **state)
{
    (void)state;
    static const struct {
        const char *name, *base;
    } cases[] = {
        {"groq", "https://api.groq.com/openai/v1"},
        {"deepseek", "https://api.deepseek.com/v1"},
        {"xai", "https://api.x.ai/v1"},
        {"openrouter", "https://openrouter.ai/api/v1"},
        {"together_ai", "https://api.together.xyz/v1"},
        {"togetherai", "https://api.together.xyz/v1"},
        {"fireworks_ai", "https://api.fireworks.ai/inference/v1"},
        {"perplexity", "https://api.perplexity.ai"},
        {"cerebras", "https://api.cerebras.ai/v1"},
        {"sambanova", "https://api.sambanova.ai/v1"},
        {"nvidia_nim", "https://integrate.api.nvidia.com/v1"},
        {"deepinfra", "https://api.deepinfra.com/v1/openai"},
        {"friendliai", "https://api.friendli.ai/serverless/v1"},
        {"nscale", "https://inference.api.nscale.com/v1"},
        {"meta_llama", "https://api.llama.com/compat/v1"},
        {"ai21", "https://api.ai21.com/studio/v1"},
        {"codestral", "https://codestral.mistral.ai/v1"},
        {"volcengine", "https://ark.cn-beijing.volces.com/api/v3"},
        {"anyscale", "https://api.endpoints.anyscale.com/v1"},
        {"galadriel", "https://api.galadriel.com/v1"},
        {"empower", "https://app.empower.dev/api/v1"},
        {"github", "https://models.inference.ai.azure.com"},
        {"huggingface", "https://router.huggingface.co/v1"},
        {"moonshot", "https://api.moonshot.ai/v1"},
        {"dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"},
        {"cohere", "https://api.cohere.ai/compatibility/v1"},
        {"cohere_chat", "https://api.cohere.ai/compatibility/v1"},
        {"ollama", "http://localhost:11434/v1"},
        {"ollama_chat", "http://localhost:11434/v1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct provider_call *call = fixture_call(cases[i].name, GATEWAY_CHAT, NULL, NULL, "{\"n\":1}");
        struct sv expected = arena_printf(call->arena,
                                          "POST %s/chat/completions\nauthorization: Bearer K\n" JSON_HEADER
                                          "{\"model\":\"model-1\",\"n\":1}",
                                          cases[i].base);
        assert_string_equal(fixture_request(), expected.data);
    }
}

static void some_need_no_key(void **state)
{
    (void)state;
    static const char *const names[] = {"ollama",      "ollama_chat",   "hosted_vllm",
                                        "lm_studio",   "llamafile",     "litellm_proxy",
                                        "openai_like", "custom_openai", "no-such-one"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_string_equal(request_with(names[i], "{}", "{\"api_base\":\"http://h:1/v1\"}"),
                            "POST http://h:1/v1/chat/completions\n" JSON_HEADER
                            "{\"model\":\"model-1\",\"a\":1}");
        assert_non_null(
            strstr(request_with(names[i], "{\"api_key\":\"K\"}", "{\"api_base\":\"http://h:1/v1\"}"),
                   "authorization: Bearer K\n"));
    }
}

static void those_without_an_address_need_a_base(void **state)
{
    (void)state;
    static const char *const names[] = {"hosted_vllm", "lm_studio",     "llamafile",  "litellm_proxy",
                                        "openai_like", "custom_openai", "databricks", "azure_ai"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(request(names[i], GATEWAY_CHAT, NULL, "{}"), "has no fixed address"));
}

static void some_send_headers_of_their_own(void **state)
{
    (void)state;
    assert_non_null(strstr(request("github_copilot", GATEWAY_CHAT, NULL, "{}"),
                           "POST https://api.githubcopilot.com/chat/completions\nauthorization: Bearer K\n"
                           "copilot-integration-id: vscode-chat\nx-github-api-version: "));
    assert_non_null(strstr(
        request("openrouter", GATEWAY_CHAT, "{\"http_referer\":\"https://me\",\"x_title\":\"Me\"}", "{}"),
        "authorization: Bearer K\nhttp-referer: https://me\nx-title: Me\n"));
}

static void some_answer_one_route_only(void **state)
{
    (void)state;
    assert_string_equal(request("voyage", GATEWAY_CHAT, NULL, "{}"),
                        "501 The chat route is not implemented for voyage models.");
    assert_string_equal(request("jina_ai", GATEWAY_CHAT, NULL, "{}"),
                        "501 The chat route is not implemented for jina_ai models.");
    assert_non_null(strstr(request("voyage", GATEWAY_EMBEDDINGS, NULL, "{}"),
                           "POST https://api.voyageai.com/v1/embeddings\n"));
    assert_non_null(strstr(request("jina_ai", GATEWAY_EMBEDDINGS, NULL, "{}"),
                           "POST https://api.jina.ai/v1/embeddings\n"));
}

static void embeddings_of_nvidia_have_an_input_type(void **state)
{
    (void)state;
    assert_non_null(strstr(request("nvidia_nim", GATEWAY_EMBEDDINGS, NULL, "{\"input\":\"a\"}"),
                           "{\"model\":\"model-1\",\"input\":\"a\",\"input_type\":\"query\"}"));
    assert_non_null(strstr(
        request("nvidia_nim", GATEWAY_EMBEDDINGS, NULL, "{\"input\":\"a\",\"input_type\":\"passage\"}"),
        "{\"model\":\"model-1\",\"input\":\"a\",\"input_type\":\"passage\"}"));
    assert_null(strstr(request("nvidia_nim", GATEWAY_CHAT, NULL, "{}"), "input_type"));
}

/* --- The table --- */

static void the_table_is_sorted_and_every_row_is_found(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct provider_row *row = provider_rows; row->name; row++, count++) {
        assert_ptr_equal(provider_find(sv_from(row->name)), row);
        assert_non_null(row->adapter);
        assert_non_null(row->adapter->title);
        assert_non_null(row->adapter->build);
        assert_true(row == provider_rows || strcmp(row[-1].name, row->name) < 0);
    }
    assert_true(count > 50);
    assert_null(provider_find(SV("Openai")));
    assert_null(provider_find(SV("openai ")));
    assert_null(provider_find(SV("")));
}

static void aliases_have_the_adapter_of_what_they_mean(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"bedrock", "amazon-bedrock"},
                                           {"bedrock", "bedrock_converse"},
                                           {"databricks", "databricks-model-serving"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_ptr_equal(provider_find(sv_from(pairs[i][0]))->adapter,
                         provider_find(sv_from(pairs[i][1]))->adapter);
}

static void own_formats_are_not_implemented(void **state)
{
    (void)state;
    static const char *const names[] = {"sagemaker", "watsonx", "replicate", "oci", "snowflake"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = request(names[i], GATEWAY_CHAT, "{\"api_base\":\"https://h\"}", "{}");
        assert_non_null(strstr(text, names[i]));
        assert_true(memcmp(text, "501 ", 4) == 0 || memcmp(text, "NOT_IMPLEMENTED ", 16) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(azures_deployment_is_the_model),
        cmocka_unit_test(a_service_principal_gets_a_token_first),
        cmocka_unit_test(tokens_of_other_secrets_have_other_keys_that_do_not_tell_them),
        cmocka_unit_test(a_service_principal_needs_all_of_its_settings),
        cmocka_unit_test(an_api_key_needs_no_token),
        cmocka_unit_test(an_answer_without_a_token_is_a_bad_gateway),
        cmocka_unit_test(a_lifetime_may_be_a_text_or_untold),
        cmocka_unit_test(azure_ai_is_called_below_models_with_a_version),
        cmocka_unit_test(mistral_gets_the_payload_unchanged),
        cmocka_unit_test(mistrals_embeddings_bear_the_models_own_name),
        cmocka_unit_test(databricks_is_called_below_its_serving_endpoints),
        cmocka_unit_test(databricks_asks_its_own_host_for_tokens),
        cmocka_unit_test(compatible_providers_differ_in_their_address_only),
        cmocka_unit_test(some_need_no_key),
        cmocka_unit_test(those_without_an_address_need_a_base),
        cmocka_unit_test(some_send_headers_of_their_own),
        cmocka_unit_test(some_answer_one_route_only),
        cmocka_unit_test(embeddings_of_nvidia_have_an_input_type),
        cmocka_unit_test(the_table_is_sorted_and_every_row_is_found),
        cmocka_unit_test(aliases_have_the_adapter_of_what_they_mean),
        cmocka_unit_test(own_formats_are_not_implemented),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
