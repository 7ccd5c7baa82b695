#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "common/json/json_read.h"

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

static struct json_object *parse_sv(struct sv text)
{
    struct json_object *root = NULL;
    struct sv problem = SV_ABSENT;
    enum json_outcome outcome = json_parse(arena, text, &root, &problem);
    if (outcome != JSON_OK)
        fail_msg("'%.*s' is refused: %.*s", SV_ARG(text), SV_ARG(problem));
    return root;
}

static struct json_object *parse(const char *text)
{
    return parse_sv(sv_from(text));
}

static struct sv refuse_sv(struct sv text, enum json_outcome expected)
{
    struct json_object *root = NULL;
    struct sv problem = SV_ABSENT;
    enum json_outcome outcome = json_parse(arena, text, &root, &problem);
    if (outcome != expected)
        fail_msg("'%.*s' gives outcome %d, expected %d", SV_ARG(text), (int)outcome, (int)expected);
    assert_null(root);
    return problem;
}

static void refuse(const char *text)
{
    struct sv problem = refuse_sv(sv_from(text), JSON_BAD);
    assert_true(problem.len > 0);
}

static void assert_text(struct sv actual, struct sv expected)
{
    if (!sv_equal(actual, expected))
        fail_msg("'%.*s' is not '%.*s'", SV_ARG(actual), SV_ARG(expected));
}

static void assert_string_value(const char *json, struct sv expected)
{
    struct json_object *value = parse(json);
    assert_true(json_object_is_type(value, json_type_string));
    assert_text(json_string_view(value), expected);
    json_object_put(value);
}

static void assert_double_value(const char *json, double expected)
{
    struct json_object *value = parse(json);
    assert_true(json_object_is_type(value, json_type_double));
    double actual = json_object_get_double(value);
    assert_true(isnan(expected) ? isnan(actual) : actual == expected);
    json_object_put(value);
}

static void assert_compact(const char *json, size_t limit, const char *expected)
{
    struct json_object *value = parse(json);
    assert_text(json_compact(arena, value, limit), sv_from(expected));
    json_object_put(value);
}

static void nested_values_are_read(void **state)
{
    (void)state;
    struct json_object *root =
        parse(" {\"a\": [1, {\"b\": null}, \"x\", true, false, 1.5], \"c\": {}, \"d\":[]}\r\n\t");
    struct json_object *list = json_object_object_get(root, "a");
    assert_int_equal(json_object_array_length(list), 6);
    assert_int_equal(json_object_get_int64(json_object_array_get_idx(list, 0)), 1);
    assert_true(json_object_get_boolean(json_object_array_get_idx(list, 3)));
    assert_false(json_object_get_boolean(json_object_array_get_idx(list, 4)));
    assert_true(json_object_get_double(json_object_array_get_idx(list, 5)) == 1.5);
    assert_int_equal(json_object_object_length(root), 3);
    json_object_put(root);
}

static void a_scalar_may_be_the_whole_document(void **state)
{
    (void)state;
    struct json_object *value = parse("12");
    assert_int_equal(json_object_get_int64(value), 12);
    json_object_put(value);
    assert_string_value("\"a\"", SV("a"));
    assert_double_value("-1.5e3", -1500);
    value = parse("true");
    assert_true(json_object_is_type(value, json_type_boolean));
    json_object_put(value);
    assert_null(parse("null"));
    assert_null(parse(" null "));
}

static void blanks_alone_are_empty(void **state)
{
    (void)state;
    refuse_sv(SV(""), JSON_EMPTY);
    refuse_sv(SV_ABSENT, JSON_EMPTY);
    refuse_sv(SV(" \t\r\n"), JSON_EMPTY);
    refuse_sv(SV("\xef\xbb\xbf"), JSON_EMPTY);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct json_object *root = parse("\xef\xbb\xbf{\"a\":1}");
    assert_int_equal(json_object_object_length(root), 1);
    json_object_put(root);
    refuse("{\xef\xbb\xbf}");
}

