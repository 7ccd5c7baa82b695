#ifndef TRACKLIGHT_SECURITY_PASSWORD_H
#define TRACKLIGHT_SECURITY_PASSWORD_H

#include <stdbool.h>

#include "common/base/arena.h"

/* Hashes of passwords, as Werkzeug writes them:
 *     scrypt:32768:8:1$<salt>$<128 hex digits>     scrypt (RFC 7914) to 64 bytes
 *     pbkdf2:sha256:600000$<salt>$<64 hex digits>  PBKDF2 (RFC 8018) to 32 bytes
 * where the salt counts as its text. Each takes about 0.1 s of processor time, and scrypt 32 MiB of memory:
 * whoever calls limits how many are made at a time. */

#define PASSWORD_MAX_BYTES 1024

/* A hash by scrypt with a new salt, in the arena. Absent for a password that is longer than
 * PASSWORD_MAX_BYTES, or without memory. */
struct sv password_hash(struct arena *arena, struct sv password);

/* Whether the password is the one that was hashed. False for a text that is no such hash, or whose parameters
 * ask for more than 64 MiB or 10,000,000 rounds. The hashes are compared in constant time. */
bool password_verify(struct sv hash, struct sv password);

/* Takes the time of a verification. For users that do not exist, so that time does not tell which do. */
void password_verify_nothing(struct sv password);

#endif
