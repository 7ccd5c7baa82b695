#ifndef TRACKLIGHT_TRACE_ATTRIBUTES_H
#define TRACKLIGHT_TRACE_ATTRIBUTES_H

#include "common/trace/otlp.h"

/* The attributes of one span as they are stored: each a JSON text. */
struct attribute {
    struct sv key;
    struct sv text;
};

struct attributes {
    struct arena *arena;
    struct attribute *items; /* in the order in which their keys came first */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* by hash of the key: place of the item + 1, 0 for free */
    size_t slot_mask;
    uint32_t seed;
};

/* Of equal keys the last counts. */
void attributes_init(struct attributes *attributes, struct arena *arena, const struct otlp_attribute *items,
                     size_t count);

/* Absent if there is none. */
struct sv attributes_get(const struct attributes *attributes, struct sv key);
void attributes_put(struct attributes *attributes, struct sv key, struct sv text);

#endif
