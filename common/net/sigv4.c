#include "common/net/sigv4.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_BYTES  32
#define DATE_LENGTH 16 /* 20130524T000000Z */
#define DAY_LENGTH  8
#define ALGORITHM   "AWS4-HMAC-SHA256"

/* --- Hashes --- */

static void to_hex(const unsigned char bytes[HASH_BYTES], char hex[SIGV4_HASH_LENGTH])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_BYTES; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/* SHA-256 is part of every libcrypto; without it nothing can be signed. */
static void must(int succeeded)
{
    if (!succeeded)
        abort();
}

void sigv4_hash(struct sv bytes, char hex[SIGV4_HASH_LENGTH])
{
    unsigned char hash[HASH_BYTES];
    must(EVP_Digest(bytes.data ? bytes.data : "", bytes.len, hash, NULL, EVP_sha256(), NULL));
    to_hex(hash, hex);
}

static void hmac(const void *key, size_t key_length, struct sv text, unsigned char out[HASH_BYTES])
{
    unsigned length = HASH_BYTES;
    must(HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text.data, text.len, out, &length) !=
         NULL);
}

/* --- Encoding --- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static struct sv encode(struct arena *arena, struct sv text, bool slashes_stay)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc_array(arena, text.len + 1, 3);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_unreserved((char)byte) || (slashes_stay && byte == '/')) {
            out[len++] = (char)byte;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[byte >> 4];
        out[len++] = digits[byte & 15];
    }
    return (struct sv){out, len};
}

struct sv sigv4_encode(struct arena *arena, struct sv text)
{
    return encode(arena, text, false);
}

struct sv sigv4_encode_path(struct arena *arena, struct sv text)
{
    return encode(arena, text, true);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct name_value *a = left, *b = right;
    int order = sv_compare(a->name, b->name);
    return order ? order : sv_compare(a->value, b->value);
}

struct sv sigv4_query(struct arena *arena, const struct name_value *query, size_t count)
{
    struct name_value *encoded = ARENA_ARRAY(arena, struct name_value, count + 1);
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        encoded[i].name = sigv4_encode(arena, query[i].name);
        encoded[i].value = sigv4_encode(arena, query[i].value);
        size += encoded[i].name.len + encoded[i].value.len + 2;
    }
    qsort(encoded, count, sizeof(*encoded), compare_pairs);
    char *out = arena_alloc(arena, size);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (i)
            out[len++] = '&';
        memcpy(out + len, encoded[i].name.data, encoded[i].name.len);
        len += encoded[i].name.len;
        out[len++] = '=';
        memcpy(out + len, encoded[i].value.data, encoded[i].value.len);
        len += encoded[i].value.len;
    }
    return (struct sv){out, len};
}

/* RFC 3986 section 6.2.2.3, and repeated slashes become one. */
static struct sv normalize_path(struct arena *arena, struct sv path)
{
    char *out = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    bool ends_with_slash = true;
    struct sv rest = path;
    while (rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        bool is_up = sv_equal(segment, SV(".."));
        ends_with_slash = segment.len == 0 || is_up || sv_equal(segment, SV("."));
        if (is_up) {
            while (len > 0 && out[--len] != '/')
                continue;
        }
        if (ends_with_slash)
            continue;
        out[len++] = '/';
        memcpy(out + len, segment.data, segment.len);
        len += segment.len;
    }
    if (ends_with_slash || len == 0)
        out[len++] = '/';
    return (struct sv){out, len};
}

static struct sv canonical_path(struct arena *arena, const struct sigv4_request *request)
{
    if (sv_equal(request->service, SV("s3")))
        return request->path.len ? request->path : SV("/");
    return encode(arena, normalize_path(arena, request->path), true);
}

/* --- Headers --- */

struct header {
    struct name_value pair;
    size_t position;
};

static int compare_headers(const void *left, const void *right)
{
    const struct header *a = left, *b = right;
    int order = sv_compare(a->pair.name, b->pair.name);
    if (order)
        return order;
    return (a->position > b->position) - (a->position < b->position);
}

static struct sv lower_case(struct arena *arena, struct sv text)
{
    char *out = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] + 32 : text.data[i]);
    return (struct sv){out, text.len};
}

