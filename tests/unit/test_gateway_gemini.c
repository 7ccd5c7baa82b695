#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "tests/unit/gateway_fixture.h"

#define BASE     "POST https://generativelanguage.googleapis.com/v1beta/models/model-1:"
#define HEADERS  "\nx-goog-api-key: K\ncontent-type: application/json\n\n"
#define HEAD     BASE "generateContent" HEADERS
#define USER     "{\"role\":\"user\",\"content\":\"hi\"}"
#define MESSAGES "\"messages\":[" USER "]"
#define CONTENTS "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"
#define ONE      "\"generationConfig\":{\"candidateCount\":1}"
#define TOOLS                                                                                              \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":" \
    "{\"type\":\"object\",\"$defs\":{\"x\":{\"type\":\"null\"}}}}},{\"type\":\"function\",\"function\":"   \
    "{\"name\":\"g\"}}]"

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static const char *request(const char *payload)
{
    fixture_call("gemini", GATEWAY_CHAT, NULL, NULL, payload);
    return fixture_request();
}

static const char *reply(enum gateway_route route, const char *text)
{
    fixture_call("gemini", route, NULL, NULL, "{" MESSAGES ",\"input\":[\"a\",\"b\"]}");
    return fixture_reply(text);
}

static const char *stream(const char *events)
{
    fixture_call("gemini", GATEWAY_CHAT, NULL, NULL, "{" MESSAGES ",\"stream\":true}");
    return fixture_stream(events);
}

/* --- Requests --- */

static void a_chat_becomes_contents(void **state)
{
    (void)state;
    assert_string_equal(request("{" MESSAGES ",\"n\":1}"), HEAD "{" CONTENTS "," ONE "}");
    assert_string_equal(request("{" MESSAGES "}"), HEAD "{" CONTENTS "," ONE "}");
    assert_string_equal(request("{" MESSAGES ",\"stream\":true}"),
                        BASE "streamGenerateContent?alt=sse" HEADERS "{" CONTENTS "," ONE "}");
}

static void settings_have_other_names_and_others_are_dropped(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES ",\"n\":2,\"stop\":[\"x\"],\"max_tokens\":5,\"top_k\":3,\"top_p\":0.5,"
                "\"frequency_penalty\":0.25,\"presence_penalty\":-1,\"temperature\":1.5,\"seed\":7,"
                "\"tool_choice\":\"auto\",\"user\":\"u\",\"stream_options\":{}}"),
        HEAD "{" CONTENTS ",\"generationConfig\":{\"temperature\":1.5,\"stopSequences\":[\"x\"],"
             "\"candidateCount\":2,\"maxOutputTokens\":5,\"topK\":3,\"topP\":0.5,\"frequencyPenalty\":0.25,"
             "\"presencePenalty\":-1}}");
    assert_non_null(strstr(request("{" MESSAGES ",\"max_completion_tokens\":9}"), "\"maxOutputTokens\":9}"));
    assert_non_null(strstr(request("{" MESSAGES ",\"max_tokens\":4,\"max_completion_tokens\":9}"),
                           "{\"maxOutputTokens\":4,\"candidateCount\":1}"));
}

static void googles_own_names_are_refused(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"stopSequences", "stop"},
        {"candidateCount", "n"},
        {"topK", "top_k"},
        {"maxOutputTokens", "max_tokens"},
        {"topP", "top_p"},
        {"frequencyPenalty", "frequency_penalty"},
        {"presencePenalty", "presence_penalty"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char payload[256], expected[256];
        snprintf(payload, sizeof(payload), "{" MESSAGES ",\"%s\":1}", names[i][0]);
        snprintf(expected, sizeof(expected), "422 Invalid parameter %s. Use %s instead.", names[i][0],
                 names[i][1]);
        assert_string_equal(request(payload), expected);
    }
}

