#include "common/search/parser.h"

#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/base/utf8.h"
#include "common/search/identifier.h"
#include "common/search/lexer.h"
#include "common/search/quote.h"

struct parser {
    struct arena *arena;
    struct error *error;
    const struct search_language *language;
    struct search_lexer lexer;
    size_t list_items; /* of all lists so far */
    char *joined;      /* adjacent literals, joined */
    size_t joined_len;
};

#define PARSE_FAIL(parser, ...) SEARCH_FAIL((parser)->arena, (parser)->error, __VA_ARGS__)

static struct search_token next(struct parser *parser)
{
    return search_lexer_next(&parser->lexer);
}

static struct search_token peek(const struct parser *parser)
{
    struct search_lexer ahead = parser->lexer;
    return search_lexer_next(&ahead);
}

static bool is_word(struct search_token token, const char *word)
{
    return token.kind == SEARCH_TOKEN_WORD && sv_equal_ignoring_case(token.text, sv_from(word));
}

static bool is_operator_word(const struct parser *parser, struct search_token token)
{
    return is_word(token, "LIKE") || is_word(token, "ILIKE") || is_word(token, "IN") ||
           is_word(token, "NOT") || (is_word(token, "IS") && !parser->language->lacks_null_tests) ||
           (is_word(token, "RLIKE") && parser->language->has_rlike);
}

/* Whether a comparison begins here: a word, and an operator behind it. */
static bool at_comparison(const struct parser *parser)
{
    struct search_lexer ahead = parser->lexer;
    struct search_token token = search_lexer_next(&ahead);
    struct search_token behind = search_lexer_next(&ahead);
    if (behind.kind == SEARCH_TOKEN_OPERATOR)
        return token.kind == SEARCH_TOKEN_WORD || token.kind == SEARCH_TOKEN_STRING ||
               token.kind == SEARCH_TOKEN_DIGITS || token.kind == SEARCH_TOKEN_BAD;
    if (!is_operator_word(parser, behind))
        return false;
    return token.kind == SEARCH_TOKEN_WORD || token.kind == SEARCH_TOKEN_STRING;
}

/* Names what stands where a comparison should: up to the next comparison, AND, or the end. */
static enum status invalid_clauses(struct parser *parser)
{
    enum { LISTED_MAX = 8 };
    if (parser->language->expected_clauses)
        return PARSE_FAIL(parser, "Invalid filter string: %.*s. %s",
                          SV_ARG(search_repr(parser->arena, parser->lexer.text)),
                          parser->language->expected_clauses);
    const char *quote = parser->language->quotes_clauses ? "'" : "";
    struct sv list = SV("");
    for (int listed = 0; listed < LISTED_MAX; listed++) {
        struct search_token token = next(parser);
        if (token.kind == SEARCH_TOKEN_END && listed == 0)
            break;
        list = arena_printf(parser->arena, "%.*s%s%s%.*s%s", SV_ARG(list), listed ? ", " : "", quote,
                            SV_ARG(search_clip(token.text)), quote);
        token = peek(parser);
        if (token.kind == SEARCH_TOKEN_END || is_word(token, "AND") || at_comparison(parser))
            break;
    }
    return PARSE_FAIL(parser, "Invalid clause(s) in filter string: %.*s", SV_ARG(list));
}

static const char *operator_text(enum search_operator op)
{
    static const char *const texts[SEARCH_OPERATORS] = {
        [SEARCH_EQ] = "=",
        [SEARCH_NE] = "!=",
        [SEARCH_LT] = "<",
        [SEARCH_LE] = "<=",
        [SEARCH_GT] = ">",
        [SEARCH_GE] = ">=",
        [SEARCH_LIKE] = "LIKE",
        [SEARCH_ILIKE] = "ILIKE",
        [SEARCH_RLIKE] = "RLIKE",
        [SEARCH_IN] = "IN",
        [SEARCH_NOT_IN] = "NOT IN",
        [SEARCH_IS_NULL] = "IS NULL",
        [SEARCH_IS_NOT_NULL] = "IS NOT NULL",
    };
    return (size_t)op < SEARCH_OPERATORS ? texts[op] : "?";
}

/* Takes the operator; *op stays SEARCH_OPERATORS for one that the language does not have, *text is what stood
 * there. */
