#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "tests/unit/gateway_fixture.h"

#define REGION   "\"aws_region_name\":\"eu-west-1\""
#define KEYS     "{\"aws_access_key_id\":\"AK\",\"aws_secret_access_key\":\"SK\"}"
#define URL      "POST https://bedrock-runtime.eu-west-1.amazonaws.com/model/a.b-v1%3A0/"
#define BEARER   "content-type: application/json\nauthorization: Bearer K\n\n"
#define HEAD     URL "converse\n" BEARER
#define USER     "{\"role\":\"user\",\"content\":\"hi\"}"
#define MESSAGES "\"messages\":[" USER "]"
#define THEIRS   "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]"
#define SCOPE    "/20261122/eu-west-1/bedrock/aws4_request"

static const char *const variables[] = {
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("HOME", "/nowhere", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static struct provider_call *a_call(enum gateway_route route, const char *secret, const char *config,
                                    const char *payload)
{
    struct provider_call *call = fixture_call("bedrock", route, secret, config, payload);
    call->model = SV("a.b-v1:0");
    return call;
}

static const char *request(const char *payload)
{
    a_call(GATEWAY_CHAT, NULL, "{" REGION "}", payload);
    return fixture_request();
}

static const char *request_as(const char *secret, const char *config)
{
    a_call(GATEWAY_CHAT, secret, config, "{" MESSAGES "}");
    return fixture_request();
}

static const char *reply(const char *text)
{
    a_call(GATEWAY_CHAT, NULL, NULL, "{" MESSAGES "}");
    return fixture_reply(text);
}

/* --- As whom --- */

static void an_api_key_is_a_bearer_token(void **state)
{
    (void)state;
    static const char *const configs[] = {"{" REGION "}", "{" REGION ",\"auth_mode\":\"api_key\"}"};
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(request_as(NULL, configs[i]), HEAD "{" THEIRS "}");
    assert_string_equal(request_as(NULL, "{\"api_base\":\"http://h:1/x/\"}"),
                        "POST http://h:1/x/model/a.b-v1%3A0/converse\n" BEARER "{" THEIRS "}");
}

/* The signatures were computed by a program of its own in Python. */
static void access_keys_sign_the_request(void **state)
{
    (void)state;
    assert_string_equal(
        request_as(KEYS, "{\"auth_mode\":\"access_keys\"," REGION "}"),
        URL "converse\ncontent-type: application/json\nhost: bedrock-runtime.eu-west-1.amazonaws.com\n"
            "X-Amz-Date: 20261122T082012Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AK" SCOPE
            ", SignedHeaders=content-type;host;x-amz-date, Signature="
            "84abb65c9e3817560eebef695e7fcab234bdf86dbd884324c6b12ea0712496c6\n\n{" THEIRS "}");
    struct provider_call *call = a_call(
        GATEWAY_CHAT,
        "{\"aws_access_key_id\":\"AK\",\"aws_secret_access_key\":\"SK\",\"aws_session_token\":\"TOK\"}",
        "{" REGION ",\"api_base\":\"http://h:81/x\"}", "{" MESSAGES ",\"stream\":true}");
    assert_true(call->stream);
    assert_string_equal(
        fixture_request(),
        "POST http://h:81/x/model/a.b-v1%3A0/converse-stream\ncontent-type: application/json\nhost: h:81\n"
        "X-Amz-Date: 20261122T082012Z\nX-Amz-Security-Token: TOK\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=AK" SCOPE ", SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
        "e7d76a1e14d2018276f0b809d002297fae7ce01fd4399e5bc4db2a5c122c9960\n\n{" THEIRS "}");
}

static void the_port_that_the_scheme_implies_is_not_signed(void **state)
{
    (void)state;
    assert_non_null(strstr(request_as(KEYS, "{" REGION ",\"api_base\":\"http://h:80\"}"), "\nhost: h\n"));
    assert_non_null(strstr(request_as(KEYS, "{" REGION ",\"api_base\":\"https://h:443/\"}"), "\nhost: h\n"));
    assert_non_null(strstr(request_as(KEYS, "{" REGION ",\"api_base\":\"https://h:80\"}"), "\nhost: h:80\n"));
}

static void the_region_comes_from_the_environment_if_not_told(void **state)
{
    (void)state;
    assert_string_equal(request_as(NULL, NULL), "INVALID_PARAMETER_VALUE The provider 'bedrock' needs "
                                                "'aws_region_name' in auth_config.");
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    assert_non_null(strstr(request_as(NULL, NULL), "https://bedrock-runtime.us-west-2.amazonaws.com/"));
    setenv("AWS_REGION", "cn-north-1", 1);
    assert_non_null(strstr(request_as(NULL, NULL), "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/"));
    assert_non_null(strstr(request_as(NULL, "{" REGION "}"), "https://bedrock-runtime.eu-west-1."));
    assert_string_equal(request_as(NULL, "{\"aws_region_name\":\"x.evil.org/\"}"),
                        "INVALID_PARAMETER_VALUE 'aws_region_name' in auth_config must look like us-east-1.");
}

static void what_a_mode_lacks_is_named(void **state)
{
    (void)state;
    assert_non_null(strstr(request_as("{}", "{" REGION "}"), "The api key provided is not a string"));
    assert_string_equal(request_as("{\"aws_access_key_id\":\"AK\"}", "{" REGION "}"),
                        "INVALID_PARAMETER_VALUE The secret for the provider 'bedrock' needs "
                        "'aws_access_key_id' and 'aws_secret_access_key'.");
    assert_non_null(strstr(request_as(KEYS, "{" REGION ",\"api_base\":\"http://h?a=b\"}"),
                           "INVALID_PARAMETER_VALUE The address of AWS"));
    struct sv key;
    a_call(GATEWAY_CHAT, KEYS, "{" REGION ",\"auth_mode\":\"iam_role\"}", "{" MESSAGES "}");
    assert_non_null(strstr(fixture_token_request(&key), "needs 'aws_role_name' in auth_config"));
}

#define ROLE "{" REGION ",\"auth_mode\":\"iam_role\",\"aws_role_name\":\"arn:aws:iam::1:role/r\"}"

static void a_role_is_assumed_by_a_signed_request(void **state)
{
    (void)state;
    struct sv key = SV_ABSENT, other = SV_ABSENT;
    struct provider_call *call = a_call(GATEWAY_CHAT, KEYS, ROLE, "{" MESSAGES "}");
    assert_string_equal(
        fixture_token_request(&key),
        "POST https://sts.eu-west-1.amazonaws.com/\ncontent-type: application/x-www-form-urlencoded\n"
        "host: sts.eu-west-1.amazonaws.com\nX-Amz-Date: 20261122T082012Z\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=AK/20261122/eu-west-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        "Signature=a474db86a3d1bc2b44de5bda34c1d6fd2e098aa5c7fe42b4ebba01b0ae6d4f0b\n\n"
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName="
        "ai-gateway-bedrock&DurationSeconds=900");
    assert_true(key.len > 0);
    assert_null(strstr(arena_cstr(call->arena, key), "SK"));
    key = arena_copy(call->arena, key);
    char first[128];
    snprintf(first, sizeof(first), "%.*s", SV_ARG(key));

    call = a_call(GATEWAY_CHAT, KEYS, ROLE, "{" MESSAGES "}");
    call->key_only = true;
    fixture_token_request(&other);
    assert_true(sv_equal(other, sv_from(first)));
    a_call(GATEWAY_CHAT, "{\"aws_access_key_id\":\"AK\",\"aws_secret_access_key\":\"S2\"}", ROLE,
           "{" MESSAGES "}");
    fixture_token_request(&other);
    assert_false(sv_equal(other, sv_from(first)));
}

static void the_endpoint_of_sts_and_the_session_can_be_set(void **state)
{
    (void)state;
    struct sv key;
    a_call(GATEWAY_CHAT, KEYS,
           "{" REGION ",\"auth_mode\":\"iam_role\",\"aws_role_name\":\"r\",\"aws_session_name\":\"s\","
           "\"aws_sts_endpoint\":\"http://127.0.0.1:9\"}",
           "{" MESSAGES "}");
    const char *text = fixture_token_request(&key);
    assert_memory_equal(text, "POST http://127.0.0.1:9/\n", 25);
    assert_non_null(strstr(text, "&RoleSessionName=s&"));
}

#define CREDENTIALS                                                                                     \
    "<AssumeRoleResponse "                                                                              \
    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>"               \
    "<AccessKeyId>A2</AccessKeyId><SecretAccessKey>S2</SecretAccessKey><SessionToken>T2</SessionToken>" \
    "<Expiration>2026-11-22T09:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"

static void what_sts_lends_is_read_and_used(void **state)
{
    (void)state;
    struct gateway_token token;
    struct provider_call *call = a_call(GATEWAY_CHAT, KEYS, ROLE, "{" MESSAGES "}");
    assert_int_equal(provider_bedrock.read_token(call, SV(CREDENTIALS), &token), OK);
    assert_true(sv_equal(token.access, SV("A2")) && sv_equal(token.secret, SV("S2")) &&
                sv_equal(token.session, SV("T2")));
    assert_int_equal(token.expires_ms, 1795338000000);
    call->token = &token;
    const char *text = fixture_request();
    assert_non_null(strstr(text, "\nX-Amz-Security-Token: T2\n"));
    assert_non_null(strstr(text, "Credential=A2" SCOPE));
    static const char *const bodies[] = {"", "<a/>", "{}", "<AssumeRoleResponse>", "<!DOCTYPE a><a/>"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_string_equal(fixture_read_token(bodies[i]),
                            "502 The answer of AWS to AssumeRole has no credentials.");
}

static void any_other_mode_takes_the_servers_own_credentials(void **state)
{
    (void)state;
    struct provider_call *call =
        a_call(GATEWAY_CHAT, KEYS, "{" REGION ",\"auth_mode\":\"default_chain\"}", "{" MESSAGES "}");
    struct sv key;
    assert_int_equal(provider_bedrock.prepare(call), FAILED);
    assert_int_equal(call->code, PERMISSION_DENIED);
    call->server_credentials = true;
    assert_int_equal(provider_bedrock.prepare(call), FAILED);
    assert_int_equal(call->code, INVALID_PARAMETER_VALUE);
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "SECRET", 1);
    assert_int_equal(provider_bedrock.prepare(call), OK);
    fixture_token_request(&key);
    assert_null(key.data);
    assert_non_null(strstr(fixture_request(), "Credential=ENV" SCOPE));
    call = a_call(GATEWAY_CHAT, KEYS, "{" REGION "}", "{" MESSAGES "}");
    assert_int_equal(provider_bedrock.prepare(call), OK);
    assert_null(call->token);
}

/* --- Requests --- */

static void settings_lie_in_a_config_of_their_own_and_others_are_dropped(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES
                ",\"n\":1,\"temperature\":1.5,\"top_p\":0.5,\"max_completion_tokens\":7,\"stop\":"
                "[\"x\"],\"seed\":1,\"top_k\":3,\"user\":\"u\",\"stream_options\":{},\"response_format\":"
                "{\"type\":\"text\"}}"),
        HEAD "{" THEIRS ",\"inferenceConfig\":{\"temperature\":1.5,\"topP\":0.5,\"stopSequences\":[\"x\"],"
             "\"maxTokens\":7}}");
    assert_string_equal(request("{" MESSAGES ",\"n\":2}"), "422 'n' must be '1' for the Bedrock provider.");
}

