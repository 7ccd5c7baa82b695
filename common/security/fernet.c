#include "common/security/fernet.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"

#define VERSION     0x80
#define BLOCK_BYTES 16
#define HEAD_BYTES  (1 + 8 + BLOCK_BYTES) /* version, time in seconds (big-endian), IV */
#define MAC_BYTES   32
#define HALF_KEY    (FERNET_KEY_BYTES / 2)
#define PLAIN_MAX   (1024 * 1024)
#define TOKEN_MAX   (2 * PLAIN_MAX)

static void must(int succeeded)
{
    if (!succeeded) {
        fputs("OpenSSL cannot encrypt\n", stderr);
        abort();
    }
}

/* Between the standard alphabet and the URL-safe one (RFC 4648 section 5), in place. */
static void exchange(char *text, size_t len, const char from[2], const char to[2])
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == from[0])
            text[i] = to[0];
        else if (text[i] == from[1])
            text[i] = to[1];
    }
}

static struct sv encode(struct arena *arena, struct sv bytes)
{
    struct sv text = base64_encode(arena, bytes);
    char *urlsafe = arena_cstr(arena, text);
    exchange(urlsafe, text.len, "+/", "-_");
    return (struct sv){urlsafe, text.len};
}

static struct sv decode(struct arena *arena, struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '+' || text.data[i] == '/')
            return SV_ABSENT;
    }
    char *standard = arena_cstr(arena, text);
    exchange(standard, text.len, "-_", "+/");
    return base64_decode(arena, (struct sv){standard, text.len});
}

bool fernet_key_parse(struct sv text, struct fernet_key *key)
{
    unsigned char bytes[FERNET_KEY_TEXT_LENGTH / 4 * 3];
    char copy[FERNET_KEY_TEXT_LENGTH];
    if (text.len != sizeof(copy) || text.data[sizeof(copy) - 1] != '=' || text.data[sizeof(copy) - 2] == '=')
        return false;
    for (size_t i = 0; i < sizeof(copy) - 1; i++) {
        char byte = text.data[i];
        if (!((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
              byte == '-' || byte == '_'))
            return false;
    }
    memcpy(copy, text.data, sizeof(copy));
    exchange(copy, sizeof(copy), "-_", "+/");
    bool good = EVP_DecodeBlock(bytes, (const unsigned char *)copy, sizeof(copy)) == sizeof(bytes);
    if (good)
        memcpy(key->bytes, bytes, FERNET_KEY_BYTES);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(copy, sizeof(copy));
    return good;
}

void fernet_key_new(char text[FERNET_KEY_TEXT_LENGTH])
{
    unsigned char bytes[FERNET_KEY_BYTES], encoded[FERNET_KEY_TEXT_LENGTH + 1];
    random_bytes(bytes, sizeof(bytes));
    must(EVP_EncodeBlock(encoded, bytes, sizeof(bytes)) == FERNET_KEY_TEXT_LENGTH);
    memcpy(text, encoded, FERNET_KEY_TEXT_LENGTH);
    exchange(text, FERNET_KEY_TEXT_LENGTH, "+/", "-_");
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(encoded, sizeof(encoded));
}

static void sign(const struct fernet_key *key, const unsigned char *bytes, size_t len,
                 unsigned char mac[MAC_BYTES])
{
    unsigned length = 0;
    must(HMAC(EVP_sha256(), key->bytes, HALF_KEY, bytes, len, mac, &length) != NULL && length == MAC_BYTES);
}

struct sv fernet_encrypt(struct arena *arena, const struct fernet_key *key, struct sv plain)
{
    if (plain.len > PLAIN_MAX)
        return SV_ABSENT;
    unsigned char *bytes = arena_alloc(arena, HEAD_BYTES + plain.len + BLOCK_BYTES + MAC_BYTES);
    uint64_t now = (uint64_t)(clock_now_ms() / 1000);
    bytes[0] = VERSION;
    for (unsigned i = 0; i < 8; i++)
        bytes[1 + i] = (unsigned char)(now >> (8 * (7 - i)));
    random_bytes(bytes + 9, BLOCK_BYTES);

    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int first = 0, last = 0;
    must(cipher &&
         EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key->bytes + HALF_KEY, bytes + 9) == 1 &&
         EVP_EncryptUpdate(cipher, bytes + HEAD_BYTES, &first,
                           (const unsigned char *)(plain.data ? plain.data : ""), (int)plain.len) == 1 &&
         EVP_EncryptFinal_ex(cipher, bytes + HEAD_BYTES + first, &last) == 1);
    EVP_CIPHER_CTX_free(cipher);
    size_t len = HEAD_BYTES + (size_t)(first + last);
    sign(key, bytes, len, bytes + len);
    return encode(arena, (struct sv){(const char *)bytes, len + MAC_BYTES});
}

struct sv fernet_decrypt(struct arena *arena, const struct fernet_key *key, struct sv token)
{
    struct sv bytes = token.len > TOKEN_MAX ? SV_ABSENT : decode(arena, token);
    if (bytes.len < HEAD_BYTES + BLOCK_BYTES + MAC_BYTES || (unsigned char)bytes.data[0] != VERSION)
        return SV_ABSENT;
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t signed_len = bytes.len - MAC_BYTES, hidden = signed_len - HEAD_BYTES;
    unsigned char mac[MAC_BYTES];
    sign(key, at, signed_len, mac);
    if (hidden % BLOCK_BYTES || CRYPTO_memcmp(mac, at + signed_len, MAC_BYTES) != 0)
        return SV_ABSENT;

    unsigned char *plain = arena_alloc(arena, hidden + BLOCK_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int first = 0, last = 0;
    must(cipher != NULL);
    bool good = EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key->bytes + HALF_KEY, at + 9) == 1 &&
                EVP_DecryptUpdate(cipher, plain, &first, at + HEAD_BYTES, (int)hidden) == 1 &&
                EVP_DecryptFinal_ex(cipher, plain + first, &last) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return good ? (struct sv){(const char *)plain, (size_t)(first + last)} : SV_ABSENT;
}
