#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/base/id.h"
#include "tests/unit/gateway_fixture.h"

#define HOST     "POST https://us-central1-aiplatform.googleapis.com/v1/projects/p-1/locations/us-central1/"
#define HEADERS  "\nauthorization: Bearer TOKEN\ncontent-type: application/json\n\n"
#define CONFIG   "{\"vertex_project\":\"p-1\"}"
#define USER     "{\"role\":\"user\",\"content\":\"hi\"}"
#define MESSAGES "\"messages\":[" USER "]"
#define CONTENTS "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"
#define ONE      "\"generationConfig\":{\"candidateCount\":1}"

static EVP_PKEY *key;
static char *secret; /* the secret with a service account that has the key */
static const struct gateway_token token = {.access = {"TOKEN", 5}};

/* {"vertex_credentials": "<the account as JSON>"} */
static char *secret_of(const char *type, const char *pem)
{
    struct json_object *account = json_object_new_object(), *outer = json_object_new_object();
    json_object_object_add(account, "type", json_object_new_string(type));
    json_object_object_add(account, "project_id", json_object_new_string("own-project"));
    json_object_object_add(account, "private_key_id", json_object_new_string("kid-1"));
    json_object_object_add(account, "private_key", json_object_new_string(pem));
    json_object_object_add(account, "client_email", json_object_new_string("a@p.iam.gserviceaccount.com"));
    json_object_object_add(account, "token_uri", json_object_new_string("http://127.0.0.1:9/token"));
    json_object_object_add(outer, "vertex_credentials",
                           json_object_new_string(json_object_to_json_string(account)));
    char *text = strdup(json_object_to_json_string(outer));
    json_object_put(account);
    json_object_put(outer);
    return text;
}

static char *pem_of(EVP_PKEY *one)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    assert_true(PEM_write_bio_PrivateKey(bio, one, NULL, NULL, 0, NULL, NULL));
    size_t len = (size_t)BIO_get_mem_data(bio, &data);
    /* OpenSSL's memory does not end with a NUL. */
    char *text = calloc(len + 1, 1);
    assert_non_null(text);
    memcpy(text, data, len);
    BIO_free(bio);
    return text;
}

static int setup_all(void **state)
{
    (void)state;
    key = EVP_RSA_gen(2048);
    assert_non_null(key);
    char *pem = pem_of(key);
    secret = secret_of("service_account", pem);
    free(pem);
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    free(secret);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static struct provider_call *a_call(enum gateway_route route, const char *model, const char *config,
                                    const char *payload)
{
    struct provider_call *call = fixture_call("vertex_ai", route, secret, config, payload);
    call->model = sv_from(model);
    call->token = &token;
    return call;
}

static const char *request(const char *model, const char *config, const char *payload)
{
    a_call(GATEWAY_CHAT, model, config, payload);
    return fixture_request();
}

/* --- Tokens --- */

static struct sv from_base64url(struct arena *arena, struct sv text)
{
    char *copy = arena_cstr(arena, arena_printf(arena, "%.*s===", SV_ARG(text)));
    for (size_t i = 0; i < text.len; i++)
        copy[i] = copy[i] == '-' ? '+' : copy[i] == '_' ? '/' : copy[i];
    size_t padded = (text.len + 3) / 4 * 4;
    return base64_decode(arena, (struct sv){copy, padded});
}

static void a_service_account_signs_its_claims(void **state)
{
    (void)state;
    struct sv kept;
    struct provider_call *call = a_call(GATEWAY_CHAT, "gemini-x", CONFIG, "{" MESSAGES "}");
    const char *text = fixture_token_request(&kept);
    static const char head[] =
        "POST http://127.0.0.1:9/token\ncontent-type: application/x-www-form-urlencoded\n\n"
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    assert_memory_equal(text, head, sizeof(head) - 1);
    assert_int_equal(kept.len, 64);
    struct sv jwt = sv_from(text + sizeof(head) - 1), rest = jwt;
    struct sv header = sv_cut(&rest, '.'), claims = sv_cut(&rest, '.'), signature = rest;
    assert_string_equal(from_base64url(call->arena, header).data,
                        "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"kid-1\"}");
    assert_string_equal(
        from_base64url(call->arena, claims).data,
        "{\"iss\":\"a@p.iam.gserviceaccount.com\",\"scope\":\"https://www.googleapis.com/auth/"
        "cloud-platform\",\"aud\":\"http://127.0.0.1:9/token\",\"iat\":1795335612,\"exp\":"
        "1795339212}");
    struct sv raw = from_base64url(call->arena, signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, (const unsigned char *)raw.data, raw.len,
                                      (const unsigned char *)jwt.data, header.len + 1 + claims.len),
                     1);
    EVP_MD_CTX_free(context);
}

