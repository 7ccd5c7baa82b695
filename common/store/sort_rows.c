#include "common/store/sort_rows.h"

#include <string.h>

static int compare_value(const struct sort_value *a, const struct sort_value *b)
{
    switch (a->type) {
    case SORT_INT:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case SORT_DOUBLE:
        return (a->real > b->real) - (a->real < b->real);
    case SORT_TEXT:
        return sv_compare(a->text, b->text);
    }
    return 0;
}

int sort_values_compare(const struct sort_value *a, const struct sort_value *b, const bool *descending,
                        size_t term_count)
{
    for (size_t i = 0; i < term_count; i++) {
        if (a[i].class != b[i].class)
            return a[i].class < b[i].class ? -1 : 1;
        if (a[i].class != SORT_VALUE)
            continue;
        int order = compare_value(&a[i], &b[i]);
        if (order)
            return descending[i] ? -order : order;
    }
    return 0;
}

void sort_rows_init(struct sort_rows *rows, struct arena *arena, const bool *descending, size_t term_count,
                    size_t limit)
{
    *rows = (struct sort_rows){
        .arena = arena, .descending = descending, .term_count = term_count, .limit = limit};
}

static void keep(struct sort_rows *rows, struct sort_row *row)
{
    rows->spare[rows->spare_count++] = row;
}

void sort_rows_restart(struct sort_rows *rows, size_t limit)
{
    for (size_t i = 0; i < rows->count; i++)
        keep(rows, rows->rows[i]);
    rows->count = 0;
    rows->limit = limit;
}

static struct sort_row **grow(struct sort_rows *rows, struct sort_row **old, size_t count, size_t capacity)
{
    struct sort_row **array = ARENA_ARRAY(rows->arena, struct sort_row *, capacity);
    if (count)
        memcpy(array, old, count * sizeof(array[0]));
    return array;
}

/* All rows that exist are in one of the three arrays, and each array has room for all of them. */
static struct sort_row *take_spare(struct sort_rows *rows)
{
    if (rows->spare_count)
        return rows->spare[--rows->spare_count];
    if (rows->count + rows->added_count >= rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 64;
        rows->rows = grow(rows, rows->rows, rows->count, capacity);
        rows->added = grow(rows, rows->added, rows->added_count, capacity);
        rows->spare = grow(rows, rows->spare, 0, capacity);
        rows->capacity = capacity;
    }
    struct sort_row *row = ARENA_NEW(rows->arena, struct sort_row);
    row->values = ARENA_ARRAY(rows->arena, struct sort_value, rows->term_count);
    row->capacities = ARENA_ARRAY(rows->arena, size_t, rows->term_count);
    return row;
}

static void copy_value(struct sort_rows *rows, struct sort_row *row, size_t term,
                       const struct sort_value *value)
{
    char *memory = (char *)(uintptr_t)row->values[term].text.data;
    row->values[term] = *value;
    row->values[term].text = (struct sv){memory, 0};
    if (value->type != SORT_TEXT || value->class != SORT_VALUE)
        return;
    if (value->text.len + 1 > row->capacities[term]) {
        row->capacities[term] = value->text.len + 1;
        memory = arena_alloc(rows->arena, row->capacities[term]);
    }
    if (value->text.len)
        memcpy(memory, value->text.data, value->text.len);
    row->values[term].text = (struct sv){memory, value->text.len};
}

bool sort_rows_add(struct sort_rows *rows, int64_t id, const struct sort_value *values)
{
    if (rows->added_count == rows->limit)
        return false;
    /* Rows of this stream come in order: behind a row that is too late, all are. */
    if (rows->count == rows->limit && sort_values_compare(values, rows->rows[rows->count - 1]->values,
                                                          rows->descending, rows->term_count) > 0)
        return false;
    struct sort_row *row = take_spare(rows);
    row->id = id;
    for (size_t i = 0; i < rows->term_count; i++)
        copy_value(rows, row, i, &values[i]);
    rows->added[rows->added_count++] = row;
    return true;
}

void sort_rows_end_stream(struct sort_rows *rows)
{
    if (!rows->added_count)
        return;
    /* From the back, so that it needs no third array: first what falls out at the end, then into place. */
    size_t old = rows->count;
    size_t added = rows->added_count;
    size_t total = old + added;
    while (total > rows->limit) {
        bool drop_added =
            added && (!old || sort_values_compare(rows->added[added - 1]->values, rows->rows[old - 1]->values,
                                                  rows->descending, rows->term_count) > 0);
        keep(rows, drop_added ? rows->added[--added] : rows->rows[--old]);
        total--;
    }
    rows->count = total;
    while (added) {
        bool place_added =
            !old || sort_values_compare(rows->added[added - 1]->values, rows->rows[old - 1]->values,
                                        rows->descending, rows->term_count) > 0;
        rows->rows[--total] = place_added ? rows->added[--added] : rows->rows[--old];
    }
    rows->added_count = 0;
}

size_t sort_rows_count_class(const struct sort_rows *rows, enum sort_class class)
{
    size_t count = 0;
    while (count < rows->count && rows->rows[count]->values[0].class <= class)
        count++;
    return count;
}

const struct sort_value *sort_rows_copy_values(const struct sort_rows *rows, size_t place)
{
    struct sort_value *copy = ARENA_ARRAY(rows->arena, struct sort_value, rows->term_count);
    for (size_t i = 0; i < rows->term_count; i++) {
        copy[i] = rows->rows[place]->values[i];
        copy[i].text = arena_copy(rows->arena, copy[i].text);
    }
    return copy;
}
