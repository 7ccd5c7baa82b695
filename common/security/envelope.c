#include "common/security/envelope.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/id.h"
#include "common/base/utf8.h"

#define DEFAULT_PASSPHRASE "mlflow-default-kek-passphrase-for-development-only"
#define SALT_TEXT          "mlflow-secrets-kek-v1-2025"
#define ROUNDS             600000
#define KEY_BYTES          32
#define NONCE_BYTES        12
#define TAG_BYTES          16
#define MASK_SHORTEST      8
#define MASK_FIRST         3
#define MASK_LAST          4

/* One version is in use, and another while rows are being rotated. */
#define KEPT_KEYS 8

const char envelope_default_warning[] =
    "MLFLOW_CRYPTO_KEK_PASSPHRASE is not set: the gateway's secrets are encrypted under a passphrase that "
    "everybody "
    "knows. Set it to a long random text unless this server is for trying things out.";

struct kek {
    bool derived;
    int64_t version;
    unsigned char bytes[KEY_BYTES];
};

struct envelope {
    pthread_mutex_t lock; /* for keys, next */
    struct kek keys[KEPT_KEYS];
    size_t next; /* the place of the next one */
    size_t passphrase_length;
    bool is_default;
    char passphrase[ENVELOPE_PASSPHRASE_MAX];
};

static void must(int succeeded)
{
    if (!succeeded) {
        fputs("OpenSSL cannot encrypt\n", stderr);
        abort();
    }
}

/* --- Keys from a passphrase --- */

struct envelope *envelope_new(struct sv passphrase, struct arena *arena, struct error *error)
{
    bool is_default = passphrase.len == 0;
    if (is_default)
        passphrase = SV(DEFAULT_PASSPHRASE);
    if (passphrase.len > ENVELOPE_PASSPHRASE_MAX) {
        error_set(error, arena, INVALID_PARAMETER_VALUE, "The KEK passphrase is longer than %d bytes.",
                  ENVELOPE_PASSPHRASE_MAX);
        return NULL;
    }
    struct envelope *envelope =
        mmap(NULL, sizeof(*envelope), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (envelope == MAP_FAILED) {
        error_internal(error, arena, "no memory for keys");
        return NULL;
    }
    /* What the system refuses here makes nothing wrong. */
    (void)mlock(envelope, sizeof(*envelope));
    (void)madvise(envelope, sizeof(*envelope), MADV_DONTDUMP);
    pthread_mutex_init(&envelope->lock, NULL);
    memcpy(envelope->passphrase, passphrase.data, passphrase.len);
    envelope->passphrase_length = passphrase.len;
    envelope->is_default = is_default;
    return envelope;
}

void envelope_free(struct envelope *envelope)
{
    if (!envelope)
        return;
    pthread_mutex_destroy(&envelope->lock);
    OPENSSL_cleanse(envelope, sizeof(*envelope));
    munmap(envelope, sizeof(*envelope));
}

bool envelope_uses_default(const struct envelope *envelope)
{
    return envelope->is_default;
}

static void derive(const struct envelope *envelope, int64_t version, struct kek *kek)
{
    unsigned char salt[sizeof(SALT_TEXT) - 1 + 4];
    memcpy(salt, SALT_TEXT, sizeof(SALT_TEXT) - 1);
    for (unsigned i = 0; i < 4; i++)
        salt[sizeof(SALT_TEXT) - 1 + i] = (unsigned char)((uint64_t)version >> (8 * (3 - i)));
    must(PKCS5_PBKDF2_HMAC(envelope->passphrase, (int)envelope->passphrase_length, salt, sizeof(salt), ROUNDS,
                           EVP_sha256(), KEY_BYTES, kek->bytes) == 1);
    kek->version = version;
    kek->derived = true;
}

/* To be wiped by the caller. */
static void copy_kek(struct envelope *envelope, int64_t version, unsigned char key[KEY_BYTES])
{
    pthread_mutex_lock(&envelope->lock);
    struct kek *kek = NULL;
    for (size_t i = 0; i < KEPT_KEYS && !kek; i++) {
        if (envelope->keys[i].derived && envelope->keys[i].version == version)
            kek = &envelope->keys[i];
    }
    if (!kek) {
        kek = &envelope->keys[envelope->next];
        envelope->next = (envelope->next + 1) % KEPT_KEYS;
        derive(envelope, version, kek);
    }
    memcpy(key, kek->bytes, KEY_BYTES);
    pthread_mutex_unlock(&envelope->lock);
}

void envelope_prepare(struct envelope *envelope, int64_t version)
{
    unsigned char key[KEY_BYTES];
    copy_kek(envelope, version, key);
    OPENSSL_cleanse(key, sizeof(key));
}

/* --- AES-256-GCM: nonce, ciphertext, tag --- */

/* Writes plain.len + ENVELOPE_OVERHEAD_BYTES bytes. */
static void encrypt(const unsigned char key[KEY_BYTES], struct sv aad, struct sv plain, unsigned char *out)
{
    unsigned char *text = out + NONCE_BYTES;
    int len = 0, rest = 0;
    random_bytes(out, NONCE_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    must(cipher && EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, out) == 1);
    must(!aad.len ||
         EVP_EncryptUpdate(cipher, NULL, &len, (const unsigned char *)aad.data, (int)aad.len) == 1);
    len = 0;
    must(!plain.len ||
         EVP_EncryptUpdate(cipher, text, &len, (const unsigned char *)plain.data, (int)plain.len) == 1);
    must(EVP_EncryptFinal_ex(cipher, text + len, &rest) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + plain.len) == 1);
    EVP_CIPHER_CTX_free(cipher);
}

