#include <stdint.h>
#include <stdlib.h>

#include "common/base/id.h"
#include "common/store/logged_model_search_internal.h"

/* What logged-models/search reads: the first byte chooses a filter (even) or a page token in plain JSON
 * (odd). A token that is accepted is written again, and must then be accepted with the same place. */

#define MEMORY (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void read_filter(struct store_tx *tx, struct sv text)
{
    struct search_filter filter;
    if (search_parse_filter(tx->arena, tx->error, &logged_model_language, text, &filter) != OK) {
        check(tx->error->code == INVALID_PARAMETER_VALUE && tx->error->message.len);
        return;
    }
    for (size_t i = 0; i < filter.count; i++) {
        const struct search_clause *clause = &filter.clauses[i];
        unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
        check(clause->op < SEARCH_OPERATORS && (operators & SEARCH_BIT(clause->op)));
        check((clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN) == (clause->item_count > 0));
    }
}

static void read_token(struct store_tx *tx, struct sv text)
{
    const struct sv ids[] = {SV("1"), SV("2")};
    const struct logged_model_order order = {.field_name = SV("metrics.a"), .ascending = true};
    struct logged_model_search search = {.experiment_ids = ids,
                                         .experiment_count = 2,
                                         .filter = SV("status = 2"),
                                         .order_by = &order,
                                         .order_by_count = 1,
                                         .page_token = base64_encode(tx->arena, text)};
    struct model_query query = {
        .tx = tx,
        .search = &search,
        .terms = {{.is_metric = true, .nullable = true}, {.column = "l.status_message", .nullable = true}},
        .types = {SORT_DOUBLE, SORT_TEXT},
        .term_count = 2,
    };
    const struct sort_value *after;
    int64_t offset, again;
    if (logged_model_token_read(&query, &offset, &after) != OK) {
        check(tx->error->code == INVALID_PARAMETER_VALUE && tx->error->message.len);
        return;
    }
    check(offset >= 0 && offset <= PAGE_OFFSET_MAX);
    if (!after)
        return;
    check(logged_model_token_write(&query, offset, after, &search.page_token) == OK);
    check(logged_model_token_read(&query, &again, &after) == OK && again == offset && after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct error error = {.code = ERROR_NONE};
    struct store_tx tx = {.arena = arena_new(MEMORY), .error = &error};
    struct sv text = {(const char *)data + 1, size - 1};
    if (data[0] & 1)
        read_token(&tx, text);
    else
        read_filter(&tx, text);
    arena_free(tx.arena);
    return 0;
}
