#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "common/trace/inflate.h"

enum { LEN = 200000 };

static char content[LEN];
static char packed[2 * LEN];

static struct sv text(size_t len)
{
    for (size_t i = 0; i < len; i++)
        content[i] = (char)('a' + (i * i / 7) % 26);
    return (struct sv){content, len};
}

/* 16 + 15: gzip, 15: zlib, -15: raw deflate. */
static struct sv pack_zlib(struct sv from, int window)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from.data, .avail_in = (uInt)from.len};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = (Bytef *)packed;
    stream.avail_out = sizeof(packed);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    struct sv result = {packed, sizeof(packed) - stream.avail_out};
    deflateEnd(&stream);
    return result;
}

static struct sv pack_zstd(struct sv from)
{
    size_t len = ZSTD_compress(packed, sizeof(packed), from.data, from.len, 3);
    assert_false(ZSTD_isError(len));
    return (struct sv){packed, len};
}

static enum inflate_outcome unpack(enum inflate_coding coding, struct sv body, size_t ceiling,
                                   struct buffer *out)
{
    buffer_init(out, ceiling);
    enum inflate_outcome outcome = inflate_body(coding, body, out);
    assert_true(out->len <= ceiling);
    return outcome;
}

static struct sv pack(enum inflate_coding coding, struct sv from)
{
    return coding == INFLATE_ZSTD   ? pack_zstd(from)
           : coding == INFLATE_GZIP ? pack_zlib(from, 31)
                                    : pack_zlib(from, 15);
}

static const enum inflate_coding packings[] = {INFLATE_GZIP, INFLATE_DEFLATE, INFLATE_ZSTD};

static void what_was_packed_comes_out_again(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1000, 65536, LEN};
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = 0; i < 5; i++) {
            struct buffer out;
            struct sv from = text(lengths[i]);
            assert_int_equal(unpack(packings[p], pack(packings[p], from), LEN, &out), INFLATE_OK);
            assert_int_equal(out.len, from.len);
            assert_memory_equal(out.len ? out.data : "", from.data, from.len);
            buffer_free(&out);
        }
    }
}

static void the_ceiling_is_kept_to_the_byte(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        struct buffer out;
        assert_int_equal(unpack(packings[p], pack(packings[p], text(LEN)), LEN, &out), INFLATE_OK);
        buffer_free(&out);
        assert_int_equal(unpack(packings[p], pack(packings[p], text(LEN)), LEN - 1, &out), INFLATE_TOO_BIG);
        buffer_free(&out);
        assert_int_equal(unpack(packings[p], pack(packings[p], text(LEN)), 1, &out), INFLATE_TOO_BIG);
        buffer_free(&out);
    }
}

static void what_is_cut_short_or_continued_is_refused(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        struct buffer out;
        struct sv body = pack(packings[p], text(5000));
        assert_int_equal(unpack(packings[p], sv_first(body, body.len - 1), LEN, &out), INFLATE_BAD);
        buffer_free(&out);
        assert_int_equal(unpack(packings[p], SV(""), LEN, &out), INFLATE_BAD);
        buffer_free(&out);
        assert_int_equal(unpack(packings[p], SV("this is no packed body"), LEN, &out), INFLATE_BAD);
        buffer_free(&out);
        body = pack(packings[p], text(5000));
        packed[body.len] = 'x';
        body.len++;
        assert_int_equal(unpack(packings[p], body, LEN, &out), INFLATE_BAD);
        buffer_free(&out);
    }
}

static void deflate_is_taken_without_its_frame_too(void **state)
{
    (void)state;
    struct buffer out;
    struct sv from = text(5000);
    assert_int_equal(unpack(INFLATE_DEFLATE, pack_zlib(from, -15), LEN, &out), INFLATE_OK);
    assert_int_equal(out.len, 5000);
    assert_memory_equal(out.data, content, 5000);
    buffer_free(&out);
}

static void several_gzip_members_are_one_body(void **state)
{
    (void)state;
    static char two[2 * LEN];
    struct buffer out;
    struct sv one = pack_zlib(text(1000), 31);
    memcpy(two, one.data, one.len);
    memcpy(two + one.len, one.data, one.len);
    assert_int_equal(unpack(INFLATE_GZIP, (struct sv){two, 2 * one.len}, LEN, &out), INFLATE_OK);
    assert_int_equal(out.len, 2000);
    assert_memory_equal(out.data + 1000, content, 1000);
    buffer_free(&out);
    assert_int_equal(unpack(INFLATE_GZIP, (struct sv){two, 2 * one.len}, 1000, &out), INFLATE_TOO_BIG);
    buffer_free(&out);
}

static void codings_go_by_their_names_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(inflate_coding_of(SV_ABSENT), INFLATE_IDENTITY);
    assert_int_equal(inflate_coding_of(SV("identity")), INFLATE_IDENTITY);
    assert_int_equal(inflate_coding_of(SV(" GZip ")), INFLATE_GZIP);
    assert_int_equal(inflate_coding_of(SV("Deflate")), INFLATE_DEFLATE);
    assert_int_equal(inflate_coding_of(SV("zstd")), INFLATE_ZSTD);
    assert_int_equal(inflate_coding_of(SV("br")), INFLATE_UNKNOWN);
    assert_int_equal(inflate_coding_of(SV("gzip, gzip")), INFLATE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_again),
        cmocka_unit_test(the_ceiling_is_kept_to_the_byte),
        cmocka_unit_test(what_is_cut_short_or_continued_is_refused),
        cmocka_unit_test(deflate_is_taken_without_its_frame_too),
        cmocka_unit_test(several_gzip_members_are_one_body),
        cmocka_unit_test(codings_go_by_their_names_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
