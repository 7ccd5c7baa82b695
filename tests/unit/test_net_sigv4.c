#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/net/sigv4.h"

/* Expected values are those that AWS publishes: the examples of the S3 API Reference ("Authenticating
 * Requests"), and aws-sig-v4-test-suite. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EMPTY_HASH   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct sigv4_credentials s3_example = {
    .access_key = SV("AKIAIOSFODNN7EXAMPLE"),
    .secret_key = SV("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
};
static const struct sigv4_credentials suite = {
    .access_key = SV("AKIDEXAMPLE"),
    .secret_key = SV("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
};

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct sv value_of(const struct name_value *headers, size_t count, struct sv name)
{
    for (size_t i = 0; i < count; i++) {
        if (sv_equal_ignoring_case(headers[i].name, name))
            return headers[i].value;
    }
    return SV_ABSENT;
}

static struct sv authorization(const struct sigv4_credentials *credentials,
                               const struct sigv4_request *request)
{
    size_t count = 0;
    struct name_value *headers = sigv4_sign(arena, credentials, request, &count);
    return value_of(headers, count, SV("Authorization"));
}

#define assert_ends(view, literal) assert_true(sv_ends_with((view), SV(literal)))

static struct sigv4_request s3_request(struct sv method, struct sv path, const struct name_value *headers,
                                       size_t count)
{
    return (struct sigv4_request){
        .method = method,
        .path = path,
        .headers = headers,
        .header_count = count,
        .payload_hash = SV(EMPTY_HASH),
        .region = SV("us-east-1"),
        .service = SV("s3"),
        .time_s = 1369353600, /* 2013-05-24T00:00:00Z */
    };
}

static void the_s3_example_of_getting_an_object(void **state)
{
    (void)state;
    const struct name_value headers[] = {
        {SV("Host"), SV("examplebucket.s3.amazonaws.com")},
        {SV("Range"), SV("bytes=0-9")},
    };
    struct sigv4_request request = s3_request(SV("GET"), SV("/test.txt"), headers, COUNT(headers));
    size_t count = 0;
    struct name_value *all = sigv4_sign(arena, &s3_example, &request, &count);
    assert_true(sv_equal(value_of(all, count, SV("x-amz-date")), SV("20130524T000000Z")));
    assert_true(sv_equal(value_of(all, count, SV("x-amz-content-sha256")), SV(EMPTY_HASH)));
    assert_true(sv_equal(value_of(all, count, SV("Range")), SV("bytes=0-9")));
    assert_null(value_of(all, count, SV("X-Amz-Security-Token")).data);
    assert_true(
        sv_equal(value_of(all, count, SV("Authorization")),
                 SV("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")));
}

