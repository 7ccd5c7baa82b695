#ifndef TRACKLIGHT_FCGI_AUTH_H
#define TRACKLIGHT_FCGI_AUTH_H

#include "common/security/signed_text.h"
#include "common/store/auth_settings.h"
#include "common/store/users.h"
#include "fcgi-bin/service.h"

/* Who is asking. permit.h says what he may do. */

enum remote_user { REMOTE_USER_OFF, REMOTE_USER_KNOWN, REMOTE_USER_CREATE };

/* Of a program whose settings turn authentication on; set up once. */
struct auth {
    struct auth_settings settings;
    enum remote_user remote_user;
    bool allow_signup;
    int64_t session_lifetime_ms;
    struct signing_key session_key; /* of session cookies */
    struct signing_key csrf_key;    /* of the tokens that go with them */
    struct password_check *passwords;
};

/* Sets service->auth, makes the first administrator if the settings name one, and finds the key of sessions,
 * by default beside the users' database at `path`. On failure `error` holds a sentence for the administrator.
 */
enum status auth_open(struct service *service, const struct auth_settings *settings, struct sv path,
                      struct arena *arena, struct error *error);
void auth_close(struct service *service);

/* To be handed to the request loop where service->auth is set. */
extern const struct access_hooks auth_hooks;

/* NULL: authentication is off. */
const struct auth *request_auth(const struct request *request);

/* For operations that are for everybody but tell some more: who is asking, if credentials came.
 * request->identity is NULL without any. FAILED if they are no good: see auth_answered. */
enum status auth_identify(struct request *request);

/* What remains to be done of authentication when the operation's snapshot is there: a provisional identity
 * becomes a whole one, or is refused. */
enum status auth_confirm(struct request *request);

/* For handlers that call what may have answered already: OK if there is a reply, FAILED for an error. */
enum status auth_answered(const struct request *request);

/* Answers 401, and how to authenticate. FAILED. */
enum status auth_refuse_unknown(struct request *request);

/* A line in the log: who did what to whom, from where, or was refused to. `target` may be absent. Never with
 * secrets. */
void auth_audit(struct request *request, const char *action, struct sv target);
void auth_audit_refusal(struct request *request, struct sv who, const char *why);

#endif
