#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json/json_write.h"

static struct buffer out;
static struct json_writer writer;

static int set_up(void **state)
{
    (void)state;
    buffer_init(&out, 16 * 1024 * 1024);
    json_writer_init(&writer, &out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&out);
    return 0;
}

static void assert_written(struct sv expected)
{
    struct sv actual = buffer_sv(&out);
    assert_false(out.failed);
    if (!sv_equal(actual, expected))
        fail_msg("'%.*s' is not '%.*s'", SV_ARG(actual), SV_ARG(expected));
    buffer_clear(&out, 0);
}

static void commas_and_colons_are_placed(void **state)
{
    (void)state;
    json_begin_object(&writer);
    json_put_string_field(&writer, "a", SV("x"));
    json_key(&writer, "list");
    json_begin_array(&writer);
    json_put_int(&writer, 1);
    json_begin_array(&writer);
    json_end_array(&writer);
    json_begin_object(&writer);
    json_end_object(&writer);
    json_put_null(&writer);
    json_put_raw(&writer, SV("{\"raw\":1}"));
    json_end_array(&writer);
    json_put_bool_field(&writer, "t", true);
    json_put_bool_field(&writer, "f", false);
    json_put_int_field(&writer, "i", -5);
    json_put_double_field(&writer, "d", 0.5);
    json_key_sv(&writer, SV("k\"ey"));
    json_begin_object(&writer);
    json_key(&writer, "in");
    json_put_bool(&writer, true);
    json_end_object(&writer);
    json_end_object(&writer);
    assert_written(SV("{\"a\":\"x\",\"list\":[1,[],{},null,{\"raw\":1}],\"t\":true,\"f\":false,\"i\":-5,"
                      "\"d\":0.5,\"k\\\"ey\":{\"in\":true}}"));
}

static void an_absent_text_is_left_out_or_empty(void **state)
{
    (void)state;
    json_begin_object(&writer);
    json_put_string_field_if_set(&writer, "no", SV_ABSENT);
    json_put_string_field_if_set(&writer, "empty", SV(""));
    json_put_string_field(&writer, "absent", SV_ABSENT);
    json_end_object(&writer);
    assert_written(SV("{\"empty\":\"\",\"absent\":\"\"}"));
}

static void strings_are_escaped_to_ascii(void **state)
{
    (void)state;
    json_put_string(&writer, SV("plain ~!/'<>&"));
    assert_written(SV("\"plain ~!/'<>&\""));
    json_put_string(&writer, SV("\"\\\b\f\n\r\t\x01\x1f\x7f\0"));
    assert_written(SV("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000\""));
    json_put_string(&writer, SV("\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"));
    assert_written(SV("\"\\u00e9\\u20ac\\uffff\\ud83d\\ude00\\udbff\\udfff\""));
}

static void bytes_that_are_not_utf8_still_give_json(void **state)
{
    (void)state;
    json_put_string(&writer, SV("a\xff\xc3"));
    assert_written(SV("\"a\\u00ff\\u00c3\""));
}

static void strings_may_stay_utf8(void **state)
{
    (void)state;
    json_writer_init_utf8(&writer, &out);
    json_put_string(&writer, SV("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z \x7f\"\\\n\x01"));
    assert_written(SV("\"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z \x7f\\\"\\\\\\n\\u0001\""));
    json_put_string(&writer, SV("\xff\xc3\xa9\xc3"));
    assert_written(SV("\"\\u00ff\xc3\xa9\\u00c3\""));
}

/* Every special byte at every place of a machine word and beside every neighbour that could hide it. */
static void special_bytes_are_found_at_every_offset(void **state)
{
    (void)state;
    static const char specials[] = {'"', '\\', '\x1f', '\n', '\x7f', '\0'};
    static const struct sv escapes[] = {{"\\\"", 2}, {"\\\\", 2},    {"\\u001f", 6},
                                        {"\\n", 2},  {"\\u007f", 6}, {"\\u0000", 6}};
    for (size_t length = 1; length < 40; length++) {
        for (size_t at = 0; at < length; at++) {
            for (size_t i = 0; i < sizeof(specials); i++) {
                char text[40];
                char expected[64] = "\"";
                memset(text, '!', sizeof(text));
                text[at] = specials[i];
                memset(expected + 1, '!', sizeof(expected) - 1);
                memcpy(expected + 1 + at, escapes[i].data, escapes[i].len);
                size_t expected_len = length + escapes[i].len;
                expected[expected_len] = '"';
                json_put_string(&writer, (struct sv){text, length});
                assert_written((struct sv){expected, expected_len + 1});
            }
        }
    }
}

