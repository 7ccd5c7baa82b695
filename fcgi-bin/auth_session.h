#ifndef TRACKLIGHT_FCGI_AUTH_SESSION_H
#define TRACKLIGHT_FCGI_AUTH_SESSION_H

#include "common/http/request.h"
#include "common/store/users.h"

/* Sessions of the web page: a signed cookie that names the user and his generation, so that nothing about a
 * session has to be stored, and changing the password ends them all. What changes something needs a token
 * besides (header X-CSRFToken), which other sites' pages do not have. */

#define SESSION_COOKIE "tracklight_session"
#define CSRF_HEADER    "x-csrftoken"

/* A cookie by its name (RFC 6265 section 5.4), absent if it was not sent. */
struct sv session_cookie(struct request *request, struct sv name);

/* Sets a cookie that scripts do not see and other sites do not send along. It ends after `seconds`, at once
 * with 0, or with the browser's run if they are negative. */
void session_set_cookie(struct request *request, struct sv name, struct sv value, int64_t seconds);

/* Begins a session with a cookie. *csrf_token is what its requests must show. */
void session_begin(struct request *request, const struct user *user, struct sv *csrf_token);
void session_end(struct request *request);

/* The token that belongs to the request's cookie. */
struct sv session_csrf_token(struct request *request);

/* The user of a session's cookie that is authentic and has not ended: his id and generation. */
bool session_read(struct request *request, int64_t *user_id, int64_t *generation);

/* Whether a request of a session may change something: FAILED and answered 400 without the right token. */
enum status session_check_csrf(struct request *request);

#endif