static void system_messages_are_parts_of_an_instruction(void **state)
{
    (void)state;
    assert_string_equal(
        request("{\"messages\":[{\"role\":\"system\",\"content\":\"a\"}," USER
                ",{\"role\":\"system\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"yes\"}]}"),
        HEAD
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},{\"role\":\"model\",\"parts\":"
        "[{\"text\":\"yes\"}]}],\"system_instruction\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}," ONE
        "}");
}

static void tool_calls_and_replies_become_parts(void **state)
{
    (void)state;
    assert_string_equal(
        request("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":["
                "{\"id\":\"t1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
                "{\"id\":\"t2\",\"function\":{\"name\":\"g\",\"arguments\":\"rubbish\"}},"
                "{\"id\":\"t3\",\"function\":{\"name\":\"h\",\"arguments\":\"{}\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"{\\\"b\\\":[1.50]}\"},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t2\",\"content\":\"sunny\"},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t3\",\"content\":\"[1]\"}," USER "]}"),
        HEAD "{\"contents\":[{\"role\":\"model\",\"parts\":["
             "{\"functionCall\":{\"id\":\"t1\",\"name\":\"f\",\"args\":{\"a\":1}}},"
             "{\"functionCall\":{\"id\":\"t2\",\"name\":\"g\",\"args\":{}}},"
             "{\"functionCall\":{\"id\":\"t3\",\"name\":\"h\",\"args\":{}}}]},"
             "{\"role\":\"user\",\"parts\":["
             "{\"functionResponse\":{\"id\":\"t1\",\"name\":\"f\",\"response\":{\"b\":[1.50]}}},"
             "{\"functionResponse\":{\"id\":\"t2\",\"name\":\"g\",\"response\":{\"result\":\"sunny\"}}},"
             "{\"functionResponse\":{\"id\":\"t3\",\"name\":\"h\",\"response\":{\"result\":[1]}}}]},"
             "{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]," ONE "}");
    assert_string_equal(
        request("{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"t9\",\"content\":\"x\"}]}"),
        "422 No message before the tool's reply has a tool call with the id 't9'.");
}

static void newer_models_are_told_that_a_signature_is_missing(void **state)
{
    (void)state;
    static const struct {
        struct sv model;
        bool signature;
    } cases[] = {
        {SV("gemini-3-pro-preview"), true}, {SV("gemini-3.1-pro"), true},       {SV("gemini-10"), true},
        {SV("gemini-2.5-pro"), false},      {SV("gemini-flash-latest"), false}, {SV("gemini-"), false},
        {SV("gemma-3-27b"), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct provider_call *call =
            fixture_call("gemini", GATEWAY_CHAT, NULL, NULL,
                         "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":["
                         "{\"id\":\"t1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
                         "{\"id\":\"t2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}]}");
        call->model = cases[i].model;
        assert_non_null(strstr(
            fixture_request(),
            cases[i].signature ? "\"parts\":[{\"functionCall\":{\"id\":\"t1\",\"name\":\"f\",\"args\":{}},"
                                 "\"thoughtSignature\":\"skip_thought_signature_validator\"},"
                                 "{\"functionCall\":{\"id\":\"t2\",\"name\":\"g\",\"args\":{}}}]"
                               : "\"parts\":[{\"functionCall\":{\"id\":\"t1\",\"name\":\"f\",\"args\":{}}},"
                                 "{\"functionCall\":{\"id\":\"t2\",\"name\":\"g\",\"args\":{}}}]"));
    }
}

static void tools_become_declarations(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES "," TOOLS "}"), HEAD
        "{" CONTENTS "," ONE ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\","
        "\"parametersJsonSchema\":{\"type\":\"object\",\"$defs\":{\"x\":{\"type\":\"null\"}}}},"
        "{\"name\":\"g\"}]}]}");
    assert_string_equal(request("{" MESSAGES ",\"tools\":[{\"type\":\"uc_function\"}]}"),
                        "422 Only function calling tool is supported, but received tool type uc_function");
}

static void media_lie_inline_or_at_a_url(void **state)
{
    (void)state;
    assert_string_equal(
        request("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/webp;base64,AA==\"}},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/a.PNG?x=1\"}},"
                "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"BB\",\"format\":\"wav\"}}]}]}"),
        HEAD "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"see\"},"
             "{\"inlineData\":{\"mimeType\":\"image/webp\",\"data\":\"AA==\"}},"
             "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"https://h/a.PNG?x=1\"}},"
             "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"BB\"}}]}]," ONE "}");
}

static void json_is_asked_for(void **state)
{
    (void)state;
    assert_string_equal(
        request("{" MESSAGES ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\","
                "\"schema\":{\"type\":\"object\"}}}}"),
        HEAD "{" CONTENTS ",\"generationConfig\":{\"candidateCount\":1,\"responseJsonSchema\":{\"type\":"
             "\"object\"},\"responseMimeType\":\"application/json\"}}");
    assert_string_equal(request("{" MESSAGES ",\"response_format\":{\"type\":\"json_object\"}}"),
                        HEAD "{" CONTENTS ",\"generationConfig\":{\"candidateCount\":1,\"responseMimeType\":"
                             "\"application/json\"}}");
    assert_string_equal(request("{" MESSAGES ",\"response_format\":{\"type\":\"text\"}}"),
                        HEAD "{" CONTENTS "," ONE "}");
}

static void embeddings_are_asked_for_alone_or_together(void **state)
{
    (void)state;
    static const char *const single[] = {"{\"input\":\"a\",\"dimensions\":3}", "{\"input\":[\"a\"]}"};
    for (size_t i = 0; i < 2; i++) {
        fixture_call("gemini", GATEWAY_EMBEDDINGS, NULL, NULL, single[i]);
        assert_string_equal(fixture_request(),
                            BASE "embedContent" HEADERS "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}");
    }
    fixture_call("gemini", GATEWAY_EMBEDDINGS, NULL, NULL, "{\"input\":[\"a\",\"b\"]}");
    assert_string_equal(
        fixture_request(),
        BASE "batchEmbedContents" HEADERS
             "{\"requests\":[{\"model\":\"models/model-1\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
             "{\"model\":\"models/model-1\",\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}");
    fixture_call("gemini", GATEWAY_EMBEDDINGS, NULL, NULL, "{\"input\":[1,2]}");
    assert_string_equal(fixture_request(), "422 Embeddings of Gemini models take texts: 'input' must be a "
                                           "string or a list of strings.");
}

static void the_passthrough_goes_to_the_model_of_the_definition(void **state)
{
    (void)state;
    struct provider_call *call =
        fixture_call("gemini", GATEWAY_GEMINI_GENERATE, NULL, NULL, "{" CONTENTS ",\"unknown\":null}");
    const struct name_value headers[] = {{SV("x-goog-api-key"), SV("dummy")},
                                         {SV("x-goog-api-client"), SV("js")}};
    call->headers = headers;
    call->header_count = 2;
    assert_string_equal(fixture_request(),
                        BASE "generateContent\nx-goog-api-key: K\ncontent-type: "
                             "application/json\nx-goog-api-client: js\n\n{" CONTENTS ",\"unknown\":null}");
    fixture_call("gemini", GATEWAY_GEMINI_STREAM, NULL, "{\"api_base\":\"http://h:1/b?k=v\"}", "{}");
    assert_string_equal(fixture_request(),
                        "POST http://h:1/b/model-1:streamGenerateContent?k=v&alt=sse" HEADERS "{}");
}

static void a_model_cannot_leave_its_folder(void **state)
{
    (void)state;
    static const struct sv names[] = {SV(".."), SV("a/../../b"), SV("a//b"), SV("./a"), SV("")};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct provider_call *call = fixture_call("gemini", GATEWAY_CHAT, NULL, NULL, "{" MESSAGES "}");
        call->model = names[i];
        assert_non_null(strstr(fixture_request(), "INVALID_PARAMETER_VALUE The model name '"));
    }
    struct provider_call *call = fixture_call("gemini", GATEWAY_CHAT, NULL, NULL, "{" MESSAGES "}");
    call->model = SV("tuned/a?b#c d");
    assert_non_null(strstr(fixture_request(), "/models/tuned/a%3Fb%23c%20d:generateContent\n"));
}

/* --- Replies --- */

#define REPLY                                                                                             \
    "{\"id\":\"gemini-chat-1795335612\",\"object\":\"chat.completion\",\"created\":1795335612,\"model\":" \
    "\"model-1\",\"choices\":["

static void texts_are_joined_and_thoughts_left_out(void **state)
{
    (void)state;
    assert_string_equal(
        reply(GATEWAY_CHAT,
              "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"one "
              "\"},"
              "{\"text\":\"two\",\"thought\":false}],\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\"},"
              "{\"content\":{\"parts\":[]},\"finishReason\":\"SAFETY\"},{\"finishReason\":\"STOP\"},"
              "{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"RECITATION\"},"
              "{\"content\":{\"parts\":[{\"text\":\"c\"}]}}],"
              "\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":4,\"totalTokenCount\":9,"
              "\"cachedContentTokenCount\":2}}"),
        REPLY
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"one two\",\"tool_calls\":null,"
        "\"refusal\":null},\"finish_reason\":\"length\"},{\"index\":1,\"message\":{\"role\":\"assistant\","
        "\"content\":\"b\",\"tool_calls\":null,\"refusal\":null},\"finish_reason\":\"recitation\"},"
        "{\"index\":2,\"message\":{\"role\":\"assistant\",\"content\":\"c\",\"tool_calls\":null,"
        "\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":4,\"total_tokens\":9}}");
    assert_string_equal(fixture_usage(), "3 4 9 2");
}

static void function_calls_become_tool_calls(void **state)
{
    (void)state;
    /* md5sum of 'f/{"a": 1}' */
    assert_string_equal(
        reply(GATEWAY_CHAT,
              "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}"
              "}},"
              "{\"functionCall\":{\"id\":\"c2\",\"name\":\"g\"}}]},\"finishReason\":\"STOP\"}]}"),
        REPLY
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_"
        "284b8092b066662e478c47630c1bdc08\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\": 1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":"
        "\"g\",\"arguments\":\"{}\"}}],\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":null,\"completion_tokens\":null,\"total_tokens\":null}}");
}

static void a_reply_without_candidates_has_no_choices(void **state)
{
    (void)state;
    assert_non_null(
        strstr(reply(GATEWAY_CHAT, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}"), "\"choices\":[]"));
    assert_non_null(strstr(reply(GATEWAY_CHAT, "{\"candidates\":[7,null,\"x\"]}"), "\"choices\":[]"));
}

static void embeddings_of_either_form_are_read(void **state)
{
    (void)state;
    assert_string_equal(
        reply(GATEWAY_EMBEDDINGS, "{\"embeddings\":[{\"values\":[0.10,-2]},{\"values\":[3e-5]}]}"),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[0.10,-2],\"index\":0},"
        "{\"object\":\"embedding\",\"embedding\":[3e-5],\"index\":1}],\"model\":\"model-1\",\"usage\":"
        "{\"prompt_tokens\":null,\"total_tokens\":null}}");
    assert_non_null(strstr(reply(GATEWAY_EMBEDDINGS, "{\"embedding\":{\"values\":[1.5]}}"),
                           "\"embedding\":[1.5],\"index\":0}]"));
    assert_string_equal(reply(GATEWAY_EMBEDDINGS, "{}"),
                        "502 The answer of the Gemini model has no embeddings.");
}

/* --- Streams --- */

#define CHUNK                                                                                           \
    "data: {\"id\":\"gemini-chat-stream-1795335612\",\"object\":\"chat.completion.chunk\",\"created\":" \
    "1795335612,\"model\":\"model-1\",\"choices\":["

static void a_streamed_text_comes_in_pieces(void **state)
{
    (void)state;
    assert_string_equal(
        stream("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":"
               "{\"promptTokenCount\":3}}\r\n\r\n"
               "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":1}],\"usageMetadata\":"
               "{\"promptTokenCount\":3,\"candidatesTokenCount\":1,\"totalTokenCount\":4}}\r\n\r\n"),
        CHUNK
        "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":\"assistant\",\"content\":\"a\","
        "\"tool_calls\":null}}]}\n\n" CHUNK
        "{\"index\":1,\"finish_reason\":\"stop\",\"delta\":{\"role\":\"assistant\",\"content\":\"\","
        "\"tool_calls\":null}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}"
        "\n\n");
    assert_string_equal(fixture_usage(), "3 1 4 -1");
}

