#ifndef TRACKLIGHT_SECURITY_HMAC_H
#define TRACKLIGHT_SECURITY_HMAC_H

#include "common/base/sv.h"

#define HMAC_BYTES 32

/* HMAC-SHA256 (RFC 2104) of both texts behind each other; either may be absent. OpenSSL's own function looks
 * the algorithm up each time, which takes longer than the sum itself. Aborts if there is no memory. */
void hmac_sha256(struct sv key, struct sv first, struct sv second, unsigned char mac[HMAC_BYTES]);

#endif