static void malformed_documents_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{",
        "[",
        "{]",
        "[}",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1 2}",
        "tru",
        "nul",
        "TRUE",
        "nan",
        "infinity",
        "-infinity",
        "-NaN",
        "Inf",
        "// x\n1",
        "/* x */ 1",
        "1 // x",
        "[1]]",
        "{} {}",
        "1 2",
        "nullx",
        "\"a",
        "\"",
        "\"a\\",
        "\"a\tb\"",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "{\"a\":1\"b\":2}",
        "undefined",
        "[\"a\"\"b\"]",
        "{1:2}",
        "{null:1}",
        ":",
        ",",
        "\v1",
        "\xc2\xa0,",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuse(texts[i]);
    refuse_sv((struct sv){"1\0", 2}, JSON_BAD);
    refuse_sv((struct sv){"\"a\0b\"", 5}, JSON_BAD);
}

static void malformed_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"01",  "-",    "+1",  ".5",    "5.",   "1.e5",  "1e", "1e+", "--1",
                                        "-01", "0x10", "1_0", "1.2.3", "[00]", "1e1.5", "1a", "- 1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuse(texts[i]);
}

static void a_problem_names_its_byte(void **state)
{
    (void)state;
    assert_text(refuse_sv(SV("{\"a\" 1}"), JSON_BAD), SV("expected ':' at byte 5"));
    assert_text(refuse_sv(SV("[1,\n x]"), JSON_BAD), SV("expected a value at byte 5"));
    assert_text(refuse_sv(SV("\xef\xbb\xbf[x]"), JSON_BAD), SV("expected a value at byte 4"));
}

