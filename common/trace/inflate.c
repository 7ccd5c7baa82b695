#include "common/trace/inflate.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>
#include <zstd.h>

enum {
    PIECE = 64 * 1024,
    GZIP_ONLY = 16 + MAX_WBITS,
    ZLIB_ONLY = MAX_WBITS,
    RAW_ONLY = -MAX_WBITS,
    ZSTD_WINDOW_LOG_MAX = 23, /* what RFC 8878 wants every decoder to take: 8 MiB */
};

static const struct {
    struct sv name;
    enum inflate_coding coding;
} codings[] = {
    {{"identity", 8}, INFLATE_IDENTITY}, {{"gzip", 4}, INFLATE_GZIP}, {{"x-gzip", 6}, INFLATE_GZIP},
    {{"deflate", 7}, INFLATE_DEFLATE},   {{"zstd", 4}, INFLATE_ZSTD},
};

enum inflate_coding inflate_coding_of(struct sv name)
{
    name = sv_trim(name);
    if (!name.len)
        return INFLATE_IDENTITY;
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
        if (sv_equal_ignoring_case(name, codings[i].name))
            return codings[i].coding;
    return INFLATE_UNKNOWN;
}

const char *inflate_coding_name(enum inflate_coding coding)
{
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
        if (codings[i].coding == coding)
            return codings[i].name.data;
    return "unknown";
}

/* Room for the next piece; NULL where the ceiling is reached or memory is short. */
static char *room_for_piece(struct buffer *out, size_t *room, enum inflate_outcome *outcome)
{
    size_t left = out->ceiling - out->len;
    *outcome = left ? INFLATE_NO_MEMORY : INFLATE_TOO_BIG;
    *room = left < PIECE ? left : PIECE;
    return left ? buffer_reserve(out, *room) : NULL;
}

/* One byte more than fits tells a body that is exactly as long as the ceiling from a longer one. */
static enum inflate_outcome at_ceiling(z_stream *stream, Bytef *spare)
{
    stream->next_out = spare;
    stream->avail_out = 1;
    int rc = inflate(stream, Z_NO_FLUSH);
    if (!stream->avail_out)
        return INFLATE_TOO_BIG;
    return rc == Z_STREAM_END ? INFLATE_OK : INFLATE_BAD;
}

/* One member; the stream stands behind it afterwards. */
static enum inflate_outcome inflate_member(z_stream *stream, struct buffer *out)
{
    Bytef spare;
    for (;;) {
        size_t room;
        enum inflate_outcome outcome;
        char *piece = room_for_piece(out, &room, &outcome);
        if (!piece)
            return outcome == INFLATE_TOO_BIG ? at_ceiling(stream, &spare) : outcome;
        stream->next_out = (Bytef *)piece;
        stream->avail_out = (uInt)room;
        int rc = inflate(stream, Z_NO_FLUSH);
        out->len += room - stream->avail_out;
        if (rc == Z_STREAM_END)
            return INFLATE_OK;
        if (rc == Z_MEM_ERROR)
            return INFLATE_NO_MEMORY;
        bool waits_for_input = !stream->avail_in && stream->avail_out;
        if (rc != Z_OK || waits_for_input)
            return INFLATE_BAD;
    }
}

static enum inflate_outcome inflate_zlib(int window, bool many, struct sv body, struct buffer *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)body.data, .avail_in = (uInt)body.len};
    if (inflateInit2(&stream, window) != Z_OK)
        return INFLATE_NO_MEMORY;
    enum inflate_outcome outcome = inflate_member(&stream, out);
    while (outcome == INFLATE_OK && many && stream.avail_in && inflateReset(&stream) == Z_OK)
        outcome = inflate_member(&stream, out);
    if (outcome == INFLATE_OK && stream.avail_in)
        outcome = INFLATE_BAD;
    inflateEnd(&stream);
    return outcome;
}

/* RFC 1950 section 2.2: the two bytes of the header are a multiple of 31, and the method is 8. */
static bool has_zlib_header(struct sv body)
{
    if (body.len < 2)
        return false;
    unsigned first = (unsigned char)body.data[0], second = (unsigned char)body.data[1];
    return (first & 0xf) == 8 && first >> 4 <= 7 && (first << 8 | second) % 31 == 0;
}

static enum inflate_outcome inflate_deflate(struct sv body, struct buffer *out)
{
    size_t before = out->len;
    if (has_zlib_header(body)) {
        enum inflate_outcome outcome = inflate_zlib(ZLIB_ONLY, false, body, out);
        if (outcome != INFLATE_BAD)
            return outcome;
        out->len = before;
    }
    return inflate_zlib(RAW_ONLY, false, body, out);
}

static enum inflate_outcome inflate_frames(ZSTD_DStream *stream, struct sv body, struct buffer *out)
{
    ZSTD_inBuffer in = {body.data, body.len, 0};
    size_t left = 1; /* of the frame; 0 at its end */
    while (in.pos < in.size || left) {
        size_t room;
        enum inflate_outcome outcome;
        char spare;
        char *piece = room_for_piece(out, &room, &outcome);
        if (!piece && outcome == INFLATE_NO_MEMORY)
            return outcome;
        ZSTD_outBuffer to = {piece ? piece : &spare, piece ? room : 1, 0};
        size_t before = in.pos;
        left = ZSTD_decompressStream(stream, &to, &in);
        if (ZSTD_isError(left))
            return INFLATE_BAD;
        if (!piece && to.pos)
            return INFLATE_TOO_BIG;
        if (piece)
            out->len += to.pos;
        if (left && in.pos == before && !to.pos)
            return INFLATE_BAD;
    }
    return INFLATE_OK;
}

static enum inflate_outcome inflate_zstd(struct sv body, struct buffer *out)
{
    if (!body.len)
        return INFLATE_BAD;
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (!stream)
        return INFLATE_NO_MEMORY;
    enum inflate_outcome outcome = INFLATE_NO_MEMORY;
    if (!ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
        outcome = inflate_frames(stream, body, out);
    ZSTD_freeDStream(stream);
    return outcome;
}

enum inflate_outcome inflate_body(enum inflate_coding coding, struct sv body, struct buffer *out)
{
    if (body.len > UINT_MAX || out->len > out->ceiling)
        return INFLATE_TOO_BIG;
    switch (coding) {
    case INFLATE_GZIP:
        return inflate_zlib(GZIP_ONLY, true, body, out);
    case INFLATE_DEFLATE:
        return inflate_deflate(body, out);
    case INFLATE_ZSTD:
        return inflate_zstd(body, out);
    case INFLATE_IDENTITY:
        if (body.len > out->ceiling - out->len)
            return INFLATE_TOO_BIG;
        buffer_append_sv(out, body);
        return out->failed ? INFLATE_NO_MEMORY : INFLATE_OK;
    case INFLATE_UNKNOWN:
        break;
    }
    return INFLATE_BAD;
}
