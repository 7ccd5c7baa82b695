#include "fcgi-bin/auth.h"

#include <openssl/crypto.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/security/key_file.h"
#include "common/store/text.h"
#include "common/store/tokens.h"
#include "fcgi-bin/auth_password.h"
#include "fcgi-bin/auth_session.h"
#include "fcgi-bin/permit.h"

#define REFUSED_TEXT                                                                      \
    "You are not authenticated. Please see "                                              \
    "https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how " \
    "to authenticate."

/* --- Setting up --- */

static enum status find_keys(struct auth *auth, const struct settings *settings, struct sv path,
                             struct arena *arena, struct error *error)
{
    struct fernet_key made;
    struct sv secret = settings->session_secret_key;
    if (!secret.len) {
        struct sv file = arena_printf(arena, "%.*s.session-key", SV_ARG(path));
        if (key_file_load(SV_ABSENT, file, arena, error, &made) != OK)
            return FAILED;
        secret = (struct sv){(const char *)made.bytes, sizeof(made.bytes)};
    }
    signing_key_derive(secret, "session", &auth->session_key);
    signing_key_derive(secret, "csrf", &auth->csrf_key);
    OPENSSL_cleanse(&made, sizeof(made));
    return OK;
}

static enum remote_user remote_user_of(struct sv setting)
{
    if (sv_equal(setting, SV("known")))
        return REMOTE_USER_KNOWN;
    return sv_equal(setting, SV("create")) ? REMOTE_USER_CREATE : REMOTE_USER_OFF;
}

enum status auth_open(struct service *service, const struct auth_settings *settings, struct sv path,
                      struct arena *arena, struct error *error)
{
    bool has_admin = false;
    struct auth *auth = ARENA_NEW(arena, struct auth);
    auth->settings = *settings;
    auth->remote_user = remote_user_of(service->settings->trust_remote_user);
    auth->allow_signup = service->settings->allow_signup;
    auth->session_lifetime_ms = service->settings->session_lifetime * 1000;
    if (find_keys(auth, service->settings, path, arena, error) != OK ||
        auth_prepare(service->users, settings, arena, error, &has_admin) != OK)
        return FAILED;
    if (!has_admin)
        log_warning("%s", AUTH_NO_ADMIN_TEXT);
    auth->passwords = password_check_new();
    service->auth = auth;
    return OK;
}

void auth_close(struct service *service)
{
    if (service->auth) {
        password_check_free(service->auth->passwords);
        OPENSSL_cleanse(&service->auth->session_key, sizeof(struct signing_key));
        OPENSSL_cleanse(&service->auth->csrf_key, sizeof(struct signing_key));
    }
    service->auth = NULL;
}

const struct auth *request_auth(const struct request *request)
{
    return request_service(request)->auth;
}

enum status auth_answered(const struct request *request)
{
    return request->error.code == ERROR_NONE && request->reply.status ? OK : FAILED;
}

/* --- What is put down --- */

void auth_audit(struct request *request, const char *action, struct sv target)
{
    const struct identity *who = request->identity;
    struct sv user = text_json(request->arena, who ? who->username : SV("-"));
    struct sv thing = text_json(request->arena, target.data ? target : SV("-"));
    log_info("audit=true id=%s action=%s user=%.*s target=%.*s from=%.*s", request->id, action, SV_ARG(user),
             SV_ARG(thing), SV_ARG(request->remote_addr));
}

void auth_audit_refusal(struct request *request, struct sv who, const char *why)
{
    struct sv user = text_json(request->arena, who.data ? who : SV("-"));
    log_warning("audit=true id=%s refused=\"%s\" user=%.*s operation=%s from=%.*s", request->id, why,
                SV_ARG(user), request->operation ? request->operation->name : "-",
                SV_ARG(request->remote_addr));
}

/* --- Who is asking --- */

/* A browser asks its user for a password when it is told of Basic, which the page does itself: it is known by
 * its cookie, or before there is one by the header that scripts of pages send by custom. */
enum status auth_refuse_unknown(struct request *request)
{
    bool is_page = session_cookie(request, SV(SESSION_COOKIE)).len > 0 ||
                   request_header(request, "x-requested-with").len > 0 ||
                   request->operation->needs.resource == RESOURCE_PUBLIC;
    reply_header(request, "www-authenticate",
                 is_page ? SV("Session realm=\"mlflow\"") : SV("Basic realm=\"mlflow\""));
    reply_text(request, 401, "text/html", SV(REFUSED_TEXT));
    return FAILED;
}

static void accept(struct request *request, const struct user *user, enum identity_how how)
{
    struct identity *identity = ARENA_NEW(request->arena, struct identity);
    *identity = (struct identity){
        .user_id = user->id,
        .username = user->username,
        .is_admin = user->is_admin,
        .how = how,
        .generation = user->generation,
        .may_write = true,
        .may_administer = true,
    };
    request->identity = identity;
}

/* What was proven needs a look whether it holds still. Where the operation has a snapshot in a moment, the
 * look waits for it. */
static enum status accept_proven(struct request *request, int64_t user_id, int64_t generation,
                                 enum identity_how how)
{
    accept(request, &(struct user){.id = user_id, .generation = generation}, how);
    request->identity->is_provisional = true;
    return operation_reads_users(request_service(request), request->operation) ? OK : auth_confirm(request);
}

enum status auth_confirm(struct request *request)
{
    struct identity *identity = request->identity;
    struct user user;
    bool found = false;
    if (!identity->is_provisional)
        return OK;
    struct store_tx *tx = request_users_read(request);
    if (!tx || user_find_id(tx, identity->user_id, &user, &found) != OK ||
        request_users_read_end(request) != OK)
        return FAILED;
    if (!found || user.generation != identity->generation)
        return auth_refuse_unknown(request);
    identity->username = user.username;
    identity->is_admin = user.is_admin;
    identity->is_provisional = false;
    return OK;
}

