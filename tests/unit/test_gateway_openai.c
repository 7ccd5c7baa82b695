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

/* --- openai --- */

static void openai_gets_the_payload_with_the_model_in_front(void **state)
{
    (void)state;
    assert_string_equal(
        request(
            "openai", GATEWAY_CHAT, NULL,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9 / \\n\"}],\"n\":1,\"temperature\":0.50,"
            "\"seed\":123456789012345678901}"),
        "POST https://api.openai.com/v1/chat/completions\nauthorization: Bearer K\n" JSON_HEADER
        "{\"model\":\"model-1\",\"messages\":[{\"role\":\"user\",\"content\":\"h\xc3\xa9 / \\n\"}],\"n\":1,"
        "\"temperature\":0.50,\"seed\":123456789012345678901}");
    assert_string_equal(
        request("openai", GATEWAY_EMBEDDINGS, NULL, "{\"input\":[\"a\",\"b\"],\"dimensions\":3}"),
        "POST https://api.openai.com/v1/embeddings\nauthorization: Bearer K\n" JSON_HEADER
        "{\"model\":\"model-1\",\"input\":[\"a\",\"b\"],\"dimensions\":3}");
}

static void openai_names_an_organization_if_there_is_one(void **state)
{
    (void)state;
    assert_string_equal(request("openai", GATEWAY_CHAT, "{\"organization\":\"org-7\"}", "{}"),
                        "POST https://api.openai.com/v1/chat/completions\nauthorization: Bearer K\n"
                        "openai-organization: org-7\n" JSON_HEADER "{\"model\":\"model-1\"}");
}

