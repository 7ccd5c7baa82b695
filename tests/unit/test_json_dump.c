#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/digest.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64UL * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct json_object *parse(struct sv text)
{
    struct json_object *root;
    struct sv problem;
    if (json_parse(arena, text, &root, &problem) != JSON_OK)
        fail_msg("'%.*s' is refused: %.*s", SV_ARG(text), SV_ARG(problem));
    return root;
}

static struct sv dump(struct sv text, bool sorted)
{
    struct json_object *root = parse(text);
    struct sv dumped = json_dump(arena, root, sorted);
    json_object_put(root);
    return dumped;
}

static void assert_dumped(const char *text, bool sorted, const char *expected)
{
    struct sv dumped = dump(sv_from(text), sorted);
    if (!sv_equal(dumped, sv_from(expected)))
        fail_msg("'%.*s' is not '%s'", SV_ARG(dumped), expected);
}

static void blanks_stand_where_python_sets_them(void **state)
{
    (void)state;
    assert_dumped("{\"b\":[1,2,{}],\"a\":{\"x\":null}}", false, "{\"b\": [1, 2, {}], \"a\": {\"x\": null}}");
    assert_dumped(" [ ] ", false, "[]");
    assert_dumped("{}", true, "{}");
    assert_dumped("null", false, "null");
    assert_dumped("[true,false]", false, "[true, false]");
}

static void names_are_sorted_by_code_point_at_every_depth(void **state)
{
    (void)state;
    assert_dumped("{\"b\":1,\"a\":{\"\xc3\xa9\":1,\"z\":2,\"Z\":3},\"\":0}", true,
                  "{\"\": 0, \"a\": {\"Z\": 3, \"z\": 2, \"\\u00e9\": 1}, \"b\": 1}");
    /* Beyond the first plane, where the order of UTF-16 would differ. */
    assert_dumped("{\"\xf0\x9f\x98\x80\":1,\"\xef\xbd\x81\":2}", true,
                  "{\"\\uff41\": 2, \"\\ud83d\\ude00\": 1}");
}

static void texts_are_pure_ascii(void **state)
{
    (void)state;
    assert_dumped("\"\\u0000\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\x7f\xe2\x80\xa8\"", false,
                  "\"\\u0000\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\\u007f\\u2028\"");
}

static void floats_are_pythons(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"1.0", "1.0"},
        {"1.50", "1.5"},
        {"1E2", "100.0"},
        {"1e16", "1e+16"},
        {"1e-5", "1e-05"},
        {"0.0001", "0.0001"},
        {"-0.0", "-0.0"},
        {"1e400", "Infinity"},
        {"NaN", "NaN"},
        {"-Infinity", "-Infinity"},
        {"1e22", "1e+22"},
        {"5e-324", "5e-324"},
        {"123456789012345680.0", "1.2345678901234568e+17"},
        {"0.1", "0.1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_dumped(cases[i].text, false, cases[i].expected);
}

static void integers_of_any_size_stay_as_they_are(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "100000000000000000000000000000000000000001",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_dumped(numbers[i], false, numbers[i]);
        struct json_object *number = parse(sv_from(numbers[i]));
        assert_true(json_is_integer(number));
        json_object_put(number);
    }
    struct json_object *real = parse(SV("1e30"));
    assert_false(json_is_integer(real));
    json_object_put(real);
}

static void long_texts_are_whole(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    char *text = arena_alloc(arena, LENGTH + 2);
    memset(text, 'x', LENGTH + 2);
    text[0] = text[LENGTH + 1] = '"';
    struct sv whole = {text, LENGTH + 2};
    assert_true(sv_equal(dump(whole, false), whole));
}

static void the_digest_is_sha_256(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        /* FIPS 180-4's example, and the empty text */
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(sv_equal(sha256_hex(arena, sv_from(cases[i].text)), sv_from(cases[i].expected)));
    assert_true(sv_equal(sha256_hex(arena, SV_ABSENT), sv_from(cases[1].expected)));
}

static void a_writer_takes_parsed_values_as_they_came(void **state)
{
    (void)state;
    struct json_object *value;
    struct sv problem;
    struct buffer out;
    struct json_writer json;
    struct sv text = SV("{\"a\": [1, -2.50, 1E2, 18446744073709551615, 123456789012345678901234567890, NaN, "
                        "-Infinity, true, null],\t\"\\u00e9\": {\"\": \"\xe2\x82\xac\"}}");
    assert_int_equal(json_parse(arena, text, &value, &problem), JSON_OK);
    buffer_init_in(&out, arena, 4096);
    json_writer_init_utf8(&json, &out);
    json_begin_array(&json);
    json_put_value(&json, value);
    json_put_value(&json, NULL);
    json_end_array(&json);
    json_object_put(value);
    assert_string_equal(arena_cstr(arena, buffer_sv(&out)),
                        "[{\"a\":[1,-2.50,1E2,18446744073709551615,123456789012345678901234567890,null,null,"
                        "true,null],\"\xc3\xa9\":{\"\":\"\xe2\x82\xac\"}},null]");
}

static void a_writer_takes_all_the_depth_that_is_read(void **state)
{
    (void)state;
    char text[2 * JSON_MAX_DEPTH + 1];
    struct json_object *value;
    struct sv problem;
    struct buffer out;
    struct json_writer json;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    text[2 * JSON_MAX_DEPTH] = '\0';
    assert_int_equal(json_parse(arena, sv_from(text), &value, &problem), JSON_OK);
    buffer_init_in(&out, arena, 4096);
    json_writer_init(&json, &out);
    json_put_value(&json, value);
    json_object_put(value);
    assert_string_equal(arena_cstr(arena, buffer_sv(&out)), text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(blanks_stand_where_python_sets_them),
        TEST(names_are_sorted_by_code_point_at_every_depth),
        TEST(texts_are_pure_ascii),
        TEST(floats_are_pythons),
        TEST(integers_of_any_size_stay_as_they_are),
        TEST(long_texts_are_whole),
        TEST(a_writer_takes_parsed_values_as_they_came),
        TEST(a_writer_takes_all_the_depth_that_is_read),
        TEST(the_digest_is_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
