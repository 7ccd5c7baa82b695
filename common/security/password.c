#include "common/security/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/number.h"

#define SCRYPT_N         32768
#define SCRYPT_R         8
#define SCRYPT_P         1
#define SCRYPT_MAXMEM    (64ULL * 1024 * 1024)
#define SCRYPT_MAX_P     16
#define SCRYPT_BYTES     64
#define PBKDF2_BYTES     32
#define PBKDF2_MAX_LOOPS 10000000
#define SALT_LENGTH      16
#define SALT_MAX         256

struct method {
    bool is_scrypt;
    int64_t n, r, p;    /* of scrypt */
    int64_t iterations; /* of PBKDF2 */
};

static bool derive(const struct method *method, struct sv salt, struct sv password,
                   unsigned char key[SCRYPT_BYTES])
{
    const char *text = password.data ? password.data : "";
    const unsigned char *salt_bytes = (const unsigned char *)salt.data;
    if (method->is_scrypt)
        return EVP_PBE_scrypt(text, password.len, salt_bytes, salt.len, (uint64_t)method->n,
                              (uint64_t)method->r, (uint64_t)method->p, SCRYPT_MAXMEM, key,
                              SCRYPT_BYTES) == 1;
    return PKCS5_PBKDF2_HMAC(text, (int)password.len, salt_bytes, (int)salt.len, (int)method->iterations,
                             EVP_sha256(), PBKDF2_BYTES, key) == 1;
}

static void write_hex(const unsigned char *bytes, size_t len, char *text)
{
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

static bool read_hex(struct sv text, unsigned char *bytes, size_t len)
{
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.data[2 * i]), low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

/* Sixteen of letters and digits, without a bias. */
static void new_salt(char salt[SALT_LENGTH])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t len = 0;
    while (len < SALT_LENGTH) {
        unsigned char byte;
        random_bytes(&byte, 1);
        if (byte < 4 * (sizeof(letters) - 1))
            salt[len++] = letters[byte % (sizeof(letters) - 1)];
    }
}

struct sv password_hash(struct arena *arena, struct sv password)
{
    static const struct method method = {.is_scrypt = true, .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P};
    unsigned char key[SCRYPT_BYTES];
    char salt[SALT_LENGTH], hex[2 * SCRYPT_BYTES];
    new_salt(salt);
    if (password.len > PASSWORD_MAX_BYTES || !derive(&method, (struct sv){salt, sizeof(salt)}, password, key))
        return SV_ABSENT;
    write_hex(key, sizeof(key), hex);
    struct sv hash = arena_printf(arena, "scrypt:%d:%d:%d$%.*s$%.*s", SCRYPT_N, SCRYPT_R, SCRYPT_P,
                                  SALT_LENGTH, salt, (int)sizeof(hex), hex);
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(hex, sizeof(hex));
    return hash;
}

static bool parse_method(struct sv text, struct method *method)
{
    struct sv name = sv_cut(&text, ':');
    *method = (struct method){.is_scrypt = sv_equal(name, SV("scrypt"))};
    if (method->is_scrypt) {
        struct sv n = sv_cut(&text, ':'), r = sv_cut(&text, ':'), p = text;
        return parse_int64(n, 2, 1 << 20, &method->n) && parse_int64(r, 1, 1024, &method->r) &&
               parse_int64(p, 1, SCRYPT_MAX_P, &method->p);
    }
    struct sv digest = sv_cut(&text, ':');
    return sv_equal(name, SV("pbkdf2")) && sv_equal(digest, SV("sha256")) &&
           parse_int64(text, 1, PBKDF2_MAX_LOOPS, &method->iterations);
}

bool password_verify(struct sv hash, struct sv password)
{
    struct method method;
    unsigned char wanted[SCRYPT_BYTES], key[SCRYPT_BYTES];
    struct sv parameters = sv_cut(&hash, '$'), salt = sv_cut(&hash, '$');
    if (password.len > PASSWORD_MAX_BYTES || !salt.len || salt.len > SALT_MAX ||
        !parse_method(parameters, &method))
        return false;
    size_t len = method.is_scrypt ? SCRYPT_BYTES : PBKDF2_BYTES;
    if (!read_hex(hash, wanted, len))
        return false;
    bool same = derive(&method, salt, password, key) && CRYPTO_memcmp(key, wanted, len) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same;
}

void password_verify_nothing(struct sv password)
{
    static const struct method method = {.is_scrypt = true, .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P};
    unsigned char key[SCRYPT_BYTES];
    if (password.len <= PASSWORD_MAX_BYTES)
        derive(&method, SV("nobody"), password, key);
    OPENSSL_cleanse(key, sizeof(key));
}
