#ifndef TRACKLIGHT_TRACE_INFLATE_H
#define TRACKLIGHT_TRACE_INFLATE_H

#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Content codings of HTTP (RFC 9110 section 8.4.1; zstd: RFC 8878). */
enum inflate_coding { INFLATE_IDENTITY, INFLATE_GZIP, INFLATE_DEFLATE, INFLATE_ZSTD, INFLATE_UNKNOWN };

/* By the value of Content-Encoding, in any case; absent or "" is identity. */
enum inflate_coding inflate_coding_of(struct sv name);
const char *inflate_coding_name(enum inflate_coding coding);

enum inflate_outcome {
    INFLATE_OK,
    INFLATE_BAD,     /* damaged, cut short, or bytes are left behind the end */
    INFLATE_TOO_BIG, /* more than the ceiling of `out` */
    INFLATE_NO_MEMORY,
};

/* Appends what `body` unpacks to. gzip and zstd may be several members one after the other; deflate is taken
 * with its zlib frame (RFC 1950) or without (RFC 1951), as some senders do. Never more than the ceiling of
 * `out`, whose content counts, is unpacked. */
enum inflate_outcome inflate_body(enum inflate_coding coding, struct sv body, struct buffer *out);

#endif