static void only_valid_utf8_passes(void **state)
{
    (void)state;
    assert_string_value("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
                        SV("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    static const char *const texts[] = {
        "\"\xff\"",             /* never a lead byte */
        "\"\xc3\"",             /* cut short */
        "\"\x80\"",             /* continuation without a lead */
        "\"\xc0\x80\"",         /* overlong NUL */
        "\"\xe0\x80\xaf\"",     /* overlong slash */
        "\"\xed\xa0\x80\"",     /* surrogate */
        "\"\xf4\x90\x80\x80\"", /* beyond U+10FFFF */
        "{\"\xff\":1}",         /* in a name */
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuse(texts[i]);
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    assert_string_value("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\"",
                        SV("\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac"));
    assert_string_value("\"\\ud83d\\ude00\"", SV("\xf0\x9f\x98\x80"));
    assert_string_value("\"a\\u0000b\"", SV("a\0b"));
    assert_string_value("\"\\u007f\x7f\"", SV("\x7f\x7f"));
}

/* json-c 0.16 loses those whose low 16 bits look like half of a pair themselves. */
static void pairs_stand_for_every_code_point_beyond_16_bits(void **state)
{
    (void)state;
    assert_string_value("\"\\ud835\\udfff\"", SV("\xf0\x9d\x9f\xbf")); /* U+1D7FF */
    assert_string_value("\"\\ud836\\udc00\"", SV("\xf0\x9d\xa0\x80")); /* U+1D800 */
    assert_string_value("\"\\ud837\\udfff\"", SV("\xf0\x9d\xbf\xbf")); /* U+1DFFF */
    assert_string_value("\"\\ud838\\udc00\"", SV("\xf0\x9e\x80\x80")); /* U+1E000 */
    assert_string_value("\"a\\ud877\\udfffb\\udbf7\\udc4d\"", SV("a\xf0\xad\xbf\xbf"
                                                                 "b\xf4\x8d\xb1\x8d"));
    assert_compact("[\"\\ud836\\udc00\", 18446744073709551616, \"\\ud836\\udc00\"]", 100,
                   "[\"\\ud836\\udc00\",1.8446744073709552e+19,\"\\ud836\\udc00\"]");
}

static void half_a_surrogate_pair_is_refused(void **state)
{
    (void)state;
    refuse("\"\\ud83d\"");
    refuse("\"\\ude00\"");
    refuse("\"\\ud83dx\"");
    refuse("\"\\ud83d\\ud83d\"");
    refuse("\"\\ud83d\\n\"");
    refuse("\"\\ud83d\\ud83d\\ude00\"");
    refuse("\"\\ude00\\ud83d\"");
    refuse("{\"\\ud800\":1}");
}

static void a_name_must_not_hold_nul(void **state)
{
    (void)state;
    refuse("{\"a\\u0000b\":1}");
    struct json_object *root = parse("{\"a\":\"\\u0000\"}");
    assert_int_equal(json_object_get_string_len(json_object_object_get(root, "a")), 1);
    json_object_put(root);
}

static void the_last_of_equal_keys_wins(void **state)
{
    (void)state;
    assert_compact("{\"a\":1,\"b\":2,\"\\u0061\":3}", 100, "{\"a\":3,\"b\":2}");
}

static void integers_keep_64_bits(void **state)
{
    (void)state;
    struct json_object *list = parse("[9223372036854775807,-9223372036854775808,18446744073709551615,-0]");
    assert_true(json_object_get_int64(json_object_array_get_idx(list, 0)) == INT64_MAX);
    assert_true(json_object_get_int64(json_object_array_get_idx(list, 1)) == INT64_MIN);
    assert_true(json_object_get_uint64(json_object_array_get_idx(list, 2)) == UINT64_MAX);
    assert_true(json_object_is_type(json_object_array_get_idx(list, 3), json_type_int));
    json_object_put(list);
}

static void wider_integers_become_doubles(void **state)
{
    (void)state;
    assert_double_value("18446744073709551616", 18446744073709551616.0);
    assert_double_value("-9223372036854775809", -9223372036854775809.0);
    assert_double_value("123456789012345678901234567890", 123456789012345678901234567890.0);

    char text[4096] = "[";
    for (int i = 0; i < 40; i++)
        strncat(text, "99999999999999999999,{\"99999999999999999999\":7}, ", sizeof(text) - strlen(text) - 1);
    strncat(text, "1]", sizeof(text) - strlen(text) - 1);
    struct json_object *list = parse(text);
    assert_int_equal(json_object_array_length(list), 81);
    for (size_t i = 0; i < 80; i += 2) {
        assert_true(json_object_get_double(json_object_array_get_idx(list, i)) == 99999999999999999999.0);
        struct json_object *inner = json_object_array_get_idx(list, i + 1);
        assert_int_equal(json_object_get_int64(json_object_object_get(inner, "99999999999999999999")), 7);
    }
    json_object_put(list);
}

static void doubles_cover_their_range_and_the_bare_tokens(void **state)
{
    (void)state;
    assert_double_value("NaN", NAN);
    assert_double_value("Infinity", INFINITY);
    assert_double_value("-Infinity", -INFINITY);
    assert_double_value("1e400", INFINITY);
    assert_double_value("-1E+400", -INFINITY);
    assert_double_value("1e-400", 0.0);
    assert_double_value("1.7976931348623157e308", 1.7976931348623157e308);
    assert_double_value("0.1", 0.1);
    struct json_object *list = parse("[NaN,Infinity,-Infinity,{\"a\":NaN}]");
    assert_int_equal(json_object_array_length(list), 4);
    json_object_put(list);
}

/* `count` times the text `unit`, between `before` and `after`. */
static struct sv repeat(const char *before, const char *unit, size_t count, const char *after)
{
    size_t len = strlen(before) + count * strlen(unit) + strlen(after);
    char *text = arena_alloc(arena, len + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, unit);
    stpcpy(at, after);
    return (struct sv){text, len};
}

static struct sv nest(size_t depth)
{
    return arena_printf(arena, "%.*s1%.*s", SV_ARG(repeat("", "[", depth, "")),
                        SV_ARG(repeat("", "]", depth, "")));
}

static void depth_is_limited(void **state)
{
    (void)state;
    json_object_put(parse_sv(nest(JSON_MAX_DEPTH)));
    struct sv problem = refuse_sv(nest(JSON_MAX_DEPTH + 1), JSON_TOO_BIG);
    assert_true(sv_starts_with(problem, SV("too deeply nested")));
    refuse_sv(repeat("", "[", 1000000, ""), JSON_TOO_BIG);
    refuse_sv(repeat("", "{\"a\":", 1000000, ""), JSON_TOO_BIG);
}

static void the_number_of_values_is_limited(void **state)
{
    (void)state;
    json_object_put(parse_sv(repeat("[0", ",0", JSON_MAX_VALUES - 2, "]")));
    refuse_sv(repeat("[0", ",0", JSON_MAX_VALUES - 1, "]"), JSON_TOO_BIG);
    json_object_put(parse_sv(repeat("[0", ",[]", JSON_MAX_CONTAINERS - 1, "]")));
    refuse_sv(repeat("[0", ",{}", JSON_MAX_CONTAINERS, "]"), JSON_TOO_BIG);
}

static void compact_sorts_keys_and_escapes_like_python(void **state)
{
    (void)state;
    assert_compact(
        "{ \"b\" : [1, 2.0, null, true] , \"a\":{\"z\":false,\"y\":\"\xc3\xa9\\n\\ud83d\\ude00\\\"\"}}", 1000,
        "{\"a\":{\"y\":\"\\u00e9\\n\\ud83d\\ude00\\\"\",\"z\":false},\"b\":[1,2.0,null,true]}");
    assert_compact("[1e400,-1e400,NaN,18446744073709551615,1e16,{},[]]", 1000,
                   "[Infinity,-Infinity,NaN,18446744073709551615,1e+16,{},[]]");
    assert_text(json_compact(arena, NULL, 10), SV("null"));
    assert_text(json_compact_string(arena, SV("a\"b"), 10), SV("\"a\\\"b\""));
}

static void compact_is_cut_at_its_limit(void **state)
{
    (void)state;
    assert_compact("\"abcdef\"", 4, "\"abc");
    assert_compact("[1,2,3]", 7, "[1,2,3]");
    assert_compact("[1,2,3]", 6, "[1,2,3");
    assert_compact("[1,2,3]", 0, "");
    struct json_object *big = parse_sv(repeat("{\"a\":[0", ",{\"k\":\"v\"}", 100000, "]}"));
    assert_int_equal(json_compact(arena, big, 1000).len, 1000);
    json_object_put(big);
}

static void types_have_python_names(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *name;
    } cases[] = {{"null", "NoneType"}, {"true", "bool"}, {"1", "int"},   {"1.0", "float"},
                 {"NaN", "float"},     {"\"\"", "str"},  {"[]", "list"}, {"{}", "dict"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_object *value = parse(cases[i].json);
        assert_string_equal(json_python_type(value), cases[i].name);
        json_object_put(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values_are_read),
        cmocka_unit_test(a_scalar_may_be_the_whole_document),
        cmocka_unit_test(blanks_alone_are_empty),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(malformed_numbers_are_refused),
        cmocka_unit_test(a_problem_names_its_byte),
        cmocka_unit_test(only_valid_utf8_passes),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(pairs_stand_for_every_code_point_beyond_16_bits),
        cmocka_unit_test(half_a_surrogate_pair_is_refused),
        cmocka_unit_test(a_name_must_not_hold_nul),
        cmocka_unit_test(the_last_of_equal_keys_wins),
        cmocka_unit_test(integers_keep_64_bits),
        cmocka_unit_test(wider_integers_become_doubles),
        cmocka_unit_test(doubles_cover_their_range_and_the_bare_tokens),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(the_number_of_values_is_limited),
        cmocka_unit_test(compact_sorts_keys_and_escapes_like_python),
        cmocka_unit_test(compact_is_cut_at_its_limit),
        cmocka_unit_test(types_have_python_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
