#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "common/base/utf8.h"
#include "common/json/json_read.h"
#include "common/trace/span.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(256UL * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_sv(struct sv text, const char *expected)
{
    if (!sv_equal(text, sv_from(expected)))
        fail_msg("'%.*s' is not '%s'", SV_ARG(text), expected);
}

static struct otlp_attribute string(const char *key, const char *value)
{
    return (struct otlp_attribute){sv_from(key), {.type = OTLP_STRING, .bytes = sv_from(value)}};
}

static struct otlp_attribute integer(const char *key, int64_t value)
{
    return (struct otlp_attribute){sv_from(key), {.type = OTLP_INT, .integer = value}};
}

static struct otlp_attribute real(const char *key, double value)
{
    return (struct otlp_attribute){sv_from(key), {.type = OTLP_DOUBLE, .real = value}};
}

#define ID_BYTES   SV("\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c")
#define SPAN_BYTES SV("\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74")

static struct otlp_span plain(const struct otlp_attribute *attributes, size_t count)
{
    return (struct otlp_span){
        .trace_id = ID_BYTES,
        .span_id = SPAN_BYTES,
        .name = SV("n"),
        .start_time = 1000,
        .end_time = 2000,
        .attributes = attributes,
        .attribute_count = count,
        .status_message = SV(""),
    };
}

static struct trace_span prepare(const struct otlp_attribute *attributes, size_t count)
{
    struct otlp_span from = plain(attributes, count);
    struct trace_span span;
    const char *problem;
    assert_true(span_prepare(arena, &from, &span, &problem));
    return span;
}

#define PREPARE(...)                                      \
    prepare((const struct otlp_attribute[]){__VA_ARGS__}, \
            sizeof((const struct otlp_attribute[]){__VA_ARGS__}) / sizeof(struct otlp_attribute))

/* The text under which an attribute is stored; absent if it is not. */
static struct sv stored(const struct trace_span *span, const char *key)
{
    struct json_object *root, *attributes, *value = NULL;
    struct sv problem;
    assert_int_equal(json_parse(arena, span->row.content, &root, &problem), JSON_OK);
    assert_true(json_object_object_get_ex(root, "attributes", &attributes));
    struct sv text = SV_ABSENT;
    if (json_object_object_get_ex(attributes, key, &value))
        text = arena_copy(arena, json_string_view(value));
    json_object_put(root);
    return text;
}

static void assert_stored(const struct trace_span *span, const char *key, const char *expected)
{
    assert_sv(stored(span, key), expected);
}

/* --- Content --- */

static void a_span_is_written_as_in_traces_json(void **state)
{
    (void)state;
    struct otlp_attribute inner = string("k", "\xc3\xa9");
    struct otlp_event event = {.name = SV("e"), .time = 5, .attributes = &inner, .attribute_count = 1};
    struct otlp_span from = plain(NULL, 0);
    from.parent_span_id = SPAN_BYTES;
    from.events = &event;
    from.event_count = 1;
    from.status_code = 2;
    from.status_message = SV("no\n");
    struct trace_span span;
    const char *problem;
    assert_true(span_prepare(arena, &from, &span, &problem));
    assert_sv(span.row.content,
              "{\"trace_id\": \"W47/95gDgQPSabYzgT/GDA==\", \"span_id\": \"7uGbfsPBsXQ=\", "
              "\"parent_span_id\": \"7uGbfsPBsXQ=\", \"name\": \"n\", \"start_time_unix_nano\": 1000, "
              "\"end_time_unix_nano\": 2000, \"events\": [{\"name\": \"e\", \"time_unix_nano\": 5, "
              "\"attributes\": {\"k\": \"\\u00e9\"}}], \"status\": {\"code\": \"STATUS_CODE_ERROR\", "
              "\"message\": \"no\\n\"}, \"attributes\": {\"mlflow.traceRequestId\": "
              "\"\\\"tr-5b8efff798038103d269b633813fc60c\\\"\"}}");
    assert_sv(span.trace_id, "tr-5b8efff798038103d269b633813fc60c");
    assert_sv(span.row.span_id, "eee19b7ec3c1b174");
    assert_int_equal(span.row.status, SPAN_ERROR);
}

