#include "common/trace/attributes.h"

#include <string.h>

#include "common/trace/value_text.h"

/* Room for those that translation adds. */
enum { SPARE = 8 };

/* FNV-1a, from a place that a sender does not know, so that he cannot choose keys that collide. */
static uint32_t hash_of(const struct attributes *attributes, struct sv key)
{
    uint32_t hash = 2166136261U ^ attributes->seed;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 16777619U;
    return hash ^ hash >> 15;
}

/* The slot of a key, or the free one that it would take. */
static uint32_t *slot_of(const struct attributes *attributes, struct sv key)
{
    size_t place = hash_of(attributes, key) & attributes->slot_mask;
    while (attributes->slots[place] && !sv_equal(attributes->items[attributes->slots[place] - 1].key, key))
        place = (place + 1) & attributes->slot_mask;
    return &attributes->slots[place];
}

static void make_room(struct attributes *attributes, size_t capacity)
{
    struct attribute *items = ARENA_ARRAY(attributes->arena, struct attribute, capacity);
    if (attributes->count)
        memcpy(items, attributes->items, attributes->count * sizeof(*items));
    attributes->items = items;
    attributes->capacity = capacity;
    size_t slots = 16;
    while (slots < 2 * capacity)
        slots *= 2;
    attributes->slots = ARENA_ARRAY(attributes->arena, uint32_t, slots);
    attributes->slot_mask = slots - 1;
    for (size_t i = 0; i < attributes->count; i++)
        *slot_of(attributes, items[i].key) = (uint32_t)i + 1;
}

void attributes_init(struct attributes *attributes, struct arena *arena, const struct otlp_attribute *items,
                     size_t count)
{
    *attributes = (struct attributes){.arena = arena};
    attributes->seed = (uint32_t)((uintptr_t)arena >> 4);
    make_room(attributes, count + SPARE);
    for (size_t i = 0; i < count; i++)
        attributes_put(attributes, items[i].key, value_text(arena, &items[i].value));
}

struct sv attributes_get(const struct attributes *attributes, struct sv key)
{
    uint32_t place = *slot_of(attributes, key);
    return place ? attributes->items[place - 1].text : SV_ABSENT;
}

void attributes_put(struct attributes *attributes, struct sv key, struct sv text)
{
    uint32_t *slot = slot_of(attributes, key);
    if (*slot) {
        attributes->items[*slot - 1].text = text;
        return;
    }
    if (attributes->count == attributes->capacity) {
        make_room(attributes, attributes->capacity * 2);
        slot = slot_of(attributes, key);
    }
    attributes->items[attributes->count] = (struct attribute){key, text};
    *slot = (uint32_t)++attributes->count;
}
