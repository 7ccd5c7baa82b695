#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "tests/unit/gateway_fixture.h"

#define HEAD                                                                                    \
    "POST https://api.anthropic.com/v1/messages\nx-api-key: K\nanthropic-version: 2023-06-01\n" \
    "content-type: application/json\n\n"
#define USER     "{\"role\":\"user\",\"content\":\"hi\"}"
#define MESSAGES "\"messages\":[" USER "]"
#define CREATED  "\"created\":1795335612"
#define CHUNK                                                                                     \
    "data: {\"id\":\"m1\",\"object\":\"chat.completion.chunk\"," CREATED ",\"model\":\"claude\"," \
    "\"choices\":["
#define NO_TOOLS "\"tool_calls\":null"
#define MESSAGE_START                                                                               \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":" \
    "\"claude\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":3,"                      \
    "\"cache_creation_input_tokens\":2,\"output_tokens\":1}}}\n\n"

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static const char *request(const char *payload)
{
    fixture_call("anthropic", GATEWAY_CHAT, NULL, NULL, payload);
    return fixture_request();
}

static const char *reply(const char *text)
{
    fixture_call("anthropic", GATEWAY_CHAT, NULL, NULL, "{" MESSAGES "}");
    return fixture_reply(text);
}

static const char *stream(const char *events)
{
    fixture_call("anthropic", GATEWAY_CHAT, NULL, NULL, "{" MESSAGES ",\"stream\":true}");
    return fixture_stream(events);
}

/* --- Requests --- */

static void a_chat_becomes_a_message(void **state)
{
    (void)state;
    assert_string_equal(request("{" MESSAGES ",\"n\":1}"),
                        HEAD "{\"model\":\"model-1\",\"messages\":[" USER "],\"max_tokens\":8192}");
}

static void settings_are_renamed_scaled_or_passed_on(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES ",\"n\":1,\"max_completion_tokens\":5,\"stop\":[\"x\"],\"temperature\":1.5,"
                "\"top_k\":7,\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                "\"thinking\":{\"type\":\"enabled\"}}"),
        HEAD "{\"model\":\"model-1\",\"messages\":[" USER "],\"max_tokens\":5,\"stop_sequences\":[\"x\"],"
             "\"temperature\":0.75,\"stream\":true,\"top_k\":7,\"thinking\":{\"type\":\"enabled\"}}");
    assert_non_null(
        strstr(request("{" MESSAGES ",\"max_tokens\":9,\"max_completion_tokens\":5}"), "\"max_tokens\":9}"));
    assert_non_null(strstr(request("{" MESSAGES ",\"temperature\":2}"), "\"temperature\":1.0}"));
}

static void what_anthropic_cannot_do_is_refused(void **state)
{
    (void)state;
    assert_string_equal(request("{" MESSAGES ",\"max_tokens\":1000001}"),
                        "422 Invalid value for max_tokens: cannot exceed 1000000.");
    assert_non_null(strstr(request("{" MESSAGES ",\"max_tokens\":1000000}"), "\"max_tokens\":1000000}"));
    assert_string_equal(request("{" MESSAGES ",\"temperature\":1,\"top_p\":0.5}"),
                        "422 Cannot set both 'temperature' and 'top_p' parameters.");
    assert_string_equal(request("{" MESSAGES ",\"n\":2}"),
                        "422 'n' must be '1' for the Anthropic provider. Received value: '{n}'.");
    assert_string_equal(
        request("{" MESSAGES ",\"tools\":[{\"type\":\"uc_function\",\"uc_function\":{\"name\":\"f\"}}]}"),
        "422 Only function calling tool is supported, but received tool type uc_function");
    fixture_call("anthropic", GATEWAY_EMBEDDINGS, NULL, NULL, "{\"input\":\"a\"}");
    assert_string_equal(fixture_request(),
                        "501 The embeddings route is not implemented for Anthropic models.");
    fixture_call("anthropic", GATEWAY_CHAT, "{}", NULL, "{" MESSAGES "}");
    const char *text = fixture_request();
    assert_non_null(strstr(text, "INVALID_PARAMETER_VALUE The api key provided is not a string"));
}