static void streamed_calls_are_numbered_on(void **state)
{
    (void)state;
#define CALL(id) "{\"functionCall\":{\"id\":\"" id "\",\"name\":\"f\",\"args\":{}}}"
#define PIECE(index, id)                                                   \
    "{\"index\":" index ",\"id\":\"" id                                    \
    "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":" \
    "\"{}\"}}"
    assert_string_equal(
        stream("data: {\"candidates\":[{\"content\":{\"parts\":[" CALL("a") "," CALL(
            "b") "]}}]}\n\n"
                 "data: {\"candidates\":[{\"content\":{\"parts\":[" CALL("c") "]}}]}\n\n"),
        CHUNK
        "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":\"assistant\",\"content\":null,"
        "\"tool_calls\":[" PIECE("0", "a") "," PIECE(
            "1",
            "b") "]}}]}\n\n" CHUNK
                 "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":\"assistant\",\"content\":null,"
                 "\"tool_calls\":[" PIECE("2", "c") "]}}]}\n\n");
}

static void an_error_in_a_stream_ends_it(void **state)
{
    (void)state;
    struct provider_call *call = fixture_call("gemini", GATEWAY_CHAT, NULL, NULL, "{\"stream\":true}");
    assert_string_equal(fixture_stream("data: {\"error\":{\"code\":429,\"message\":\"slow down\"}}\n\n"),
                        "(error slow down)");
    assert_int_equal(call->status, 429);
    assert_string_equal(stream("data: no json\n\ndata: []\n\ndata: 1\n\n"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_chat_becomes_contents, teardown),
        cmocka_unit_test_teardown(settings_have_other_names_and_others_are_dropped, teardown),
        cmocka_unit_test_teardown(googles_own_names_are_refused, teardown),
        cmocka_unit_test_teardown(system_messages_are_parts_of_an_instruction, teardown),
        cmocka_unit_test_teardown(tool_calls_and_replies_become_parts, teardown),
        cmocka_unit_test_teardown(newer_models_are_told_that_a_signature_is_missing, teardown),
        cmocka_unit_test_teardown(tools_become_declarations, teardown),
        cmocka_unit_test_teardown(media_lie_inline_or_at_a_url, teardown),
        cmocka_unit_test_teardown(json_is_asked_for, teardown),
        cmocka_unit_test_teardown(embeddings_are_asked_for_alone_or_together, teardown),
        cmocka_unit_test_teardown(the_passthrough_goes_to_the_model_of_the_definition, teardown),
        cmocka_unit_test_teardown(a_model_cannot_leave_its_folder, teardown),
        cmocka_unit_test_teardown(texts_are_joined_and_thoughts_left_out, teardown),
        cmocka_unit_test_teardown(function_calls_become_tool_calls, teardown),
        cmocka_unit_test_teardown(a_reply_without_candidates_has_no_choices, teardown),
        cmocka_unit_test_teardown(embeddings_of_either_form_are_read, teardown),
        cmocka_unit_test_teardown(a_streamed_text_comes_in_pieces, teardown),
        cmocka_unit_test_teardown(streamed_calls_are_numbered_on, teardown),
        cmocka_unit_test_teardown(an_error_in_a_stream_ends_it, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