static void a_base_replaces_the_address_and_its_query_stays_last(void **state)
{
    (void)state;
    static const struct {
        const char *config, *url;
    } cases[] = {
        {"{\"api_base\":\"http://127.0.0.1:8/v1\"}", "POST http://127.0.0.1:8/v1/chat/completions\n"},
        {"{\"api_base\":\"http://127.0.0.1:8/v1//\"}", "POST http://127.0.0.1:8/v1/chat/completions\n"},
        {"{\"api_base\":\"https://h/x/?a=b&c=/\"}", "POST https://h/x/chat/completions?a=b&c=/\n"},
        {"{\"api_base\":\"https://h?a\"}", "POST https://h/chat/completions?a\n"},
        {"{\"api_base\":\"https://h/x#part\"}", "POST https://h/x/chat/completions\n"},
        {"{\"api_base\":\"\"}", "POST https://api.openai.com/v1/chat/completions\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = request("openai", GATEWAY_CHAT, cases[i].config, "{}");
        assert_memory_equal(text, cases[i].url, strlen(cases[i].url));
    }
}

static void a_stream_asks_for_its_usage(void **state)
{
    (void)state;
    assert_non_null(
        strstr(request("openai", GATEWAY_CHAT, NULL, "{\"stream\":true}"),
               "{\"model\":\"model-1\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"));
    assert_non_null(strstr(
        request(
            "openai", GATEWAY_CHAT, NULL,
            "{\"stream_options\":{\"include_usage\":false,\"include_obfuscation\":false},\"stream\":true}"),
        "{\"model\":\"model-1\",\"stream\":true,\"stream_options\":{\"include_obfuscation\":false,"
        "\"include_usage\":true}}"));
    assert_null(strstr(request("openai", GATEWAY_CHAT, NULL, "{\"stream\":false}"), "stream_options"));
}

static void azure_by_api_type_puts_the_deployment_into_the_path_and_no_model_into_the_body(void **state)
{
    (void)state;
    assert_string_equal(
        request("openai", GATEWAY_CHAT,
                "{\"api_type\":\"azure\",\"api_base\":\"https://a.openai.azure.com/"
                "\",\"deployment_name\":\"gpt 4/x\","
                "\"api_version\":\"2023-05-15\",\"organization\":\"o\"}",
                "{\"n\":1,\"stream\":true}"),
        "POST "
        "https://a.openai.azure.com/openai/deployments/gpt%204%2Fx/chat/completions?api-version=2023-05-15\n"
        "api-key: K\n" JSON_HEADER "{\"n\":1,\"stream\":true}");
    assert_string_equal(
        request("openai", GATEWAY_OPENAI_EMBEDDINGS,
                "{\"api_type\":\"azuread\",\"api_base\":\"https://a?x=1\",\"deployment_name\":\"d\","
                "\"api_version\":\"v\"}",
                "{\"input\":\"a\"}"),
        "POST https://a/openai/deployments/d/embeddings?x=1&api-version=v\nauthorization: Bearer "
        "K\n" JSON_HEADER "{\"input\":\"a\"}");
}

static void azure_by_api_type_needs_all_of_its_settings(void **state)
{
    (void)state;
    static const char *const configs[] = {
        "{\"api_type\":\"azure\",\"deployment_name\":\"d\",\"api_version\":\"v\"}",
        "{\"api_type\":\"azure\",\"api_base\":\"https://a\",\"api_version\":\"v\"}",
        "{\"api_type\":\"azure\",\"api_base\":\"https://a\",\"deployment_name\":\"d\"}",
    };
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        assert_string_equal(request("openai", GATEWAY_CHAT, configs[i], "{}"),
                            "INVALID_PARAMETER_VALUE OpenAI with the api_type 'azure' needs 'api_base', "
                            "'deployment_name' and 'api_version' in the auth_config of the secret.");
}

static void an_api_type_counts_only_if_it_is_exactly_that(void **state)
{
    (void)state;
    assert_non_null(strstr(request("openai", GATEWAY_CHAT, "{\"api_type\":\"Azure\"}", "{}"),
                           "POST https://api.openai.com/v1/chat/completions\n"));
}

static void a_missing_key_is_a_refusal(void **state)
{
    (void)state;
    static const char *const secrets[] = {"{}", "{\"api_key\":\"\"}", "{\"api_key\":7}"};
    static const char *const providers[] = {"openai", "groq", "azure", "azure_ai", "mistral", "databricks"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        for (size_t j = 0; j < sizeof(providers) / sizeof(providers[0]); j++) {
            const char *text = request_with(providers[j], secrets[i], "{\"api_base\":\"https://h\"}");
            assert_non_null(strstr(text, "INVALID_PARAMETER_VALUE The api key provided is not a string"));
        }
    }
}

static void a_key_or_setting_that_would_break_the_header_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char *const secrets[] = {"{\"api_key\":\"top\\r\\nx: y\"}", "{\"api_key\":\"top\\n\"}",
                                          "{\"api_key\":\"top\\u0000\"}"};
    static const char *const providers[] = {"openai", "groq", "azure", "azure_ai", "mistral", "databricks"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        for (size_t j = 0; j < sizeof(providers) / sizeof(providers[0]); j++) {
            const char *text = request_with(providers[j], secrets[i], "{\"api_base\":\"https://h\"}");
            assert_memory_equal(text, "INVALID_PARAMETER_VALUE ", 24);
            assert_null(strstr(text, "top"));
        }
    }
    assert_memory_equal(request("openai", GATEWAY_CHAT, "{\"organization\":\"a\\nb\"}", "{}"),
                        "INVALID_PARAMETER_VALUE ", 24);
}

static void keys_are_literal(void **state)
{
    (void)state;
    assert_non_null(strstr(request_with("openai", "{\"api_key\":\"$HOME\"}", NULL), "Bearer $HOME\n"));
    assert_non_null(
        strstr(request_with("openai", "{\"api_key\":\"/etc/passwd\"}", NULL), "Bearer /etc/passwd\n"));
}

/* --- Passthrough --- */

static void passthrough_bodies_keep_everything_but_the_model(void **state)
{
    (void)state;
    assert_string_equal(request("openai", GATEWAY_OPENAI_RESPONSES, NULL,
                                "{\"input\":\"a\",\"model\":\"endpoint\",\"x\":null,\"stream\":true}"),
                        "POST https://api.openai.com/v1/responses\nauthorization: Bearer K\n" JSON_HEADER
                        "{\"model\":\"model-1\",\"input\":\"a\",\"x\":null,\"stream\":true}");
    assert_non_null(strstr(request("openai", GATEWAY_OPENAI_CHAT, NULL, "{\"stream\":true}"),
                           "{\"model\":\"model-1\",\"stream\":true}"));
}

