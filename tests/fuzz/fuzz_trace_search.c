#include <stdint.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/pattern.h"
#include "common/base/utf8.h"
#include "common/search/languages.h"
#include "common/search/parser.h"

/* The first byte chooses what reads the rest: a filter or an order of traces, or a regular expression and the
 * text behind it. */

#define MEMORY      (64 * 1024 * 1024)
#define DEADLINE_US 20000
#define PATIENCE_US 2000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void read_filter(struct arena *arena, struct sv text)
{
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    if (search_parse_filter(arena, &error, &trace_language, text, &filter) != OK) {
        check(error.code == INVALID_PARAMETER_VALUE && error.message.len && error.message.len < 20000);
        return;
    }
    for (size_t i = 0; i < filter.count; i++) {
        const struct search_clause *clause = &filter.clauses[i];
        unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
        check(clause->op < SEARCH_OPERATORS && (operators & SEARCH_BIT(clause->op)));
        check((clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN) == (clause->item_count > 0));
        check(clause->fixed || clause->key.len || !clause->entity->empty_key);
        check(utf8_valid(clause->key) && utf8_valid(clause->text));
    }
}

static void read_order(struct arena *arena, struct sv text)
{
    struct error error = {.code = ERROR_NONE};
    struct search_order_by order_by;
    struct sv clauses[SEARCH_ORDER_BY_MAX + 2];
    size_t count = 0;
    while (text.data && count < SEARCH_ORDER_BY_MAX + 2)
        clauses[count++] = sv_cut(&text, '\n');
    if (search_parse_order_by(arena, &error, &trace_language, clauses, count, &order_by) != OK) {
        check(error.code == INVALID_PARAMETER_VALUE && error.message.len);
        return;
    }
    for (size_t i = 0; i < order_by.count; i++)
        check(order_by.items[i].entity->order);
}

static void search_pattern(struct sv text)
{
    struct sv expression = sv_cut(&text, '\n');
    struct pattern *pattern = pattern_compile(expression);
    if (!pattern)
        return;
    int64_t before = clock_monotonic_us();
    pattern_search(pattern, text, before + DEADLINE_US);
    check(clock_monotonic_us() - before < PATIENCE_US);
    pattern_free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *arena = arena_new(MEMORY);
    struct sv text = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        read_filter(arena, text);
        break;
    case 1:
        read_order(arena, text);
        break;
    default:
        search_pattern(text);
        break;
    }
    arena_free(arena);
    return 0;
}
