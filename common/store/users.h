#ifndef TRACKLIGHT_STORE_USERS_H
#define TRACKLIGHT_STORE_USERS_H

#include "common/store/store.h"

/* Who may log in. Passwords come here as hashes (common/security/password.h), which are made and compared
 * outside of transactions, because they take their time. */

#define USERNAME_MAX_LENGTH 255 /* code points */
#define PASSWORD_MIN_LENGTH 12  /* code points */

struct user {
    int64_t id;
    struct sv username;
    struct sv password_hash; /* absent: no password lets this user in */
    bool is_admin;
    int64_t generation; /* what was proven in an earlier one counts no more */
    int64_t creation_time;
};

/* Whether these can be a new user's name and password: INVALID_PARAMETER_VALUE with a sentence that says what
 * is wrong. A name has no colon, which HTTP's basic authentication could not transport, and no control
 * characters. A password must not be one of the first that are tried. */
enum status username_check(struct arena *arena, struct error *error, struct sv username);
enum status password_check(struct arena *arena, struct error *error, struct sv username, struct sv password);

/* *found tells whether there is such a user. In the arena. */
enum status user_find(struct store_tx *tx, struct sv username, struct user *user, bool *found);
enum status user_find_id(struct store_tx *tx, int64_t id, struct user *user, bool *found);

/* RESOURCE_DOES_NOT_EXIST with MLflow's text if there is no such user; so do all that take a username. */
enum status user_load(struct store_tx *tx, struct sv username, struct user *user);

/* RESOURCE_ALREADY_EXISTS if the name is taken. An absent hash: no password lets the user in. */
enum status user_create(struct store_tx *tx, struct sv username, struct sv password_hash, bool is_admin,
                        int64_t *id);

/* Ends the user's sessions as well. */
enum status user_set_password(struct store_tx *tx, struct sv username, struct sv password_hash);

/* INVALID_PARAMETER_VALUE for taking this from the last administrator; so does user_delete. */
enum status user_set_admin(struct store_tx *tx, struct sv username, bool is_admin);

/* With his permissions and tokens. */
enum status user_delete(struct store_tx *tx, struct sv username);

/* Sessions that were begun before now count no more. */
enum status user_end_sessions(struct store_tx *tx, int64_t id);

/* All users by name. In the arena. */
enum status users_list(struct store_tx *tx, const struct user **users, size_t *count);

enum status users_have_admin(struct store_tx *tx, bool *have);

#endif