static void a_span_without_an_end_is_still_running(void **state)
{
    (void)state;
    struct otlp_span from = plain(NULL, 0);
    struct trace_span span;
    const char *problem;
    from.end_time = 0;
    assert_true(span_prepare(arena, &from, &span, &problem));
    assert_false(span.row.has_end_time);
    from.end_time = 500; /* before the start */
    assert_true(span_prepare(arena, &from, &span, &problem));
    assert_int_equal(span.row.end_time, 1000);
}

static void ids_must_be_whole_and_not_zero(void **state)
{
    (void)state;
    struct trace_span span;
    const char *problem = NULL;
    struct otlp_span from = plain(NULL, 0);
    from.trace_id = SV("short");
    assert_false(span_prepare(arena, &from, &span, &problem));
    assert_non_null(problem);
    from.trace_id = SV("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_false(span_prepare(arena, &from, &span, &problem));
    from = plain(NULL, 0);
    from.span_id = SV("");
    assert_false(span_prepare(arena, &from, &span, &problem));
    from = plain(NULL, 0);
    from.parent_span_id = SV("123");
    assert_false(span_prepare(arena, &from, &span, &problem));
    from.parent_span_id = SV("\0\0\0\0\0\0\0\0");
    assert_true(span_prepare(arena, &from, &span, &problem));
    assert_null(span.row.parent_span_id.data);
    from.start_time = UINT64_MAX;
    assert_false(span_prepare(arena, &from, &span, &problem));
}

static void every_attribute_is_stored_as_json(void **state)
{
    (void)state;
    static const struct otlp_value items[] = {{.type = OTLP_INT, .integer = 1},
                                              {.type = OTLP_STRING, .bytes = {"x", 1}}};
    struct otlp_attribute none = {SV("z"), {.type = OTLP_NONE}};
    struct otlp_attribute list = {SV("list"), {.type = OTLP_ARRAY, .count = 2, .items = items}};
    struct otlp_attribute object = {SV("object"), {.type = OTLP_OBJECT, .count = 1, .fields = &none}};
    struct otlp_attribute bytes = {SV("bytes"), {.type = OTLP_BYTES, .bytes = SV("\0\1")}};
    struct otlp_attribute yes = {SV("yes"), {.type = OTLP_BOOL, .boolean = true}};
    struct trace_span span = PREPARE(
        string("text", "a"), string("quote", "a\"\n"), string("accent", "\xc3\xa9"), string("number", "1"),
        string("null", "null"), string("nested", "{\"a\":1}"), string("array", "[1]"),
        string("quoted", "\"q\""), string("brace", "{no"), integer("int", 5), real("double", 1.5),
        real("whole", 2), real("nan", NAN), real("inf", INFINITY), none, list, object, bytes, yes);
    assert_stored(&span, "text", "\"a\"");
    assert_stored(&span, "quote", "\"a\\\"\\n\"");
    assert_stored(&span, "accent", "\"\xc3\xa9\"");
    assert_stored(&span, "number", "\"1\"");
    assert_stored(&span, "null", "\"null\"");
    assert_stored(&span, "nested", "{\"a\":1}");
    assert_stored(&span, "array", "[1]");
    assert_stored(&span, "quoted", "\"q\"");
    assert_stored(&span, "brace", "\"{no\"");
    assert_stored(&span, "int", "5");
    assert_stored(&span, "double", "1.5");
    assert_stored(&span, "whole", "2.0");
    assert_stored(&span, "nan", "NaN");
    assert_stored(&span, "inf", "Infinity");
    assert_stored(&span, "z", "null");
    assert_stored(&span, "list", "[1, \"x\"]");
    assert_stored(&span, "object", "{\"z\": null}");
    assert_stored(&span, "bytes", "\"AAE=\"");
    assert_stored(&span, "yes", "true");
}

static void of_equal_keys_the_last_counts(void **state)
{
    (void)state;
    struct trace_span span =
        PREPARE(string("k", "a"), string("k", "b"), string("mlflow.traceRequestId", "x"));
    assert_stored(&span, "k", "\"b\"");
    assert_stored(&span, "mlflow.traceRequestId", "\"tr-5b8efff798038103d269b633813fc60c\"");
}

static void a_thousand_attributes_are_kept_apart(void **state)
{
    (void)state;
    struct otlp_attribute *many = ARENA_ARRAY(arena, struct otlp_attribute, 1000);
    for (int i = 0; i < 1000; i++)
        many[i] = integer(arena_cstr(arena, arena_printf(arena, "key%d", i)), i);
    struct trace_span span = prepare(many, 1000);
    assert_stored(&span, "key0", "0");
    assert_stored(&span, "key999", "999");
}

/* --- Translation --- */

static void openinference_is_translated(void **state)
{
    (void)state;
    struct trace_span span =
        PREPARE(string("openinference.span.kind", "RETRIEVER"), string("input.value", "in"),
                string("output.value", "{\"o\": 1}"), integer("llm.token_count.prompt", 3),
                integer("llm.token_count.completion", 4), integer("llm.token_count.total", 8),
                string("llm.model_name", "m"), real("llm.cost.prompt", 0.5), real("llm.cost.completion", 1));
    assert_sv(span.row.type, "RETRIEVER");
    assert_stored(&span, "mlflow.spanType", "\"RETRIEVER\"");
    assert_stored(&span, "mlflow.spanInputs", "\"in\"");
    assert_stored(&span, "mlflow.spanOutputs", "{\"o\": 1}");
    assert_stored(&span, "mlflow.chat.tokenUsage",
                  "{\"input_tokens\": 3, \"output_tokens\": 4, \"total_tokens\": 8}");
    assert_true(span.row.usage->total_tokens == 8);
    assert_true(span.row.usage->total_cost == 1.5);
    assert_sv(span.row.usage->model, "m");
}

static void genai_is_translated_and_its_total_is_the_sum(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *type;
    } types[] = {{"chat", "CHAT_MODEL"},      {"create_agent", "AGENT"}, {"invoke_agent", "AGENT"},
                 {"embeddings", "EMBEDDING"}, {"execute_tool", "TOOL"},  {"generate_content", "LLM"},
                 {"text_completion", "LLM"},  {"something_else", ""}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_sv(PREPARE(string("gen_ai.operation.name", types[i].operation)).row.type, types[i].type);
    struct trace_span span = PREPARE(
        string("gen_ai.operation.name", "chat"), string("gen_ai.input.messages", "[{\"role\":\"user\"}]"),
        string("gen_ai.output.messages", "[1]"), integer("gen_ai.usage.input_tokens", 3),
        string("gen_ai.usage.output_tokens", "4"), string("gen_ai.request.model", "m"),
        string("gen_ai.provider.name", "p"));
    assert_stored(&span, "mlflow.spanInputs", "[{\"role\":\"user\"}]");
    assert_stored(&span, "mlflow.spanOutputs", "[1]");
    assert_stored(&span, "mlflow.chat.tokenUsage",
                  "{\"input_tokens\": 3, \"output_tokens\": 4, \"total_tokens\": 7}");
    assert_sv(span.row.usage->model, "m");
    assert_sv(span.row.usage->provider, "p");
}

static void traceloop_is_translated_by_its_numbered_keys(void **state)
{
    (void)state;
    struct trace_span span =
        PREPARE(string("traceloop.span.kind", "workflow"), string("gen_ai.prompt.0.content", "hi"),
                string("gen_ai.completion.0.content", "ho"), integer("gen_ai.usage.prompt_tokens", 1),
                integer("gen_ai.usage.completion_tokens", 2), integer("llm.usage.total_tokens", 3));
    assert_sv(span.row.type, "WORKFLOW");
    assert_stored(&span, "mlflow.spanInputs", "\"hi\"");
    assert_stored(&span, "mlflow.spanOutputs", "\"ho\"");
    assert_true(span.row.usage->total_tokens == 3);
}

static void google_adk_and_voltagent_are_translated(void **state)
{
    (void)state;
    struct trace_span adk = PREPARE(string("gcp.vertex.agent.llm_request", "{\"r\": 1}"),
                                    string("gcp.vertex.agent.llm_response", "{\"s\": 1}"));
    assert_stored(&adk, "mlflow.spanInputs", "{\"r\": 1}");
    assert_stored(&adk, "mlflow.spanOutputs", "{\"s\": 1}");
    struct trace_span volt = PREPARE(string("span.type", "memory"), string("input", "i"),
                                     string("output", "o"), string("voltagent.operation_id", "1"));
    assert_sv(volt.row.type, "MEMORY");
    assert_stored(&volt, "mlflow.spanInputs", "\"i\"");
    assert_stored(&volt, "mlflow.message.format", "\"voltagent\"");
}

static void vercel_chat_gathers_its_prompt_and_response(void **state)
{
    (void)state;
    struct trace_span span = PREPARE(string("ai.operationId", "ai.generateText.doGenerate"),
                                     string("ai.prompt.messages", "[{\"role\":\"user\",\"content\":\"q\"}]"),
                                     string("ai.prompt.tools", "[\"{\\\"type\\\":\\\"function\\\"}\"]"),
                                     string("ai.response.text", "a"));
    assert_sv(span.row.type, "LLM");
    assert_stored(
        &span, "mlflow.spanInputs",
        "{\"messages\": [{\"role\":\"user\",\"content\":\"q\"}], \"tools\": [{\"type\":\"function\"}]}");
    assert_stored(&span, "mlflow.spanOutputs", "{\"text\": \"a\"}");
    assert_stored(&span, "mlflow.message.format", "\"vercel_ai\"");
    assert_sv(span.request_preview, "q");
}

static void what_mlflow_says_itself_is_kept(void **state)
{
    (void)state;
    struct trace_span span = PREPARE(
        string("mlflow.spanType", "\"TOOL\""), string("openinference.span.kind", "LLM"),
        string("mlflow.spanInputs", "{\"mine\": 1}"), string("input.value", "theirs"),
        string("mlflow.chat.tokenUsage", "{\"input_tokens\": 1, \"output_tokens\": 2, \"total_tokens\": 3}"),
        integer("llm.token_count.prompt", 50), integer("llm.token_count.completion", 50));
    assert_sv(span.row.type, "TOOL");
    assert_stored(&span, "mlflow.spanInputs", "{\"mine\": 1}");
    assert_true(span.row.usage->input_tokens == 1);
    struct trace_span unknown =
        PREPARE(string("mlflow.spanType", "UNKNOWN"), string("openinference.span.kind", "LLM"));
    assert_sv(unknown.row.type, "LLM");
    assert_sv(PREPARE(string("mlflow.spanType", "{\"odd\": 1}")).row.type, "{\"odd\": 1}");
}

static void values_that_say_nothing_are_passed_over(void **state)
{
    (void)state;
    static const char *const empty[] = {"{}", "[]", "\"\"", "", "{ }"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct trace_span span = PREPARE(string("input.value", empty[i]), string("input", "later"));
        assert_stored(&span, "mlflow.spanInputs", "\"later\"");
    }
    struct trace_span none = PREPARE(integer("input.value", 0));
    assert_null(stored(&none, "mlflow.spanInputs").data);
    struct trace_span odd = PREPARE(string("gen_ai.usage.input_tokens", "many"));
    assert_null(odd.row.usage);
}

/* --- What a span says of its trace --- */

static void session_and_user_are_taken_bare(void **state)
{
    (void)state;
    struct trace_span span = PREPARE(string("session.id", "s"), string("user.id", "u"));
    assert_sv(span.session, "s");
    assert_sv(span.user, "u");
    assert_sv(PREPARE(string("gen_ai.conversation.id", "c")).session, "c");
    assert_null(PREPARE(string("session.id", "")).session.data);
}

static void root_attributes_become_tags(void **state)
{
    (void)state;
    struct trace_span span = PREPARE(string("mlflow.traceTag.team", "blue"), string("other", "x"));
    assert_int_equal(span.tag_count, 1);
    assert_sv(span.tags[0].key, "team");
    assert_sv(span.tags[0].value, "blue");
}

static void a_resource_becomes_tags_but_for_its_sdk(void **state)
{
    (void)state;
    const struct otlp_attribute attributes[] = {string("service.name", "s"),
                                                string("telemetry.sdk.name", "opentelemetry"),
                                                string("mlflow.source.name", "x"), integer("process.pid", 7)};
    struct otlp_resource resource = {attributes, 4};
    const struct trace_tag *tags;
    size_t count;
    resource_tags(arena, &resource, &tags, &count);
    assert_int_equal(count, 2);
    assert_sv(tags[0].key, "service.name");
    assert_sv(tags[0].value, "s");
    assert_sv(tags[1].value, "7");
}

/* --- Previews --- */

static struct sv preview(const char *text, const char *role)
{
    return span_preview(arena, sv_from(text), sv_from(role));
}

static void a_preview_is_the_last_message_of_the_role(void **state)
{
    (void)state;
    assert_sv(preview("{\"messages\": [{\"role\": \"user\", \"content\": \"1\"}, {\"role\": \"user\", "
                      "\"content\": \"2\"}, {\"role\": \"assistant\", \"content\": \"3\"}]}",
                      "user"),
              "2");
    assert_sv(preview("{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}]}", "user"), "s");
    assert_sv(
        preview("{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"c\"}}]}", "assistant"),
        "c");
    assert_sv(preview("{\"input\": [{\"role\": \"user\", \"content\": \"i\"}]}", "user"), "i");
    assert_sv(preview("{\"output\": [{\"role\": \"assistant\", \"content\": [{\"type\": \"output_text\", "
                      "\"text\": \"o\"}]}]}",
                      "assistant"),
              "o");
    assert_sv(preview("{\"request\": {\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
                      "\"image_url\"}, {\"type\": \"text\", \"text\": \"r\"}]}]}}",
                      "user"),
              "r");
}

static void a_preview_of_anything_else_is_the_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"out\"",
                                        "5",
                                        "true",
                                        "[\"a\"]",
                                        "{\"q\": 1}",
                                        "{\"messages\": [{\"role\": \"user\"}]}",
                                        "{\"messages\": [{\"role\": \"user\", \"content\": \"\"}]}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_sv(preview(texts[i], "user"), texts[i]);
}

