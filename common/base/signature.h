#ifndef TRACKLIGHT_BASE_SIGNATURE_H
#define TRACKLIGHT_BASE_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sv.h"

/* Signatures: a set of hashes in few bits, as a Bloom filter holds it. That a hash is not in the set is sure,
 * that it is may be wrong. A packed signature has 2^n bytes and says of hash h what its bit h mod 2^(n+3)
 * says; repeating it gives a longer one that says the same. */

#define SIGNATURE_BYTES_MAX 65536

/* A set in the making, zeroed at first. */
struct signature {
    uint8_t bytes[SIGNATURE_BYTES_MAX];
};

void signature_add(struct signature *set, uint32_t hash);

/* The three bytes at `at`, capital letters of ASCII taken for small ones. What they are a piece of is told
 * apart by `place`, which is 0 for none in particular. */
uint32_t signature_trigram(const char *at, uint32_t place);

/* The hashes of a key, and of a value that the key has. */
#define SIGNATURE_KEY_HASHES  2
#define SIGNATURE_PAIR_HASHES 3
void signature_key(struct sv key, uint32_t hashes[SIGNATURE_KEY_HASHES]);
void signature_pair(struct sv key, struct sv value, uint32_t hashes[SIGNATURE_PAIR_HASHES]);

/* All three-byte pieces of a text. */
void signature_add_trigrams(struct signature *set, struct sv text, uint32_t place);

/* A packed signature, and about how many different hashes it holds. */
struct packed_signature {
    struct sv bytes;
    int64_t count;
};

/* Packs the set, and all that `old` has (NULL: nothing), so that about a quarter of the bits are set as long
 * as there is room. The bytes are in `room`. */
struct packed_signature signature_pack(const struct signature *set, const struct packed_signature *old,
                                       char room[SIGNATURE_BYTES_MAX]);

/* Whether a packed signature may hold all of these hashes, four bytes each in the order of this machine. True
 * for bytes that are no signature. */
bool signature_has(struct sv packed, struct sv hashes);

#endif