static void system_messages_are_one_text(void **state)
{
    (void)state;
    assert_string_equal(request("{\"messages\":[{\"role\":\"system\",\"content\":\"a\"}," USER
                                ",{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]},"
                                "{\"role\":\"narrator\",\"content\":\"dropped\"}]}"),
                        HEAD "{\"model\":\"model-1\",\"messages\":[" USER
                             "],\"system\":\"a\\nb\",\"max_tokens\":8192}");
}

static void tool_calls_and_their_replies_become_blocks(void **state)
{
    (void)state;
    assert_string_equal(
        request("{\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":\"so\",\"tool_calls\":[{\"id\":"
                "\"t1\",\"type\":\"function\","
                "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1.50]}\"}},{\"id\":\"t2\","
                "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"r\"}]}"),
        HEAD "{\"model\":\"model-1\",\"messages\":[" USER
             ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"so\"},"
             "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":[1.50]}},"
             "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}]},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
             "\"content\":\"r\"}]}],\"max_tokens\":8192}");
}

static void tools_keep_their_schemas_and_may_lack_parts(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES
                ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
                "\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"object\","
                "\"properties\":{\"q\":{\"type\":\"null\"}}}}}}},"
                "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],\"tool_choice\":\"required\"}"),
        HEAD "{\"model\":\"model-1\",\"messages\":[" USER "],\"max_tokens\":8192,\"tools\":[{\"name\":\"f\","
             "\"description\":\"d\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":"
             "\"object\",\"properties\":{\"q\":{\"type\":\"null\"}}}}}},{\"name\":\"g\",\"input_schema\":"
             "{\"type\":\"object\",\"properties\":{}}}],\"tool_choice\":{\"type\":\"any\"}}");
}

static void every_tool_choice_has_its_form(void **state)
{
    (void)state;
    static const struct {
        const char *choice, *expected;
    } cases[] = {
        {"\"none\"", "\"tool_choice\":{\"type\":\"none\"}}"},
        {"\"auto\"", "\"tool_choice\":{\"type\":\"auto\"}}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}}"},
        {"\"auto\",\"parallel_tool_calls\":false",
         "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}"},
        {"\"auto\",\"parallel_tool_calls\":true", "\"tool_choice\":{\"type\":\"auto\"}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[512];
        snprintf(payload, sizeof(payload),
                 "{" MESSAGES ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                 "\"tool_choice\":%s}",
                 cases[i].choice);
        assert_non_null(strstr(request(payload), cases[i].expected));
    }
}

static void images_become_sources(void **state)
{
    (void)state;
    assert_string_equal(
        request(
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBO\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/a.png\",\"detail\":\"low\"}}]}]}"),
        HEAD
        "{\"model\":\"model-1\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"see\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
        "\"data\":\"iVBO\"}},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
        "\"https://h/a.png\"}}]}],\"max_tokens\":8192}");
}

static void what_is_no_image_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "data:image/png,abc", "data:;base64,AA", "data:image/png;base64,", "file:///etc/passwd", "", "data:"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char payload[256];
        snprintf(payload, sizeof(payload),
                 "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
                 "{\"url\":\"%s\"}}]}]}",
                 urls[i]);
        assert_string_equal(request(payload),
                            "422 Invalid image_url: it must be an http or https URL, or look "
                            "like data:image/png;base64,...");
    }
    assert_string_equal(
        request("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":"
                "{\"data\":\"AA\",\"format\":\"wav\"}}]}]}"),
        "422 The Anthropic provider takes no input_audio.");
}

static void a_schema_is_asked_for_by_output_config(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\","
                "\"schema\":{\"type\":\"object\"}}}}"),
        HEAD "{\"model\":\"model-1\",\"messages\":[" USER
             "],\"max_tokens\":8192,\"output_config\":{\"format\":"
             "{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}}");
    assert_string_equal(request("{" MESSAGES ",\"response_format\":{\"type\":\"text\"}}"),
                        HEAD "{\"model\":\"model-1\",\"messages\":[" USER "],\"max_tokens\":8192}");
    assert_string_equal(request("{" MESSAGES ",\"response_format\":{\"type\":\"json_object\"}}"),
                        HEAD "{\"model\":\"model-1\",\"messages\":[" USER
                             "],\"system\":\"Answer with one JSON object and with "
                             "nothing else.\",\"max_tokens\":8192}");
}

