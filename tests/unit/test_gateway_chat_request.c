#include "common/gateway/chat_request.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef enum status check(struct arena *arena, struct json_object *body, struct json_object **payload,
                          struct sv *problem);

/* What becomes of a body: the payload with sorted keys, or "! " and the problem. */
static const char *result(struct arena *arena, check *function, const char *body)
{
    struct json_object *parsed, *payload;
    struct sv problem, text;
    assert_int_equal(json_parse(arena, sv_from(body), &parsed, &problem), JSON_OK);
    if (function(arena, parsed, &payload, &problem) == OK) {
        text = json_dump(arena, payload, true);
        json_object_put(payload);
    } else {
        assert_null(payload);
        text = arena_printf(arena, "! %.*s", SV_ARG(problem));
    }
    json_object_put(parsed);
    return arena_cstr(arena, text);
}

static void expect(check *function, const char *body, const char *wanted)
{
    struct arena *arena = arena_new(1024 * 1024);
    assert_string_equal(result(arena, function, body), wanted);
    arena_free(arena);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

/* A chat with this besides its messages, and what goes on besides them. */
static void expect_more(const char *more, const char *wanted)
{
    struct arena *arena = arena_new(1024 * 1024);
    const char *text = result(arena, chat_request_check, arena_printf(arena, "{" HI ",%s}", more).data);
    const char *messages = "\"messages\": [{\"content\": \"hi\", \"role\": \"user\"}], ";
    const char *found = strstr(text, messages);
    struct sv rest = sv_from(text);
    if (found)
        rest = arena_printf(arena, "%.*s%s", (int)(found - text), text, found + strlen(messages));
    assert_string_equal(rest.data, wanted);
    arena_free(arena);
}

static void expect_chat(const char *body, const char *wanted)
{
    expect(chat_request_check, body, wanted);
}

static void a_chat_needs_messages(void **state)
{
    (void)state;
    expect_chat("{}", "! messages: Field required");
    expect_chat("{\"messages\":null}", "! messages: Input should not be null");
    expect_chat("{\"messages\":\"hi\"}", "! messages: Input should be a valid list");
    expect_chat("{\"messages\":[]}", "! messages: List should have at least 1 item after validation, not 0");
    expect_chat("{\"messages\":[null]}", "! messages.0: Input should not be null");
    expect_chat("[]", "! Input should be a valid dictionary");
    expect_chat("null", "! Input should be a valid dictionary");
}

static void a_message_keeps_what_is_known_and_drops_the_rest(void **state)
{
    (void)state;
    expect_chat("{\"messages\":[{\"role\":\"user\",\"content\":null,\"name\":\"n\",\"refusal\":\"r\"}]}",
                "{\"messages\": [{\"refusal\": \"r\", \"role\": \"user\"}], \"n\": 1}");
    expect_chat("{\"messages\":[{\"content\":\"hi\"}]}", "! messages.0.role: Field required");
    expect_chat("{" HI ",\"x\":{\"a\":null,\"b\":[{\"c\":null},null,1]}}",
                "{\"messages\": [{\"content\": \"hi\", \"role\": \"user\"}], \"n\": 1, "
                "\"x\": {\"b\": [{}, null, 1]}}");
    expect_chat("{\"messages\":[{\"role\":\"user\",\"content\":5}]}",
                "! messages.0.content: Input should be a valid string, or a list of content parts");
}

static void content_may_come_in_parts(void **state)
{
    (void)state;
    expect_chat("{\"messages\":[{\"role\":\"u\",\"content\":["
                "{\"type\":\"text\",\"text\":\"t\",\"cache\":1},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:\",\"detail\":\"low\"}},"
                "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\",\"format\":\"wav\"}}]}]}",
                "{\"messages\": [{\"content\": [{\"text\": \"t\", \"type\": \"text\"}, "
                "{\"image_url\": {\"detail\": \"low\", \"url\": \"data:\"}, \"type\": \"image_url\"}, "
                "{\"input_audio\": {\"data\": \"AA\", \"format\": \"wav\"}, \"type\": \"input_audio\"}], "
                "\"role\": \"u\"}], \"n\": 1}");
    expect_chat("{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"file\"}]}]}",
                "! messages.0.content.0.type: Input should be 'text', 'image_url' or 'input_audio'");
    expect_chat("{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"text\"}]}]}",
                "! messages.0.content.0.text: Field required");
    expect_chat("{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"image_url\","
                "\"image_url\":{\"url\":\"x\",\"detail\":\"most\"}}]}]}",
                "! messages.0.content.0.image_url.detail: Input should be 'auto', 'low' or 'high'");
}

static void calls_of_tools_are_functions_unless_they_say_otherwise(void **state)
{
    (void)state;
    expect_chat("{\"messages\":[{\"role\":\"a\",\"tool_calls\":[{\"id\":\"c\",\"index\":0,"
                "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
                "{\"messages\": [{\"role\": \"a\", \"tool_calls\": [{\"function\": {\"arguments\": \"{}\", "
                "\"name\": \"f\"}, \"id\": \"c\", \"type\": \"function\"}]}], \"n\": 1}");
    expect_chat("{\"messages\":[{\"role\":\"a\",\"tool_calls\":[{\"function\":{}}]}]}",
                "! messages.0.tool_calls.0.id: Field required");
}

static void numbers_have_bounds_and_may_be_texts(void **state)
{
    (void)state;
    expect_more("\"temperature\":\"0.5\",\"n\":\"2\",\"max_tokens\":3.0",
                "{\"max_tokens\": 3, \"n\": 2, \"temperature\": 0.5}");
    expect_more("\"temperature\":0,\"top_p\":1,\"presence_penalty\":-2,\"frequency_penalty\":2,\"top_k\":1",
                "{\"frequency_penalty\": 2, \"n\": 1, \"presence_penalty\": -2, \"temperature\": 0, "
                "\"top_k\": 1, \"top_p\": 1}");
    expect_more("\"temperature\":2.1", "! temperature: Input should be less than or equal to 2");
    expect_more("\"temperature\":NaN", "! temperature: Input should be greater than or equal to 0");
    expect_more("\"top_p\":-0.1", "! top_p: Input should be greater than or equal to 0");
    expect_more("\"presence_penalty\":-3", "! presence_penalty: Input should be greater than or equal to -2");
    expect_more("\"n\":0", "! n: Input should be greater than or equal to 1");
    expect_more("\"n\":null", "! n: Input should not be null");
    expect_more("\"max_tokens\":1.5",
                "! max_tokens: Input should be a valid integer, within what a count may be");
    expect_more("\"max_tokens\":\"many\"", "! max_tokens: Input should be a valid integer");
    expect_more("\"max_tokens\":[]", "! max_tokens: Input should be a valid integer");
    expect_more("\"max_tokens\":null,\"top_k\":null", "{\"n\": 1}");
}

static void booleans_may_be_texts_and_numbers(void **state)
{
    (void)state;
    expect_more("\"stream\":\"Yes\"", "{\"n\": 1, \"stream\": true}");
    expect_more("\"stream\":0", "{\"n\": 1, \"stream\": false}");
    expect_more("\"stream\":\"maybe\"", "! stream: Input should be a valid boolean");
    expect_more("\"stream\":2", "! stream: Input should be a valid boolean");
}

static void stop_is_a_list_of_texts(void **state)
{
    (void)state;
    expect_more("\"stop\":[\"a\"]", "{\"n\": 1, \"stop\": [\"a\"]}");
    expect_more("\"stop\":\"a\"", "! stop: Input should be a valid list");
    expect_more("\"stop\":[]", "! stop: List should have at least 1 item after validation, not 0");
    expect_more("\"stop\":[1]", "! stop.0: Input should be a valid string");
}

static void the_schema_of_a_tool_goes_on_untouched(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"object\", "
        "\"properties\": {\"b\": {\"default\": null, \"enum\": [null, 1]}}}}, \"$defs\": {}}";
    struct arena *arena = arena_new(64 * 1024);
    expect_more(
        arena_printf(arena,
                     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"extra\":1,"
                     "\"strict\":\"on\",\"parameters\":%s}}]",
                     schema)
            .data,
        "{\"n\": 1, \"tools\": [{\"function\": {\"name\": \"f\", \"parameters\": {\"$defs\": {}, "
        "\"properties\": {\"a\": {\"properties\": {\"b\": {\"default\": null, \"enum\": [null, 1]}}, "
        "\"type\": \"object\"}}, \"type\": \"object\"}, \"strict\": true}, \"type\": \"function\"}]}");
    arena_free(arena);
    expect_more("\"tools\":[{\"type\":\"retrieval\"}]",
                "! tools.0.type: Input should be 'function' or 'uc_function'");
    expect_more("\"tools\":[{\"type\":\"function\",\"function\":{}}]",
                "! tools.0.function.name: Field required");
    expect_more(
        "\"tools\":[{\"type\":\"uc_function\",\"uc_function\":{\"name\":\"a.b.c\"}}]",
        "{\"n\": 1, \"tools\": [{\"type\": \"uc_function\", \"uc_function\": {\"name\": \"a.b.c\"}}]}");
}

static void a_tool_is_chosen_by_a_word_or_by_name(void **state)
{
    (void)state;
    expect_more("\"tool_choice\":\"required\"", "{\"n\": 1, \"tool_choice\": \"required\"}");
    expect_more("\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
                "{\"n\": 1, \"tool_choice\": {\"function\": {\"name\": \"f\"}, \"type\": \"function\"}}");
    expect_more("\"tool_choice\":\"any\"",
                "! tool_choice: Input should be 'none', 'auto' or 'required', or name a function");
    expect_more("\"tool_choice\":{\"type\":\"function\"}", "! tool_choice.function: Field required");
}

static void a_format_keeps_its_schema(void **state)
{
    (void)state;
    expect_more("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"a\":null}}",
                "{\"n\": 1, \"response_format\": {\"json_schema\": {\"a\": null, \"name\": \"x\"}, "
                "\"type\": \"json_schema\"}}");
    expect_more("\"response_format\":{\"type\":\"xml\"}",
                "! response_format.type: Input should be 'text', 'json_object' or 'json_schema'");
}

static void model_is_a_text(void **state)
{
    (void)state;
    expect_more("\"model\":5", "! model: Input should be a valid string");
    expect_more("\"model\":\"m\"", "{\"model\": \"m\", \"n\": 1}");
}

static void embeddings_take_texts_and_tokens(void **state)
{
    (void)state;
    check *embeddings = embeddings_request_check;
    expect(embeddings, "{\"input\":\"a\",\"dimensions\":null,\"user\":\"u\"}",
           "{\"input\": \"a\", \"user\": \"u\"}");
    expect(embeddings, "{\"input\":[\"a\",\"b\"]}", "{\"input\": [\"a\", \"b\"]}");
    expect(embeddings, "{\"input\":[1,2]}", "{\"input\": [1, 2]}");
    expect(embeddings, "{\"input\":[[1],[2,3]]}", "{\"input\": [[1], [2, 3]]}");
    expect(embeddings, "{\"input\":[]}", "{\"input\": []}");
    expect(embeddings, "{}", "! input: Field required");
    expect(embeddings, "{\"input\":null}", "! input: Input should not be null");
    expect(embeddings, "{\"input\":5}",
           "! input: Input should be a valid string, or a list of strings or of tokens");
    expect(embeddings, "{\"input\":[\"a\",{}]}", "! input.1: Input should be a valid string");
    expect(embeddings, "{\"input\":[[1],2]}", "! input.1: Input should be a valid list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_needs_messages),
        cmocka_unit_test(a_message_keeps_what_is_known_and_drops_the_rest),
        cmocka_unit_test(content_may_come_in_parts),
        cmocka_unit_test(calls_of_tools_are_functions_unless_they_say_otherwise),
        cmocka_unit_test(numbers_have_bounds_and_may_be_texts),
        cmocka_unit_test(booleans_may_be_texts_and_numbers),
        cmocka_unit_test(stop_is_a_list_of_texts),
        cmocka_unit_test(the_schema_of_a_tool_goes_on_untouched),
        cmocka_unit_test(a_tool_is_chosen_by_a_word_or_by_name),
        cmocka_unit_test(a_format_keeps_its_schema),
        cmocka_unit_test(model_is_a_text),
        cmocka_unit_test(embeddings_take_texts_and_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
