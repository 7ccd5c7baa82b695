#include "common/store/tokens.h"

#include <openssl/crypto.h>

#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/store/list.h"
#include "common/store/users.h"
#include "common/store/validate.h"

#define SECRET_BYTES 32

static const char *const scope_names[] = {
    [TOKEN_READ] = "read", [TOKEN_WRITE] = "write", [TOKEN_ALL] = "all"};

const char *token_scope_name(enum token_scope scope)
{
    return scope_names[scope];
}

bool token_scope_parse(struct sv name, enum token_scope *scope)
{
    for (int i = TOKEN_READ; i <= TOKEN_ALL; i++) {
        if (sv_equal(name, sv_from(scope_names[i]))) {
            *scope = (enum token_scope)i;
            return true;
        }
    }
    return false;
}

/* URL-safe base64 without padding. */
static struct sv new_secret(struct arena *arena)
{
    char bytes[SECRET_BYTES];
    random_bytes(bytes, sizeof(bytes));
    struct sv encoded = base64_encode(arena, (struct sv){bytes, sizeof(bytes)});
    OPENSSL_cleanse(bytes, sizeof(bytes));
    struct sv secret = arena_printf(arena, TOKEN_PREFIX "%.*s",
                                    (int)(TOKEN_LENGTH - sizeof(TOKEN_PREFIX) + 1), encoded.data);
    char *text = (char *)secret.data;
    for (size_t i = 0; i < secret.len; i++)
        text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    return secret;
}

enum status token_create(struct store_tx *tx, struct sv username, struct sv label, enum token_scope scope,
                         struct sv programs, int64_t expiry_time, struct sv *secret, int64_t *id)
{
    struct user user;
    if (validate_length(tx, label, TOKEN_LABEL_MAX, NO_ITEM, "label") != OK ||
        validate_length(tx, programs, TOKEN_PROGRAMS_MAX, NO_ITEM, "programs") != OK ||
        user_load(tx, username, &user) != OK)
        return FAILED;
    *secret = new_secret(tx->arena);
    if (db_exec(tx->db, NULL,
                "INSERT INTO tokens (user, hash, label, scope, programs, creation_time, expiry_time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                db_int(user.id), db_text(sha256_hex(tx->arena, *secret)),
                db_text(label.data ? label : SV("")), db_int(scope),
                db_text(programs.data ? programs : SV("")), db_int(tx->now_ms),
                expiry_time ? db_int(expiry_time) : db_null()) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}

static void read_token(struct db_stmt *stmt, struct token *token)
{
    *token = (struct token){
        .id = db_column_int(stmt, 0),
        .user_id = db_column_int(stmt, 1),
        .username = db_column_text_copy(stmt, 2),
        .is_admin = db_column_int(stmt, 3) != 0,
        .label = db_column_text_copy(stmt, 4),
        .scope = (enum token_scope)db_column_int(stmt, 5),
        .programs = db_column_text_copy(stmt, 6),
        .creation_time = db_column_int(stmt, 7),
        .expiry_time = db_column_int(stmt, 8),
        .revoked_time = db_column_int(stmt, 9),
        .last_used_time = db_column_int(stmt, 10),
    };
}

enum status token_find(struct store_tx *tx, struct sv secret, struct token *token, bool *found)
{
    *found = false;
    if (secret.len != TOKEN_LENGTH)
        return OK;
    struct db_stmt *stmt = db_query(
        tx->db,
        "SELECT tokens.id, user, username, is_admin, label, scope, programs, tokens.creation_time, "
        "expiry_time, revoked_time, last_used_time FROM tokens JOIN users ON users.id = user WHERE hash = ?",
        db_text(sha256_hex(tx->arena, secret)));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW) {
        read_token(stmt, token);
        *found = !token->revoked_time && (!token->expiry_time || token->expiry_time > tx->now_ms);
    }
    return db_done(stmt);
}

bool token_is_for(const struct token *token, const char *program)
{
    struct sv rest = token->programs;
    if (!rest.len)
        return true;
    while (rest.data) {
        if (sv_equal(sv_trim(sv_cut(&rest, ',')), sv_from(program)))
            return true;
    }
    return false;
}

enum status token_used(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL, "UPDATE tokens SET last_used_time = ? WHERE id = ?", db_int(tx->now_ms),
                   db_int(id));
}

enum status tokens_list(struct store_tx *tx, struct sv username, const struct token **tokens, size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT tokens.id, user, username, is_admin, label, scope, programs, tokens.creation_time, "
                 "expiry_time, revoked_time, last_used_time FROM tokens JOIN users ON users.id = user "
                 "WHERE username = coalesce(?, username) ORDER BY tokens.id",
                 db_text(username));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        read_token(stmt, ROW_LIST_ADD(&list, tx->arena, struct token));
    *tokens = list.items;
    *count = list.count;
    return db_done(stmt);
}

enum status token_revoke(struct store_tx *tx, int64_t id)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed, "UPDATE tokens SET revoked_time = coalesce(revoked_time, ?) WHERE id = ?",
                db_int(tx->now_ms), db_int(id)) != OK)
        return FAILED;
    return changed ? OK
                   : store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Token with id=%lld not found", (long long)id);
}
