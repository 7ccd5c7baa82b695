#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/trace/span_proto.h"

#define LIMIT 65536

/* NULL: it cannot be read. */
static void check(const char *content, const char *expected)
{
    struct arena *arena = arena_new(1 << 20);
    struct buffer out;
    buffer_init(&out, LIMIT);
    bool is_span = span_put_proto(&out, arena, sv_from(content));
    assert_int_equal(is_span, expected != NULL);
    assert_int_equal(out.len, expected ? strlen(expected) : 0);
    if (expected)
        assert_memory_equal(out.data, expected, out.len);
    buffer_free(&out);
    arena_free(arena);
}

static void what_is_no_span_adds_nothing(void **state)
{
    (void)state;
    check("", NULL);
    check("{", NULL);
    check("[]", NULL);
    check("null", NULL);
    check("{\"name\": \"\xff\"}", NULL);
}

static void fields_that_have_their_default_are_left_out(void **state)
{
    (void)state;
    check("{}", "{\"trace_id\": \"\", \"status\": {}}");
    check("{\"trace_id\": \"AA==\", \"span_id\": \"AQ==\", \"parent_span_id\": null, \"name\": \"\", "
          "\"start_time_unix_nano\": 9223372036854775807, \"end_time_unix_nano\": 0, \"events\": [], "
          "\"status\": {\"code\": \"STATUS_CODE_UNSET\", \"message\": \"\"}, \"attributes\": {}}",
          "{\"trace_id\": \"AA==\", \"span_id\": \"AQ==\", \"start_time_unix_nano\": 9223372036854775807, "
          "\"status\": {}}");
}

static void texts_that_are_no_json_say_themselves(void **state)
{
    (void)state;
    check("{\"trace_id\": \"A\", \"attributes\": {\"f\": \"vercel_ai\", \"q\": \"\\\"a\\\"\", \"n\": "
          "\"null\"}}",
          "{\"trace_id\": \"A\", \"attributes\": [{\"key\": \"f\", \"value\": {\"string_value\": "
          "\"vercel_ai\"}}, "
          "{\"key\": \"q\", \"value\": {\"string_value\": \"a\"}}, {\"key\": \"n\"}], \"status\": {}}");
}

static void whole_numbers_beyond_64_bits_are_doubles(void **state)
{
    (void)state;
    check("{\"trace_id\": \"A\", \"attributes\": {\"a\": \"-9223372036854775808\", \"b\": "
          "\"9223372036854775808\"}}",
          "{\"trace_id\": \"A\", \"attributes\": [{\"key\": \"a\", \"value\": {\"int_value\": "
          "-9223372036854775808}}, {\"key\": \"b\", \"value\": {\"double_value\": 9.223372036854776e+18}}], "
          "\"status\": {}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_span_adds_nothing),
        cmocka_unit_test(fields_that_have_their_default_are_left_out),
        cmocka_unit_test(texts_that_are_no_json_say_themselves),
        cmocka_unit_test(whole_numbers_beyond_64_bits_are_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
