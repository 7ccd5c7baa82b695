#include "common/graphql/parser.h"

#include "common/graphql/lexer.h"

/* Recursive descent, one token ahead. Functions return false once something was wrong; the lexer has the
 * sentence then. */
struct parser {
    struct graphql_lexer lexer;
    struct graphql_token token;
    unsigned nesting;
};

struct graphql_fragment *graphql_fragment_find(const struct graphql_document *document, struct sv name)
{
    struct graphql_fragment *fragment = document->fragments;
    while (fragment && !sv_equal(fragment->name, name))
        fragment = fragment->next;
    return fragment;
}

struct graphql_value *graphql_item(struct graphql_value *items, struct sv name)
{
    while (items && !sv_equal(items->name, name))
        items = items->next;
    return items;
}

#define NEW(parser, type) ARENA_NEW((parser)->lexer.arena, type)

static bool next(struct parser *parser)
{
    return graphql_lexer_next(&parser->lexer, &parser->token);
}

static bool at(const struct parser *parser, const char *punctuator)
{
    return parser->token.kind == TOKEN_PUNCTUATOR && sv_equal(parser->token.text, sv_from(punctuator));
}

static bool at_name(const struct parser *parser, const char *name)
{
    return parser->token.kind == TOKEN_NAME && sv_equal(parser->token.text, sv_from(name));
}

static struct sv shown(struct parser *parser)
{
    static const char *const kinds[] = {"<EOF>", "", "Name", "Int", "Float", "String"};
    const struct graphql_token *token = &parser->token;
    if (token->kind == TOKEN_END)
        return sv_from(kinds[TOKEN_END]);
    struct sv text = sv_first(token->text, 60);
    while (text.len < token->text.len && text.len &&
           ((unsigned char)token->text.data[text.len] & 0xc0) == 0x80)
        text.len--;
    if (token->kind == TOKEN_PUNCTUATOR)
        return arena_printf(parser->lexer.arena, "'%.*s'", SV_ARG(text));
    return arena_printf(parser->lexer.arena, "%s '%.*s'", kinds[token->kind], SV_ARG(text));
}

static bool unexpected(struct parser *parser)
{
    struct sv token = shown(parser);
    return graphql_lexer_fail(&parser->lexer, parser->token.offset, "Unexpected %.*s.", SV_ARG(token));
}

static bool fail_expected(struct parser *parser, const char *what)
{
    struct sv token = shown(parser);
    return graphql_lexer_fail(&parser->lexer, parser->token.offset, "Expected %s, found %.*s.", what,
                              SV_ARG(token));
}

static bool expect(struct parser *parser, const char *punctuator)
{
    if (at(parser, punctuator))
        return next(parser);
    return fail_expected(parser, arena_printf(parser->lexer.arena, "'%s'", punctuator).data);
}

static bool take_name(struct parser *parser, struct sv *name)
{
    if (parser->token.kind != TOKEN_NAME)
        return fail_expected(parser, "Name");
    *name = parser->token.text;
    return next(parser);
}

static bool enter(struct parser *parser)
{
    if (++parser->nesting <= GRAPHQL_NESTING_MAX)
        return true;
    return graphql_lexer_fail(&parser->lexer, parser->token.offset, "More than %d levels of nesting.",
                              GRAPHQL_NESTING_MAX);
}

/* --- Values --- */

static bool parse_value(struct parser *parser, bool is_const, struct graphql_value *value);

static bool parse_list(struct parser *parser, bool is_const, struct graphql_value *list)
{
    struct graphql_value **last = &list->items;
    list->kind = GRAPHQL_LIST;
    if (!enter(parser) || !next(parser))
        return false;
    while (!at(parser, "]")) {
        *last = NEW(parser, struct graphql_value);
        if (!parse_value(parser, is_const, *last))
            return false;
        last = &(*last)->next;
    }
    parser->nesting--;
    return next(parser);
}

/* name: value, as in arguments and in objects. */
static bool parse_named_value(struct parser *parser, bool is_const, struct graphql_value **value)
{
    *value = NEW(parser, struct graphql_value);
    return take_name(parser, &(*value)->name) && expect(parser, ":") && parse_value(parser, is_const, *value);
}

