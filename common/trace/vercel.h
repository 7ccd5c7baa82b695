#ifndef TRACKLIGHT_TRACE_VERCEL_H
#define TRACKLIGHT_TRACE_VERCEL_H

#include "common/trace/attributes.h"

/* Spans of the Vercel AI SDK that call a chat model: their inputs and outputs are spread over attributes. */
bool vercel_is_chat(const struct attributes *attributes);

/* One object of all attributes with this prefix, by what follows it; absent if there are none. In the arena.
 */
struct sv vercel_gather(const struct attributes *attributes, struct sv prefix);

#endif
