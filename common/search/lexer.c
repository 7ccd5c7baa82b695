#include "common/search/lexer.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/utf8.h"

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_operator(char byte)
{
    return byte == '<' || byte == '>' || byte == '=' || byte == '!';
}

static bool is_quote(char byte)
{
    return byte == '\'' || byte == '"' || byte == '`';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool ends_chunk(char byte)
{
    return is_blank(byte) || is_operator(byte) || byte == '(' || byte == ')' || byte == ',' || byte == ';';
}

/* Offset behind the closing quote, or 0 if there is none. */
static size_t skip_quoted(struct sv text, size_t at, bool in_list)
{
    char quote = text.data[at++];
    while (at < text.len) {
        const char *end = memchr(text.data + at, quote, text.len - at);
        if (!end)
            return 0;
        at = (size_t)(end - text.data) + 1;
        if (in_list || at == text.len || text.data[at] != quote)
            return at;
        at++;
    }
    return 0;
}

/* [-]digits[.digits][e[-]digits], or the same from the point on. */
static bool is_number(struct sv text)
{
    size_t at = 0;
    size_t digits = 0;
    if (at < text.len && text.data[at] == '-')
        at++;
    for (; at < text.len && is_digit(text.data[at]); at++)
        digits++;
    if (at < text.len && text.data[at] == '.') {
        size_t first = ++at;
        while (at < text.len && is_digit(text.data[at]))
            at++;
        if (at == first)
            return false;
        digits += at - first;
    }
    if (!digits)
        return false;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && text.data[at] == '-')
            at++;
        size_t first = at;
        while (at < text.len && is_digit(text.data[at]))
            at++;
        if (at == first)
            return false;
    }
    return at == text.len;
}

static struct search_token chunk(struct search_lexer *lexer)
{
    struct sv text = lexer->text;
    size_t start = lexer->at;
    size_t at = start;
    bool word = true;
    bool quoted_alone = false;
    while (at < text.len && !ends_chunk(text.data[at])) {
        char byte = text.data[at];
        if (is_quote(byte)) {
            if (at > start && text.data[at - 1] != '.')
                break;
            size_t end = skip_quoted(text, at, lexer->in_list);
            if (!end) {
                lexer->at = text.len;
                return (struct search_token){SEARCH_TOKEN_BAD, sv_from_offset(text, start)};
            }
            quoted_alone = at == start;
            at = end;
            if (at == text.len || text.data[at] != '.' || lexer->in_list)
                break;
            continue;
        }
        quoted_alone = false;
        uint32_t code_point = utf8_next(text, &at);
        if (code_point != '.' && !utf8_is_word(code_point))
            word = false;
    }
    struct search_token token = {SEARCH_TOKEN_BAD, {text.data + start, at - start}};
    lexer->at = at;
    if (quoted_alone && text.data[start] != '`')
        token.kind = SEARCH_TOKEN_STRING;
    else if (is_number(token.text))
        token.kind = SEARCH_TOKEN_DIGITS;
    else if (word)
        token.kind = SEARCH_TOKEN_WORD;
    return token;
}

struct search_token search_lexer_next(struct search_lexer *lexer)
{
    struct sv text = lexer->text;
    while (lexer->at < text.len && is_blank(text.data[lexer->at]))
        lexer->at++;
    size_t start = lexer->at;
    if (start == text.len)
        return (struct search_token){SEARCH_TOKEN_END, {text.data + text.len, 0}};
    char byte = text.data[start];
    enum search_token_kind kind;
    if (is_operator(byte)) {
        kind = SEARCH_TOKEN_OPERATOR;
        while (lexer->at < text.len && is_operator(text.data[lexer->at]))
            lexer->at++;
        return (struct search_token){kind, {text.data + start, lexer->at - start}};
    }
    switch (byte) {
    case '(':
        kind = SEARCH_TOKEN_OPEN;
        break;
    case ')':
        kind = SEARCH_TOKEN_CLOSE;
        break;
    case ',':
        kind = SEARCH_TOKEN_COMMA;
        break;
    case ';':
        kind = SEARCH_TOKEN_SEMICOLON;
        break;
    default:
        return chunk(lexer);
    }
    lexer->at++;
    return (struct search_token){kind, {text.data + start, 1}};
}
