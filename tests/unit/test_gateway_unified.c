#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "common/gateway/unified.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "tests/unit/gateway_fixture.h"

static int teardown(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

static struct provider_call *chat(void)
{
    return fixture_call("openai", GATEWAY_CHAT, NULL, NULL, NULL);
}

/* --- Writing --- */

static void a_reply_has_every_key_and_nulls_for_what_is_not_known(void **state)
{
    (void)state;
    const struct unified_choice choice = {.content = SV("h\xc3\xa9\"\n")};
    const struct unified_answer answer = {
        .created = 5, .model = SV("m"), .choices = &choice, .choice_count = 1};
    struct buffer out;
    buffer_init_in(&out, chat()->arena, 4096);
    unified_reply(&out, &answer);
    assert_string_equal(
        arena_cstr(out.arena, buffer_sv(&out)),
        "{\"id\":null,\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\xc3\xa9\\\"\\n\","
        "\"tool_calls\":null,\"refusal\":null},\"finish_reason\":null}],\"usage\":{"
        "\"prompt_tokens\":null,\"completion_tokens\":null,\"total_tokens\":null}}");
}

static void tool_calls_of_a_reply_have_no_index_and_always_a_type(void **state)
{
    (void)state;
    const struct unified_tool_call tool = {
        .index = 3, .id = SV("c1"), .name = SV("f"), .arguments = SV("{\"a\": 1}")};
    const struct gateway_usage tokens = {1, 2, 3, 0};
    const struct unified_choice choice = {.role = SV("assistant"),
                                          .tool_calls = &tool,
                                          .tool_call_count = 1,
                                          .finish_reason = SV("tool_calls")};
    const struct unified_answer answer = {
        .id = SV("i"), .model = SV("m"), .choices = &choice, .choice_count = 1, .usage = &tokens};
    struct buffer out;
    buffer_init_in(&out, chat()->arena, 4096);
    unified_reply(&out, &answer);
    assert_string_equal(
        arena_cstr(out.arena, buffer_sv(&out)),
        "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":"
        "0,"
        "\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}}],\"refusal\":null},"
        "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
        "\"total_tokens\":3}}");
}

static void a_chunk_is_one_frame_and_has_usage_only_where_it_is_told(void **state)
{
    (void)state;
    const struct unified_tool_call tools[] = {{.index = 1, .id = SV("c1"), .name = SV("f")},
                                              {.index = 1, .arguments = SV("{\"a")}};
    struct unified_choice choice = {.index = 2, .tool_calls = tools, .tool_call_count = 2};
    struct unified_answer answer = {
        .id = SV("i"), .created = 7, .model = SV("m"), .choices = &choice, .choice_count = 1};
    const struct gateway_usage tokens = {1, 2, -1, -1};
    struct buffer out;
    buffer_init_in(&out, chat()->arena, 4096);
    unified_chunk(&out, &answer);
    assert_string_equal(
        arena_cstr(out.arena, buffer_sv(&out)),
        "data: "
        "{\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{"
        "\"index\":2,\"finish_reason\":null,\"delta\":{\"role\":null,\"content\":null,\"tool_calls\":[{"
        "\"index\":1,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":null}},{"
        "\"index\":1,\"id\":null,\"type\":null,\"function\":{\"name\":null,\"arguments\":\"{\\\"a\"}}]}}]}"
        "\n\n");
    buffer_clear(&out, 4096);
    answer.choice_count = 0;
    answer.usage = &tokens;
    unified_chunk(&out, &answer);
    assert_string_equal(
        arena_cstr(out.arena, buffer_sv(&out)),
        "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","
        "\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":null}}"
        "\n\n");
}

static void numbers_of_embeddings_stay_as_they_came(void **state)
{
    (void)state;
    fixture_call("openai", GATEWAY_EMBEDDINGS, NULL, NULL, NULL);
    assert_string_equal(
        fixture_reply("{\"data\":[{\"embedding\":[0.10, -1.5e-7, 3, 1E2],\"index\":0,\"x\":1},"
                      "{\"embedding\":\"AAAA\",\"index\":1}],\"model\":\"e\",\"usage\":"
                      "{\"prompt_tokens\":4,\"total_tokens\":5}}"),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[0.10,-1.5e-7,3,1E2],"
        "\"index\":0},{\"object\":\"embedding\",\"embedding\":\"AAAA\",\"index\":1}],\"model\":\"e\","
        "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":5}}");
    assert_string_equal(fixture_usage(), "4 -1 5 -1");
}