static enum status verify_password(struct request *request, struct sv username, struct sv password)
{
    struct user user;
    int64_t id, generation;
    if (operation_reads_users(request_service(request), request->operation) &&
        auth_recall_password(request, username, password, &id, &generation))
        return accept_proven(request, id, generation, IDENTITY_PASSWORD);
    if (auth_check_password(request, username, password, &user) != OK)
        return FAILED;
    accept(request, &user, IDENTITY_PASSWORD);
    return OK;
}

static enum status by_password(struct request *request, struct sv credentials)
{
    struct sv text = base64_decode(request->arena, sv_trim(credentials));
    size_t colon = sv_find(text, ':');
    if (!text.data || colon == text.len) {
        auth_audit_refusal(request, SV_ABSENT, "malformed credentials");
        return auth_refuse_unknown(request);
    }
    enum status status = verify_password(request, sv_first(text, colon), sv_from_offset(text, colon + 1));
    OPENSSL_cleanse((char *)text.data + colon, text.len - colon);
    return status;
}

/* A token whose last use cannot be noted is good all the same. */
static enum status note_use(struct request *request, const struct token *token)
{
    if (clock_now_ms() - token->last_used_time < TOKEN_USE_NOTED_MS)
        return OK;
    if (request_begin_users(request, ACCESS_WRITE) == OK) {
        token_used(request_tx(request), token->id);
        if (request_commit(request) == OK)
            return OK;
    }
    log_warning("id=%s the use of token %lld is not noted: %.*s", request->id, (long long)token->id,
                SV_ARG(request->error.message));
    error_clear(&request->error);
    return OK;
}

static enum status by_token(struct request *request, struct sv secret)
{
    struct token token;
    bool found = false;
    if (request_begin_users(request, ACCESS_READ) != OK ||
        token_find(request_tx(request), sv_trim(secret), &token, &found) != OK ||
        request_commit(request) != OK)
        return FAILED;
    if (!found) {
        auth_audit_refusal(request, SV_ABSENT, "no such token, or it has ended");
        return auth_refuse_unknown(request);
    }
    struct identity *identity = ARENA_NEW(request->arena, struct identity);
    *identity = (struct identity){
        .user_id = token.user_id,
        .username = token.username,
        .is_admin = token.is_admin,
        .how = IDENTITY_TOKEN,
        .may_write = token.scope >= TOKEN_WRITE,
        .may_administer = token.scope == TOKEN_ALL,
    };
    request->identity = identity;
    if (!token_is_for(&token, request_service(request)->program))
        return permit_refuse(request, "the token is for other programs");
    return note_use(request, &token);
}

static enum status by_session(struct request *request)
{
    int64_t id, generation;
    if (!session_read(request, &id, &generation))
        return auth_refuse_unknown(request);
    if (accept_proven(request, id, generation, IDENTITY_SESSION) != OK)
        return FAILED;
    return session_check_csrf(request);
}

static enum status make_user(struct request *request, struct sv name, struct user *user)
{
    int64_t id;
    bool found = false;
    if (request_begin_users(request, ACCESS_WRITE) != OK)
        return FAILED;
    struct store_tx *tx = request_tx(request);
    if (user_find(tx, name, user, &found) != OK)
        return FAILED;
    if (found)
        return request_commit(request);
    if (user_create(tx, name, SV_ABSENT, false, &id) != OK || user_load(tx, name, user) != OK ||
        request_commit(request) != OK)
        return FAILED;
    auth_audit(request, "createUser", name);
    return OK;
}

/* The web server's word. */
static enum status by_web_server(struct request *request, struct sv name)
{
    struct user user;
    bool found = false;
    if (request_begin_users(request, ACCESS_READ) != OK ||
        user_find(request_tx(request), name, &user, &found) != OK || request_commit(request) != OK)
        return FAILED;
    if (!found && request_auth(request)->remote_user != REMOTE_USER_CREATE) {
        auth_audit_refusal(request, name, "the web server's user is not known here");
        reply_text(request, 403, "text/html", SV(PERMISSION_DENIED_TEXT));
        return FAILED;
    }
    if (!found && make_user(request, name, &user) != OK)
        return FAILED;
    accept(request, &user, IDENTITY_WEB_SERVER);
    return OK;
}

/* Without credentials, that are not required, there is no identity. */
static enum status identify(struct request *request, bool required)
{
    struct sv credentials = request_header(request, "authorization");
    struct sv scheme = sv_cut(&credentials, ' ');
    struct sv remote_user = request_auth(request)->remote_user == REMOTE_USER_OFF
                                ? SV_ABSENT
                                : request->transport->variable(request, "REMOTE_USER");
    if (sv_equal_ignoring_case(scheme, SV("Bearer")))
        return by_token(request, credentials);
    if (remote_user.len)
        return by_web_server(request, remote_user);
    if (sv_equal_ignoring_case(scheme, SV("Basic")))
        return by_password(request, credentials);
    if (!scheme.len && session_cookie(request, SV(SESSION_COOKIE)).len)
        return by_session(request);
    if (!required)
        return OK;
    auth_audit_refusal(request, SV_ABSENT, "no credentials");
    return auth_refuse_unknown(request);
}

static enum status authenticate(void *context, struct request *request)
{
    (void)context;
    return request->operation->needs.resource == RESOURCE_PUBLIC ? OK : identify(request, true);
}

enum status auth_identify(struct request *request)
{
    return identify(request, false);
}

const struct access_hooks auth_hooks = {.authenticate = authenticate, .permit = permit};
