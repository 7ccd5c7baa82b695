#include <stdint.h>
#include <stdlib.h>

#include "common/base/utf8.h"
#include "common/search/languages.h"
#include "common/search/like.h"
#include "common/search/page_token.h"
#include "common/search/parser.h"

/* The first byte chooses what reads the rest: a filter or an order of runs or experiments, a page token,
 * LIKE. */

#define MEMORY (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void read_filter(struct arena *arena, const struct search_language *language, struct sv text)
{
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    if (search_parse_filter(arena, &error, language, text, &filter) != OK) {
        check(error.code == INVALID_PARAMETER_VALUE && error.message.len && error.message.len < 20000);
        return;
    }
    check(filter.count <= SEARCH_CLAUSES_MAX);
    for (size_t i = 0; i < filter.count; i++) {
        const struct search_clause *clause = &filter.clauses[i];
        unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
        check(clause->op < SEARCH_OPERATORS && (operators & SEARCH_BIT(clause->op)));
        check(clause->item_count <= SEARCH_LIST_ITEMS_MAX);
        check((clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN) == (clause->item_count > 0));
        check(utf8_valid(clause->key) && utf8_valid(clause->text));
        for (size_t item = 0; item < clause->item_count; item++)
            check(utf8_valid(clause->items[item]));
    }
}

static void read_order(struct arena *arena, const struct search_language *language, struct sv text)
{
    struct error error = {.code = ERROR_NONE};
    struct search_order_by order_by;
    struct sv clauses[SEARCH_ORDER_BY_MAX + 2];
    size_t count = 0;
    while (text.data && count < SEARCH_ORDER_BY_MAX + 2)
        clauses[count++] = sv_cut(&text, '\n');
    if (search_parse_order_by(arena, &error, language, clauses, count, &order_by) == OK)
        check(order_by.count <= SEARCH_ORDER_BY_MAX);
    else
        check(error.code == INVALID_PARAMETER_VALUE && error.message.len);
}

static void read_token(struct arena *arena, struct sv text)
{
    static const enum sort_type types[] = {SORT_DOUBLE, SORT_INT, SORT_TEXT};
    struct error error = {.code = ERROR_NONE};
    struct page_token token;
    struct page_token again;
    if (page_token_read(arena, &error, text, 0, types, 3, &token) != OK) {
        check(error.code == INVALID_PARAMETER_VALUE && error.message.len);
        return;
    }
    check(token.offset >= 0 && token.offset <= PAGE_OFFSET_MAX);
    if (!token.after)
        return;
    struct sv written = page_token_write(arena, token.offset, 0, token.after, 3);
    check(page_token_read(arena, &error, written, 0, types, 3, &again) == OK && again.offset == token.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *arena = arena_new(MEMORY);
    struct sv text = {(const char *)data + 1, size - 1};
    struct sv pattern;
    switch (data[0] % 6) {
    case 0:
        read_filter(arena, &run_language, text);
        break;
    case 1:
        read_filter(arena, &experiment_language, text);
        break;
    case 2:
        read_order(arena, &run_language, text);
        break;
    case 3:
        read_order(arena, &experiment_language, text);
        break;
    case 4:
        read_token(arena, text);
        break;
    default:
        pattern = sv_cut(&text, '\n');
        if (text.data && utf8_valid(pattern) && utf8_valid(text))
            search_like(pattern, text, data[0] & 1);
        break;
    }
    arena_free(arena);
    return 0;
}
