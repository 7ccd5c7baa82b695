#ifndef TRACKLIGHT_ARTIFACTS_MEDIA_TYPE_H
#define TRACKLIGHT_ARTIFACTS_MEDIA_TYPE_H

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The media type of an artifact by its name or path, as MLflow gives it: text/plain for what its page shows
 * as text, else the type of the extension, else application/octet-stream. Static text. */
const char *media_type_of(struct sv path);

/* "attachment; filename=…" (RFC 6266) for the last component of the path. A name that a quoted string cannot
 * hold safely gets an ASCII stand-in besides its UTF-8 form (RFC 8187). In the arena. */
struct sv content_disposition(struct arena *arena, struct sv path);

#endif
