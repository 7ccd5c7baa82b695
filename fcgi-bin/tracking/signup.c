#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/number.h"
#include "common/http/url.h"
#include "common/store/text.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/auth_password.h"
#include "fcgi-bin/auth_session.h"
#include "fcgi-bin/tracking/tracking.h"

/* The page by which an administrator makes users. Its form carries a token that belongs to a cookie (CSRF).
 */

#define FORM_COOKIE         "session"
#define FORM_COOKIE_VERSION "signup"
#define TOKEN_LIFETIME_MS   (3600 * 1000L)
#define FORM_PATH           "/api/2.0/mlflow/users/create-ui"

static enum status check_allowed(struct request *request)
{
    if (request_auth(request)->allow_signup)
        return OK;
    return fail(request, ENDPOINT_NOT_FOUND,
                "The page to sign up is turned off; --allow-signup turns it on.");
}

static enum status reply_page(struct request *request, int status, struct sv policy, struct sv body)
{
    reply_header(request, "cache-control", SV("no-store"));
    reply_header(request, "content-security-policy", policy);
    return reply_text(
        request, status, "text/html; charset=utf-8",
        arena_printf(request->arena, "<!doctype html>\n<title>Sign up</title>\n%.*s\n", SV_ARG(body)));
}

/* --- GET /signup --- */

static enum status signup(struct request *request, const void *input)
{
    (void)input;
    struct arena *arena = request->arena;
    const struct auth *auth = request_auth(request);
    struct sv nonce = id_new(arena);
    long long end_ms = clock_now_ms() + TOKEN_LIFETIME_MS;
    struct sv token =
        text_sign(arena, &auth->csrf_key, arena_printf(arena, "%.*s-%lld", SV_ARG(nonce), end_ms));
    if (check_allowed(request) != OK)
        return FAILED;
    session_set_cookie(
        request, SV(FORM_COOKIE),
        text_sign(arena, &auth->session_key, arena_printf(arena, FORM_COOKIE_VERSION "-%.*s", SV_ARG(nonce))),
        -1);
    return reply_page(
        request, 200, SV("default-src 'none'; form-action 'self'"),
        arena_printf(
            arena,
            "<h1>Sign up</h1>\n"
            "<form action=\"" FORM_PATH "\" method=\"post\">\n"
            "<input type=\"hidden\" name=\"csrf_token\" value=\"%.*s\">\n"
            "<p><label>Username <input type=\"text\" name=\"username\" minlength=\"4\" required>"
            "</label></p>\n"
            "<p><label>Password <input type=\"password\" name=\"password\" minlength=\"12\" required "
            "autocomplete=\"new-password\"></label></p>\n"
            "<p><button>Sign up</button></p>\n</form>",
            SV_ARG(token)));
}

/* --- POST users/create-ui --- */

struct form {
    struct sv username;
    struct sv password;
    struct sv csrf_token;
};

static enum status read_form(struct request *request, struct form *form)
{
    struct query_pair *pairs;
    size_t count;
    struct sv rest = request->content_type;
    struct sv type = sv_trim(sv_cut(&rest, ';'));
    if (!sv_equal_ignoring_case(type, SV("application/x-www-form-urlencoded"))) {
        reply_text(request, 400, "text/html",
                   SV("Invalid content type. Must be application/x-www-form-urlencoded"));
        return FAILED;
    }
    if (!query_parse(request->arena, request->body, &pairs, &count))
        return fail(request, INVALID_PARAMETER_VALUE, "Bad Request. The form cannot be decoded.");
    *form = (struct form){.username = SV(""), .password = SV(""), .csrf_token = SV("")};
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(pairs[i].name, SV("username")))
            form->username = pairs[i].value;
        else if (sv_equal(pairs[i].name, SV("password")))
            form->password = pairs[i].value;
        else if (sv_equal(pairs[i].name, SV("csrf_token")))
            form->csrf_token = pairs[i].value;
    }
    return OK;
}

static enum status refuse_form(struct request *request, struct sv why)
{
    auth_audit_refusal(request, request->identity->username, "no valid CSRF token");
    reply_page(request, 400, SV("default-src 'none'"), why);
    return FAILED;
}

