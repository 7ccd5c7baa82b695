#include "common/security/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 64

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void must(int succeeded)
{
    if (!succeeded) {
        fputs("OpenSSL cannot sign\n", stderr);
        abort();
    }
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL);
}

static void digest(EVP_MD_CTX *context, const unsigned char block[BLOCK_BYTES], struct sv first,
                   struct sv second, unsigned char out[HMAC_BYTES])
{
    must(EVP_DigestInit_ex2(context, sha256, NULL) && EVP_DigestUpdate(context, block, BLOCK_BYTES) &&
         (!first.len || EVP_DigestUpdate(context, first.data, first.len)) &&
         (!second.len || EVP_DigestUpdate(context, second.data, second.len)) &&
         EVP_DigestFinal_ex(context, out, NULL));
}

void hmac_sha256(struct sv key, struct sv first, struct sv second, unsigned char mac[HMAC_BYTES])
{
    unsigned char inner[BLOCK_BYTES] = {0}, outer[BLOCK_BYTES];
    pthread_once(&once, fetch);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    if (key.len > BLOCK_BYTES)
        must(EVP_Digest(key.data, key.len, inner, NULL, sha256, NULL));
    else if (key.len)
        memcpy(inner, key.data, key.len);
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    digest(context, inner, first, second, mac);
    digest(context, outer, (struct sv){(const char *)mac, HMAC_BYTES}, SV_ABSENT, mac);
    EVP_MD_CTX_free(context);
    OPENSSL_cleanse(inner, sizeof(inner));
    OPENSSL_cleanse(outer, sizeof(outer));
}