static void the_passthrough_sets_model_key_and_version(void **state)
{
    (void)state;
    struct provider_call *call = fixture_call("anthropic", GATEWAY_ANTHROPIC_MESSAGES, NULL,
                                              "{\"version\":\"2024-01-01\",\"api_base\":\"http://h:1/x/\"}",
                                              "{\"max_tokens\":5,\"messages\":[],\"unknown\":{\"a\":null}}");
    const struct name_value headers[] = {
        {SV("authorization"), SV("Bearer client")},
        {SV("x-api-key"), SV("client")},
        {SV("anthropic-version"), SV("2099-01-01")},
        {SV("anthropic-beta"), SV("b1")},
        {SV("cookie"), SV("c=d")},
        {SV("user-agent"), SV("sdk/1")},
    };
    call->headers = headers;
    call->header_count = sizeof(headers) / sizeof(headers[0]);
    assert_string_equal(fixture_request(),
                        "POST http://h:1/x/messages\nx-api-key: K\nanthropic-version: 2024-01-01\n"
                        "content-type: application/json\nanthropic-beta: b1\nuser-agent: sdk/1\n\n"
                        "{\"model\":\"model-1\",\"max_tokens\":5,\"messages\":[],\"unknown\":{\"a\":null}}");
}

/* --- Replies --- */

static void a_reply_has_one_text_and_its_tools(void **state)
{
    (void)state;
    assert_string_equal(
        reply("{\"id\":\"m1\",\"model\":\"claude\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},"
              "{\"type\":\"text\",\"text\":\"one \"},{\"type\":\"text\",\"text\":\"two\"},"
              "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":\"\\u00e9\",\"b\":[]}}],"
              "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5,"
              "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2}}"),
        "{\"id\":\"m1\",\"object\":\"chat.completion\"," CREATED
        ",\"model\":\"claude\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"one two\",\"tool_calls\":[{\"id\":\"t1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": \\\"\\\\u00e9\\\", \\\"b\\\": "
        "[]}\"}}],\"refusal\":null},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":15,"
        "\"completion_tokens\":5,\"total_tokens\":20}}");
    assert_string_equal(fixture_usage(), "15 5 20 3");
}

static void a_reply_without_text_has_none(void **state)
{
    (void)state;
    const char *text = reply("{\"id\":\"m1\",\"content\":[],\"stop_reason\":\"end_turn\"}");
    assert_non_null(strstr(text, "\"content\":null"));
    assert_non_null(strstr(text, "\"finish_reason\":\"stop\""));
    assert_non_null(strstr(text, "\"prompt_tokens\":null"));
    text = reply("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"max_tokens\"}");
    assert_non_null(strstr(text, "\"finish_reason\":\"length\""));
}

static void a_reply_that_is_none_is_a_bad_gateway(void **state)
{
    (void)state;
    static const char *const replies[] = {"{}", "[]", "{\"content\":\"x\"}", "null", "3"};
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
        assert_string_equal(reply(replies[i]), "502 The answer of the Anthropic model has no content.");
}

/* --- Streams --- */

static void a_streamed_text_comes_in_pieces(void **state)
{
    (void)state;
    assert_string_equal(
        stream(MESSAGE_START
               "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
               "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
               "event: ping\ndata: {\"type\": \"ping\"}\n\n"
               "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
               "\"text\":\"h\\u00e9\"}}\n\n"
               "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
               "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
               "\"usage\":{\"output_tokens\":7}}\n\n"
               "data: {\"type\":\"message_stop\"}\n\n"
               "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
               "\"text\":\"too late\"}}\n\n"),
        CHUNK
        "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":\"assistant\",\"content\":\"\"," NO_TOOLS
        "}}]}\n\n" CHUNK
        "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":null,\"content\":\"h\xc3\xa9\"," NO_TOOLS
        "}}]}\n\n" CHUNK
        "{\"index\":0,\"finish_reason\":\"stop\",\"delta\":{\"role\":null,\"content\":null," NO_TOOLS
        "}}],\"usage\":{\"prompt_tokens\":15,\"completion_tokens\":7,\"total_tokens\":22}}\n\n(done)");
    assert_string_equal(fixture_usage(), "15 7 22 3");
}

