#ifndef TRACKLIGHT_SECURITY_KEY_FILE_H
#define TRACKLIGHT_SECURITY_KEY_FILE_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/security/fernet.h"

/* The key of secrets at rest: `text` if it is given, else that of the file, which is made once, of mode 0600,
 * when it is first needed; of several processes that make it at once all end up with the same key. Errors are
 * INTERNAL_ERROR with a detail for the administrator: a text that is no key, a file that cannot be read or
 * made, or that others may read. */
enum status key_file_load(struct sv text, struct sv path, struct arena *arena, struct error *error,
                          struct fernet_key *key);

#endif