static void sides_take_turns(void **state)
{
    (void)state;
    assert_string_equal(
        request(
            "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER ",{\"role\":\"assistant\","
            "\"content\":\"so\",\"tool_calls\":[{\"id\":\"t1\",\"function\":{\"name\":\"f\",\"arguments\":"
            "\"{\\\"a\\\":1}\"}},{\"id\":\"t2\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"r1\"},"
            "{\"role\":\"tool\",\"tool_call_id\":\"t2\",\"content\":[{\"type\":\"text\",\"text\":\"r2\"}]}"
            "," USER "]}"),
        HEAD
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},{\"role\":\"assistant\","
        "\"content\":[{\"text\":\"so\"},{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":"
        "{\"a\":1}}},{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\",\"input\":{}}}]},{\"role\":\"user\","
        "\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{\"text\":\"r1\"}]}},"
        "{\"toolResult\":{\"toolUseId\":\"t2\",\"content\":[{\"text\":\"r2\"}]}},{\"text\":\"hi\"}]}],"
        "\"system\":[{\"text\":\"s\"}]}");
}

#define TOOL(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define SPEC(name)                    \
    "{\"toolSpec\":{\"name\":\"" name \
    "\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}"

static void tools_become_specifications(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES
                ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
                "\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{}}}}}," TOOL(
                    "g") "],\"tool_choice\":\"required\"}"),
        HEAD "{" THEIRS ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\","
             "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{\"a\":{}}}}}}," SPEC(
                 "g") "],\"toolChoice\":{\"any\":{}}}}");
    assert_non_null(
        strstr(request("{" MESSAGES ",\"tools\":[" TOOL("f") "],\"tool_choice\":{\"type\":"
                                                             "\"function\",\"function\":{\"name\":\"f\"}}}"),
               "],\"toolChoice\":{\"tool\":{\"name\":\"f\"}}}}"));
    assert_non_null(strstr(request("{" MESSAGES ",\"tools\":[" TOOL("f") "],\"tool_choice\":\"auto\"}"),
                           "\"toolConfig\":{\"tools\":[" SPEC("f") "]}}"));
    assert_string_equal(request("{" MESSAGES ",\"tools\":[" TOOL("f") "],\"tool_choice\":\"none\"}"),
                        HEAD "{" THEIRS "}");
    assert_string_equal(request("{" MESSAGES ",\"tools\":[{\"type\":\"uc_function\"}]}"),
                        "422 Only function calling tool is supported, but received tool type uc_function");
}

