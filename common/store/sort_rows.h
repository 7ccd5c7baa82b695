#ifndef TRACKLIGHT_STORE_SORT_ROWS_H
#define TRACKLIGHT_STORE_SORT_ROWS_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/search/page_token.h"

/* The first rows, in order, of several streams that are in order each. Memory is bounded by the limit and the
 * longest values, not by the number of rows that pass through. */

struct sort_row {
    int64_t id;
    struct sort_value *values; /* one a term; texts are the row's own */
    size_t *capacities;        /* of the texts' memory */
};

struct sort_rows {
    struct arena *arena;
    size_t term_count;
    const bool *descending; /* a term */
    size_t limit;
    struct sort_row **rows; /* in order, at most `limit` */
    size_t count;
    struct sort_row **added; /* of the stream at hand */
    size_t added_count;
    struct sort_row **spare;
    size_t spare_count;
    size_t capacity; /* of the three arrays */
};

void sort_rows_init(struct sort_rows *rows, struct arena *arena, const bool *descending, size_t term_count,
                    size_t limit);

/* Empties it for another pass. */
void sort_rows_restart(struct sort_rows *rows, size_t limit);

/* Takes the next row of a stream. False once no later row of this stream can be among the first. */
bool sort_rows_add(struct sort_rows *rows, int64_t id, const struct sort_value *values);

/* Merges what the stream gave. */
void sort_rows_end_stream(struct sort_rows *rows);

/* The values of the row at `place`, copied: they outlive the reuse of its memory. */
const struct sort_value *sort_rows_copy_values(const struct sort_rows *rows, size_t place);

/* How many of the rows have a first term of this class or a lower one. */
size_t sort_rows_count_class(const struct sort_rows *rows, enum sort_class class);

/* <0, 0, >0 in the order of the result. */
int sort_values_compare(const struct sort_value *a, const struct sort_value *b, const bool *descending,
                        size_t term_count);

#endif
