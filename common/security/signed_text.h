#ifndef TRACKLIGHT_SECURITY_SIGNED_TEXT_H
#define TRACKLIGHT_SECURITY_SIGNED_TEXT_H

#include <stdbool.h>

#include "common/base/arena.h"

/* Texts that come back from a client as they went out. Signatures are HMAC-SHA256 (RFC 2104) in URL-safe
 * base64 without padding. */

#define SIGNING_KEY_BYTES 32
#define SIGNATURE_LENGTH  43

struct signing_key {
    unsigned char bytes[SIGNING_KEY_BYTES];
};

/* A key for one purpose, from a secret that may serve several. */
void signing_key_derive(struct sv secret, const char *purpose, struct signing_key *key);

/* The signature alone, in the arena, and whether one is right, in constant time. */
struct sv text_signature(struct arena *arena, const struct signing_key *key, struct sv text);
bool text_signature_is(const struct signing_key *key, struct sv text, struct sv signature);

/* "text.signature", in the arena. */
struct sv text_sign(struct arena *arena, const struct signing_key *key, struct sv text);

/* The text, a part of `signed_text`; absent if it was not signed with this key. */
struct sv text_verify(const struct signing_key *key, struct sv signed_text);

#endif