static void images_come_as_bytes(void **state)
{
    (void)state;
    assert_string_equal(
        request(
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":"
            "\"image_url\",\"image_url\":{\"url\":\"data:image/jpg;base64,AA==\"}}]}]}"),
        HEAD
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"see\"},{\"image\":{\"format\":\"jpeg\","
        "\"source\":{\"bytes\":\"AA==\"}}}]}]}");
    assert_string_equal(
        request(
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
            "\"https://h/a.png\"}}]}]}"),
        "422 The Bedrock provider takes images only as data URLs (data:image/png;base64,...).");
}

static void embeddings_take_a_call_for_each_text(void **state)
{
    (void)state;
    struct provider_call *call =
        a_call(GATEWAY_EMBEDDINGS, NULL, "{" REGION "}", "{\"input\":[\"a\",\"b\"],\"dimensions\":256}");
    assert_int_equal(provider_bedrock.parts(call), 2);
    call->part = 1;
    assert_string_equal(fixture_request(), URL "invoke\n" BEARER "{\"inputText\":\"b\",\"dimensions\":256}");
    assert_string_equal(fixture_reply("[{\"embedding\":[1.50],\"inputTextTokenCount\":3},"
                                      "{\"embedding\":[2],\"inputTextTokenCount\":4}]"),
                        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[1.50],"
                        "\"index\":0},{\"object\":\"embedding\",\"embedding\":[2],\"index\":1}],\"model\":"
                        "\"a.b-v1:0\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    assert_string_equal(fixture_reply("[{}]"), "502 The answer of the Bedrock model has no embedding.");
}

/* --- Replies --- */

#define REPLY                                                                                                \
    "{\"id\":null,\"object\":\"chat.completion\",\"created\":1795335612,\"model\":\"a.b-v1:0\",\"choices\":" \
    "["

static void a_reply_has_its_texts_in_lines(void **state)
{
    (void)state;
    assert_string_equal(
        reply("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
              "\"reasoningText\":"
              "{\"text\":\"hm\"}}},{\"text\":\"one\"},{\"text\":\"two\"},{\"toolUse\":{\"toolUseId\":\"t1\","
              "\"name\":\"f\",\"input\":{\"a\":1}}}]}},\"stopReason\":\"tool_use\",\"usage\":{"
              "\"inputTokens\":10,"
              "\"outputTokens\":5,\"totalTokens\":18,\"cacheReadInputTokens\":3}}"),
        REPLY
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"one\\ntwo\",\"tool_calls\":[{\"id\":"
        "\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}}],"
        "\"refusal\":null},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":13,"
        "\"completion_tokens\":5,\"total_tokens\":18}}");
    assert_string_equal(fixture_usage(), "13 5 18 3");
}

static void every_reason_to_stop_has_its_name(void **state)
{
    (void)state;
    static const char *const reasons[][2] = {
        {"end_turn", "stop"},
        {"stop_sequence", "stop"},
        {"max_tokens", "length"},
        {"content_filtered", "content_filter"},
        {"guardrail_intervened", "content_filter"},
        {"new_one", "stop"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char text[256], expected[128];
        snprintf(text, sizeof(text), "{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":\"%s\"}",
                 reasons[i][0]);
        snprintf(expected, sizeof(expected),
                 "\"content\":null,\"tool_calls\":null,\"refusal\":null},"
                 "\"finish_reason\":\"%s\"}",
                 reasons[i][1]);
        assert_non_null(strstr(reply(text), expected));
    }
    assert_string_equal(reply("{\"output\":{}}"), "502 The answer of the Bedrock model has no content.");
}

/* --- Streams --- */

/* What events become, each "type payload". */
static const char *stream(const char *payload, const struct provider_event *events, size_t count)
{
    static struct buffer out;
    static struct gateway_usage usage;
    buffer_free(&out);
    buffer_init(&out, 1 << 20);
    usage = GATEWAY_NO_USAGE;
    struct provider_call *call = a_call(GATEWAY_CHAT, NULL, NULL, payload);
    void *state = arena_alloc(call->arena, provider_bedrock.state_size);
    enum provider_step step = STEP_OK;
    for (size_t i = 0; step == STEP_OK && i < count; i++)
        step = provider_bedrock.event(call, state, &events[i], &out, &usage);
    if (step == STEP_DONE)
        buffer_printf(&out, "(done %d %d)", (int)usage.input_tokens, (int)usage.output_tokens);
    if (step == STEP_ERROR)
        buffer_printf(&out, "(error %d %.*s)", call->status, SV_ARG(call->detail));
    const char *text = arena_cstr(call->arena, buffer_sv(&out));
    buffer_free(&out);
    return text;
}

#define STREAM(payload, events) stream(payload, events, sizeof(events) / sizeof((events)[0]))
#define CHUNK                                                                                                \
    "data: {\"id\":null,\"object\":\"chat.completion.chunk\",\"created\":1795335612,\"model\":\"a.b-v1:0\"," \
    "\"choices\":["
#define DELTA(rest) CHUNK "{\"index\":0,\"finish_reason\":null,\"delta\":{" rest "}}]}\n\n"
#define PIECE(rest) DELTA("\"role\":null,\"content\":null,\"tool_calls\":[{" rest "}]")

static void a_stream_tells_texts_tools_and_tokens(void **state)
{
    (void)state;
    static const struct provider_event events[] = {
        {SV("messageStart"), SV("{\"role\":\"assistant\"}"), false},
        {SV("contentBlockDelta"), SV("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}"), false},
        {SV("contentBlockStop"), SV("{\"contentBlockIndex\":0}"), false},
        {SV("contentBlockStart"),
         SV("{\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\"}}}"),
         false},
        {SV("contentBlockDelta"),
         SV("{\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\"{\\\"a\\\"\"}}}"), false},
        {SV("contentBlockDelta"), SV("{\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\":1}\"}}}"),
         false},
        {SV("contentBlockStop"), SV("{\"contentBlockIndex\":1}"), false},
        {SV("contentBlockStart"),
         SV("{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\"}}}"),
         false},
        {SV("contentBlockStop"), SV("{\"contentBlockIndex\":2}"), false},
        {SV("unknownEvent"), SV("{}"), false},
        {SV("messageStop"), SV("{\"stopReason\":\"tool_use\"}"), false},
        {SV("metadata"), SV("{\"usage\":{\"inputTokens\":3,\"outputTokens\":4,\"totalTokens\":7}}"), false},
    };
#define BEFORE                                                                                               \
    DELTA("\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":null")                                     \
    DELTA("\"role\":null,\"content\":\"a\",\"tool_calls\":null")                                             \
    PIECE(                                                                                                   \
        "\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":null}")  \
    PIECE("\"index\":0,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":\"{\\\"a\\\"\"}") \
    PIECE("\"index\":0,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":\":1}\"}")        \
    PIECE(                                                                                                   \
        "\"index\":1,\"id\":\"t2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":null}")  \
    PIECE("\"index\":1,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":\"{}\"}")         \
    CHUNK "{\"index\":0,\"finish_reason\":\"tool_calls\",\"delta\":{\"role\":null,\"content\":null,"         \
          "\"tool_calls\":null}}]}\n\n"
    assert_string_equal(STREAM("{\"stream\":true}", events), BEFORE "(done 3 4)");
    assert_string_equal(STREAM("{\"stream\":true,\"stream_options\":{\"include_usage\":true}}", events),
                        BEFORE CHUNK
                        "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}"
                        "\n\n(done 3 4)");
}

