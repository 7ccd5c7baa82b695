#ifndef TRACKLIGHT_SECURITY_ENVELOPE_H
#define TRACKLIGHT_SECURITY_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

/* Envelope encryption of the gateway's secrets, in MLflow's format, so that rows can be taken over. Each
 * secret has a random data key (DEK) of its own, which is kept wrapped under a key (KEK) that is derived from
 * a passphrase and a version: PBKDF2-HMAC-SHA256 (RFC 8018), 600,000 rounds, about 0.2 s of CPU. Wrapped key
 * and value are each nonce (12 bytes), AES-256-GCM (NIST SP 800-38D) ciphertext, tag (16 bytes); the value's
 * associated data is "<secret id>|<secret name>". */

#define ENVELOPE_WRAPPED_BYTES  60
#define ENVELOPE_OVERHEAD_BYTES 28 /* of an encrypted value, beyond its plain text */
#define ENVELOPE_PASSPHRASE_MAX 1024
#define ENVELOPE_VERSION_MAX    2147483647
#define ENVELOPE_PLAIN_MAX      (1024 * 1024)

/* A passphrase and the KEKs that were derived from it, each once. For all threads. In memory that is neither
 * swapped nor part of a core dump, as far as the system allows. */
struct envelope;

/* An absent or empty passphrase stands for the well-known default. NULL if it is longer than
 * ENVELOPE_PASSPHRASE_MAX bytes or there is no memory (the error is set). */
struct envelope *envelope_new(struct sv passphrase, struct arena *arena, struct error *error);

/* Wipes it. NULL is allowed. No other thread may use it any more. */
void envelope_free(struct envelope *envelope);

/* Whether the passphrase is the default, which protects nothing; what to log once at the start then. */
bool envelope_uses_default(const struct envelope *envelope);
extern const char envelope_default_warning[];

/* Derives the KEK of a version unless that is done already: to be called before a write transaction, so that
 * others do not wait for 0.2 s. */
void envelope_prepare(struct envelope *envelope, int64_t version);

/* A secret as it is stored. */
struct envelope_sealed {
    struct sv encrypted_value;
    struct sv wrapped_dek; /* ENVELOPE_WRAPPED_BYTES */
    int64_t kek_version;   /* 0 to ENVELOPE_VERSION_MAX */
};

/* Encrypts a value under a new DEK and the KEK of `version`. `plain` is the caller's to wipe, and has at most
 * ENVELOPE_PLAIN_MAX bytes. In the arena. */
void envelope_seal(struct envelope *envelope, struct arena *arena, int64_t version, struct sv secret_id,
                   struct sv secret_name, struct sv plain, struct envelope_sealed *sealed);

/* Decrypts a value with the KEK of the version that the row says. *plain is in the arena: wipe it with
 * OPENSSL_cleanse after use. INVALID_PARAMETER_VALUE with MLflow's text if passphrase, id or name are others,
 * or the bytes were changed. */
enum status envelope_open(struct envelope *envelope, struct arena *arena, struct error *error,
                          const struct envelope_sealed *sealed, struct sv secret_id, struct sv secret_name,
                          struct sv *plain);

/* Whether the DEK can be unwrapped with this passphrase. */
bool envelope_fits(struct envelope *envelope, struct sv wrapped_dek, int64_t kek_version);

/* The DEK that is wrapped under `from`, wrapped under `to` and its version. False if `from` is not its
 * passphrase. *rewrapped is in the arena. */
bool envelope_rewrap(struct envelope *from, struct sv wrapped_dek, int64_t kek_version, struct envelope *to,
                     int64_t new_version, struct arena *arena, struct sv *rewrapped);

/* What of a secret text may be shown: its first 3 and last 4 characters around "...", or "***" if it has
 * fewer than 8. In the arena. */
struct sv envelope_mask(struct arena *arena, struct sv text);

#endif
