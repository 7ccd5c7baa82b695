#ifndef TRACKLIGHT_NET_SIGV4_H
#define TRACKLIGHT_NET_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/sv.h"
#include "common/net/name_value.h"

/* AWS Signature Version 4 (AWS General Reference, "Signature Version 4 signing process"; S3's exceptions to
 * it: S3 API Reference, "Authenticating Requests"). Pure functions of their arguments; keys that are derived
 * on the way are wiped. */

struct sigv4_credentials {
    struct sv access_key;
    struct sv secret_key;
    struct sv session_token; /* absent: none */
};

#define SIGV4_UNSIGNED_PAYLOAD SV("UNSIGNED-PAYLOAD")
#define SIGV4_HASH_LENGTH      64

struct sigv4_request {
    struct sv method;
    struct sv path; /* as it is sent, percent-encoded, beginning with a slash */
    const struct name_value *query;
    size_t query_count;
    const struct name_value *headers; /* all are signed; Host (with its port, unless default) is among them */
    size_t header_count;
    struct sv payload_hash; /* sigv4_hash of the body, or SIGV4_UNSIGNED_PAYLOAD where the service has it */
    struct sv region;
    struct sv service; /* "s3" signs the path as it is sent, others normalise it and encode it once more */
    int64_t time_s;    /* since 1970 UTC */
};

/* SHA-256 in lower-case hex. Not NUL-terminated. */
void sigv4_hash(struct sv bytes, char hex[SIGV4_HASH_LENGTH]);

/* Percent-encoding as signatures want it: all but A-Z a-z 0-9 - . _ ~, upper-case hex. In the arena. */
struct sv sigv4_encode(struct arena *arena, struct sv text);
struct sv sigv4_encode_path(struct arena *arena, struct sv text); /* slashes stay */

/* The query string to send: encoded and sorted, without the question mark; "" for no parameters. */
struct sv sigv4_query(struct arena *arena, const struct name_value *query, size_t count);

/* All headers to send: the request's own, then X-Amz-Date, X-Amz-Content-Sha256 (S3 only),
 * X-Amz-Security-Token (if there is one) and Authorization. In the arena. */
struct name_value *sigv4_sign(struct arena *arena, const struct sigv4_credentials *credentials,
                              const struct sigv4_request *request, size_t *count);

/* The query string of a URL that carries its signature and is good for `expires_s` seconds (1 to 604800). */
struct sv sigv4_presign(struct arena *arena, const struct sigv4_credentials *credentials,
                        const struct sigv4_request *request, int64_t expires_s);

#endif