static void embeddings_are_put_into_the_order_of_their_indexes(void **state)
{
    (void)state;
    fixture_call("openai", GATEWAY_EMBEDDINGS, NULL, NULL, NULL);
    assert_string_equal(
        fixture_reply("{\"data\":[{\"embedding\":[2],\"index\":1},{\"embedding\":[1],\"index\":0}]}"),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[1],\"index\":0},{"
        "\"object\":\"embedding\",\"embedding\":[2],\"index\":1}],\"model\":\"model-1\",\"usage\":{"
        "\"prompt_tokens\":null,\"total_tokens\":null}}");
    assert_string_equal(
        fixture_reply("{\"data\":[{\"embedding\":[1],\"index\":0},{\"embedding\":[2],\"index\":0}],"
                      "\"usage\":{\"total_tokens\":9}}"),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[1],\"index\":0},{"
        "\"object\":\"embedding\",\"embedding\":[2],\"index\":1}],\"model\":\"model-1\",\"usage\":{"
        "\"prompt_tokens\":9,\"total_tokens\":9}}");
}

/* --- Cleaning --- */

static void a_reply_is_reduced_to_our_keys_and_its_choices_are_renumbered(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_reply("{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"gpt\","
                      "\"system_fingerprint\":\"f\",\"choices\":[{\"index\":4,\"logprobs\":null,\"message\":{"
                      "\"role\":\"assistant\",\"content\":\"a\",\"annotations\":[],\"refusal\":\"no\"},"
                      "\"finish_reason\":\"stop\"},{\"index\":9,\"message\":{\"content\":null},"
                      "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
                      "\"total_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":1}}}"),
        "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"gpt\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":null,\"refusal\":"
        "\"no\"},\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":"
        "null,\"tool_calls\":null,\"refusal\":null},\"finish_reason\":\"length\"}],\"usage\":{"
        "\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}");
    assert_string_equal(fixture_usage(), "1 2 3 1");
}

static void a_reply_without_usage_id_time_and_model_is_completed(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_reply("{\"choices\":[]}"),
        "{\"id\":null,\"object\":\"chat.completion\",\"created\":1795335612,\"model\":\"model-1\","
        "\"choices\":[],\"usage\":{\"prompt_tokens\":null,\"completion_tokens\":null,"
        "\"total_tokens\":null}}");
    assert_string_equal(fixture_usage(), "-1 -1 -1 -1");
}

static void lists_of_parts_become_the_text_of_their_text_parts(void **state)
{
    (void)state;
    chat();
    const char *reply = fixture_reply(
        "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"reasoning\",\"summary\":[{\"text\":\"hm\"}]},{"
        "\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}}]}");
    assert_non_null(strstr(reply, "\"content\":\"ab\""));
    assert_null(strstr(reply, "hm"));
    assert_non_null(strstr(fixture_reply("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"x\"}]}}]}"),
                           "\"content\":null"));
}

static void arguments_that_come_as_an_object_become_a_text(void **state)
{
    (void)state;
    chat();
    assert_non_null(
        strstr(fixture_reply("{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":{"
                             "\"name\":\"f\",\"arguments\":{\"a\":1,\"b\":[2,\"\xc3\xa9\"]}}}]}}]}"),
               "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{\\\"a\\\": 1, \\\"b\\\": [2, \\\"\\\\u00e9\\\"]}\"}}]"));
}

static void what_is_no_answer_is_a_bad_gateway(void **state)
{
    (void)state;
    static const char *const replies[] = {"{\"message\":\"hello\"}", "[]", "7", "{\"choices\":null}"};
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        chat();
        assert_string_equal(fixture_reply(replies[i]),
                            "502 The answer of the provider 'openai' has no 'choices': it is "
                            "not what was asked for.");
    }
    fixture_call("openai", GATEWAY_EMBEDDINGS, NULL, NULL, NULL);
    assert_true(memcmp(fixture_reply("{\"data\":[{}]}"), "502 ", 4) == 0);
    assert_true(memcmp(fixture_reply("{\"data\":{}}"), "502 ", 4) == 0);
}

