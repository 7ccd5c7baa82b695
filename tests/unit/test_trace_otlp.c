#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json_read.h"
#include "common/trace/otlp.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(512UL * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* --- Writing protobufs --- */

static struct sv join(struct sv a, struct sv b)
{
    char *bytes = arena_alloc(arena, a.len + b.len + 1);
    if (a.len)
        memcpy(bytes, a.data, a.len);
    if (b.len)
        memcpy(bytes + a.len, b.data, b.len);
    return (struct sv){bytes, a.len + b.len};
}

static struct sv varint(uint64_t value)
{
    char *bytes = arena_alloc(arena, 10);
    size_t len = 0;
    do {
        bytes[len++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    return (struct sv){bytes, len};
}

static struct sv message(unsigned field, struct sv content)
{
    return join(join(varint(field << 3 | 2), varint(content.len)), content);
}

static struct sv fixed64(unsigned field, uint64_t value)
{
    char *bytes = arena_alloc(arena, 8);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(value >> 8 * i);
    return join(varint(field << 3 | 1), (struct sv){bytes, 8});
}

static struct sv export_of(struct sv span)
{
    return message(1, message(2, message(2, span)));
}

static struct sv attribute(const char *key, struct sv value)
{
    return message(9, join(message(1, sv_from(key)), message(2, value)));
}

/* A value that holds `depth` lists, one in the other. */
static struct sv nested(unsigned depth)
{
    struct sv value = message(1, SV("x"));
    for (unsigned i = 0; i < depth; i++)
        value = message(5, message(1, value));
    return value;
}

static struct otlp_export decode(struct sv bytes)
{
    struct otlp_export export;
    const char *problem;
    assert_int_equal(otlp_from_protobuf(arena, bytes, &export, &problem), OTLP_OK);
    return export;
}

static enum otlp_outcome refused(struct sv bytes)
{
    struct otlp_export export;
    const char *problem;
    return otlp_from_protobuf(arena, bytes, &export, &problem);
}

static void assert_sv(struct sv text, const char *expected)
{
    if (!sv_equal(text, sv_from(expected)))
        fail_msg("'%.*s' is not '%s'", SV_ARG(text), expected);
}

/* --- Protobuf --- */

static void a_protobuf_gives_every_field_of_a_span(void **state)
{
    (void)state;
    struct sv event = join(join(fixed64(1, 7), message(2, SV("event"))),
                           message(3, join(message(1, SV("k")), message(2, message(1, SV("v"))))));
    struct sv status = join(message(2, SV("bad")), join(varint(3 << 3), varint(2)));
    struct sv span = join(message(1, SV("0123456789abcdef")), message(2, SV("01234567")));
    span = join(span, message(4, SV("76543210")));
    span = join(span, message(5, SV("name")));
    span = join(span, join(fixed64(7, UINT64_C(1700000000000000001)), fixed64(8, UINT64_MAX)));
    span = join(span, attribute("int", join(varint(3 << 3), varint((uint64_t)-5))));
    span = join(span, attribute("none", SV("")));
    span = join(join(span, message(11, event)), message(15, status));
    struct otlp_export export = decode(export_of(span));
    assert_int_equal(export.resource_count, 1);
    assert_int_equal(export.span_count, 1);
    const struct otlp_span *got = &export.spans[0];
    assert_sv(got->trace_id, "0123456789abcdef");
    assert_sv(got->span_id, "01234567");
    assert_sv(got->parent_span_id, "76543210");
    assert_sv(got->name, "name");
    assert_true(got->start_time == UINT64_C(1700000000000000001));
    assert_true(got->end_time == UINT64_MAX);
    assert_int_equal(got->attribute_count, 2);
    assert_int_equal(got->attributes[0].value.type, OTLP_INT);
    assert_int_equal(got->attributes[0].value.integer, -5);
    assert_int_equal(got->attributes[1].value.type, OTLP_NONE);
    assert_int_equal(got->event_count, 1);
    assert_int_equal(got->events[0].time, 7);
    assert_sv(got->events[0].attributes[0].value.bytes, "v");
    assert_int_equal(got->status_code, 2);
    assert_sv(got->status_message, "bad");
}

static void a_text_may_hold_a_nul(void **state)
{
    (void)state;
    struct otlp_export export = decode(export_of(message(5, SV("a\0b"))));
    assert_true(sv_equal(export.spans[0].name, SV("a\0b")));
}

static void a_key_may_not_hold_a_nul(void **state)
{
    (void)state;
    struct sv pair = join(message(1, SV("a\0b")), message(2, message(1, SV("v"))));
    assert_int_equal(refused(export_of(message(9, pair))), OTLP_BAD);
}

static void an_empty_protobuf_is_an_export_of_nothing(void **state)
{
    (void)state;
    struct otlp_export export = decode(SV(""));
    assert_int_equal(export.resource_count, 0);
    assert_int_equal(export.span_count, 0);
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    struct sv span = join(message(5, SV("n")), join(message(900, SV("?")), fixed64(901, 1)));
    struct otlp_export export = decode(export_of(span));
    assert_sv(export.spans[0].name, "n");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    assert_int_equal(refused(export_of(message(5, SV("\xff")))), OTLP_BAD);
    assert_int_equal(refused(export_of(attribute("k", message(1, SV("\xc0\x80"))))), OTLP_BAD);
}

static void values_are_nested_32_deep_and_no_deeper(void **state)
{
    (void)state;
    const char *problem;
    assert_int_equal(otlp_scan(export_of(attribute("k", nested(31))), &problem), OTLP_OK);
    assert_int_equal(otlp_scan(export_of(attribute("k", nested(32))), &problem), OTLP_TOO_BIG);
    assert_non_null(problem);
    assert_int_equal(refused(export_of(attribute("k", nested(5000)))), OTLP_TOO_BIG);
    struct otlp_export export = decode(export_of(attribute("k", nested(31))));
    const struct otlp_value *value = &export.spans[0].attributes[0].value;
    for (int i = 0; i < 31; i++) {
        assert_int_equal(value->type, OTLP_ARRAY);
        assert_int_equal(value->count, 1);
        value = &value->items[0];
    }
    assert_sv(value->bytes, "x");
}

static void a_protobuf_that_is_cut_anywhere_is_refused_or_shorter(void **state)
{
    (void)state;
    struct sv whole = export_of(join(message(5, SV("name")), attribute("k", nested(2))));
    for (size_t len = 1; len < whole.len; len++)
        assert_int_equal(refused(sv_first(whole, len)), OTLP_BAD);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused(SV("\x0a\x7f")), OTLP_BAD);
    assert_int_equal(refused(SV("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), OTLP_BAD);
    assert_int_equal(refused(SV("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), OTLP_BAD);
    assert_int_equal(refused(SV("\x0b")), OTLP_BAD); /* a group */
    assert_int_equal(refused(SV("\x02")), OTLP_BAD); /* field 0 */
}

static void a_value_that_comes_twice_is_refused(void **state)
{
    (void)state;
    struct sv pair = join(message(1, SV("k")), join(message(2, nested(1)), message(2, nested(1))));
    assert_int_equal(refused(export_of(message(9, pair))), OTLP_BAD);
}

static void more_spans_than_the_limit_are_too_many(void **state)
{
    (void)state;
    size_t count = OTLP_MAX_SPANS + 1;
    char *spans = arena_alloc(arena, 2 * count);
    for (size_t i = 0; i < count; i++) {
        spans[2 * i] = 0x12;
        spans[2 * i + 1] = 0;
    }
    const char *problem;
    struct sv body = message(1, message(2, (struct sv){spans, 2 * count}));
    assert_int_equal(otlp_scan(body, &problem), OTLP_TOO_BIG);
    body = message(1, message(2, (struct sv){spans, 2 * (count - 1)}));
    assert_int_equal(otlp_scan(body, &problem), OTLP_OK);
}

static void a_reply_is_empty_unless_something_was_refused(void **state)
{
    (void)state;
    assert_int_equal(otlp_reply_protobuf(arena, 0, SV("")).len, 0);
    assert_true(sv_equal(otlp_reply_protobuf(arena, 3, SV("no")), SV("\x0a\x06\x08\x03\x12\x02no")));
}

/* --- JSON --- */

/* The parsed body, which lives as long as the test needs it. */
static enum otlp_outcome read_json(const char *text, struct otlp_export *export, const char **problem,
                                   struct json_object **root)
{
    struct sv why;
    assert_int_equal(json_parse(arena, sv_from(text), root, &why), JSON_OK);
    return otlp_from_json(arena, *root, export, problem);
}

#define SPANS(spans) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" spans "]}]}]}"

static void json_gives_every_field_of_a_span(void **state)
{
    (void)state;
    struct otlp_export export;
    struct json_object *root;
    const char *problem;
    assert_int_equal(
        read_json(
            "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
            "\"stringValue\":\"s\"}}]},\"scopeSpans\":[{\"scope\":{},\"spans\":[{"
            "\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":\"eee19b7ec3c1b174\","
            "\"parentSpanId\":\"eee19b7ec3c1b173\",\"name\":\"n\",\"kind\":2,"
            "\"startTimeUnixNano\":\"1544712660000000001\",\"endTimeUnixNano\":1544712661000000000,"
            "\"attributes\":[{\"key\":\"i\",\"value\":{\"intValue\":\"-9223372036854775808\"}},"
            "{\"key\":\"d\",\"value\":{\"doubleValue\":1}},{\"key\":\"b\",\"value\":{\"boolValue\":true}},"
            "{\"key\":\"y\",\"value\":{\"bytesValue\":\"AAE=\"}},{\"key\":\"n\",\"value\":{}},"
            "{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":3}]}}},"
            "{\"key\":\"o\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{}}]}}}],"
            "\"unknownField\":{\"x\":[1]},\"status\":{\"code\":2,\"message\":\"m\"},"
            "\"events\":[{\"name\":\"e\",\"timeUnixNano\":\"5\"}]}]}]}]}",
            &export, &problem, &root),
        OTLP_OK);
    assert_int_equal(export.span_count, 1);
    const struct otlp_span *span = &export.spans[0];
    static const unsigned char id[] = {0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03,
                                       0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c};
    assert_int_equal(span->trace_id.len, 16);
    assert_memory_equal(span->trace_id.data, id, 16);
    assert_int_equal(span->span_id.len, 8);
    assert_int_equal(span->parent_span_id.len, 8);
    assert_true(span->start_time == UINT64_C(1544712660000000001));
    assert_true(span->end_time == UINT64_C(1544712661000000000));
    assert_int_equal(span->attribute_count, 7);
    assert_true(span->attributes[0].value.integer == INT64_MIN);
    assert_true(span->attributes[1].value.real == 1.0);
    assert_true(span->attributes[2].value.boolean);
    assert_true(sv_equal(span->attributes[3].value.bytes, SV("\0\1")));
    assert_int_equal(span->attributes[4].value.type, OTLP_NONE);
    assert_int_equal(span->attributes[5].value.items[0].integer, 3);
    assert_sv(span->attributes[6].value.fields[0].key, "k");
    assert_int_equal(span->status_code, 2);
    assert_sv(span->status_message, "m");
    assert_int_equal(span->events[0].time, 5);
    assert_sv(span->resource->attributes[0].value.bytes, "s");
    json_object_put(root);
}

static void json_that_is_not_an_export_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[]",
        "{\"resourceSpans\":{}}",
        "{\"resourceSpans\":[1]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[null]}]}]}",
        SPANS("{\"traceId\":\"xyz\"}"),
        SPANS("{\"traceId\":5}"),
        SPANS("{\"startTimeUnixNano\":\"-1\"}"),
        SPANS("{\"startTimeUnixNano\":1.5}"),
        SPANS("{\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"1.5\"}}]}"),
        SPANS("{\"attributes\":[{\"key\":\"k\",\"value\":{\"boolValue\":\"true\"}}]}"),
        SPANS("{\"attributes\":[{\"key\":\"k\",\"value\":{\"bytesValue\":\"?\"}}]}"),
        SPANS("{\"attributes\":[{\"key\":\"k\",\"value\":5}]}"),
        SPANS("{\"attributes\":{}}"),
        SPANS("{\"status\":\"STATUS_CODE_OK\"}"),
        SPANS("{\"events\":[5]}"),
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct otlp_export export;
        struct json_object *root;
        const char *problem = NULL;
        if (read_json(bodies[i], &export, &problem, &root) != OTLP_BAD)
            fail_msg("%s is accepted", bodies[i]);
        assert_non_null(problem);
        json_object_put(root);
    }
}

