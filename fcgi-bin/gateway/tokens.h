#ifndef TRACKLIGHT_GATEWAY_TOKENS_H
#define TRACKLIGHT_GATEWAY_TOKENS_H

#include <stdbool.h>

#include "common/gateway/provider.h"

/* Access tokens, kept until shortly before they expire. Of several threads that want the same one, one gets
 * it and the others wait. For all threads. */
struct tokens;

/* NULL if there is no memory. */
struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens);

/* True, and a copy in the arena, if the token of that key is there. False: the caller is the one who gets it,
 * and calls tokens_end when he has done so or failed; others wait for that, for `wait_ms` at most. */
bool tokens_begin(struct tokens *tokens, struct arena *arena, struct sv key, int64_t wait_ms,
                  struct gateway_token *token);

/* NULL: there is none, and the next who asks tries again. */
void tokens_end(struct tokens *tokens, struct sv key, const struct gateway_token *token);

#endif