static enum status check_token(struct request *request, const struct form *form)
{
    const struct auth *auth = request_auth(request);
    int64_t end_ms = 0;
    struct sv token = form->csrf_token.len ? form->csrf_token : request_header(request, CSRF_HEADER);
    struct sv cookie = text_verify(&auth->session_key, session_cookie(request, SV(FORM_COOKIE)));
    if (!token.len)
        return refuse_form(request, SV("The CSRF token is missing."));
    if (!cookie.data || !sv_equal(sv_cut(&cookie, '-'), SV(FORM_COOKIE_VERSION)))
        return refuse_form(request, SV("The CSRF session token is missing."));
    struct sv rest = text_verify(&auth->csrf_key, token);
    struct sv nonce = sv_cut(&rest, '-');
    if (!nonce.len || !sv_equal(nonce, cookie) || !parse_int64(rest, 1, INT64_MAX, &end_ms))
        return refuse_form(request, SV("The CSRF token is invalid."));
    if (end_ms < clock_now_ms())
        return refuse_form(request, SV("The CSRF token has expired."));
    return OK;
}

/* Tells the user something, then goes on to a page. The text is JSON, in which nothing ends the script. */
static enum status reply_alert(struct request *request, const char *what, struct sv username,
                               const char *next)
{
    struct sv text =
        text_json(request->arena, arena_printf(request->arena, "%s: %.*s", what, SV_ARG(username)));
    struct sv safe = SV("");
    while (text.data) {
        struct sv piece = sv_cut(&text, '<');
        safe = arena_printf(request->arena, "%.*s%.*s%s", SV_ARG(safe), SV_ARG(piece),
                            text.data ? "\\u003c" : "");
    }
    return reply_page(request, 200, SV("default-src 'none'; script-src 'unsafe-inline'"),
                      arena_printf(request->arena,
                                   "<script>alert(%.*s); window.location.href = \"%s\";</script>",
                                   SV_ARG(safe), next));
}

static enum status create(struct request *request, const struct form *form)
{
    struct sv hash;
    int64_t id;
    if (username_check(request->arena, &request->error, form->username) != OK ||
        password_check(request->arena, &request->error, form->username, form->password) != OK ||
        auth_hash_password(request, form->password, &hash) != OK ||
        request_begin(request, ACCESS_WRITE) != OK ||
        user_create(request_tx(request), form->username, hash, false, &id) != OK)
        return FAILED;
    if (request_commit(request) != OK)
        return FAILED;
    auth_audit(request, "createUser", form->username);
    return reply_alert(request, "Successfully signed up user", form->username, "/");
}

static enum status exists(struct request *request, struct sv username, bool *found)
{
    struct user user;
    if (request_begin(request, ACCESS_READ) != OK ||
        user_find(request_tx(request), username, &user, found) != OK)
        return FAILED;
    return request_commit(request);
}

static enum status create_user_ui(struct request *request, const void *input)
{
    (void)input;
    struct form form = {.username = SV_ABSENT};
    bool taken = false;
    if (check_allowed(request) != OK || read_form(request, &form) != OK || check_token(request, &form) != OK)
        return auth_answered(request);
    if (!form.username.len || !form.password.len)
        return reply_text(request, 400, "text/html", SV("Username and password cannot be empty."));
    if (exists(request, form.username, &taken) != OK)
        return FAILED;
    if (taken)
        return reply_alert(request, "Username has already been taken", form.username, "/signup");
    return create(request, &form);
}

const struct operation signup_operations[] = {
    {
        .name = "signup",
        .area = "auth",
        .method = METHOD_GET,
        .root = ROOT_PLAIN,
        .path = "/signup",
        .handler = signup,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
    },
    {
        .name = "createUserUi",
        .area = "auth",
        .method = METHOD_POST,
        .root = ROOT_API_2_ONLY,
        .path = "/mlflow/users/create-ui",
        .handler = create_user_ui,
        .access = ACCESS_NONE,
        .users = true,
        .needs = NEEDS(ADMIN, MANAGE),
        .any_content_type = true,
        .csrf_in_form = true,
        .body_limit = 64L * 1024,
    },
    {.path = NULL},
};
