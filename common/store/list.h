#ifndef TRACKLIGHT_STORE_LIST_H
#define TRACKLIGHT_STORE_LIST_H

#include <string.h>

#include "common/base/arena.h"

/* An array in an arena that grows by doubling, for rows whose number is not known beforehand. */
struct row_list {
    void *items;
    size_t count;
    size_t capacity;
};

/* Room for one more item of `size` bytes, zeroed. Earlier pointers into the list become stale. */
static inline void *row_list_add(struct row_list *list, struct arena *arena, size_t size)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        void *items = arena_alloc_array(arena, capacity, size);
        if (list->count)
            memcpy(items, list->items, list->count * size);
        list->items = items;
        list->capacity = capacity;
    }
    return (char *)list->items + size * list->count++;
}

#define ROW_LIST_ADD(list, arena, type) ((type *)row_list_add((list), (arena), sizeof(type)))

#endif