static void take_operator(struct parser *parser, enum search_operator *op, struct sv *text)
{
    struct search_token token = next(parser);
    *text = token.text;
    *op = SEARCH_OPERATORS;
    if (is_word(token, "NOT")) {
        struct search_token word = peek(parser);
        if (is_word(word, "IN") || is_word(word, "LIKE") || is_word(word, "ILIKE") ||
            (is_word(word, "RLIKE") && parser->language->has_rlike)) {
            next(parser);
            text->len = (size_t)(word.text.data + word.text.len - text->data);
            if (is_word(word, "IN"))
                *op = SEARCH_NOT_IN;
        }
        return;
    }
    if (is_word(token, "IS")) {
        *op = SEARCH_IS_NULL;
        struct search_lexer ahead = parser->lexer;
        if (is_word(search_lexer_next(&ahead), "NOT")) {
            *op = SEARCH_IS_NOT_NULL;
            parser->lexer = ahead;
        }
        return;
    }
    for (enum search_operator known = 0; known < SEARCH_IS_NULL; known++)
        if (sv_equal_ignoring_case(token.text, sv_from(operator_text(known))))
            *op = known;
}

/* --- Values --- */

/* The raw text of a value, for messages: of a list, up to its closing parenthesis. */
static struct sv value_text(const struct parser *parser, struct search_token first)
{
    if (first.kind != SEARCH_TOKEN_OPEN)
        return first.text;
    struct search_lexer ahead = parser->lexer;
    ahead.in_list = true;
    struct search_token token;
    do
        token = search_lexer_next(&ahead);
    while (token.kind != SEARCH_TOKEN_CLOSE && token.kind != SEARCH_TOKEN_END);
    return (struct sv){first.text.data, (size_t)(token.text.data + token.text.len - first.text.data)};
}

static struct sv inside_quotes(struct sv text)
{
    return (struct sv){text.data + 1, text.len - 2};
}

#define LIST_FAULT "While parsing a list in the query, expected "

struct list {
    struct sv *items;
    size_t count;
    size_t capacity;
};