static void the_key_of_a_token_comes_without_a_signature(void **state)
{
    (void)state;
    struct sv first, second;
    char kept[65];
    a_call(GATEWAY_CHAT, "gemini-x", CONFIG, "{" MESSAGES "}");
    fixture_token_request(&first);
    snprintf(kept, sizeof(kept), "%.*s", SV_ARG(first));
    a_call(GATEWAY_CHAT, "other", CONFIG, "{" MESSAGES "}")->key_only = true;
    assert_non_null(strstr(fixture_token_request(&second), "assertion="));
    assert_true(sv_equal(second, sv_from(kept)));
}

static void a_token_is_read(void **state)
{
    (void)state;
    a_call(GATEWAY_CHAT, "gemini-x", CONFIG, "{" MESSAGES "}");
    assert_string_equal(fixture_read_token("{\"access_token\":\"T\",\"expires_in\":3599}"),
                        "T 1795339211444");
}

static void what_is_no_service_account_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");
    char *pems[] = {pem_of(small), pem_of(curve), strdup("rubbish"), strdup("")};
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
    struct sv kept;
    for (size_t i = 0; i < 4; i++) {
        char *text = secret_of("service_account", pems[i]);
        fixture_call("vertex_ai", GATEWAY_CHAT, text, CONFIG, "{" MESSAGES "}");
        const char *refusal = fixture_token_request(&kept);
        assert_non_null(
            strstr(refusal, "INVALID_PARAMETER_VALUE 'vertex_credentials' of the secret must be"));
        assert_non_null(strstr(refusal, i == 3 ? "it lacks client_email or private_key"
                                               : "its private_key is no RSA key of 2048 bits or more"));
        free(text);
        free(pems[i]);
    }
    static const char *const others[][2] = {
        {"{}", "it is not set"},
        {"{\"vertex_credentials\":\"no json\"}", "it is no JSON object"},
        {"{\"vertex_credentials\":\"[]\"}", "it is no JSON object"},
        {"{\"vertex_credentials\":\"{\\\"type\\\":\\\"authorized_user\\\"}\"}",
         "its type is not service_account"},
    };
    for (size_t i = 0; i < 4; i++) {
        fixture_call("vertex_ai", GATEWAY_CHAT, others[i][0], CONFIG, "{" MESSAGES "}");
        assert_non_null(strstr(fixture_token_request(&kept), others[i][1]));
    }
}

/* --- Places --- */

