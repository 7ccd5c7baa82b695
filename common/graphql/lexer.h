#ifndef TRACKLIGHT_GRAPHQL_LEXER_H
#define TRACKLIGHT_GRAPHQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/sv.h"

/* The tokens of a GraphQL document (GraphQL specification, October 2021, section 2.1). */

/* Tokens in one document. */
#define GRAPHQL_TOKENS_MAX 15000

enum graphql_token_kind {
    TOKEN_END,
    TOKEN_PUNCTUATOR, /* one of ! $ & ( ) : = @ [ ] { | } or "..." */
    TOKEN_NAME,
    TOKEN_INT,
    TOKEN_FLOAT,
    TOKEN_STRING, /* block strings too */
};

struct graphql_token {
    enum graphql_token_kind kind;
    struct sv text;  /* as it stands there */
    struct sv value; /* of a string: what it means */
    size_t offset;
};

struct graphql_lexer {
    struct arena *arena;
    struct sv source; /* UTF-8 */
    size_t offset;
    size_t tokens;     /* read so far */
    struct sv problem; /* once a token was bad: a sentence about it */
};

void graphql_lexer_init(struct graphql_lexer *lexer, struct arena *arena, struct sv source);

/* The next token; TOKEN_END again and again at the end. False with `problem` set if there is none. */
bool graphql_lexer_next(struct graphql_lexer *lexer, struct graphql_token *token);

/* Sets `problem` to a sentence about this place, unless it is set. False. */
bool graphql_lexer_fail(struct graphql_lexer *lexer, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