static void list_add(struct arena *arena, struct list *list, struct sv item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct sv *items = ARENA_ARRAY(arena, struct sv, capacity);
        for (size_t i = 0; i < list->count; i++)
            items[i] = list->items[i];
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

/* Adds an adjacent literal to an item. All joined items together are shorter than the filter, so one buffer
 * of its length holds them, and every byte is copied at most twice. */
static void append_literal(struct parser *parser, struct sv *item, struct sv more)
{
    if (!parser->joined)
        parser->joined = arena_alloc(parser->arena, parser->lexer.text.len);
    if (item->data + item->len != parser->joined + parser->joined_len) {
        memcpy(parser->joined + parser->joined_len, item->data, item->len);
        item->data = parser->joined + parser->joined_len;
        parser->joined_len += item->len;
    }
    memcpy(parser->joined + parser->joined_len, more.data, more.len);
    parser->joined_len += more.len;
    item->len += more.len;
}

/* Takes what follows the opening parenthesis. Adjacent literals are one item. */
static enum status take_list(struct parser *parser, struct search_token open, struct search_clause *clause)
{
    struct sv whole = value_text(parser, open);
    struct list list = {0};
    bool after_item = false;
    bool closed = false;
    parser->lexer.in_list = true;
    for (;;) {
        struct search_token token = next(parser);
        if (token.kind == SEARCH_TOKEN_CLOSE) {
            closed = true;
            break;
        }
        if (token.kind == SEARCH_TOKEN_COMMA && after_item) {
            after_item = false;
        } else if (token.kind == SEARCH_TOKEN_STRING && after_item) {
            append_literal(parser, &list.items[list.count - 1], inside_quotes(token.text));
        } else if (token.kind == SEARCH_TOKEN_STRING) {
            if (++parser->list_items > SEARCH_LIST_ITEMS_MAX)
                return PARSE_FAIL(parser, "Lists in a filter may have at most %d items.",
                                  SEARCH_LIST_ITEMS_MAX);
            list_add(parser->arena, &list, inside_quotes(token.text));
            after_item = true;
        } else if (token.kind == SEARCH_TOKEN_DIGITS || token.kind == SEARCH_TOKEN_WORD) {
            return PARSE_FAIL(
                parser,
                LIST_FAULT "string value, punctuation, or whitespace, but got different type in list: %.*s",
                SV_ARG(search_clip(whole)));
        } else {
            break;
        }
    }
    parser->lexer.in_list = false;
    if (!closed || (!list.count && whole.len > 0 && sv_find(whole, ',') < whole.len))
        return PARSE_FAIL(parser, LIST_FAULT "a non-empty list of string values, but got ill-formed list.");
    if (!list.count)
        return PARSE_FAIL(parser, LIST_FAULT "a non-empty list of string values, but got empty list");
    clause->items = list.items;
    clause->item_count = list.count;
    return OK;
}

static enum status take_text(struct parser *parser, struct search_token token, struct search_clause *clause);

static enum status take_number(struct parser *parser, struct search_token token, struct search_clause *clause)
{
    struct sv digits = token.text;
    bool is_number = token.kind == SEARCH_TOKEN_DIGITS;
    if (clause->fixed && clause->fixed->may_be_quoted && !is_number) {
        if (token.kind != SEARCH_TOKEN_STRING)
            return take_text(parser, token, clause);
        digits = inside_quotes(token.text);
        is_number = parse_double(digits, &clause->number.real) && isfinite(clause->number.real);
    }
    if (!is_number) {
        struct sv found = search_clip(value_text(parser, token));
        if (clause->fixed)
            return PARSE_FAIL(parser, "Expected numeric value type for numeric %s: %s. Found %.*s",
                              clause->entity->label, clause->fixed->name, SV_ARG(found));
        if (clause->entity->number_operators)
            return PARSE_FAIL(parser,
                              "Expected a numeric value for %s when using comparator '%s'. Got value %.*s",
                              clause->entity->label, operator_text(clause->op), SV_ARG(found));
        return PARSE_FAIL(parser, "Expected numeric value type for %s. Found %.*s", clause->entity->label,
                          SV_ARG(found));
    }
    struct search_number *number = &clause->number;
    if (!parse_double(digits, &number->real))
        return PARSE_FAIL(parser, "The number %.*s in the filter cannot be read.",
                          SV_ARG(search_clip(digits)));
    number->is_integer = parse_int64(digits, INT64_MIN, INT64_MAX, &number->integer);
    return OK;
}

static enum status take_text(struct parser *parser, struct search_token token, struct search_clause *clause)
{
    unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
    if (token.kind == SEARCH_TOKEN_STRING) {
        if (clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN)
            return clause->fixed && !(operators & SEARCH_IN_LISTS)
                       ? PARSE_FAIL(parser, "%s", parser->language->list_refused)
                       : PARSE_FAIL(parser,
                                    LIST_FAULT "a non-empty list of string values, but got ill-formed list.");
        clause->text = inside_quotes(token.text);
        return OK;
    }
    if (token.kind == SEARCH_TOKEN_WORD || token.kind == SEARCH_TOKEN_BAD)
        return PARSE_FAIL(
            parser,
            "Parameter value is either not quoted or unidentified quote types used for string value "
            "%.*s. Use either single or double quotes.",
            SV_ARG(search_clip(token.text)));
    bool wants_list = clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN;
    if (token.kind == SEARCH_TOKEN_DIGITS && clause->fixed && clause->fixed->may_be_bare && !wants_list) {
        clause->text = token.text;
        return OK;
    }
    if (token.kind == SEARCH_TOKEN_OPEN && (clause->fixed || (operators & SEARCH_IN_LISTS))) {
        if (!(operators & SEARCH_IN_LISTS))
            return PARSE_FAIL(parser, "%s", parser->language->list_refused);
        if (clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN)
            return take_list(parser, token, clause);
    }
    struct sv found = search_clip(value_text(parser, token));
    const struct search_language *language = parser->language;
    if (clause->fixed && language->number_refused && token.kind == SEARCH_TOKEN_DIGITS)
        return PARSE_FAIL(parser, "%s", language->number_refused);
    if (clause->fixed)
        return PARSE_FAIL(parser, "Expected %s for %s. Got value %.*s",
                          language->text_wanted ? language->text_wanted : "a quoted string value",
                          clause->entity->value_label, SV_ARG(found));
    return PARSE_FAIL(parser, "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                      clause->entity->label, SV_ARG(found));
}

/* --- Comparisons --- */

static enum status wrong_comparator(struct parser *parser, const struct search_clause *clause,
                                    struct sv found)
{
    found = search_clip(found);
    if (parser->language->expected_operators)
        return PARSE_FAIL(parser, "Invalid comparison operator for %s.%.*s: '%.*s'. Expected one of %s.",
                          clause->entity->prefixes[0], SV_ARG(search_clip(clause->key)), SV_ARG(found),
                          parser->language->expected_operators);
    if (clause->fixed && clause->fixed->equal_only)
        return PARSE_FAIL(parser, "Invalid comparator '%.*s' for %s", SV_ARG(found),
                          clause->fixed->equal_only);
    if (!parser->language->names_comparators) {
        bool named = clause->fixed && clause->fixed->may_be_quoted;
        return PARSE_FAIL(parser, "Invalid comparator for %s%s%s: %.*s", clause->entity->label,
                          named ? " " : "", named ? clause->fixed->name : "", SV_ARG(found));
    }
    unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
    struct sv list = SV("");
    for (enum search_operator op = 0; op < SEARCH_IS_NULL; op++)
        if (operators & SEARCH_BIT(op))
            list = arena_printf(parser->arena, "%.*s%s'%s'", SV_ARG(list), list.len ? ", " : "",
                                operator_text(op));
    if (clause->entity->compared)
        return PARSE_FAIL(parser, "%s.%.*s comparator '%.*s' not one of '{%.*s}'", clause->entity->compared,
                          SV_ARG(search_clip(clause->key)), SV_ARG(found), SV_ARG(list));
    return PARSE_FAIL(parser, "Invalid comparator '%.*s' not one of '{%.*s}'", SV_ARG(found), SV_ARG(list));
}

static bool ends_comparison(struct search_token token)
{
    return token.kind == SEARCH_TOKEN_END || token.kind == SEARCH_TOKEN_SEMICOLON || is_word(token, "AND");
}

/* How many tokens stand up to the next AND, `seen` of them taken already. */
static enum status wrong_length(struct parser *parser, int seen)
{
    enum { COUNTED_MAX = 1000 };
    while (seen < COUNTED_MAX && !ends_comparison(peek(parser))) {
        next(parser);
        seen++;
    }
    return PARSE_FAIL(parser, "Invalid comparison clause. Expected 3 tokens found %d", seen);
}

static enum status take_null_test(struct parser *parser, const struct search_clause *clause)
{
    if (!is_word(next(parser), "NULL"))
        return PARSE_FAIL(parser, "Invalid comparison clause. Expected NULL or NOT NULL after IS.");
    unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
    if (!(operators & SEARCH_NULL_TESTS))
        return PARSE_FAIL(parser,
                          "IS NULL / IS NOT NULL is only supported for tags and params, not for '%s' '%.*s'",
                          clause->entity->label, SV_ARG(search_clip(clause->key)));
    return OK;
}

static enum status take_comparison(struct parser *parser, struct search_clause *clause)
{
    struct search_token left = next(parser);
    if (left.kind == SEARCH_TOKEN_DIGITS || left.kind == SEARCH_TOKEN_BAD ||
        (left.kind == SEARCH_TOKEN_STRING && left.text.data[0] == '\''))
        return PARSE_FAIL(parser, "Invalid comparison clause. Expected 'Identifier' found '%.*s'",
                          SV_ARG(search_clip(left.text)));
    if (!search_identifier_is_well_formed(left.text)) {
        const char *quote = parser->language->quotes_clauses ? "'" : "";
        return PARSE_FAIL(parser, "Invalid clause(s) in filter string: %s%.*s%s", quote,
                          SV_ARG(search_clip(left.text)), quote);
    }
    struct search_identifier identifier;
    if (search_identifier_resolve(parser->arena, parser->error, parser->language, left.text, SEARCH_FILTER,
                                  &identifier) != OK)
        return FAILED;
    *clause =
        (struct search_clause){.entity = identifier.entity, .fixed = identifier.fixed, .key = identifier.key};
    struct sv op_text;
    take_operator(parser, &clause->op, &op_text);
    unsigned operators = clause->fixed ? clause->fixed->operators : clause->entity->operators;
    bool refused = clause->op == SEARCH_OPERATORS || !(operators & SEARCH_BIT(clause->op));
    if (refused && parser->language->expected_operators)
        return wrong_comparator(parser, clause, op_text);
    if (refused && parser->language->comparators_first) {
        bool is_list = clause->op == SEARCH_IN || clause->op == SEARCH_NOT_IN;
        if (is_list && clause->fixed && clause->fixed->type == SEARCH_NUMBER)
            return PARSE_FAIL(parser, "%s", parser->language->list_refused);
        return wrong_comparator(parser, clause, op_text);
    }
    if (clause->op == SEARCH_IS_NULL || clause->op == SEARCH_IS_NOT_NULL)
        return take_null_test(parser, clause);
    if (ends_comparison(peek(parser)))
        return PARSE_FAIL(parser, "Invalid comparison clause. Expected 3 tokens found 2");
    struct search_token value = next(parser);
    if (value.kind == SEARCH_TOKEN_OPERATOR)
        return wrong_length(parser, 3);
    enum search_type type = clause->fixed ? clause->fixed->type : clause->entity->type;
    if (clause->entity->number_operators & SEARCH_BIT(clause->op))
        type = SEARCH_NUMBER;
    if ((type == SEARCH_NUMBER ? take_number : take_text)(parser, value, clause) != OK)
        return FAILED;
    if (refused)
        return wrong_comparator(parser, clause, op_text);
    if ((clause->op == SEARCH_LIKE || clause->op == SEARCH_ILIKE || clause->op == SEARCH_RLIKE) &&
        clause->text.len > SEARCH_LIKE_PATTERN_MAX)
        return PARSE_FAIL(parser, "A pattern in a filter may have at most %d bytes.",
                          SEARCH_LIKE_PATTERN_MAX);
    if (peek(parser).kind == SEARCH_TOKEN_OPERATOR)
        return wrong_length(parser, 3);
    return OK;
}

static void skip_spare_ands(struct parser *parser)
{
    while (parser->language->ignores_spare_ands && is_word(peek(parser), "AND"))
        next(parser);
}

/* A semicolon outside quotes, and something behind it. */
static bool has_second_statement(struct sv text)
{
    struct search_lexer lexer = {.text = text};
    for (;;) {
        struct search_token token = search_lexer_next(&lexer);
        if (token.kind == SEARCH_TOKEN_END)
            return false;
        if (token.kind == SEARCH_TOKEN_SEMICOLON)
            return search_lexer_next(&lexer).kind != SEARCH_TOKEN_END;
    }
}

enum status search_parse_filter(struct arena *arena, struct error *error,
                                const struct search_language *language, struct sv text,
                                struct search_filter *filter)
{
    *filter = (struct search_filter){0};
    if (!text.len)
        return OK;
    if (text.len > SEARCH_FILTER_MAX)
        return SEARCH_FAIL(arena, error, "The filter is too long: %zu bytes. It may have at most %d bytes.",
                           text.len, SEARCH_FILTER_MAX);
    struct parser parser = {.arena = arena, .error = error, .language = language, .lexer = {.text = text}};
    if (!utf8_valid(text))
        return SEARCH_FAIL(arena, error, "The filter is not valid UTF-8.");
    if (!sv_trim(text).len && language->expected_clauses)
        return invalid_clauses(&parser);
    if (!sv_trim(text).len)
        return SEARCH_FAIL(arena, error, "Invalid filter '%.*s'. Could not be parsed.",
                           SV_ARG(search_clip(text)));
    if (has_second_statement(text) && language->expected_clauses)
        return SEARCH_FAIL(arena, error, "Invalid filter string: %.*s. Expected a single SQL expression.",
                           SV_ARG(search_repr(arena, text)));
    if (has_second_statement(text))
        return SEARCH_FAIL(
            arena, error, "Search filter contained multiple expression %.*s. Provide AND-ed expression list.",
            SV_ARG(search_repr(arena, text)));
    filter->clauses = ARENA_ARRAY(arena, struct search_clause, SEARCH_CLAUSES_MAX);
    for (;;) {
        skip_spare_ands(&parser);
        if (peek(&parser).kind == SEARCH_TOKEN_END && language->ignores_spare_ands)
            return OK;
        if (!at_comparison(&parser))
            return invalid_clauses(&parser);
        if (filter->count == SEARCH_CLAUSES_MAX)
            return SEARCH_FAIL(arena, error, "The filter has too many clauses. It may have at most %d.",
                               SEARCH_CLAUSES_MAX);
        if (take_comparison(&parser, &filter->clauses[filter->count++]) != OK)
            return FAILED;
        if (language->ignores_spare_ands)
            continue;
        struct search_token token = peek(&parser);
        if (token.kind == SEARCH_TOKEN_END)
            return OK;
        /* Only an AND between two comparisons joins them; any other is named as what it is: out of place. */
        struct search_lexer before_and = parser.lexer;
        if (is_word(token, "AND") && !at_comparison(&parser)) {
            next(&parser);
            token = peek(&parser);
            if ((token.kind != SEARCH_TOKEN_END && !is_word(token, "AND")) || at_comparison(&parser))
                continue;
            parser.lexer = before_and;
            return invalid_clauses(&parser);
        }
    }
}