static void the_s3_example_of_putting_an_object(void **state)
{
    (void)state;
    const struct name_value headers[] = {
        {SV("Host"), SV("examplebucket.s3.amazonaws.com")},
        {SV("Date"), SV("Fri, 24 May 2013 00:00:00 GMT")},
        {SV("x-amz-storage-class"), SV("REDUCED_REDUNDANCY")},
    };
    struct sv path = sigv4_encode_path(arena, SV("/test$file.text"));
    assert_true(sv_equal(path, SV("/test%24file.text")));
    struct sigv4_request request = s3_request(SV("PUT"), path, headers, COUNT(headers));
    char hash[SIGV4_HASH_LENGTH];
    sigv4_hash(SV("Welcome to Amazon S3."), hash);
    request.payload_hash = (struct sv){hash, sizeof(hash)};
    assert_true(sv_equal(request.payload_hash,
                         SV("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")));
    assert_ends(authorization(&s3_example, &request),
                "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void the_s3_example_of_a_parameter_without_value(void **state)
{
    (void)state;
    const struct name_value headers[] = {{SV("Host"), SV("examplebucket.s3.amazonaws.com")}};
    const struct name_value query[] = {{SV("lifecycle"), SV("")}};
    struct sigv4_request request = s3_request(SV("GET"), SV("/"), headers, COUNT(headers));
    request.query = query;
    request.query_count = COUNT(query);
    assert_ends(authorization(&s3_example, &request),
                "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void the_s3_example_of_listing_objects(void **state)
{
    (void)state;
    const struct name_value headers[] = {{SV("Host"), SV("examplebucket.s3.amazonaws.com")}};
    const struct name_value query[] = {{SV("prefix"), SV("J")}, {SV("max-keys"), SV("2")}};
    struct sigv4_request request = s3_request(SV("GET"), SV("/"), headers, COUNT(headers));
    request.query = query;
    request.query_count = COUNT(query);
    assert_ends(authorization(&s3_example, &request),
                "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    assert_true(sv_equal(sigv4_query(arena, query, COUNT(query)), SV("max-keys=2&prefix=J")));
}

static void the_s3_example_of_a_presigned_url(void **state)
{
    (void)state;
    const struct name_value headers[] = {{SV("Host"), SV("examplebucket.s3.amazonaws.com")}};
    struct sigv4_request request = s3_request(SV("GET"), SV("/test.txt"), headers, COUNT(headers));
    request.payload_hash = SIGV4_UNSIGNED_PAYLOAD;
    assert_true(
        sv_equal(sigv4_presign(arena, &s3_example, &request, 86400),
                 SV("X-Amz-Algorithm=AWS4-HMAC-SHA256"
                    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")));
}

static void a_presigned_url_carries_the_session_token_and_own_parameters(void **state)
{
    (void)state;
    const struct name_value headers[] = {{SV("Host"), SV("h")}};
    const struct name_value query[] = {{SV("uploadId"), SV("a/b+c")}, {SV("partNumber"), SV("7")}};
    struct sigv4_request request = s3_request(SV("PUT"), SV("/k"), headers, COUNT(headers));
    request.query = query;
    request.query_count = COUNT(query);
    struct sigv4_credentials credentials = s3_example;
    credentials.session_token = SV("to/ken=");
    struct sv text = sigv4_presign(arena, &credentials, &request, 60);
    const char *whole = arena_cstr(arena, text);
    assert_non_null(strstr(whole, "&X-Amz-Security-Token=to%2Fken%3D&"));
    assert_non_null(strstr(whole, "&partNumber=7&uploadId=a%2Fb%2Bc&X-Amz-Signature="));
}

/* --- aws-sig-v4-test-suite --- */

struct suite_case {
    const char *name;
    struct sv method, path;
    struct name_value query[2];
    size_t query_count;
    struct name_value headers[4];
    size_t header_count;
    struct sv body;
    struct sv token;
    struct sv signed_headers;
    struct sv signature;
};

#define PLAIN_HEADERS SV("host;x-amz-date")
#define VANILLA       SV("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")

static const struct suite_case suite_cases[] = {
    {.name = "get-vanilla",
     .method = SV("GET"),
     .path = SV("/"),
     .signed_headers = PLAIN_HEADERS,
     .signature = VANILLA},
    {.name = "get-vanilla-query-order-key-case",
     .method = SV("GET"),
     .path = SV("/"),
     .query = {{SV("Param2"), SV("value2")}, {SV("Param1"), SV("value1")}},
     .query_count = 2,
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")},
    {.name = "get-vanilla-query-order-value",
     .method = SV("GET"),
     .path = SV("/"),
     .query = {{SV("Param1"), SV("value2")}, {SV("Param1"), SV("value1")}},
     .query_count = 2,
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694")},
    {.name = "get-vanilla-utf8-query",
     .method = SV("GET"),
     .path = SV("/"),
     .query = {{SV("\xe1\x88\xb4"), SV("bar")}},
     .query_count = 1,
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04")},
    {.name = "get-unreserved",
     .method = SV("GET"),
     .path = SV("/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f")},
    {.name = "get-utf8",
     .method = SV("GET"),
     .path = SV("/\xe1\x88\xb4"),
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")},
    {.name = "get-slash",
     .method = SV("GET"),
     .path = SV("//"),
     .signed_headers = PLAIN_HEADERS,
     .signature = VANILLA},
    {.name = "get-slashes",
     .method = SV("GET"),
     .path = SV("//example//"),
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84")},
    {.name = "get-slash-dot-slash",
     .method = SV("GET"),
     .path = SV("/./"),
     .signed_headers = PLAIN_HEADERS,
     .signature = VANILLA},
    {.name = "get-slash-pointless-dot",
     .method = SV("GET"),
     .path = SV("/./example"),
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5")},
    {.name = "get-relative",
     .method = SV("GET"),
     .path = SV("/example/.."),
     .signed_headers = PLAIN_HEADERS,
     .signature = VANILLA},
    {.name = "get-relative-relative",
     .method = SV("GET"),
     .path = SV("/example1/example2/../.."),
     .signed_headers = PLAIN_HEADERS,
     .signature = VANILLA},
    {.name = "get-space",
     .method = SV("GET"),
     .path = SV("/example space/"),
     .signed_headers = PLAIN_HEADERS,
     .signature = SV("652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741")},
    {.name = "get-header-key-duplicate",
     .method = SV("GET"),
     .path = SV("/"),
     .headers = {{SV("My-Header1"), SV("value2")},
                 {SV("My-Header1"), SV("value2")},
                 {SV("My-Header1"), SV("value1")}},
     .header_count = 3,
     .signed_headers = SV("host;my-header1;x-amz-date"),
     .signature = SV("c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea")},
    {.name = "get-header-value-order",
     .method = SV("GET"),
     .path = SV("/"),
     .headers = {{SV("My-Header1"), SV("value4")},
                 {SV("My-Header1"), SV("value1")},
                 {SV("My-Header1"), SV("value3")},
                 {SV("My-Header1"), SV("value2")}},
     .header_count = 4,
     .signed_headers = SV("host;my-header1;x-amz-date"),
     .signature = SV("08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01")},
    {.name = "get-header-value-trim",
     .method = SV("GET"),
     .path = SV("/"),
     .headers = {{SV("My-Header1"), SV(" value1")}, {SV("My-Header2"), SV(" \"a   b   c\"")}},
     .header_count = 2,
     .signed_headers = SV("host;my-header1;my-header2;x-amz-date"),
     .signature = SV("acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736")},
    {.name = "post-x-www-form-urlencoded",
     .method = SV("POST"),
     .path = SV("/"),
     .headers = {{SV("Content-Type"), SV("application/x-www-form-urlencoded")}},
     .header_count = 1,
     .body = SV("Param1=value1"),
     .signed_headers = SV("content-type;host;x-amz-date"),
     .signature = SV("ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")},
    {.name = "get-vanilla-with-session-token",
     .method = SV("GET"),
     .path = SV("/"),
     .token = SV("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
     .signed_headers = SV("host;x-amz-date;x-amz-security-token"),
     .signature = SV("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")},
};

static void the_cases_of_the_test_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(suite_cases); i++) {
        const struct suite_case *expected = &suite_cases[i];
        struct name_value headers[5] = {{SV("Host"), SV("example.amazonaws.com")}};
        memcpy(headers + 1, expected->headers, sizeof(expected->headers));
        char hash[SIGV4_HASH_LENGTH];
        sigv4_hash(expected->body, hash);
        struct sigv4_request request = {
            .method = expected->method,
            .path = expected->path,
            .query = expected->query,
            .query_count = expected->query_count,
            .headers = headers,
            .header_count = expected->header_count + 1,
            .payload_hash = {hash, sizeof(hash)},
            .region = SV("us-east-1"),
            .service = SV("service"),
            .time_s = 1440938160, /* 2015-08-30T12:36:00Z */
        };
        struct sigv4_credentials credentials = suite;
        credentials.session_token = expected->token;
        struct sv wanted =
            arena_printf(arena,
                         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                         "SignedHeaders=%.*s, "
                         "Signature=%.*s",
                         SV_ARG(expected->signed_headers), SV_ARG(expected->signature));
        struct sv got = authorization(&credentials, &request);
        if (!sv_equal(got, wanted))
            fail_msg("%s: %.*s instead of %.*s", expected->name, SV_ARG(got), SV_ARG(wanted));
    }
}

static void only_unreserved_characters_stand_for_themselves(void **state)
{
    (void)state;
    assert_true(sv_equal(sigv4_encode(arena, SV("a/b c+d%~\0")), SV("a%2Fb%20c%2Bd%25~%00")));
    assert_true(sv_equal(sigv4_encode_path(arena, SV("/\xc3\xa9/*'()")), SV("/%C3%A9/%2A%27%28%29")));
    assert_true(sv_equal(sigv4_query(arena, NULL, 0), SV("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_s3_example_of_getting_an_object),
        cmocka_unit_test(the_s3_example_of_putting_an_object),
        cmocka_unit_test(the_s3_example_of_a_parameter_without_value),
        cmocka_unit_test(the_s3_example_of_listing_objects),
        cmocka_unit_test(the_s3_example_of_a_presigned_url),
        cmocka_unit_test(a_presigned_url_carries_the_session_token_and_own_parameters),
        cmocka_unit_test(the_cases_of_the_test_suite),
        cmocka_unit_test(only_unreserved_characters_stand_for_themselves),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
