#ifndef TRACKLIGHT_STORE_TOKENS_H
#define TRACKLIGHT_STORE_TOKENS_H

#include "common/store/store.h"

/* Bearer tokens (RFC 6750): what programs show instead of a user's password. Only their SHA-256 is kept,
 * which is enough, because they are random. */

#define TOKEN_PREFIX       "tlk_"
#define TOKEN_LENGTH       47 /* with the prefix */
#define TOKEN_LABEL_MAX    200
#define TOKEN_PROGRAMS_MAX 100

enum token_scope {
    TOKEN_READ = 1, /* what changes nothing */
    TOKEN_WRITE,    /* but for users, permissions and tokens, all that the user may do */
    TOKEN_ALL,
};

struct token {
    int64_t id;
    int64_t user_id;
    struct sv username;
    bool is_admin;
    struct sv label;
    enum token_scope scope;
    struct sv programs; /* comma-separated; "": every program */
    int64_t creation_time;
    int64_t expiry_time;    /* 0: never */
    int64_t revoked_time;   /* 0: it is valid */
    int64_t last_used_time; /* to the hour; 0: never */
};

/* "read", "write", "all". */
const char *token_scope_name(enum token_scope scope);
bool token_scope_parse(struct sv name, enum token_scope *scope);

/* Makes one for the user. *secret is to be shown once; it cannot be had again. `programs` may be absent;
 * `expiry_time` 0 is never. RESOURCE_DOES_NOT_EXIST without such a user, INVALID_PARAMETER_VALUE for a label
 * or programs that are too long. */
enum status token_create(struct store_tx *tx, struct sv username, struct sv label, enum token_scope scope,
                         struct sv programs, int64_t expiry_time, struct sv *secret, int64_t *id);

/* *found: there is such a token, and it is neither revoked nor has it expired. */
enum status token_find(struct store_tx *tx, struct sv secret, struct token *token, bool *found);

/* Whether it is good for the program of this name. */
bool token_is_for(const struct token *token, const char *program);

/* Notes that the token is in use now. */
enum status token_used(struct store_tx *tx, int64_t id);

/* How old the note of its last use may be before it is to be brought up to date. */
#define TOKEN_USE_NOTED_MS (60 * 60 * 1000L)

/* All, or a user's, in the order in which they were made. In the arena. */
enum status tokens_list(struct store_tx *tx, struct sv username, const struct token **tokens, size_t *count);

/* RESOURCE_DOES_NOT_EXIST if there is none with this id. */
enum status token_revoke(struct store_tx *tx, int64_t id);

#endif
