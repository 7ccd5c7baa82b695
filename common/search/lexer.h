#ifndef TRACKLIGHT_SEARCH_LEXER_H
#define TRACKLIGHT_SEARCH_LEXER_H

#include "common/base/sv.h"

enum search_token_kind {
    SEARCH_TOKEN_END,
    SEARCH_TOKEN_WORD,   /* bare or with quoted parts: params.lr, params."a b", `a b`; also LIKE, AND, … */
    SEARCH_TOKEN_STRING, /* '…' or "…", alone; the latter may also be a key */
    SEARCH_TOKEN_DIGITS, /* -1.5e-3 */
    SEARCH_TOKEN_OPERATOR, /* any run of < > = ! */
    SEARCH_TOKEN_OPEN,
    SEARCH_TOKEN_CLOSE,
    SEARCH_TOKEN_COMMA,
    SEARCH_TOKEN_SEMICOLON,
    SEARCH_TOKEN_BAD, /* anything else, up to the next blank or punctuation; an unclosed quote takes the rest
                       */
};

struct search_token {
    enum search_token_kind kind;
    struct sv text; /* with its quotes */
};

/* Cuts a filter into tokens, one at a time. To look ahead, copy it. The text must be valid UTF-8. */
struct search_lexer {
    struct sv text;
    size_t at;
    bool in_list; /* where a doubled quote ends one literal and begins the next */
};

struct search_token search_lexer_next(struct search_lexer *lexer);

#endif
