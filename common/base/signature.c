#include "common/base/signature.h"

#include <string.h>

enum { BITS_MAX = SIGNATURE_BYTES_MAX * 8, BYTES_MIN = 8, BITS_PER_HASH = 3 };

static uint32_t mix(uint32_t hash)
{
    hash ^= hash >> 16;
    hash *= UINT32_C(0x85ebca6b);
    hash ^= hash >> 13;
    hash *= UINT32_C(0xc2b2ae35);
    return hash ^ hash >> 16;
}

void signature_add(struct signature *set, uint32_t hash)
{
    uint32_t bit = hash % BITS_MAX;
    set->bytes[bit / 8] |= (uint8_t)(1U << bit % 8);
}

static uint32_t folded(char byte)
{
    return (uint8_t)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

uint32_t signature_trigram(const char *at, uint32_t place)
{
    return mix((folded(at[0]) << 16 | folded(at[1]) << 8 | folded(at[2])) ^ place);
}

void signature_add_trigrams(struct signature *set, struct sv text, uint32_t place)
{
    for (size_t i = 0; i + 3 <= text.len; i++)
        signature_add(set, signature_trigram(text.data + i, place));
}

/* FNV-1a */
#define FNV_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_bytes(uint64_t hash, struct sv text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void spread(uint64_t hash, uint32_t *hashes, uint32_t count)
{
    uint32_t low = mix((uint32_t)hash), step = mix((uint32_t)(hash >> 32)) | 1;
    for (uint32_t i = 0; i < count; i++)
        hashes[i] = low + i * step;
}

void signature_key(struct sv key, uint32_t hashes[SIGNATURE_KEY_HASHES])
{
    spread(hash_bytes(FNV_START, key), hashes, SIGNATURE_KEY_HASHES);
}

void signature_pair(struct sv key, struct sv value, uint32_t hashes[SIGNATURE_PAIR_HASHES])
{
    uint64_t hash = hash_bytes(hash_bytes(FNV_START, key), (struct sv){"", 1});
    spread(hash_bytes(hash, value), hashes, SIGNATURE_PAIR_HASHES);
}

static bool is_signature(struct sv packed)
{
    return packed.len >= BYTES_MIN && packed.len <= SIGNATURE_BYTES_MAX &&
           (packed.len & (packed.len - 1)) == 0;
}

static uint64_t word_at(const void *bytes, size_t offset)
{
    uint64_t word;
    memcpy(&word, (const char *)bytes + offset, sizeof(word));
    return word;
}

/* How many bits are set that an old signature has not. */
static int64_t count_new(const struct signature *set, struct sv old)
{
    int64_t count = 0;
    for (size_t i = 0; i < SIGNATURE_BYTES_MAX; i += 8) {
        uint64_t word = word_at(set->bytes, i);
        if (word && old.len)
            word &= ~word_at(old.data, i % old.len);
        count += __builtin_popcountll(word);
    }
    return count;
}

/* Folds the set to `size` bytes, and unfolds the old signature to as many. */
static void combine(const struct signature *set, struct sv old, char *bytes, size_t size)
{
    memset(bytes, 0, size);
    for (size_t i = 0; i < SIGNATURE_BYTES_MAX; i += 8) {
        uint64_t word = word_at(set->bytes, i) | word_at(bytes, i % size);
        if (old.len && i < size)
            word |= word_at(old.data, i % old.len);
        memcpy(bytes + i % size, &word, sizeof(word));
    }
}

struct packed_signature signature_pack(const struct signature *set, const struct packed_signature *old,
                                       char room[SIGNATURE_BYTES_MAX])
{
    struct sv before = old && is_signature(old->bytes) ? old->bytes : SV("");
    size_t size = BYTES_MIN;
    int64_t count = count_new(set, before) + (before.len ? old->count : 0);
    while ((size < before.len || (int64_t)size * 8 < count * BITS_PER_HASH) && size < SIGNATURE_BYTES_MAX)
        size *= 2;
    combine(set, before, room, size);
    return (struct packed_signature){{room, size}, count};
}

bool signature_has(struct sv packed, struct sv hashes)
{
    if (!is_signature(packed))
        return true;
    uint32_t mask = (uint32_t)packed.len * 8 - 1;
    for (size_t i = 0; i + 4 <= hashes.len; i += 4) {
        uint32_t hash;
        memcpy(&hash, hashes.data + i, sizeof(hash));
        hash &= mask;
        if (!((uint8_t)packed.data[hash / 8] >> hash % 8 & 1))
            return false;
    }
    return true;
}