static void locations_and_projects_are_in_the_address(void **state)
{
    (void)state;
#define MODEL "/publishers/google/models/gemini-x:generateContent\n"
    static const char *const cases[][2] = {
        {CONFIG, HOST "publishers/google/models/gemini-x:generateContent\n"},
        {"{\"vertex_project\":\"p\",\"vertex_location\":\"global\"}",
         "POST https://aiplatform.googleapis.com/v1/projects/p/locations/global" MODEL},
        {"{\"vertex_location\":\"europe-west4\"}",
         "POST https://europe-west4-aiplatform.googleapis.com/v1/projects/own-project/locations/"
         "europe-west4" MODEL},
        {"{\"vertex_project\":\"p/../q\"}",
         "POST "
         "https://us-central1-aiplatform.googleapis.com/v1/projects/p%2F..%2Fq/locations/us-central1" MODEL},
        {"{\"vertex_project\":\"p\",\"api_base\":\"http://h:1/\"}",
         "POST http://h:1/v1/projects/p/locations/us-central1" MODEL},
        {"{\"vertex_project\":\"p\",\"api_base\":\"http://h:1/x/v1beta1\"}",
         "POST http://h:1/x/v1beta1/projects/p/locations/us-central1" MODEL},
        {"{\"api_base\":\"http://h:1/v1/projects/a/locations/b\"}",
         "POST http://h:1/v1/projects/a/locations/b" MODEL},
        {"{\"api_base\":\"http://h:1/v1/projects/a/locations/b/publishers/google/models/\"}",
         "POST http://h:1/v1/projects/a/locations/b" MODEL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = request("gemini-x", cases[i][0], "{" MESSAGES "}");
        assert_memory_equal(text, cases[i][1], strlen(cases[i][1]));
    }
    assert_non_null(strstr(request("gemini-x", "{\"vertex_location\":\"a.evil.org/\"}", "{" MESSAGES "}"),
                           "INVALID_PARAMETER_VALUE 'vertex_location' in auth_config must look like"));
    assert_non_null(strstr(request("gemini/../x", CONFIG, "{" MESSAGES "}"), "cannot be part of a URL"));
}

/* --- Families of models --- */

static void geminis_calls_have_no_ids(void **state)
{
    (void)state;
    assert_string_equal(
        request(
            "gemini-x", CONFIG,
            "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"t1\",\"function\":{\"name\":"
            "\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"r\"}],"
            "\"stream\":true}"),
        HOST
        "publishers/google/models/gemini-x:streamGenerateContent?alt=sse" HEADERS
        "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]},"
        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{\"result\":"
        "\"r\"}}}]}]," ONE "}");
    assert_non_null(strstr(fixture_reply("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"),
                           "\"content\":\"a\""));
    assert_non_null(
        strstr(fixture_stream("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}\n\n"),
               "\"content\":\"b\""));
}

static void claude_speaks_anthropics_format(void **state)
{
    (void)state;
    assert_string_equal(request("claude-x@1", CONFIG, "{" MESSAGES "}"),
                        HOST "publishers/anthropic/models/claude-x%401:rawPredict" HEADERS
                             "{\"anthropic_version\":\"vertex-2023-10-16\",\"messages\":[" USER
                             "],\"max_tokens\":8192}");
    assert_string_equal(request("claude-x", CONFIG, "{" MESSAGES ",\"stream\":true}"),
                        HOST "publishers/anthropic/models/claude-x:streamRawPredict" HEADERS
                             "{\"anthropic_version\":\"vertex-2023-10-16\",\"messages\":[" USER
                             "],\"max_tokens\":8192,\"stream\":true}");
    assert_non_null(
        strstr(fixture_reply("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), "\"content\":\"a\""));
    assert_string_equal(fixture_stream("data: {\"type\":\"message_stop\"}\n\n"), "(done)");
    a_call(GATEWAY_EMBEDDINGS, "claude-x", CONFIG, "{\"input\":\"a\"}");
    assert_string_equal(fixture_request(),
                        "501 The embeddings route is not implemented for Anthropic models.");
}

static void others_speak_openais_format(void **state)
{
    (void)state;
    assert_string_equal(request("meta/llama-x", CONFIG, "{" MESSAGES ",\"n\":1}"),
                        HOST "endpoints/openapi/chat/completions" HEADERS
                             "{\"model\":\"meta/llama-x\",\"messages\":[" USER "],\"n\":1}");
    assert_non_null(strstr(
        fixture_reply("{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\"}}]}"),
        "\"content\":\"a\""));
    assert_string_equal(fixture_stream("data: [DONE]\n\n"), "(done)");
    a_call(GATEWAY_EMBEDDINGS, "x/embed", CONFIG, "{\"input\":\"a\"}");
    assert_string_equal(fixture_request(), HOST "endpoints/openapi/embeddings" HEADERS
                                                "{\"model\":\"x/embed\",\"input\":\"a\"}");
}

static void embeddings_are_predictions(void **state)
{
    (void)state;
    struct provider_call *call = a_call(GATEWAY_EMBEDDINGS, "text-embedding-005", CONFIG,
                                        "{\"input\":[\"a\",\"b\"],\"dimensions\":8}");
    assert_int_equal(provider_vertex.parts(call), 1);
    assert_string_equal(fixture_request(),
                        HOST "publishers/google/models/text-embedding-005:predict" HEADERS
                             "{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}],\"parameters\":"
                             "{\"outputDimensionality\":8}}");
#define PREDICTION(value, tokens) \
    "{\"embeddings\":{\"values\":[" value "],\"statistics\":{\"token_count\":" tokens "}}}"
#define EXPECTED(model)                                                                                      \
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[0.5],\"index\":0},{\"object\":" \
    "\"embedding\",\"embedding\":[1.5],\"index\":1}],\"model\":\"" model                                     \
    "\",\"usage\":{\"prompt_tokens\":5,"                                                                     \
    "\"total_tokens\":5}}"
    assert_string_equal(
        fixture_reply("{\"predictions\":[" PREDICTION("0.5", "2") "," PREDICTION("1.5", "3") "]}"),
        EXPECTED("text-embedding-005"));
    assert_string_equal(fixture_reply("{\"predictions\":[" PREDICTION("0.5", "2") "]}"),
                        "502 The Vertex AI model answered 2 texts with 1 embeddings.");
    assert_string_equal(fixture_reply("{}"), "502 The answer of the Vertex AI model has no predictions.");

    call = a_call(GATEWAY_EMBEDDINGS, "gemini-embedding-001", CONFIG, "{\"input\":[\"a\",\"b\"]}");
    assert_int_equal(provider_vertex.parts(call), 2);
    call->part = 1;
    assert_non_null(strstr(fixture_request(), ":predict" HEADERS "{\"instances\":[{\"content\":\"b\"}]}"));
    assert_string_equal(fixture_reply("[{\"predictions\":[" PREDICTION(
                            "0.5", "2") "]},{\"predictions\":[" PREDICTION("1.5", "3") "]}]"),
                        EXPECTED("gemini-embedding-001"));
}

static void passthroughs_go_to_models_of_their_format_only(void **state)
{
    (void)state;
    a_call(GATEWAY_GEMINI_STREAM, "gemini-x", CONFIG, "{\"a\":1}");
    assert_string_equal(fixture_request(),
                        HOST "publishers/google/models/gemini-x:streamGenerateContent?alt=sse" HEADERS
                             "{\"a\":1}");
    a_call(GATEWAY_ANTHROPIC_MESSAGES, "claude-x", CONFIG,
           "{\"model\":\"e\",\"max_tokens\":1,\"stream\":true}");
    assert_string_equal(fixture_request(), HOST
                        "publishers/anthropic/models/claude-x:streamRawPredict" HEADERS
                        "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":1,\"stream\":true}");
    a_call(GATEWAY_ANTHROPIC_MESSAGES, "gemini-x", CONFIG, "{}");
    assert_memory_equal(fixture_request(), "400 The model 'gemini-x' of the Vertex AI provider", 50);
    a_call(GATEWAY_GEMINI_GENERATE, "meta/llama", CONFIG, "{}");
    assert_memory_equal(fixture_request(), "400 The model 'meta/llama'", 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_service_account_signs_its_claims, teardown),
        cmocka_unit_test_teardown(the_key_of_a_token_comes_without_a_signature, teardown),
        cmocka_unit_test_teardown(a_token_is_read, teardown),
        cmocka_unit_test_teardown(what_is_no_service_account_is_refused, teardown),
        cmocka_unit_test_teardown(locations_and_projects_are_in_the_address, teardown),
        cmocka_unit_test_teardown(geminis_calls_have_no_ids, teardown),
        cmocka_unit_test_teardown(claude_speaks_anthropics_format, teardown),
        cmocka_unit_test_teardown(others_speak_openais_format, teardown),
        cmocka_unit_test_teardown(embeddings_are_predictions, teardown),
        cmocka_unit_test_teardown(passthroughs_go_to_models_of_their_format_only, teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