static void streamed_tools_can_be_put_together(void **state)
{
    (void)state;
#define TOOL_OF(role, rest)                                               \
    CHUNK "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":" role \
          ",\"content\":null,\"tool_calls\":[{" rest "}]}}]}\n\n"
#define TOOL(rest) TOOL_OF("null", rest)
    assert_string_equal(
        stream(MESSAGE_START
               "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
               "\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n"
               "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
               "\"partial_json\":\"\"}}\n\n"
               "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
               "\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n"
               "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
               "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
               "\"id\":\"t2\",\"name\":\"g\",\"input\":{}}}\n\n"
               "data: {\"type\":\"content_block_stop\",\"index\":2}\n\n"),
        TOOL_OF(
            "\"assistant\"",
            "\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
            "null}") TOOL("\"index\":0,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":"
                          "\"{\\\"a\\\":1}\"}") TOOL("\"index\":1,\"id\":\"t2\",\"type\":\"function\","
                                                     "\"function\":{\"name\":\"g\",\"arguments\":null}")
            TOOL("\"index\":1,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":\"{}\"}"));
}

static void an_error_in_a_stream_ends_it(void **state)
{
    (void)state;
    assert_string_equal(stream("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                               "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n" MESSAGE_START),
                        "(error Overloaded)");
    struct provider_call *call = fixture_call("anthropic", GATEWAY_CHAT, NULL, NULL, "{\"stream\":true}");
    fixture_stream(
        "data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\"}}\n\n");
    assert_int_equal(call->status, 429);
}

static void rubbish_in_a_stream_is_passed_over(void **state)
{
    (void)state;
    assert_string_equal(stream("data: not json\n\ndata: []\n\ndata: 7\n\ndata: {\"type\":5}\n\n"
                               "data: {\"type\":\"content_block_delta\"}\n\n"
                               "data: {\"type\":\"content_block_delta\",\"index\":9,\"delta\":{\"type\":"
                               "\"input_json_delta\",\"partial_json\":\"{\"}}\n\n"
                               "data: {\"type\":\"message_delta\"}\n\n"),
                        "");
}

static void tokens_of_a_relayed_message_are_read(void **state)
{
    (void)state;
    struct gateway_usage usage = GATEWAY_NO_USAGE;
    struct json_object *reply = json_tokener_parse("{\"usage\":{\"input_tokens\":4,\"output_tokens\":2}}");
    provider_anthropic.read_usage(reply, &usage);
    json_object_put(reply);
    assert_int_equal(usage.input_tokens, 4);
    assert_int_equal(usage.total_tokens, 6);
    assert_int_equal(usage.cached_tokens, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_chat_becomes_a_message, teardown),
        cmocka_unit_test_teardown(settings_are_renamed_scaled_or_passed_on, teardown),
        cmocka_unit_test_teardown(what_anthropic_cannot_do_is_refused, teardown),
        cmocka_unit_test_teardown(system_messages_are_one_text, teardown),
        cmocka_unit_test_teardown(tool_calls_and_their_replies_become_blocks, teardown),
        cmocka_unit_test_teardown(tools_keep_their_schemas_and_may_lack_parts, teardown),
        cmocka_unit_test_teardown(every_tool_choice_has_its_form, teardown),
        cmocka_unit_test_teardown(images_become_sources, teardown),
        cmocka_unit_test_teardown(what_is_no_image_is_refused, teardown),
        cmocka_unit_test_teardown(a_schema_is_asked_for_by_output_config, teardown),
        cmocka_unit_test_teardown(the_passthrough_sets_model_key_and_version, teardown),
        cmocka_unit_test_teardown(a_reply_has_one_text_and_its_tools, teardown),
        cmocka_unit_test_teardown(a_reply_without_text_has_none, teardown),
        cmocka_unit_test_teardown(a_reply_that_is_none_is_a_bad_gateway, teardown),
        cmocka_unit_test_teardown(a_streamed_text_comes_in_pieces, teardown),
        cmocka_unit_test_teardown(streamed_tools_can_be_put_together, teardown),
        cmocka_unit_test_teardown(an_error_in_a_stream_ends_it, teardown),
        cmocka_unit_test_teardown(rubbish_in_a_stream_is_passed_over, teardown),
        cmocka_unit_test_teardown(tokens_of_a_relayed_message_are_read, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