/* --- Streams --- */

#define CHUNK_HEAD \
    "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"g\",\"choices\":["

static void chunks_are_reduced_and_done_ends_the_stream(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_stream(
            ": hello\n\ndata: "
            "{\"id\":\"x\",\"created\":1,\"model\":\"g\",\"p\":\"q\",\"usage\":null,\"choices\":[{"
            "\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
            "\"finish_reason\":null}]}\n\ndata: {\"id\":\"x\",\"created\":1,\"model\":\"g\",\"choices\":[{"
            "\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\ndata: {\"choices\":[]}"
            "\n\n"),
        CHUNK_HEAD "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
                   "\"tool_calls\":null}}]}\n\n" CHUNK_HEAD
                   "{\"index\":1,\"finish_reason\":\"stop\",\"delta\":{\"role\":null,\"content\":null,"
                   "\"tool_calls\":null}}]}\n\n(done)");
}

static void pieces_of_tool_calls_keep_their_indexes(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_stream(
            "data: {\"id\":\"x\",\"created\":1,\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{"
            "\"tool_calls\":[{\"index\":1,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":"
            "\"f\",\"arguments\":\"\"}},{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]},"
            "\"finish_reason\":null}]}"),
        CHUNK_HEAD
        "{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":null,\"content\":null,"
        "\"tool_calls\":[{\"index\":1,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"\"}},{\"index\":0,\"id\":null,\"type\":null,\"function\":{\"name\":null,"
        "\"arguments\":\"{}\"}}]}}]}\n\n");
}

static void a_tail_with_the_usage_is_passed_on(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_stream("data: {\"id\":\"x\",\"created\":1,\"model\":\"g\",\"choices\":[],\"usage\":{"
                       "\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7,"
                       "\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n"),
        CHUNK_HEAD "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n");
    assert_string_equal(fixture_usage(), "3 4 7 2");
}

static void garbage_between_chunks_is_skipped(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_stream("data: nonsense\n\ndata: 7\n\ndata: {\"type\":\"ping\"}\n\ndata: {\"choices\":7}\n\n"
                       "data: {\"choices\":[null,7]}\n\ndata:[DONE]"),
        "data: {\"id\":null,\"object\":\"chat.completion.chunk\",\"created\":1795335612,\"model\":"
        "\"model-1\",\"choices\":[{\"index\":0,\"finish_reason\":null,\"delta\":{\"role\":null,"
        "\"content\":null,\"tool_calls\":null}},{\"index\":1,\"finish_reason\":null,\"delta\":{\"role\":"
        "null,\"content\":null,\"tool_calls\":null}}]}\n\n(done)");
}

static void errors_within_a_stream_end_it(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *expected;
        int status;
    } cases[] = {
        {"data: {\"error\":{\"message\":\"too many\",\"code\":429}}\n\ndata: {\"choices\":[]}",
         "(error too many)", 429},
        {"data: {\"error\":\"broke\"}", "(error broke)", 502},
        {"data: {\"error\":{\"kind\":1}}", "(error {\"kind\": 1})", 502},
        {"event: error\ndata: {\"message\":\"gone\"}", "(error gone)", 502},
        {"event: error\ndata: {\"code\":200}", "(error {\"code\": 200})", 502},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct provider_call *call = chat();
        assert_string_equal(fixture_stream(cases[i].stream), cases[i].expected);
        assert_int_equal(call->status, cases[i].status);
    }
}

static void an_error_that_is_null_is_none(void **state)
{
    (void)state;
    chat();
    assert_string_equal(
        fixture_stream("data: {\"id\":\"x\",\"created\":1,\"model\":\"g\",\"error\":null,\"choices\":[]}"),
        CHUNK_HEAD "]}\n\n");
}

/* --- Smaller parts --- */

