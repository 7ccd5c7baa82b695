#include "fcgi-bin/auth.h"
#include "fcgi-bin/auth_password.h"
#include "fcgi-bin/auth_session.h"
#include "fcgi-bin/tracking/tracking.h"

/* Logging in and out of the web page. */

static void put_session(struct json_writer *json, int64_t id, struct sv username, bool is_admin,
                        struct sv csrf_token)
{
    json_begin_object(json);
    json_key(json, "user");
    json_begin_object(json);
    json_put_int_field(json, "id", id);
    json_put_bool_field(json, "is_admin", is_admin);
    json_put_string_field(json, "username", username);
    json_end_object(json);
    json_put_string_field_if_set(json, "csrf_token", csrf_token);
    json_end_object(json);
}

struct login_in {
    struct sv username;
    struct sv password;
};

static const struct field login_fields[] = {
    FIELD(struct login_in, username, STRING, .required = true),
    FIELD(struct login_in, password, STRING, .required = true),
    FIELDS_END,
};

static enum status login(struct request *request, const void *input)
{
    const struct login_in *in = input;
    struct user user;
    struct sv csrf_token;
    if (auth_check_password(request, in->username, in->password, &user) != OK)
        return auth_answered(request);
    session_begin(request, &user, &csrf_token);
    auth_audit(request, "login", user.username);
    put_session(reply_json(request), user.id, user.username, user.is_admin, csrf_token);
    return OK;
}

struct logout_in {
    struct opt_bool everywhere;
};

static const struct field logout_fields[] = {
    FIELD(struct logout_in, everywhere, BOOL),
    FIELDS_END,
};

static enum status logout(struct request *request, const void *input)
{
    const struct logout_in *in = input;
    if (in->everywhere.value && (request_begin(request, ACCESS_WRITE) != OK ||
                                 user_end_sessions(request_tx(request), request->identity->user_id) != OK ||
                                 request_commit(request) != OK))
        return FAILED;
    session_end(request);
    auth_audit(request, in->everywhere.value ? "logoutEverywhere" : "logout", SV_ABSENT);
    return reply_empty(request);
}

/* A page that was loaded again learns here who is using it, and the token for what it changes. */
static enum status get_session(struct request *request, const void *input)
{
    (void)input;
    const struct identity *who = request->identity;
    struct sv csrf_token = who->how == IDENTITY_SESSION ? session_csrf_token(request) : SV_ABSENT;
    reply_header(request, "cache-control", SV("no-store"));
    put_session(reply_json(request), who->user_id, who->username, who->is_admin, csrf_token);
    return OK;
}

const struct operation session_operations[] = {
    {
        .name = "login",
        .area = "auth",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/tracklight/login",
        .handler = login,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(PUBLIC, NONE),
        .input = INPUT(struct login_in, login_fields),
        .body_limit = 64L * 1024,
    },
    {
        .name = "logout",
        .area = "auth",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/tracklight/logout",
        .handler = logout,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct logout_in, logout_fields),
    },
    {
        .name = "getSession",
        .area = "auth",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/tracklight/session",
        .handler = get_session,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(ANY, NONE),
    },
    {.path = NULL},
};
