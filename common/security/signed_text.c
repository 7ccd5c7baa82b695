#include "common/security/signed_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/security/hmac.h"

static struct sv bytes_of(const struct signing_key *key)
{
    return (struct sv){(const char *)key->bytes, sizeof(key->bytes)};
}

void signing_key_derive(struct sv secret, const char *purpose, struct signing_key *key)
{
    hmac_sha256(secret, sv_from(purpose), SV_ABSENT, key->bytes);
}

static void write_signature(const struct signing_key *key, struct sv text, char out[SIGNATURE_LENGTH])
{
    unsigned char mac[HMAC_BYTES], encoded[SIGNATURE_LENGTH + 2];
    hmac_sha256(bytes_of(key), text, SV_ABSENT, mac);
    EVP_EncodeBlock(encoded, mac, sizeof(mac));
    for (size_t i = 0; i < SIGNATURE_LENGTH; i++) {
        char letter = (char)encoded[i];
        out[i] = (char)(letter == '+' ? '-' : letter == '/' ? '_' : letter);
    }
}

struct sv text_signature(struct arena *arena, const struct signing_key *key, struct sv text)
{
    char signature[SIGNATURE_LENGTH];
    write_signature(key, text, signature);
    return arena_copy(arena, (struct sv){signature, sizeof(signature)});
}

bool text_signature_is(const struct signing_key *key, struct sv text, struct sv signature)
{
    char wanted[SIGNATURE_LENGTH];
    write_signature(key, text, wanted);
    return signature.len == sizeof(wanted) && CRYPTO_memcmp(wanted, signature.data, sizeof(wanted)) == 0;
}

struct sv text_sign(struct arena *arena, const struct signing_key *key, struct sv text)
{
    char signature[SIGNATURE_LENGTH];
    write_signature(key, text, signature);
    return arena_printf(arena, "%.*s.%.*s", SV_ARG(text), SIGNATURE_LENGTH, signature);
}

struct sv text_verify(const struct signing_key *key, struct sv signed_text)
{
    if (signed_text.len <= SIGNATURE_LENGTH)
        return SV_ABSENT;
    struct sv text = sv_first(signed_text, signed_text.len - SIGNATURE_LENGTH - 1);
    if (signed_text.data[text.len] != '.' ||
        !text_signature_is(key, text, sv_from_offset(signed_text, text.len + 1)))
        return SV_ABSENT;
    return text;
}
