#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "cli/user.h"
#include "common/base/clock.h"
#include "common/base/number.h"
#include "common/store/tokens.h"

#define DAY_MS       (24 * 60 * 60 * 1000L)
#define DAYS_DEFAULT 365
#define DAYS_MAX     36500

static int list(struct user_call *call)
{
    const struct token *tokens = NULL;
    size_t count = 0;
    if (!user_operands(call, 0, 1, "the NAME of a user, or nothing"))
        return EXIT_USAGE;
    struct store_tx *tx = user_begin(call, DB_READ);
    if (!tx || user_end(call, tx, tokens_list(tx, sv_from(call->operands[0]), &tokens, &count)) != OK)
        return EXIT_FAILED;
    for (size_t i = 0; i < count; i++) {
        const struct token *token = &tokens[i];
        struct arena *arena = call->arena;
        bool ended = token->expiry_time && token->expiry_time <= clock_now_ms();
        printf("%" PRId64 "\t%.*s\t%s\t%s\t%.*s\tmade %.*s\tends %.*s\tused %.*s\t%.*s\n", token->id,
               SV_ARG(token->username), token_scope_name(token->scope),
               token->revoked_time ? "revoked"
               : ended             ? "expired"
                                   : "valid",
               SV_ARG(token->programs.len ? token->programs : SV("all programs")),
               SV_ARG(user_time(arena, token->creation_time)), SV_ARG(user_time(arena, token->expiry_time)),
               SV_ARG(user_time(arena, token->last_used_time)), SV_ARG(token->label));
    }
    return EXIT_OK;
}

static int revoke(struct user_call *call)
{
    int64_t id;
    if (!user_operands(call, 0, 0, "only the ID of the token"))
        return EXIT_USAGE;
    if (!parse_int64(sv_from(call->revoke), 1, INT64_MAX, &id))
        return usage_error(USER_USAGE, "'%s' is not the id of a token; `user token --list` shows them.",
                           call->revoke);
    struct store_tx *tx = user_begin(call, DB_WRITE);
    if (!tx || user_end(call, tx, token_revoke(tx, id)) != OK)
        return EXIT_FAILED;
    user_audit(call, "revokeToken", sv_from(call->revoke));
    printf("Token %" PRId64 " is void.\n", id);
    return EXIT_OK;
}

static bool programs_are_known(struct sv names)
{
    while (names.data) {
        struct sv name = sv_trim(sv_cut(&names, ','));
        if (!sv_equal(name, SV("tracking")) && !sv_equal(name, SV("artifacts")) &&
            !sv_equal(name, SV("gateway")) && !sv_equal(name, SV("jobs")))
            return false;
    }
    return true;
}

static int make(struct user_call *call)
{
    enum token_scope scope = TOKEN_WRITE;
    int64_t days = DAYS_DEFAULT, id;
    struct sv secret;
    if (!user_operands(call, 1, 1, "the NAME of the user"))
        return EXIT_USAGE;
    if (call->scope && !token_scope_parse(sv_from(call->scope), &scope))
        return usage_error(USER_USAGE, "--scope is read, write or all.");
    if (call->days && !parse_int64(sv_from(call->days), 0, DAYS_MAX, &days))
        return usage_error(USER_USAGE, "--days is a number from 0 to %d.", DAYS_MAX);
    if (!programs_are_known(sv_from(call->programs)))
        return usage_error(USER_USAGE,
                           "--programs names tracking, artifacts, gateway and jobs, with commas.");
    struct store_tx *tx = user_begin(call, DB_WRITE);
    int64_t expiry = days ? clock_now_ms() + days * DAY_MS : 0;
    if (!tx || user_end(call, tx,
                        token_create(tx, sv_from(call->operands[0]), sv_from(call->label), scope,
                                     sv_from(call->programs), expiry, &secret, &id)) != OK)
        return EXIT_FAILED;
    user_audit(call, "createToken", sv_from(call->operands[0]));
    notice("Token %" PRId64 ", for MLFLOW_TRACKING_TOKEN. It is not shown again.", id);
    printf("%.*s\n", SV_ARG(secret));
    OPENSSL_cleanse((char *)secret.data, secret.len);
    return EXIT_OK;
}

int user_token(struct user_call *call)
{
    if (call->list && call->revoke)
        return usage_error(USER_USAGE, "Options '--list' and '--revoke' exclude each other.");
    if (call->list)
        return list(call);
    return call->revoke ? revoke(call) : make(call);
}
