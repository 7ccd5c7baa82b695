#ifndef TRACKLIGHT_SECURITY_FERNET_H
#define TRACKLIGHT_SECURITY_FERNET_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Fernet tokens (github.com/fernet/spec): AES-128-CBC under an HMAC-SHA256, as URL-safe base64. */

#define FERNET_KEY_BYTES       32
#define FERNET_KEY_TEXT_LENGTH 44

/* To be wiped with OPENSSL_cleanse by whoever keeps one only for a while. */
struct fernet_key {
    unsigned char bytes[FERNET_KEY_BYTES]; /* 16 to sign, then 16 to encrypt */
};

/* A key as 44 characters of URL-safe base64. False for anything else. */
bool fernet_key_parse(struct sv text, struct fernet_key *key);

/* A new key as text; the array is not NUL-terminated. */
void fernet_key_new(char text[FERNET_KEY_TEXT_LENGTH]);

/* The token, in the arena. */
struct sv fernet_encrypt(struct arena *arena, const struct fernet_key *key, struct sv plain);

/* What the token hides, in the arena; absent if it was not made with this key, or has been changed since.
 * Tokens do not age. */
struct sv fernet_decrypt(struct arena *arena, const struct fernet_key *key, struct sv token);

#endif
