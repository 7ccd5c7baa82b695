#include "common/search/parser.h"

#include "common/base/utf8.h"
#include "common/search/identifier.h"
#include "common/search/lexer.h"
#include "common/search/quote.h"

#define ORDER_FAULT "Invalid order_by clause '%.*s'. Could not be parsed."

static enum status parse_clause(struct arena *arena, struct error *error,
                                const struct search_language *language, struct sv text,
                                struct search_order *order)
{
    struct sv shown = search_clip(text);
    if (text.len > SEARCH_ORDER_CLAUSE_MAX || !utf8_valid(text) || !text.len || sv_trim(text).len != text.len)
        return SEARCH_FAIL(arena, error, ORDER_FAULT, SV_ARG(shown));
    struct search_lexer lexer = {.text = text};
    struct search_token key = search_lexer_next(&lexer);
    struct search_token direction = search_lexer_next(&lexer);
    struct search_token end = search_lexer_next(&lexer);
    bool is_key = key.kind == SEARCH_TOKEN_WORD || (key.kind == SEARCH_TOKEN_STRING && text.data[0] == '"');
    if (!is_key || !search_identifier_is_well_formed(key.text) || end.kind != SEARCH_TOKEN_END)
        return SEARCH_FAIL(arena, error, ORDER_FAULT, SV_ARG(shown));
    if (direction.kind != SEARCH_TOKEN_END) {
        order->descending = sv_equal_ignoring_case(direction.text, SV("DESC"));
        if (direction.kind != SEARCH_TOKEN_WORD && direction.kind != SEARCH_TOKEN_BAD)
            return SEARCH_FAIL(arena, error, ORDER_FAULT, SV_ARG(shown));
        if (!order->descending && !sv_equal_ignoring_case(direction.text, SV("ASC")))
            return SEARCH_FAIL(arena, error, "Invalid ordering key in order_by clause '%.*s'.",
                               SV_ARG(shown));
    }
    struct search_identifier identifier;
    if (search_identifier_resolve(arena, error, language, key.text, SEARCH_ORDER, &identifier) != OK)
        return FAILED;
    order->entity = identifier.entity;
    order->fixed = identifier.fixed;
    order->key = identifier.key;
    return OK;
}

static bool is_same(const struct search_order *a, const struct search_order *b)
{
    if (a->entity != b->entity)
        return false;
    if (a->fixed && b->fixed)
        return a->fixed->id == b->fixed->id;
    return sv_equal(a->key, b->key);
}

enum status search_parse_order_by(struct arena *arena, struct error *error,
                                  const struct search_language *language, const struct sv *texts,
                                  size_t count, struct search_order_by *order_by)
{
    *order_by = (struct search_order_by){0};
    if (count > SEARCH_ORDER_BY_MAX)
        return SEARCH_FAIL(arena, error, "`order_by` has too many fields. It may have at most %d.",
                           SEARCH_ORDER_BY_MAX);
    order_by->items = ARENA_ARRAY(arena, struct search_order, SEARCH_ORDER_BY_MAX);
    struct sv duplicates = SV("");
    for (size_t i = 0; i < count; i++) {
        struct search_order *order = &order_by->items[order_by->count];
        *order = (struct search_order){0};
        if (parse_clause(arena, error, language, texts[i], order) != OK)
            return FAILED;
        bool duplicate = false;
        for (size_t j = 0; j < order_by->count && !duplicate; j++)
            duplicate = is_same(&order_by->items[j], order);
        if (!duplicate)
            order_by->count++;
        else
            duplicates = arena_printf(arena, "%.*s%s%.*s", SV_ARG(duplicates), duplicates.len ? ", " : "",
                                      SV_ARG(search_repr(arena, texts[i])));
    }
    if (duplicates.len && language->refuses_duplicates)
        return SEARCH_FAIL(arena, error, "`order_by` contains duplicate fields: [%.*s]", SV_ARG(duplicates));
    return OK;
}
