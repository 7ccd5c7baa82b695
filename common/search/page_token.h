#ifndef TRACKLIGHT_SEARCH_PAGE_TOKEN_H
#define TRACKLIGHT_SEARCH_PAGE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

struct json_object;
struct json_writer;

/* Where the next page of a search begins. On the wire: base64 of {"offset": N, "query": "<hash>", "after":
 * [...]}. The offset alone, as MLflow's tokens have it, is enough; ours say besides after which row to go on,
 * so that a late page costs what the first one does. "after" holds only for the query whose hash it carries;
 * for any other the offset counts. */

enum sort_class {
    SORT_VALUE = 0,  /* ordered by its value */
    SORT_NAN = 1,    /* behind the values, in both directions */
    SORT_ABSENT = 2, /* behind everything */
};

enum sort_type { SORT_INT, SORT_DOUBLE, SORT_TEXT };

/* One of the values that a row is ordered by. */
struct sort_value {
    enum sort_class class;
    enum sort_type type;
    int64_t integer;
    double real;
    struct sv text;
};

#define PAGE_TOKEN_MAX  (256 * 1024) /* bytes */
#define PAGE_OFFSET_MAX INT64_C(1000000000000)

struct page_token {
    int64_t offset;                 /* rows of the pages before */
    const struct sort_value *after; /* the last row of the page before; NULL: only the offset is known */
};

/* `types` are those of the query's sort values. An absent or empty text gives offset 0. Errors:
 * INVALID_PARAMETER_VALUE with MLflow's texts. */
enum status page_token_read(struct arena *arena, struct error *error, struct sv text, uint64_t query_hash,
                            const enum sort_type *types, size_t count, struct page_token *token);

struct sv page_token_write(struct arena *arena, int64_t offset, uint64_t query_hash,
                           const struct sort_value *after, size_t count);

/* What stands under "after". NULL unless it is an array of `count` values of these types. */
const struct sort_value *sort_values_read(struct arena *arena, struct json_object *array,
                                          const enum sort_type *types, size_t count);
void sort_values_write(struct json_writer *json, const struct sort_value *values, size_t count);

/* For the query's hash: start with 0 and add every part. Parts cannot run into each other. */
uint64_t query_hash_add(uint64_t hash, struct sv part);
uint64_t query_hash_add_int(uint64_t hash, int64_t part);

#endif
