#include "common/gateway/vertex_jwt.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/json/json_write.h"

#define LIFETIME_S      3600
#define CLAIMS_MAX      (64UL * 1024)
#define KEY_BITS_MIN    2048
#define SIGNATURE_BYTES 1024 /* of 8192 bits */
#define SCOPE           SV("https://www.googleapis.com/auth/cloud-platform")

/* RFC 4648 section 5, without padding. */
static struct sv base64url(struct arena *arena, struct sv bytes)
{
    struct sv text = base64_encode(arena, bytes);
    char *out = arena_cstr(arena, text);
    size_t len = 0;
    for (; len < text.len && out[len] != '='; len++) {
        if (out[len] == '+')
            out[len] = '-';
        else if (out[len] == '/')
            out[len] = '_';
    }
    return (struct sv){out, len};
}

static struct sv header(struct arena *arena, const struct service_account *account)
{
    struct buffer text;
    struct json_writer json;
    buffer_init_in(&text, arena, CLAIMS_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    json_put_string_field(&json, "alg", SV("RS256"));
    json_put_string_field(&json, "typ", SV("JWT"));
    json_put_string_field_if_set(&json, "kid", account->key_id);
    json_end_object(&json);
    return text.failed ? SV_ABSENT : base64url(arena, buffer_sv(&text));
}

static struct sv claims(struct arena *arena, const struct service_account *account, int64_t now_s)
{
    struct buffer text;
    struct json_writer json;
    buffer_init_in(&text, arena, CLAIMS_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    json_put_string_field(&json, "iss", account->email);
    json_put_string_field(&json, "scope", SCOPE);
    json_put_string_field(&json, "aud", account->token_uri);
    json_put_int_field(&json, "iat", now_s);
    json_put_int_field(&json, "exp", now_s + LIFETIME_S);
    json_end_object(&json);
    return text.failed ? SV_ABSENT : base64url(arena, buffer_sv(&text));
}

/* A key with a passphrase is refused; OpenSSL would ask for it at the terminal. */
static int no_passphrase(char *text, int size, int for_writing, void *context)
{
    (void)text, (void)size, (void)for_writing, (void)context;
    return -1;
}

/* Takes nothing from an arena: an escape would leave OpenSSL's objects behind. Returns the length; 0 if it
 * cannot be signed. */
static size_t sign(struct sv pem, struct sv text, unsigned char signature[SIGNATURE_BYTES])
{
    if (pem.len > INT_MAX)
        return 0;
    size_t len = 0;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (key && context && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) >= KEY_BITS_MIN &&
        EVP_PKEY_size(key) <= SIGNATURE_BYTES &&
        EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1) {
        len = SIGNATURE_BYTES;
        if (EVP_DigestSign(context, signature, &len, (const unsigned char *)text.data, text.len) != 1)
            len = 0;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return len;
}

struct sv vertex_jwt(struct arena *arena, const struct service_account *account, int64_t now_s)
{
    unsigned char signature[SIGNATURE_BYTES];
    struct sv first = header(arena, account), second = claims(arena, account, now_s);
    if (!first.data || !second.data)
        return SV_ABSENT;
    struct sv text = arena_printf(arena, "%.*s.%.*s", SV_ARG(first), SV_ARG(second));
    size_t len = sign(account->private_key, text, signature);
    if (len == 0)
        return SV_ABSENT;
    struct sv third = base64url(arena, (struct sv){(const char *)signature, len});
    return arena_printf(arena, "%.*s.%.*s", SV_ARG(text), SV_ARG(third));
}