static void usage_is_read_from_chats_and_responses(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        struct gateway_usage expected;
    } cases[] = {
        {"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}", {1, 2, 3, -1}},
        {"{\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3,\"input_tokens_details\":{"
         "\"cached_tokens\":0}}}",
         {1, 2, 3, 0}},
        {"{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":5}}}", {5, -1, -1, -1}},
        {"{\"usage\":{\"prompt_tokens\":-4,\"completion_tokens\":\"2\",\"total_tokens\":1.5}}",
         {-1, -1, -1, -1}},
        {"{\"usage\":7}", {-1, -1, -1, -1}},
        {"[]", {-1, -1, -1, -1}},
    };
    struct provider_call *call = chat();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gateway_usage usage = GATEWAY_NO_USAGE;
        struct json_object *value;
        assert_true(provider_parse(call, sv_from(cases[i].reply), &value));
        unified_read_usage(value, &usage);
        assert_memory_equal(&usage, &cases[i].expected, sizeof(usage));
    }
}

static void a_text_that_is_no_json_gives_way(void **state)
{
    (void)state;
    struct provider_call *call = chat();
    struct buffer out;
    struct json_writer json;
    buffer_init_in(&out, call->arena, 4096);
    json_writer_init_utf8(&json, &out);
    json_begin_array(&json);
    unified_put_json(call->arena, &json, SV(" {\"a\": [1]} "), SV("{}"));
    unified_put_json(call->arena, &json, SV("{\"a\""), SV("{}"));
    unified_put_json(call->arena, &json, SV("{} {}"), SV("{}"));
    unified_put_json(call->arena, &json, SV(""), SV("null"));
    unified_put_json(call->arena, &json, SV_ABSENT, SV("7"));
    json_end_array(&json);
    struct json_object *value;
    assert_true(provider_parse(call, buffer_sv(&out), &value));
    assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                        "[{\"a\":[1]},{},{},null,7]");
}

static void errors_of_providers_have_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *body, *expected;
    } cases[] = {
        {"{\"error\":{\"message\":\"a\"},\"message\":\"b\"}", "a"},
        {"{\"error\":\"c\"}", "c"},
        {"{\"message\":\"d\"}", "d"},
        {"{\"error\":{\"type\":\"e\"},\"message\":\"b\"}", NULL},
        {"{\"detail\":\"f\"}", NULL},
        {"[\"message\"]", NULL},
    };
    struct provider_call *call = chat();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_object *value;
        assert_true(provider_parse(call, sv_from(cases[i].body), &value));
        assert_true(sv_equal(unified_error_text(value), sv_from(cases[i].expected)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_has_every_key_and_nulls_for_what_is_not_known),
        cmocka_unit_test(tool_calls_of_a_reply_have_no_index_and_always_a_type),
        cmocka_unit_test(a_chunk_is_one_frame_and_has_usage_only_where_it_is_told),
        cmocka_unit_test(numbers_of_embeddings_stay_as_they_came),
        cmocka_unit_test(embeddings_are_put_into_the_order_of_their_indexes),
        cmocka_unit_test(a_reply_is_reduced_to_our_keys_and_its_choices_are_renumbered),
        cmocka_unit_test(a_reply_without_usage_id_time_and_model_is_completed),
        cmocka_unit_test(lists_of_parts_become_the_text_of_their_text_parts),
        cmocka_unit_test(arguments_that_come_as_an_object_become_a_text),
        cmocka_unit_test(what_is_no_answer_is_a_bad_gateway),
        cmocka_unit_test(chunks_are_reduced_and_done_ends_the_stream),
        cmocka_unit_test(pieces_of_tool_calls_keep_their_indexes),
        cmocka_unit_test(a_tail_with_the_usage_is_passed_on),
        cmocka_unit_test(garbage_between_chunks_is_skipped),
        cmocka_unit_test(errors_within_a_stream_end_it),
        cmocka_unit_test(an_error_that_is_null_is_none),
        cmocka_unit_test(usage_is_read_from_chats_and_responses),
        cmocka_unit_test(a_text_that_is_no_json_gives_way),
        cmocka_unit_test(errors_of_providers_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