static struct sv collapse_blanks(struct arena *arena, struct sv text)
{
    text = sv_trim(text);
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' || out[len - 1] != ' ')
            out[len++] = text.data[i];
    }
    return (struct sv){out, len};
}

/* Lower-case names and tidy values, sorted; those of equal names are next to each other, in their order. */
static struct header *canonical_headers(struct arena *arena, const struct name_value *headers, size_t count)
{
    struct header *sorted = ARENA_ARRAY(arena, struct header, count + 1);
    for (size_t i = 0; i < count; i++) {
        sorted[i].pair.name = lower_case(arena, headers[i].name);
        sorted[i].pair.value = collapse_blanks(arena, headers[i].value);
        sorted[i].position = i;
    }
    qsort(sorted, count, sizeof(*sorted), compare_headers);
    return sorted;
}

static struct sv signed_headers(struct arena *arena, const struct header *headers, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += headers[i].pair.name.len + 1;
    char *out = arena_alloc(arena, size);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        struct sv name = headers[i].pair.name;
        if (i && sv_equal(name, headers[i - 1].pair.name))
            continue;
        if (i)
            out[len++] = ';';
        memcpy(out + len, name.data, name.len);
        len += name.len;
    }
    return (struct sv){out, len};
}

/* --- The canonical request, hashed as it is put together --- */

static void add(EVP_MD_CTX *hash, struct sv text)
{
    must(EVP_DigestUpdate(hash, text.data ? text.data : "", text.len));
}

struct canonical {
    struct sv method, path, query;
    const struct header *headers;
    size_t header_count;
    struct sv signed_headers;
    struct sv payload_hash;
};

static void hash_canonical_request(const struct canonical *canonical, char hex[SIGV4_HASH_LENGTH])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    must(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL));
    add(hash, canonical->method);
    add(hash, SV("\n"));
    add(hash, canonical->path);
    add(hash, SV("\n"));
    add(hash, canonical->query);
    add(hash, SV("\n"));
    for (size_t i = 0; i < canonical->header_count; i++) {
        struct name_value header = canonical->headers[i].pair;
        if (i && sv_equal(header.name, canonical->headers[i - 1].pair.name)) {
            add(hash, SV(","));
        } else {
            add(hash, i ? SV("\n") : SV(""));
            add(hash, header.name);
            add(hash, SV(":"));
        }
        add(hash, header.value);
    }
    add(hash, SV("\n\n"));
    add(hash, canonical->signed_headers);
    add(hash, SV("\n"));
    add(hash, canonical->payload_hash);
    unsigned char bytes[HASH_BYTES];
    must(EVP_DigestFinal_ex(hash, bytes, NULL));
    EVP_MD_CTX_free(hash);
    to_hex(bytes, hex);
}

/* --- The signature --- */

static struct sv format_date(struct arena *arena, int64_t time_s)
{
    time_t seconds = (time_t)time_s;
    struct tm parts;
    if (!gmtime_r(&seconds, &parts))
        memset(&parts, 0, sizeof(parts));
    char *text = arena_alloc(arena, DATE_LENGTH + 1);
    size_t len = strftime(text, DATE_LENGTH + 1, "%Y%m%dT%H%M%SZ", &parts);
    return (struct sv){text, len};
}

static struct sv scope_of(struct arena *arena, const struct sigv4_request *request, struct sv date)
{
    return arena_printf(arena, "%.*s/%.*s/%.*s/aws4_request", SV_ARG(sv_first(date, DAY_LENGTH)),
                        SV_ARG(request->region), SV_ARG(request->service));
}

static void derive_key(const struct sigv4_credentials *credentials, const struct sigv4_request *request,
                       struct sv date, unsigned char key[HASH_BYTES])
{
    struct sv secret = credentials->secret_key;
    size_t length = secret.len + 4;
    char *first = OPENSSL_malloc(length);
    must(first != NULL);
    memcpy(first, "AWS4", 4);
    if (secret.len)
        memcpy(first + 4, secret.data, secret.len);
    hmac(first, length, sv_first(date, DAY_LENGTH), key);
    OPENSSL_clear_free(first, length);
    hmac(key, HASH_BYTES, request->region, key);
    hmac(key, HASH_BYTES, request->service, key);
    hmac(key, HASH_BYTES, SV("aws4_request"), key);
}