static void a_preview_has_a_thousand_code_points(void **state)
{
    (void)state;
    char text[3000];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    struct sv whole = span_preview(arena, (struct sv){text, 2000}, SV("user"));
    assert_int_equal(whole.len, 2000);
    memcpy(text + 2000, "x", 1);
    struct sv cut = span_preview(arena, (struct sv){text, 2001}, SV("user"));
    assert_int_equal(utf8_length(cut), 1000);
    assert_true(sv_ends_with(cut, SV("\xc3\xa9...")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_span_is_written_as_in_traces_json),
        TEST(a_span_without_an_end_is_still_running),
        TEST(ids_must_be_whole_and_not_zero),
        TEST(every_attribute_is_stored_as_json),
        TEST(of_equal_keys_the_last_counts),
        TEST(a_thousand_attributes_are_kept_apart),
        TEST(openinference_is_translated),
        TEST(genai_is_translated_and_its_total_is_the_sum),
        TEST(traceloop_is_translated_by_its_numbered_keys),
        TEST(google_adk_and_voltagent_are_translated),
        TEST(vercel_chat_gathers_its_prompt_and_response),
        TEST(what_mlflow_says_itself_is_kept),
        TEST(values_that_say_nothing_are_passed_over),
        TEST(session_and_user_are_taken_bare),
        TEST(root_attributes_become_tags),
        TEST(a_resource_becomes_tags_but_for_its_sdk),
        TEST(a_preview_is_the_last_message_of_the_role),
        TEST(a_preview_of_anything_else_is_the_text),
        TEST(a_preview_has_a_thousand_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
