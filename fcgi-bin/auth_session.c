#include "fcgi-bin/auth_session.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/number.h"
#include "fcgi-bin/auth.h"

#define VERSION "1"

struct sv session_cookie(struct request *request, struct sv name)
{
    struct sv rest = request_header(request, "cookie");
    while (rest.data) {
        struct sv value = sv_trim(sv_cut(&rest, ';'));
        size_t equals = sv_find(value, '=');
        if (equals < value.len && sv_equal(sv_first(value, equals), name))
            return sv_from_offset(value, equals + 1);
    }
    return SV_ABSENT;
}

void session_set_cookie(struct request *request, struct sv name, struct sv value, int64_t seconds)
{
    struct sv prefix = request_service(request)->settings->static_prefix;
    struct sv age = seconds < 0 ? SV("") : arena_printf(request->arena, "; Max-Age=%lld", (long long)seconds);
    reply_header(request, "set-cookie",
                 arena_printf(request->arena, "%.*s=%.*s; Path=%.*s%.*s; HttpOnly; SameSite=Lax%s",
                              SV_ARG(name), SV_ARG(value), SV_ARG(prefix.len ? prefix : SV("/")), SV_ARG(age),
                              request->is_tls ? "; Secure" : ""));
}

void session_begin(struct request *request, const struct user *user, struct sv *csrf_token)
{
    const struct auth *auth = request_auth(request);
    long long end_ms = clock_now_ms() + auth->session_lifetime_ms;
    struct sv text = arena_printf(request->arena, VERSION "-%lld-%lld-%lld-%.*s", (long long)user->id,
                                  (long long)user->generation, end_ms, SV_ARG(id_new(request->arena)));
    struct sv value = text_sign(request->arena, &auth->session_key, text);
    session_set_cookie(request, SV(SESSION_COOKIE), value, auth->session_lifetime_ms / 1000);
    *csrf_token = text_signature(request->arena, &auth->csrf_key, value);
}

void session_end(struct request *request)
{
    session_set_cookie(request, SV(SESSION_COOKIE), SV(""), 0);
}

struct sv session_csrf_token(struct request *request)
{
    return text_signature(request->arena, &request_auth(request)->csrf_key,
                          session_cookie(request, SV(SESSION_COOKIE)));
}

bool session_read(struct request *request, int64_t *user_id, int64_t *generation)
{
    int64_t end_ms;
    struct sv rest =
        text_verify(&request_auth(request)->session_key, session_cookie(request, SV(SESSION_COOKIE)));
    if (!rest.data || !sv_equal(sv_cut(&rest, '-'), SV(VERSION)))
        return false;
    return parse_int64(sv_cut(&rest, '-'), 1, INT64_MAX, user_id) &&
           parse_int64(sv_cut(&rest, '-'), 1, INT64_MAX, generation) &&
           parse_int64(sv_cut(&rest, '-'), 1, INT64_MAX, &end_ms) && end_ms > clock_now_ms();
}

static enum status refuse(struct request *request, struct sv why)
{
    auth_audit_refusal(request, request->identity->username, "no valid CSRF token");
    reply_text(request, 400, "text/html", why);
    return FAILED;
}

enum status session_check_csrf(struct request *request)
{
    struct sv token = request_header(request, CSRF_HEADER);
    enum http_method method = request->method;
    if (method == METHOD_GET || method == METHOD_HEAD || request->operation->csrf_in_form)
        return OK;
    if (!token.len)
        return refuse(request, SV("The CSRF token is missing."));
    if (!text_signature_is(&request_auth(request)->csrf_key, session_cookie(request, SV(SESSION_COOKIE)),
                           token))
        return refuse(request, SV("The CSRF token is invalid."));
    return OK;
}
