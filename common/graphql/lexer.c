#include "common/graphql/lexer.h"

#include <stdint.h>
#include <string.h>

#include "common/base/number.h"

void graphql_lexer_init(struct graphql_lexer *lexer, struct arena *arena, struct sv source)
{
    *lexer = (struct graphql_lexer){.arena = arena, .source = source, .problem = SV_ABSENT};
    if (sv_starts_with(source, SV("\xef\xbb\xbf")))
        lexer->offset = 3;
}

bool graphql_lexer_fail(struct graphql_lexer *lexer, size_t offset, const char *format, ...)
{
    size_t line = 1, start = 0;
    va_list arguments;
    if (lexer->problem.data)
        return false;
    for (size_t i = 0; i < offset && i < lexer->source.len; i++) {
        if (lexer->source.data[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    va_start(arguments, format);
    struct sv text = arena_vprintf(lexer->arena, format, arguments);
    va_end(arguments);
    lexer->problem = arena_printf(lexer->arena, "Syntax Error: %.*s (line %zu, column %zu)", SV_ARG(text),
                                  line, offset - start + 1);
    return false;
}

/* The byte `ahead` of the current one; 0 at the end. */
static char peek(const struct graphql_lexer *lexer, size_t ahead)
{
    size_t at = lexer->offset + ahead;
    return at < lexer->source.len ? lexer->source.data[at] : '\0';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_ignored(struct graphql_lexer *lexer)
{
    bool in_comment = false;
    for (; lexer->offset < lexer->source.len; lexer->offset++) {
        char c = lexer->source.data[lexer->offset];
        if (c == '\n' || c == '\r')
            in_comment = false;
        else if (c == '#')
            in_comment = true;
        else if (!in_comment && c != ' ' && c != '\t' && c != ',')
            return;
    }
}

static bool fail_character(struct graphql_lexer *lexer, size_t offset)
{
    unsigned char c = (unsigned char)lexer->source.data[offset];
    if (c < 0x20 || c >= 0x7f)
        return graphql_lexer_fail(lexer, offset, "Unexpected byte 0x%02x.", c);
    return graphql_lexer_fail(lexer, offset, "Unexpected character: '%c'.", c);
}

/* --- Numbers --- */

static bool read_digits(struct graphql_lexer *lexer)
{
    if (!is_digit(peek(lexer, 0)))
        return graphql_lexer_fail(lexer, lexer->offset, "Invalid number, expected a digit.");
    while (is_digit(peek(lexer, 0)))
        lexer->offset++;
    return true;
}

static bool read_number(struct graphql_lexer *lexer, struct graphql_token *token)
{
    token->kind = TOKEN_INT;
    if (peek(lexer, 0) == '-')
        lexer->offset++;
    if (peek(lexer, 0) == '0') {
        lexer->offset++;
        if (is_digit(peek(lexer, 0)))
            return graphql_lexer_fail(lexer, lexer->offset, "Invalid number, unexpected digit after 0.");
    } else if (!read_digits(lexer)) {
        return false;
    }
    if (peek(lexer, 0) == '.') {
        token->kind = TOKEN_FLOAT;
        lexer->offset++;
        if (!read_digits(lexer))
            return false;
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        token->kind = TOKEN_FLOAT;
        lexer->offset++;
        if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-')
            lexer->offset++;
        if (!read_digits(lexer))
            return false;
    }
    if (peek(lexer, 0) == '.' || is_name_start(peek(lexer, 0)))
        return graphql_lexer_fail(lexer, lexer->offset, "Invalid number, expected a digit.");
    return true;
}

/* --- Strings --- */

/* Four hexadecimal digits, or -1. */
static int32_t read_unit(struct graphql_lexer *lexer)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(peek(lexer, 0));
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
        lexer->offset++;
    }
    return unit;
}

static size_t encode(int32_t code, char *out)
{
    uint32_t c = (uint32_t)code;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Behind "\u"; surrogates must come in pairs. */
static bool read_unicode(struct graphql_lexer *lexer, size_t begin, char *out, size_t *len)
{
    int32_t code = read_unit(lexer);
    if (code >= 0xd800 && code < 0xdc00 && peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u') {
        lexer->offset += 2;
        int32_t low = read_unit(lexer);
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    if (code < 0 || (code >= 0xd800 && code < 0xe000))
        return graphql_lexer_fail(lexer, begin, "Invalid Unicode escape sequence.");
    *len += encode(code, out + *len);
    return true;
}

static bool read_escape(struct graphql_lexer *lexer, char *out, size_t *len)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    size_t begin = lexer->offset;
    char c = peek(lexer, 1);
    lexer->offset += 2;
    if (c == 'u')
        return read_unicode(lexer, begin, out, len);
    for (size_t i = 0; c && escapes[i]; i += 2) {
        if (escapes[i] == c) {
            out[(*len)++] = escapes[i + 1];
            return true;
        }
    }
    return graphql_lexer_fail(lexer, begin, "Invalid character escape sequence.");
}

static bool is_source_character(char c)
{
    return (unsigned char)c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
}

/* What a string means is never longer than what stands there. */
static bool read_string(struct graphql_lexer *lexer, struct graphql_token *token)
{
    size_t begin = lexer->offset++, len = 0, end = begin + 1;
    while (end < lexer->source.len && lexer->source.data[end] != '"' && lexer->source.data[end] != '\n')
        end += lexer->source.data[end] == '\\' ? 2 : 1;
    char *out = arena_alloc(lexer->arena, end - begin + 1);
    while (lexer->offset < lexer->source.len) {
        char c = peek(lexer, 0);
        if (c == '"') {
            lexer->offset++;
            token->kind = TOKEN_STRING;
            token->value = (struct sv){out, len};
            return true;
        }
        if (c == '\n' || c == '\r')
            break;
        if (!is_source_character(c))
            return fail_character(lexer, lexer->offset);
        if (c == '\\') {
            if (!read_escape(lexer, out, &len))
                return false;
        } else {
            out[len++] = c;
            lexer->offset++;
        }
    }
    return graphql_lexer_fail(lexer, begin, "Unterminated string.");
}

/* --- Block strings (section 2.9.4, BlockStringValue) --- */

static struct sv cut_line(struct sv *rest)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '\n' && rest->data[len] != '\r')
        len++;
    struct sv line = sv_first(*rest, len);
    size_t skip = len + 1 < rest->len && rest->data[len] == '\r' && rest->data[len + 1] == '\n' ? 2 : 1;
    *rest = len < rest->len ? sv_from_offset(*rest, len + skip) : SV_ABSENT;
    return line;
}

static size_t indentation(struct sv line)
{
    size_t count = 0;
    while (count < line.len && (line.data[count] == ' ' || line.data[count] == '\t'))
        count++;
    return count;
}

static size_t common_indentation(struct sv raw)
{
    size_t common = SIZE_MAX;
    cut_line(&raw);
    while (raw.data) {
        struct sv line = cut_line(&raw);
        size_t own = indentation(line);
        if (own < line.len && own < common)
            common = own;
    }
    return common == SIZE_MAX ? 0 : common;
}

static struct sv dedent(struct arena *arena, struct sv raw)
{
    size_t common = common_indentation(raw), len = 0, kept = 0;
    char *out = arena_alloc(arena, raw.len + 1);
    bool first = true, begun = false;
    while (raw.data) {
        struct sv line = cut_line(&raw);
        bool blank = indentation(line) == line.len;
        if (!first)
            line = sv_from_offset(line, common);
        first = false;
        if (blank && !begun)
            continue;
        if (begun)
            out[len++] = '\n';
        begun = true;
        if (line.len)
            memcpy(out + len, line.data, line.len);
        len += line.len;
        if (!blank)
            kept = len;
    }
    return (struct sv){out, kept};
}

static bool read_block_string(struct graphql_lexer *lexer, struct graphql_token *token)
{
    size_t begin = lexer->offset, len = 0;
    lexer->offset += 3;
    struct sv rest = sv_from_offset(lexer->source, lexer->offset);
    size_t end = 0;
    while (end < rest.len && !sv_starts_with(sv_from_offset(rest, end), SV("\"\"\"")))
        end += sv_starts_with(sv_from_offset(rest, end), SV("\\\"\"\"")) ? 4 : 1;
    if (end >= rest.len)
        return graphql_lexer_fail(lexer, begin, "Unterminated string.");
    char *raw = arena_alloc(lexer->arena, end + 1);
    for (size_t i = 0; i < end; i++) {
        if (!is_source_character(rest.data[i]))
            return fail_character(lexer, lexer->offset + i);
        if (rest.data[i] != '\\' || !sv_starts_with(sv_from_offset(rest, i), SV("\\\"\"\"")))
            raw[len++] = rest.data[i];
    }
    lexer->offset += end + 3;
    token->kind = TOKEN_STRING;
    token->value = dedent(lexer->arena, (struct sv){raw, len});
    return true;
}

/* --- All tokens --- */

static bool read_token(struct graphql_lexer *lexer, struct graphql_token *token)
{
    char c = peek(lexer, 0);
    if (is_name_start(c)) {
        token->kind = TOKEN_NAME;
        while (is_name_start(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
            lexer->offset++;
        return true;
    }
    if (c == '-' || is_digit(c))
        return read_number(lexer, token);
    if (c == '"' && peek(lexer, 1) == '"' && peek(lexer, 2) == '"')
        return read_block_string(lexer, token);
    if (c == '"')
        return read_string(lexer, token);
    token->kind = TOKEN_PUNCTUATOR;
    if (c == '.' && peek(lexer, 1) == '.' && peek(lexer, 2) == '.') {
        lexer->offset += 3;
        return true;
    }
    if (!c || !strchr("!$&():=@[]{|}", c))
        return fail_character(lexer, lexer->offset);
    lexer->offset++;
    return true;
}

bool graphql_lexer_next(struct graphql_lexer *lexer, struct graphql_token *token)
{
    skip_ignored(lexer);
    *token = (struct graphql_token){.kind = TOKEN_END, .offset = lexer->offset};
    if (lexer->problem.data)
        return false;
    if (lexer->offset >= lexer->source.len)
        return true;
    if (++lexer->tokens > GRAPHQL_TOKENS_MAX)
        return graphql_lexer_fail(lexer, lexer->offset, "The document has more than %d tokens.",
                                  GRAPHQL_TOKENS_MAX);
    if (!read_token(lexer, token))
        return false;
    token->text = (struct sv){lexer->source.data + token->offset, lexer->offset - token->offset};
    return true;
}