/* Writes sealed.len - ENVELOPE_OVERHEAD_BYTES bytes, which mean nothing unless true is returned. */
static bool decrypt(const unsigned char key[KEY_BYTES], struct sv aad, struct sv sealed, unsigned char *out)
{
    if (sealed.len < ENVELOPE_OVERHEAD_BYTES || sealed.len > ENVELOPE_PLAIN_MAX + ENVELOPE_OVERHEAD_BYTES)
        return false;
    const unsigned char *bytes = (const unsigned char *)sealed.data;
    size_t hidden = sealed.len - ENVELOPE_OVERHEAD_BYTES;
    unsigned char tag[TAG_BYTES];
    int len = 0, rest = 0;
    memcpy(tag, bytes + NONCE_BYTES + hidden, TAG_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    must(cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, bytes) == 1);
    bool good =
        !aad.len || EVP_DecryptUpdate(cipher, NULL, &len, (const unsigned char *)aad.data, (int)aad.len) == 1;
    len = 0;
    good = good && (!hidden || EVP_DecryptUpdate(cipher, out, &len, bytes + NONCE_BYTES, (int)hidden) == 1) &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_DecryptFinal_ex(cipher, out + len, &rest) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return good;
}

/* --- Envelopes --- */

static void wrap(struct envelope *envelope, int64_t version, const unsigned char dek[KEY_BYTES],
                 unsigned char wrapped[ENVELOPE_WRAPPED_BYTES])
{
    unsigned char kek[KEY_BYTES];
    copy_kek(envelope, version, kek);
    encrypt(kek, SV_ABSENT, (struct sv){(const char *)dek, KEY_BYTES}, wrapped);
    OPENSSL_cleanse(kek, sizeof(kek));
}

static bool unwrap(struct envelope *envelope, struct sv wrapped, int64_t version,
                   unsigned char dek[KEY_BYTES])
{
    if (wrapped.len != ENVELOPE_WRAPPED_BYTES || version < 0 || version > ENVELOPE_VERSION_MAX)
        return false;
    unsigned char kek[KEY_BYTES];
    copy_kek(envelope, version, kek);
    bool good = decrypt(kek, SV_ABSENT, wrapped, dek);
    OPENSSL_cleanse(kek, sizeof(kek));
    return good;
}

static struct sv make_aad(struct arena *arena, struct sv secret_id, struct sv secret_name)
{
    char *aad = arena_alloc(arena, secret_id.len + 1 + secret_name.len);
    if (secret_id.len)
        memcpy(aad, secret_id.data, secret_id.len);
    aad[secret_id.len] = '|';
    if (secret_name.len)
        memcpy(aad + secret_id.len + 1, secret_name.data, secret_name.len);
    return (struct sv){aad, secret_id.len + 1 + secret_name.len};
}

