#ifndef TRACKLIGHT_BASE_ID_H
#define TRACKLIGHT_BASE_ID_H

#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* Random bytes from the kernel. Aborts if there are none to be had. */
void random_bytes(void *bytes, size_t len);

/* 32 lower-case hex digits, as MLflow's run ids. In the arena. */
struct sv id_new(struct arena *arena);

/* A random UUID (RFC 4122, version 4), lower case with dashes. In the arena. */
struct sv id_new_uuid(struct arena *arena);

/* A run name as MLflow makes them: adjective-noun-number, lower case, at most 20 characters. In the arena. */
struct sv id_new_name(struct arena *arena);

/* Standard base64 (RFC 4648 section 4). Decoding returns absent for anything malformed. In the arena. */
struct sv base64_encode(struct arena *arena, struct sv bytes);
struct sv base64_decode(struct arena *arena, struct sv text);

#endif