static bool count_name(struct parser *parser, unsigned *names)
{
    if (++*names <= GRAPHQL_NAMES_MAX)
        return true;
    return graphql_lexer_fail(&parser->lexer, parser->token.offset, "More than %d names in one list.",
                              GRAPHQL_NAMES_MAX);
}

static bool parse_object(struct parser *parser, bool is_const, struct graphql_value *object)
{
    struct graphql_value **last = &object->items;
    unsigned names = 0;
    object->kind = GRAPHQL_OBJECT;
    if (!enter(parser) || !next(parser))
        return false;
    while (!at(parser, "}")) {
        if (!count_name(parser, &names) || !parse_named_value(parser, is_const, last))
            return false;
        last = &(*last)->next;
    }
    parser->nesting--;
    return next(parser);
}

static void set_name_value(struct graphql_value *value, struct sv name)
{
    bool is_true = sv_equal(name, SV("true"));
    value->text = name;
    if (is_true || sv_equal(name, SV("false"))) {
        value->kind = GRAPHQL_BOOLEAN;
        value->truth = is_true;
    } else {
        value->kind = sv_equal(name, SV("null")) ? GRAPHQL_NULL : GRAPHQL_ENUM;
    }
}

static bool parse_value(struct parser *parser, bool is_const, struct graphql_value *value)
{
    const struct graphql_token token = parser->token;
    switch (token.kind) {
    case TOKEN_INT:
    case TOKEN_FLOAT:
        value->kind = token.kind == TOKEN_INT ? GRAPHQL_INT : GRAPHQL_FLOAT;
        value->text = token.text;
        return next(parser);
    case TOKEN_STRING:
        value->kind = GRAPHQL_STRING;
        value->text = token.value;
        return next(parser);
    case TOKEN_NAME:
        set_name_value(value, token.text);
        return next(parser);
    default:
        break;
    }
    if (at(parser, "["))
        return parse_list(parser, is_const, value);
    if (at(parser, "{"))
        return parse_object(parser, is_const, value);
    if (is_const || !at(parser, "$"))
        return unexpected(parser);
    value->kind = GRAPHQL_VARIABLE;
    return next(parser) && take_name(parser, &value->text);
}

static bool parse_arguments(struct parser *parser, bool is_const, struct graphql_value **arguments)
{
    unsigned names = 0;
    if (!at(parser, "("))
        return true;
    if (!next(parser))
        return false;
    do {
        if (!count_name(parser, &names) || !parse_named_value(parser, is_const, arguments))
            return false;
        arguments = &(*arguments)->next;
    } while (!at(parser, ")"));
    return next(parser);
}

static bool parse_directives(struct parser *parser, bool is_const, struct graphql_directive **directives)
{
    while (at(parser, "@")) {
        struct graphql_directive *directive = NEW(parser, struct graphql_directive);
        if (!next(parser) || !take_name(parser, &directive->name) ||
            !parse_arguments(parser, is_const, &directive->arguments))
            return false;
        *directives = directive;
        directives = &directive->next;
    }
    return true;
}

/* --- Selections --- */

static bool parse_selections(struct parser *parser, struct graphql_selection **selections);

static bool parse_field(struct parser *parser, struct graphql_selection *field)
{
    field->alias = SV_ABSENT;
    if (!take_name(parser, &field->name))
        return false;
    if (at(parser, ":")) {
        field->alias = field->name;
        if (!next(parser) || !take_name(parser, &field->name))
            return false;
    }
    if (!parse_arguments(parser, false, &field->arguments) ||
        !parse_directives(parser, false, &field->directives))
        return false;
    return at(parser, "{") ? parse_selections(parser, &field->selections) : true;
}

/* Behind the three dots. */
static bool parse_fragment(struct parser *parser, struct graphql_selection *selection)
{
    bool has_condition = at_name(parser, "on");
    if (parser->token.kind == TOKEN_NAME && !has_condition) {
        selection->kind = GRAPHQL_SPREAD;
        return take_name(parser, &selection->name) && parse_directives(parser, false, &selection->directives);
    }
    selection->kind = GRAPHQL_INLINE_FRAGMENT;
    if (has_condition && (!next(parser) || !take_name(parser, &selection->on)))
        return false;
    return parse_directives(parser, false, &selection->directives) &&
           parse_selections(parser, &selection->selections);
}

static bool parse_selection(struct parser *parser, struct graphql_selection *selection)
{
    if (at(parser, "..."))
        return next(parser) && parse_fragment(parser, selection);
    return parse_field(parser, selection);
}