static void integers_cover_64_bits(void **state)
{
    (void)state;
    json_begin_array(&writer);
    json_put_int(&writer, 0);
    json_put_int(&writer, INT64_MAX);
    json_put_int(&writer, INT64_MIN);
    json_end_array(&writer);
    assert_written(SV("[0,9223372036854775807,-9223372036854775808]"));
}

static void doubles_look_like_python(void **state)
{
    (void)state;
    json_begin_array(&writer);
    json_put_double(&writer, 1);
    json_put_double(&writer, 0.1);
    json_put_double(&writer, 1e16);
    json_put_double(&writer, 1e-5);
    json_put_double(&writer, -0.0);
    json_put_double(&writer, 1.7976931348623157e308);
    json_put_double(&writer, NAN);
    json_put_double(&writer, INFINITY);
    json_put_double(&writer, -INFINITY);
    json_end_array(&writer);
    assert_written(
        SV("[1.0,0.1,1e+16,1e-05,-0.0,1.7976931348623157e+308,\"NaN\",\"Infinity\",\"-Infinity\"]"));
}

static void a_full_buffer_fails_without_harm(void **state)
{
    (void)state;
    struct buffer small;
    buffer_init(&small, 8);
    struct json_writer full;
    json_writer_init(&full, &small);
    json_begin_array(&full);
    for (int i = 0; i < 100; i++)
        json_put_string(&full, SV("0123456789"));
    json_end_array(&full);
    assert_true(small.failed);
    assert_true(small.len <= 8);
    buffer_free(&small);
}

static void nesting_reaches_the_limit(void **state)
{
    (void)state;
    for (int i = 0; i < JSON_WRITE_MAX_DEPTH; i++)
        json_begin_array(&writer);
    json_put_int(&writer, 1);
    for (int i = 0; i < JSON_WRITE_MAX_DEPTH; i++)
        json_end_array(&writer);
    assert_int_equal(out.len, 2 * JSON_WRITE_MAX_DEPTH + 1);
}

static void value_without_key(void)
{
    json_begin_object(&writer);
    json_put_int(&writer, 1);
}

static void key_in_array(void)
{
    json_begin_array(&writer);
    json_key(&writer, "a");
}

static void key_without_value(void)
{
    json_begin_object(&writer);
    json_key(&writer, "a");
    json_end_object(&writer);
}

static void wrong_end(void)
{
    json_begin_object(&writer);
    json_end_array(&writer);
}

static void end_without_beginning(void)
{
    json_end_object(&writer);
}

static void too_deep(void)
{
    for (int i = 0; i <= JSON_WRITE_MAX_DEPTH; i++)
        json_begin_array(&writer);
}

static void misuse_aborts(void **state)
{
    (void)state;
    void (*const misuses[])(void) = {value_without_key, key_in_array,          key_without_value,
                                     wrong_end,         end_without_beginning, too_deep};
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            signal(SIGABRT, SIG_DFL);
            if (!freopen("/dev/null", "w", stderr))
                _exit(2);
            json_writer_init(&writer, &out);
            misuses[i]();
            _exit(0);
        }
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result));
        assert_int_equal(WTERMSIG(result), SIGABRT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commas_and_colons_are_placed),
        TEST(an_absent_text_is_left_out_or_empty),
        TEST(strings_are_escaped_to_ascii),
        TEST(bytes_that_are_not_utf8_still_give_json),
        TEST(strings_may_stay_utf8),
        TEST(special_bytes_are_found_at_every_offset),
        TEST(integers_cover_64_bits),
        TEST(doubles_look_like_python),
        TEST(a_full_buffer_fails_without_harm),
        TEST(nesting_reaches_the_limit),
        TEST(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