static struct json_object *wrap(const char *key, struct json_object *value)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, key, value);
    return object;
}

static struct json_object *list_of(struct json_object *item)
{
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, item);
    return list;
}

/* Built by hand: the parser's own limit is lower. */
static void json_values_are_nested_no_deeper_than_protobufs(void **state)
{
    (void)state;
    for (unsigned depth = 31; depth <= 32; depth++) {
        struct json_object *value = wrap("stringValue", json_object_new_string("x"));
        for (unsigned i = 0; i < depth; i++)
            value = wrap("arrayValue", wrap("values", list_of(value)));
        struct json_object *attribute = wrap("value", value);
        json_object_object_add(attribute, "key", json_object_new_string("k"));
        struct json_object *span = wrap("attributes", list_of(attribute));
        struct json_object *scope = wrap("spans", list_of(span));
        struct json_object *root = wrap("resourceSpans", list_of(wrap("scopeSpans", list_of(scope))));
        struct otlp_export export;
        const char *problem;
        assert_int_equal(otlp_from_json(arena, root, &export, &problem),
                         depth == 31 ? OTLP_OK : OTLP_TOO_BIG);
        json_object_put(root);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_protobuf_gives_every_field_of_a_span),
        TEST(a_text_may_hold_a_nul),
        TEST(a_key_may_not_hold_a_nul),
        TEST(an_empty_protobuf_is_an_export_of_nothing),
        TEST(unknown_fields_are_passed_over),
        TEST(text_that_is_not_utf8_is_refused),
        TEST(values_are_nested_32_deep_and_no_deeper),
        TEST(a_protobuf_that_is_cut_anywhere_is_refused_or_shorter),
        TEST(lengths_that_lie_are_refused),
        TEST(a_value_that_comes_twice_is_refused),
        TEST(more_spans_than_the_limit_are_too_many),
        TEST(a_reply_is_empty_unless_something_was_refused),
        TEST(json_gives_every_field_of_a_span),
        TEST(json_that_is_not_an_export_is_refused_with_the_reason),
        TEST(json_values_are_nested_no_deeper_than_protobufs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