static bool parse_selections(struct parser *parser, struct graphql_selection **selections)
{
    if (!enter(parser) || !expect(parser, "{"))
        return false;
    do {
        *selections = NEW(parser, struct graphql_selection);
        if (!parse_selection(parser, *selections))
            return false;
        selections = &(*selections)->next;
    } while (!at(parser, "}"));
    parser->nesting--;
    return next(parser);
}

/* --- Definitions --- */

static bool parse_type(struct parser *parser, struct graphql_type_name **type)
{
    *type = NEW(parser, struct graphql_type_name);
    if (at(parser, "[")) {
        if (!enter(parser) || !next(parser) || !parse_type(parser, &(*type)->item) || !expect(parser, "]"))
            return false;
        parser->nesting--;
    } else if (!take_name(parser, &(*type)->name)) {
        return false;
    }
    (*type)->required = at(parser, "!");
    return (*type)->required ? next(parser) : true;
}

static bool parse_variable(struct parser *parser, struct graphql_variable *variable)
{
    if (!expect(parser, "$") || !take_name(parser, &variable->name) || !expect(parser, ":") ||
        !parse_type(parser, &variable->type))
        return false;
    if (at(parser, "=")) {
        variable->fallback = NEW(parser, struct graphql_value);
        if (!next(parser) || !parse_value(parser, true, variable->fallback))
            return false;
    }
    return parse_directives(parser, true, &variable->directives);
}

static bool parse_variables(struct parser *parser, struct graphql_variable **variables)
{
    if (!at(parser, "("))
        return true;
    if (!next(parser))
        return false;
    do {
        *variables = NEW(parser, struct graphql_variable);
        if (!parse_variable(parser, *variables))
            return false;
        variables = &(*variables)->next;
    } while (!at(parser, ")"));
    return next(parser);
}

static bool parse_operation(struct parser *parser, struct graphql_operation *operation)
{
    operation->name = SV_ABSENT;
    if (at(parser, "{"))
        return parse_selections(parser, &operation->selections);
    operation->kind = at_name(parser, "query")      ? GRAPHQL_QUERY
                      : at_name(parser, "mutation") ? GRAPHQL_MUTATION
                                                    : GRAPHQL_SUBSCRIPTION;
    if (!next(parser))
        return false;
    if (parser->token.kind == TOKEN_NAME && !take_name(parser, &operation->name))
        return false;
    return parse_variables(parser, &operation->variables) &&
           parse_directives(parser, false, &operation->directives) &&
           parse_selections(parser, &operation->selections);
}

static bool parse_fragment_definition(struct parser *parser, struct graphql_fragment *fragment)
{
    if (!next(parser))
        return false;
    if (at_name(parser, "on"))
        return unexpected(parser);
    if (!take_name(parser, &fragment->name))
        return false;
    if (!at_name(parser, "on"))
        return fail_expected(parser, "'on'");
    return next(parser) && take_name(parser, &fragment->on) &&
           parse_directives(parser, false, &fragment->directives) &&
           parse_selections(parser, &fragment->selections);
}

static bool parse_document(struct parser *parser, struct graphql_document *document)
{
    struct graphql_operation **operations = &document->operations;
    struct graphql_fragment **fragments = &document->fragments;
    if (!next(parser))
        return false;
    do {
        if (at_name(parser, "fragment")) {
            *fragments = NEW(parser, struct graphql_fragment);
            if (!parse_fragment_definition(parser, *fragments))
                return false;
            fragments = &(*fragments)->next;
        } else if (at(parser, "{") || at_name(parser, "query") || at_name(parser, "mutation") ||
                   at_name(parser, "subscription")) {
            *operations = NEW(parser, struct graphql_operation);
            if (!parse_operation(parser, *operations))
                return false;
            operations = &(*operations)->next;
        } else {
            return unexpected(parser);
        }
    } while (parser->token.kind != TOKEN_END);
    return true;
}

bool graphql_parse(struct arena *arena, struct sv text, struct graphql_document *document, struct sv *problem)
{
    struct parser parser = {.nesting = 0};
    *document = (struct graphql_document){.operations = NULL};
    graphql_lexer_init(&parser.lexer, arena, text);
    if (parse_document(&parser, document))
        return true;
    *problem = parser.lexer.problem;
    return false;
}
