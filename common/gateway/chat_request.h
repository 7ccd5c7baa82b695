#ifndef TRACKLIGHT_GATEWAY_CHAT_REQUEST_H
#define TRACKLIGHT_GATEWAY_CHAT_REQUEST_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

struct json_object;

/* The bodies of the unified routes: what clients may send, and what of it goes on to a provider.
 *
 * Keys at the outermost level that are not known go on as they are; in messages and their parts they are
 * dropped. Numbers and booleans may come as texts ("0.5", "yes"), as Pydantic's lax mode has it. Members that
 * are null are left out, at every depth, but for those of the schemas that tools and response formats hold,
 * which are passed on untouched. */

/* Checks a chat completion. *payload is what goes on, with "n" added if it was not there; the caller owns it
 * (json_object_put), and it shares values with `body`. FAILED with a sentence in *problem, in the arena:
 * "messages.0.role: Field required". */
enum status chat_request_check(struct arena *arena, struct json_object *body, struct json_object **payload,
                               struct sv *problem);

/* The same for embeddings. */
enum status embeddings_request_check(struct arena *arena, struct json_object *body,
                                     struct json_object **payload, struct sv *problem);

#endif
