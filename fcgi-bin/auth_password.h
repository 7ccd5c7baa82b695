#ifndef TRACKLIGHT_FCGI_AUTH_PASSWORD_H
#define TRACKLIGHT_FCGI_AUTH_PASSWORD_H

#include "common/http/request.h"
#include "common/store/users.h"

/* Passwords are slow to verify by intention: two at a time, while others wait, but not too many and not for
 * long. What was verified is remembered until it has not been used for PASSWORD_REMEMBERED_MS, under a digest
 * with a key that only this process has; it is void as soon as the user's generation changes. */

#define PASSWORD_REMEMBERED_MS 60000

struct password_check;

struct password_check *password_check_new(void);
void password_check_free(struct password_check *check);

/* OK if the password is the user's, who is put into *user. Else FAILED, and the reply is made: 401 (the same
 * for unknown users), 429 for who guesses too fast, 503 if too many verifications wait. */
enum status auth_check_password(struct request *request, struct sv username, struct sv password,
                                struct user *user);

/* Whether the password was verified lately: then as whose, in which generation, which is to be confirmed. */
bool auth_recall_password(struct request *request, struct sv username, struct sv password, int64_t *user_id,
                          int64_t *generation);

/* The hash of a new password, made without a transaction open. FAILED with 503 if too many wait. */
enum status auth_hash_password(struct request *request, struct sv password, struct sv *hash);

#endif
