#include "common/base/id.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t len)
{
    unsigned char *at = bytes;
    while (len) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fputs("the kernel gives no random bytes\n", stderr);
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

struct sv id_new(struct arena *arena)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    random_bytes(bytes, sizeof(bytes));
    char *text = arena_alloc(arena, 2 * sizeof(bytes) + 1);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        text[2 * i] = hex[bytes[i] >> 4];
        text[2 * i + 1] = hex[bytes[i] & 15];
    }
    return (struct sv){text, 2 * sizeof(bytes)};
}

struct sv id_new_uuid(struct arena *arena)
{
    struct sv id = id_new(arena);
    char *hex = arena_cstr(arena, id);
    hex[12] = '4';
    hex[16] = "89ab"[(unsigned char)hex[16] % 4];
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static const char *const adjectives[] = {
    "agile", "amber",  "ample",  "apt",     "bold",   "brave",  "bright",   "brisk",  "calm",   "candid",
    "clear", "clever", "cosmic", "crisp",   "deft",   "eager",  "early",    "fair",   "fleet",  "fluent",
    "fond",  "frank",  "fresh",  "gentle",  "glad",   "grand",  "happy",    "hardy",  "honest", "humble",
    "jolly", "keen",   "kind",   "lively",  "lucid",  "lucky",  "mellow",   "merry",  "mild",   "modest",
    "neat",  "nimble", "noble",  "patient", "placid", "polite", "prime",    "proud",  "quick",  "quiet",
    "rapid", "ready",  "serene", "sharp",   "silent", "simple", "sincere",  "smooth", "snug",   "solid",
    "spry",  "stable", "steady", "sunny",   "swift",  "tidy",   "tranquil", "upbeat", "vivid",  "warm",
    "wise",  "witty",  "worthy", "zesty",
};

static const char *const nouns[] = {
    "badger", "beaver", "bison", "cod",    "crane",   "crow",   "deer",  "dove",  "eagle", "elk",
    "falcon", "finch",  "fox",   "frog",   "gecko",   "goat",   "goose", "gull",  "hare",  "hawk",
    "heron",  "horse",  "ibex",  "jay",    "kestrel", "koala",  "lark",  "lemur", "lion",  "lizard",
    "lynx",   "mole",   "moose", "moth",   "mouse",   "newt",   "otter", "owl",   "panda", "perch",
    "pike",   "puffin", "quail", "raven",  "robin",   "salmon", "seal",  "shark", "sheep", "shrew",
    "skunk",  "snail",  "snipe", "stork",  "swan",    "swift",  "tern",  "tiger", "toad",  "trout",
    "turtle", "viper",  "vole",  "walrus", "weasel",  "whale",  "wolf",  "wren",  "yak",   "zebra",
};

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define NAME_MAX_LENGTH 20

struct sv id_new_name(struct arena *arena)
{
    uint32_t random[3];
    random_bytes(random, sizeof(random));
    struct sv name = arena_printf(arena, "%s-%s-%u", adjectives[random[0] % COUNT(adjectives)],
                                  nouns[random[1] % COUNT(nouns)], random[2] % 1001);
    return sv_first(name, NAME_MAX_LENGTH);
}

struct sv base64_encode(struct arena *arena, struct sv bytes)
{
    if (bytes.len > INT32_MAX / 2)
        return SV_ABSENT;
    char *text = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.data, (int)bytes.len);
    return (struct sv){text, (size_t)len};
}

struct sv base64_decode(struct arena *arena, struct sv text)
{
    if (text.len % 4 || text.len > INT32_MAX / 2)
        return SV_ABSENT;
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    /* EVP_DecodeBlock skips blanks and takes padding anywhere; the alphabet is checked here. */
    for (size_t i = 0; i < text.len - padding; i++) {
        char byte = text.data[i];
        bool known = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                     (byte >= '0' && byte <= '9') || byte == '+' || byte == '/';
        if (!known)
            return SV_ABSENT;
    }
    unsigned char *bytes = arena_alloc(arena, text.len / 4 * 3 + 1);
    int len = EVP_DecodeBlock(bytes, (const unsigned char *)text.data, (int)text.len);
    if (len < 0)
        return SV_ABSENT;
    return (struct sv){(char *)bytes, (size_t)len - padding};
}
