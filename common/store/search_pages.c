#include "common/store/search_pages.h"

#include <stdlib.h>

#include "common/store/experiments.h"

/* Rows that are skipped at a time where only an offset is known. */
enum { SKIP_ROWS = 10000 };

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

enum status experiment_ids_parse(struct store_tx *tx, const struct sv *texts, size_t count,
                                 const struct permission_filter *readable, struct experiment_ids *ids)
{
    *ids = (struct experiment_ids){ARENA_ARRAY(tx->arena, int64_t, count), 0};
    for (size_t i = 0; i < count; i++)
        if (experiment_parse_id(tx, texts[i], &ids->items[i]) != OK)
            return FAILED;
    if (count)
        qsort(ids->items, count, sizeof(int64_t), compare_ids);
    for (size_t i = 0; i < count; i++)
        if (!i || ids->items[i] != ids->items[i - 1])
            ids->items[ids->count++] = ids->items[i];
    return permission_filter_ids(tx, readable, ids->items, &ids->count);
}

static enum status find_rows(struct search_pages *pages, size_t limit)
{
    sort_rows_restart(pages->rows, limit);
    for (size_t i = 0; i < pages->experiments.count; i++)
        if (pages->search(pages->query, pages->experiments.items[i]) != OK)
            return FAILED;
    return OK;
}

/* Goes to a row that is known by its number only. *ended: there are not that many. */
static enum status skip(struct search_pages *pages, int64_t offset, bool *ended)
{
    while (offset > 0 && !*ended) {
        size_t step = offset < SKIP_ROWS ? (size_t)offset : SKIP_ROWS;
        if (find_rows(pages, step) != OK)
            return FAILED;
        *ended = pages->rows->count < step;
        if (!*ended)
            *pages->after = sort_rows_copy_values(pages->rows, step - 1);
        offset -= (int64_t)step;
    }
    return OK;
}

enum status search_page_find(struct search_pages *pages, int64_t offset, int64_t max_results,
                             struct search_page *page)
{
    struct sort_rows *rows = pages->rows;
    size_t limit = (size_t)max_results;
    bool ended = false;
    *page = (struct search_page){0};
    if (!*pages->after && skip(pages, offset, &ended) != OK)
        return FAILED;
    if (ended)
        return OK;
    /* One more than asked for tells whether there is a next page. */
    if (find_rows(pages, limit + 1) != OK)
        return FAILED;
    page->count = rows->count < limit ? rows->count : limit;
    page->ids = ARENA_ARRAY(rows->arena, int64_t, page->count);
    for (size_t i = 0; i < page->count; i++)
        page->ids[i] = rows->rows[i]->id;
    if (rows->count > limit)
        page->last = rows->rows[limit - 1]->values;
    return OK;
}
