#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/id.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(*(const char *const *)a, *(const char *const *)b, 32);
}

static void ids_are_32_lower_case_hex_digits_and_differ(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    const char **ids = ARENA_ARRAY(arena, const char *, COUNT);
    for (int i = 0; i < COUNT; i++) {
        struct sv id = id_new(arena);
        assert_int_equal(id.len, 32);
        for (size_t k = 0; k < 32; k++)
            assert_non_null(memchr("0123456789abcdef", id.data[k], 16));
        ids[i] = id.data;
    }
    qsort(ids, COUNT, sizeof ids[0], compare_ids);
    for (int i = 1; i < COUNT; i++)
        assert_true(memcmp(ids[i - 1], ids[i], 32) != 0);
}

static void uuids_are_of_version_4_and_differ(void **state)
{
    (void)state;
    struct sv before = SV_ABSENT;
    for (int i = 0; i < 1000; i++) {
        struct sv id = id_new_uuid(arena);
        assert_int_equal(id.len, 36);
        for (size_t k = 0; k < 36; k++) {
            if (k == 8 || k == 13 || k == 18 || k == 23)
                assert_int_equal(id.data[k], '-');
            else
                assert_non_null(memchr("0123456789abcdef", id.data[k], 16));
        }
        assert_int_equal(id.data[14], '4');
        assert_non_null(memchr("89ab", id.data[19], 4));
        assert_false(sv_equal(id, before));
        before = id;
    }
}

static void random_bytes_fill_exactly_what_was_asked(void **state)
{
    (void)state;
    unsigned char bytes[1002];
    unsigned char seen[1000] = {0};
    for (int round = 0; round < 20; round++) {
        memset(bytes, 0, sizeof bytes);
        random_bytes(bytes + 1, 1000);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[1001], 0);
        for (size_t i = 0; i < 1000; i++)
            seen[i] |= bytes[i + 1];
    }
    for (size_t i = 0; i < 1000; i++)
        assert_true(seen[i] != 0);
    random_bytes(bytes, 0);
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static void names_are_adjective_noun_and_number(void **state)
{
    (void)state;
    struct sv first = id_new_name(arena);
    bool differs = false;
    for (int i = 0; i < 5000; i++) {
        struct sv name = id_new_name(arena);
        differs = differs || !sv_equal(name, first);
        assert_in_range(name.len, 5, 20);
        struct sv rest = name;
        for (int word = 0; word < 2; word++) {
            struct sv text = sv_cut(&rest, '-');
            assert_true(text.len > 1);
            for (size_t k = 0; k < text.len; k++)
                assert_true(is_lower(text.data[k]));
        }
        if (rest.len == 0)
            fail_msg("'%.*s' has no number", SV_ARG(name));
        for (size_t k = 0; k < rest.len; k++)
            assert_in_range(rest.data[k], '0', '9');
    }
    assert_true(differs);
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        struct sv bytes;
        struct sv text;
    } rows[] = {
        {{"", 0}, {"", 0}},
        {{"f", 1}, {"Zg==", 4}},
        {{"fo", 2}, {"Zm8=", 4}},
        {{"foo", 3}, {"Zm9v", 4}},
        {{"foob", 4}, {"Zm9vYg==", 8}},
        {{"fooba", 5}, {"Zm9vYmE=", 8}},
        {{"foobar", 6}, {"Zm9vYmFy", 8}},
        {{"\0\0\0", 3}, {"AAAA", 4}},
        {{"\xfb\xff\xbf", 3}, {"+/+/", 4}},
        {{"a\0", 2}, {"YQA=", 4}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!sv_equal(base64_encode(arena, rows[i].bytes), rows[i].text))
            fail_msg("encoding for '%.*s'", SV_ARG(rows[i].text));
        if (!sv_equal(base64_decode(arena, rows[i].text), rows[i].bytes))
            fail_msg("decoding of '%.*s'", SV_ARG(rows[i].text));
    }
}

static void bytes_of_any_length_survive_base64(void **state)
{
    (void)state;
    unsigned char bytes[600];
    for (size_t len = 0; len <= sizeof bytes; len++) {
        random_bytes(bytes, len);
        struct sv view = {(const char *)bytes, len};
        assert_true(sv_equal(base64_decode(arena, base64_encode(arena, view)), view));
    }
}

static void malformed_base64_is_absent(void **state)
{
    (void)state;
    static const struct sv rows[] = {
        {"A", 1},          {"AA", 2},   {"AAA", 3},      {"AAAAA", 5},    {"=", 1},     {"====", 4},
        {"A===", 4},       {"=AAA", 4}, {"AA=A", 4},     {"Zg==Zg==", 8}, {"Zg=\n", 4}, {"Zm9v\n", 5},
        {"Zm9 ", 4},       {" Zm9", 4}, {"Zm9v    ", 8}, {"Zm-_", 4},     {"Zm9\0", 4}, {"Zm9.", 4},
        {"Zm\xc3\xa9", 4}, {"Z===", 4}, {"Zm9v====", 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (base64_decode(arena, rows[i]).data)
            fail_msg("'%.*s' was decoded", SV_ARG(rows[i]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_are_32_lower_case_hex_digits_and_differ),
        TEST(random_bytes_fill_exactly_what_was_asked),
        TEST(uuids_are_of_version_4_and_differ),
        TEST(names_are_adjective_noun_and_number),
        TEST(base64_is_that_of_rfc_4648),
        TEST(bytes_of_any_length_survive_base64),
        TEST(malformed_base64_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
