#include "common/base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct sv sha256_hex(struct arena *arena, struct sv bytes)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(bytes.data ? bytes.data : "", bytes.len, digest, &len, EVP_sha256(), NULL) != 1) {
        fputs("OpenSSL has no SHA-256, or no memory\n", stderr);
        abort();
    }
    char *text = arena_alloc(arena, 2 * (size_t)len + 1);
    for (unsigned i = 0; i < len; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    return (struct sv){text, 2 * (size_t)len};
}
