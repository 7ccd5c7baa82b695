#ifndef TRACKLIGHT_GATEWAY_SECRETS_H
#define TRACKLIGHT_GATEWAY_SECRETS_H

#include <stdint.h>

#include "common/security/envelope.h"
#include "common/store/gateway_route.h"
#include "fcgi-bin/gateway/locked.h"

/* The decrypted secrets of the process, each kept for a while. A change of any secret, by whatever process,
 * empties it: whoever asks brings the number of changes (gateway_changes) that his snapshot saw. For all
 * threads. */
struct secrets;

/* NULL if there is no memory. */
struct secrets *secrets_new(struct envelope *envelope, int64_t ttl_s, int64_t max_count);
void secrets_free(struct secrets *secrets);

/* The secret of a model as it was encrypted: JSON. The caller drops it. FAILED as envelope_open. */
enum status secrets_open(struct secrets *secrets, struct arena *arena, struct error *error, int64_t changes,
                         const struct gateway_route_model *model, struct locked **plain);

#endif