static void clients_headers_go_on_but_for_credentials_and_those_of_the_connection(void **state)
{
    (void)state;
    static const struct name_value headers[] = {
        {SV("host"), SV("localhost")},
        {SV("user-agent"), SV("OpenAI/Python")},
        {SV("Authorization"), SV("Bearer dummy")},
        {SV("cookie"), SV("session=1")},
        {SV("content-length"), SV("10")},
        {SV("content-type"), SV("text/plain")},
        {SV("accept-encoding"), SV("br")},
        {SV("expect"), SV("100-continue")},
        {SV("transfer-encoding"), SV("chunked")},
        {SV("te"), SV("trailers")},
        {SV("connection"), SV("close, X-Hop")},
        {SV("x-hop"), SV("1")},
        {SV("proxy-authorization"), SV("Basic x")},
        {SV("x-api-key"), SV("k")},
        {SV("api-key"), SV("k")},
        {SV("x-goog-api-key"), SV("k")},
        {SV("x-stainless-lang"), SV("python")},
        {SV("openai-beta"), SV("assistants=v2")},
        {SV("OpenAI-Organization"), SV("theirs")},
        {SV("accept"), SV("application/json")},
    };
    struct provider_call *call =
        fixture_call("openai", GATEWAY_OPENAI_CHAT, NULL, "{\"organization\":\"ours\"}", "{}");
    call->headers = headers;
    call->header_count = sizeof(headers) / sizeof(headers[0]);
    assert_string_equal(
        fixture_request(),
        "POST https://api.openai.com/v1/chat/completions\nauthorization: Bearer K\n"
        "openai-organization: ours\ncontent-type: application/json\nuser-agent: OpenAI/Python\n"
        "x-stainless-lang: python\nopenai-beta: assistants=v2\naccept: application/json\n\n"
        "{\"model\":\"model-1\"}");
}

static void unified_routes_pass_no_header_on(void **state)
{
    (void)state;
    static const struct name_value header = {SV("x-trace"), SV("1")};
    struct provider_call *call = fixture_call("openai", GATEWAY_CHAT, NULL, NULL, "{}");
    call->headers = &header;
    call->header_count = 1;
    assert_null(strstr(fixture_request(), "x-trace"));
}

static void too_many_headers_are_refused(void **state)
{
    (void)state;
    struct name_value headers[PROVIDER_MAX_HEADERS + 1];
    struct provider_call *call = fixture_call("openai", GATEWAY_OPENAI_CHAT, NULL, NULL, "{}");
    for (size_t i = 0; i <= PROVIDER_MAX_HEADERS; i++)
        headers[i] = (struct name_value){SV("x-a"), SV("1")};
    call->headers = headers;
    call->header_count = PROVIDER_MAX_HEADERS + 1;
    assert_memory_equal(fixture_request(), "431 ", 4);
}

static void paths_of_passthrough_routes_are_told(void **state)
{
    (void)state;
    assert_string_equal(provider_openai.path(GATEWAY_OPENAI_CHAT), "chat/completions");
    assert_string_equal(provider_openai.path(GATEWAY_OPENAI_EMBEDDINGS), "embeddings");
    assert_string_equal(provider_openai.path(GATEWAY_OPENAI_RESPONSES), "responses");
    assert_null(provider_openai.path(GATEWAY_ANTHROPIC_MESSAGES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_gets_the_payload_with_the_model_in_front),
        cmocka_unit_test(openai_names_an_organization_if_there_is_one),
        cmocka_unit_test(a_base_replaces_the_address_and_its_query_stays_last),
        cmocka_unit_test(a_stream_asks_for_its_usage),
        cmocka_unit_test(azure_by_api_type_puts_the_deployment_into_the_path_and_no_model_into_the_body),
        cmocka_unit_test(azure_by_api_type_needs_all_of_its_settings),
        cmocka_unit_test(an_api_type_counts_only_if_it_is_exactly_that),
        cmocka_unit_test(a_missing_key_is_a_refusal),
        cmocka_unit_test(a_key_or_setting_that_would_break_the_header_is_refused_and_not_repeated),
        cmocka_unit_test(keys_are_literal),
        cmocka_unit_test(passthrough_bodies_keep_everything_but_the_model),
        cmocka_unit_test(clients_headers_go_on_but_for_credentials_and_those_of_the_connection),
        cmocka_unit_test(unified_routes_pass_no_header_on),
        cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(paths_of_passthrough_routes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