void envelope_seal(struct envelope *envelope, struct arena *arena, int64_t version, struct sv secret_id,
                   struct sv secret_name, struct sv plain, struct envelope_sealed *sealed)
{
    unsigned char dek[KEY_BYTES];
    must(plain.len <= ENVELOPE_PLAIN_MAX);
    unsigned char *wrapped = arena_alloc(arena, ENVELOPE_WRAPPED_BYTES);
    unsigned char *value = arena_alloc(arena, plain.len + ENVELOPE_OVERHEAD_BYTES);
    struct sv aad = make_aad(arena, secret_id, secret_name);
    random_bytes(dek, sizeof(dek));
    wrap(envelope, version, dek, wrapped);
    encrypt(dek, aad, plain, value);
    OPENSSL_cleanse(dek, sizeof(dek));
    *sealed = (struct envelope_sealed){
        .encrypted_value = {(const char *)value, plain.len + ENVELOPE_OVERHEAD_BYTES},
        .wrapped_dek = {(const char *)wrapped, ENVELOPE_WRAPPED_BYTES},
        .kek_version = version,
    };
}

static enum status fail_decrypt(const struct envelope *envelope, struct arena *arena, struct error *error)
{
    if (!envelope->is_default)
        return error_set(
            error, arena, INVALID_PARAMETER_VALUE,
            "Failed to decrypt secret. Check KEK passphrase, secret metadata, or database integrity.");
    return error_set(
        error, arena, INVALID_PARAMETER_VALUE,
        "Failed to decrypt secret. The server has the default KEK passphrase, and the secret was encrypted "
        "under another one: set MLFLOW_CRYPTO_KEK_PASSPHRASE to that and restart the server. If it is lost, "
        "so is the secret: give it a new value.");
}

enum status envelope_open(struct envelope *envelope, struct arena *arena, struct error *error,
                          const struct envelope_sealed *sealed, struct sv secret_id, struct sv secret_name,
                          struct sv *plain)
{
    struct sv value = sealed->encrypted_value;
    size_t len = value.len > ENVELOPE_OVERHEAD_BYTES ? value.len - ENVELOPE_OVERHEAD_BYTES : 0;
    unsigned char *out = arena_alloc(arena, len + 1);
    struct sv aad = make_aad(arena, secret_id, secret_name);
    unsigned char dek[KEY_BYTES] = {0};
    bool good =
        unwrap(envelope, sealed->wrapped_dek, sealed->kek_version, dek) && decrypt(dek, aad, value, out);
    OPENSSL_cleanse(dek, sizeof(dek));
    if (!good) {
        OPENSSL_cleanse(out, len);
        return fail_decrypt(envelope, arena, error);
    }
    *plain = (struct sv){(const char *)out, len};
    return OK;
}

bool envelope_fits(struct envelope *envelope, struct sv wrapped_dek, int64_t kek_version)
{
    unsigned char dek[KEY_BYTES] = {0};
    bool good = unwrap(envelope, wrapped_dek, kek_version, dek);
    OPENSSL_cleanse(dek, sizeof(dek));
    return good;
}

bool envelope_rewrap(struct envelope *from, struct sv wrapped_dek, int64_t kek_version, struct envelope *to,
                     int64_t new_version, struct arena *arena, struct sv *rewrapped)
{
    unsigned char *out = arena_alloc(arena, ENVELOPE_WRAPPED_BYTES);
    unsigned char dek[KEY_BYTES] = {0};
    bool good = unwrap(from, wrapped_dek, kek_version, dek);
    if (good)
        wrap(to, new_version, dek, out);
    OPENSSL_cleanse(dek, sizeof(dek));
    *rewrapped = (struct sv){(const char *)out, ENVELOPE_WRAPPED_BYTES};
    return good;
}

struct sv envelope_mask(struct arena *arena, struct sv text)
{
    size_t length = utf8_length(text);
    if (length < MASK_SHORTEST)
        return SV("***");
    struct sv first = utf8_first(text, MASK_FIRST);
    struct sv last = sv_from_offset(text, utf8_first(text, length - MASK_LAST).len);
    return arena_printf(arena, "%.*s...%.*s", SV_ARG(first), SV_ARG(last));
}
