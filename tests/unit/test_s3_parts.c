#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/artifacts/s3_part_size.h"
#include "common/artifacts/s3_settings.h"
#include "common/net/aws_credentials.h"
#include "common/net/aws_xml.h"

#define GIB            (1024LL * 1024 * 1024)
#define PART_MAX_BYTES (5 * GIB) /* S3's limit for one part */

static void parts_hold_any_object_and_are_small_for_usual_ones(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0,        1,        8 << 20,    50 * GIB,
                                    78 * GIB, 79 * GIB, 1000 * GIB, S3_OBJECT_MAX_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int64_t part = s3_part_size(sizes[i], 1);
        assert_true(part * S3_PARTS_MAX >= sizes[i]);
        assert_true(part >= S3_PART_BYTES && part <= PART_MAX_BYTES);
        assert_int_equal(part, s3_part_size(sizes[i], S3_PARTS_MAX));
        if (sizes[i] <= 78 * GIB)
            assert_int_equal(part, S3_PART_BYTES);
    }
}

static void parts_of_an_unknown_size_grow_late_and_reach_the_largest_object(void **state)
{
    (void)state;
    int64_t sum = 0, before = 0;
    for (int64_t number = 1; number <= S3_PARTS_MAX; number++) {
        int64_t part = s3_part_size(-1, number);
        assert_true(part >= before && part <= PART_MAX_BYTES);
        if (sum < 31 * GIB)
            assert_int_equal(part, S3_PART_BYTES);
        before = part;
        sum += part;
    }
    assert_true(sum >= S3_OBJECT_MAX_BYTES);
}

/* --- XML --- */

static bool parse(const char *text, struct buffer *elements)
{
    buffer_init(elements, 4096);
    return aws_xml_parse(sv_from(text), elements);
}

static void elements_come_with_depth_name_and_text(void **state)
{
    (void)state;
    struct buffer elements;
    assert_true(parse("<?xml version=\"1.0\"?>\n<r xmlns=\"x\">\n <a>1 &amp; <![CDATA[<2>]]></a>\n "
                      "<p:b><c/>text</p:b>\n</r>\n",
                      &elements));
    struct sv rest = buffer_sv(&elements);
    struct aws_xml_element element;
    assert_true(aws_xml_next(&rest, &element));
    assert_int_equal(element.depth, 2);
    assert_true(sv_equal(element.name, SV("a")));
    assert_true(sv_equal(element.text, SV("1 & <2>")));
    assert_true(aws_xml_next(&rest, &element));
    assert_int_equal(element.depth, 3);
    assert_true(sv_equal(element.name, SV("c")));
    assert_int_equal(element.text.len, 0);
    assert_true(aws_xml_next(&rest, &element));
    assert_true(sv_equal(element.name, SV("b")));
    assert_true(aws_xml_next(&rest, &element));
    assert_int_equal(element.depth, 1);
    assert_true(sv_equal(element.name, SV("r")));
    assert_false(aws_xml_next(&rest, &element));
    assert_true(sv_equal(aws_xml_find(&elements, 2, SV("a")), SV("1 & <2>")));
    assert_null(aws_xml_find(&elements, 1, SV("a")).data);
    buffer_free(&elements);
}

static void documents_that_are_not_well_formed_or_too_much_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&unknown;</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct buffer elements;
        if (parse(refused[i], &elements))
            fail_msg("taken: %s", refused[i]);
        buffer_free(&elements);
    }
    char deep[17 * 7 + 1] = "";
    for (int i = 0; i < 17; i++) {
        memcpy(deep + (ptrdiff_t)3 * i, "<a>", 3);
        memcpy(deep + sizeof(deep) - 1 - (ptrdiff_t)4 * (i + 1), "</a>", 4);
    }
    struct buffer none;
    assert_false(parse(deep, &none));
    buffer_free(&none);
    assert_true(parse("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></"
                      "a></a></a></a></a></a></a>",
                      &none));
    buffer_free(&none);

    char large[8192];
    memset(large, 'x', sizeof(large));
    memcpy(large, "<a>", 3);
    memcpy(large + sizeof(large) - 5, "</a>", 5);
    struct buffer elements;
    assert_false(parse(large, &elements));
    buffer_free(&elements);
}

/* --- Shared files --- */

static void values_of_a_profile_are_found(void **state)
{
    (void)state;
    struct sv text = SV("# first\r\n"
                        "aws_access_key_id = outside\n"
                        "[default]\n"
                        "aws_access_key_id = one\r\n"
                        ";aws_access_key_id = commented\n"
                        "s3 =\n"
                        "  aws_access_key_id = nested\n"
                        "empty =\n"
                        "[ profile other ]\n"
                        "AWS_ACCESS_KEY_ID=two=2\n"
                        "[broken\n");
    assert_true(sv_equal(aws_profile_value(text, SV("default"), SV("aws_access_key_id")), SV("one")));
    assert_true(sv_equal(aws_profile_value(text, SV("profile other"), SV("aws_access_key_id")), SV("two=2")));
    assert_null(aws_profile_value(text, SV("other"), SV("aws_access_key_id")).data);
    assert_null(aws_profile_value(text, SV("default"), SV("empty")).data);
    assert_null(aws_profile_value(text, SV("default"), SV("region")).data);
}

static bool extra(const char *json, struct name_value **headers, size_t *count)
{
    static struct arena *arena;
    arena_free(arena);
    arena = arena_new(1 << 20);
    struct sv problem = SV_ABSENT;
    bool good = s3_extra_headers(arena, sv_from(json), headers, count, &problem);
    assert_true(good || problem.len);
    return good;
}

static void extra_arguments_are_headers(void **state)
{
    (void)state;
    struct name_value *headers;
    size_t count;
    assert_true(extra("{\"ServerSideEncryption\": \"aws:kms\", \"SSEKMSKeyId\": \"k\"}", &headers, &count));
    assert_int_equal(count, 2);
    assert_true(sv_equal(headers[0].name, SV("x-amz-server-side-encryption")));
    assert_true(sv_equal(headers[0].value, SV("aws:kms")));
    assert_true(sv_equal(headers[1].name, SV("x-amz-server-side-encryption-aws-kms-key-id")));
    assert_true(extra("{}", &headers, &count));
    assert_int_equal(count, 0);
    assert_false(extra("[]", &headers, &count));
    assert_false(extra("{", &headers, &count));
    assert_false(extra("{\"ACL\": 1}", &headers, &count));
    assert_false(extra("{\"ACL\": \"a\\r\\nx: y\"}", &headers, &count));
    assert_false(extra("{\"Metadata\": {\"a\\nb\": \"c\"}}", &headers, &count));
    assert_false(extra("{\"SSECustomerKey\": \"secret\"}", &headers, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_hold_any_object_and_are_small_for_usual_ones),
        cmocka_unit_test(parts_of_an_unknown_size_grow_late_and_reach_the_largest_object),
        cmocka_unit_test(elements_come_with_depth_name_and_text),
        cmocka_unit_test(documents_that_are_not_well_formed_or_too_much_are_refused),
        cmocka_unit_test(values_of_a_profile_are_found),
        cmocka_unit_test(extra_arguments_are_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