static void an_exception_ends_a_stream(void **state)
{
    (void)state;
    static const struct provider_event events[][1] = {
        {{SV("throttlingException"), SV("{\"message\":\"slow\"}"), true}},
        {{SV("modelStreamErrorException"), SV("{}"), true}},
        {{SV("Fault"), SV("gone"), true}},
        {{SV_ABSENT, SV_ABSENT, true}},
    };
    assert_string_equal(STREAM("{}", events[0]), "(error 429 slow)");
    assert_string_equal(STREAM("{}", events[1]), "(error 502 {})");
    assert_string_equal(STREAM("{}", events[2]), "(error 502 gone)");
    assert_string_equal(STREAM("{}", events[3]), "(error 502 The model's stream ended in an error.)");
}

static void rubbish_in_a_stream_is_passed_over(void **state)
{
    (void)state;
    static const struct provider_event events[] = {
        {SV("contentBlockDelta"), SV("not json"), false},
        {SV("contentBlockDelta"), SV("[]"), false},
        {SV("contentBlockDelta"), SV("{\"contentBlockIndex\":4,\"delta\":{\"toolUse\":{\"input\":\"x\"}}}"),
         false},
        {SV("contentBlockStop"), SV("{\"contentBlockIndex\":4}"), false},
        {SV_ABSENT, SV("{}"), false},
    };
    assert_string_equal(STREAM("{}", events), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_api_key_is_a_bearer_token, setup, teardown),
        cmocka_unit_test_setup_teardown(access_keys_sign_the_request, setup, teardown),
        cmocka_unit_test_setup_teardown(the_port_that_the_scheme_implies_is_not_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_region_comes_from_the_environment_if_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_mode_lacks_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_role_is_assumed_by_a_signed_request, setup, teardown),
        cmocka_unit_test_setup_teardown(the_endpoint_of_sts_and_the_session_can_be_set, setup, teardown),
        cmocka_unit_test_setup_teardown(what_sts_lends_is_read_and_used, setup, teardown),
        cmocka_unit_test_setup_teardown(any_other_mode_takes_the_servers_own_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_lie_in_a_config_of_their_own_and_others_are_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sides_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(tools_become_specifications, setup, teardown),
        cmocka_unit_test_setup_teardown(images_come_as_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(embeddings_take_a_call_for_each_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reply_has_its_texts_in_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(every_reason_to_stop_has_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_tells_texts_tools_and_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_ends_a_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(rubbish_in_a_stream_is_passed_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