static struct sv signature(struct arena *arena, const struct sigv4_credentials *credentials,
                           const struct sigv4_request *request, struct sv date,
                           const struct canonical *canonical)
{
    char hash[SIGV4_HASH_LENGTH];
    hash_canonical_request(canonical, hash);
    struct sv scope = scope_of(arena, request, date);
    struct sv to_sign = arena_printf(arena, ALGORITHM "\n%.*s\n%.*s\n%.*s", SV_ARG(date), SV_ARG(scope),
                                     SIGV4_HASH_LENGTH, hash);
    char *hex = arena_alloc(arena, SIGV4_HASH_LENGTH);
    unsigned char key[HASH_BYTES], result[HASH_BYTES];
    derive_key(credentials, request, date, key);
    hmac(key, HASH_BYTES, to_sign, result);
    OPENSSL_cleanse(key, sizeof(key));
    to_hex(result, hex);
    return (struct sv){hex, SIGV4_HASH_LENGTH};
}

struct name_value *sigv4_sign(struct arena *arena, const struct sigv4_credentials *credentials,
                              const struct sigv4_request *request, size_t *count)
{
    struct name_value *headers = ARENA_ARRAY(arena, struct name_value, request->header_count + 4);
    size_t n = request->header_count;
    if (n)
        memcpy(headers, request->headers, n * sizeof(*headers));
    struct sv date = format_date(arena, request->time_s);
    headers[n++] = (struct name_value){SV("X-Amz-Date"), date};
    if (sv_equal(request->service, SV("s3")))
        headers[n++] = (struct name_value){SV("X-Amz-Content-Sha256"), request->payload_hash};
    if (credentials->session_token.len)
        headers[n++] = (struct name_value){SV("X-Amz-Security-Token"), credentials->session_token};

    struct canonical canonical = {
        .method = request->method,
        .path = canonical_path(arena, request),
        .query = sigv4_query(arena, request->query, request->query_count),
        .headers = canonical_headers(arena, headers, n),
        .header_count = n,
        .payload_hash = request->payload_hash,
    };
    canonical.signed_headers = signed_headers(arena, canonical.headers, n);
    struct sv hex = signature(arena, credentials, request, date, &canonical);
    struct sv scope = scope_of(arena, request, date);
    struct sv authorization = arena_printf(
        arena, ALGORITHM " Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
        SV_ARG(credentials->access_key), SV_ARG(scope), SV_ARG(canonical.signed_headers), SV_ARG(hex));
    headers[n++] = (struct name_value){SV("Authorization"), authorization};
    *count = n;
    return headers;
}

struct sv sigv4_presign(struct arena *arena, const struct sigv4_credentials *credentials,
                        const struct sigv4_request *request, int64_t expires_s)
{
    struct name_value *query = ARENA_ARRAY(arena, struct name_value, request->query_count + 6);
    size_t n = request->query_count;
    if (n)
        memcpy(query, request->query, n * sizeof(*query));
    struct header *headers = canonical_headers(arena, request->headers, request->header_count);
    struct sv names = signed_headers(arena, headers, request->header_count);
    struct sv date = format_date(arena, request->time_s);
    struct sv scope = scope_of(arena, request, date);
    query[n++] = (struct name_value){SV("X-Amz-Algorithm"), SV(ALGORITHM)};
    query[n++] = (struct name_value){
        SV("X-Amz-Credential"),
        arena_printf(arena, "%.*s/%.*s", SV_ARG(credentials->access_key), SV_ARG(scope)),
    };
    query[n++] = (struct name_value){SV("X-Amz-Date"), date};
    query[n++] = (struct name_value){SV("X-Amz-Expires"), arena_printf(arena, "%" PRId64, expires_s)};
    query[n++] = (struct name_value){SV("X-Amz-SignedHeaders"), names};
    if (credentials->session_token.len)
        query[n++] = (struct name_value){SV("X-Amz-Security-Token"), credentials->session_token};

    struct canonical canonical = {
        .method = request->method,
        .path = canonical_path(arena, request),
        .query = sigv4_query(arena, query, n),
        .headers = headers,
        .header_count = request->header_count,
        .signed_headers = names,
        .payload_hash = request->payload_hash,
    };
    struct sv hex = signature(arena, credentials, request, date, &canonical);
    return arena_printf(arena, "%.*s&X-Amz-Signature=%.*s", SV_ARG(canonical.query), SV_ARG(hex));
}
