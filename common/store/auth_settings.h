#ifndef TRACKLIGHT_STORE_AUTH_SETTINGS_H
#define TRACKLIGHT_STORE_AUTH_SETTINGS_H

#include "common/base/config.h"
#include "common/base/permission.h"
#include "common/store/store.h"

/* How authentication is set up: MLflow's own file for it (MLFLOW_AUTH_CONFIG_PATH), the settings beside it,
 * the database with the users, and the first administrator. */

struct auth_settings {
    enum permission default_permission; /* where a user has no row; READ unless the file says otherwise */
    struct sv database;                 /* the users' database, a path; absent: that of the tracking store */
    struct sv admin_username; /* to be made at the start if there is no such user; absent: nobody is */
    struct sv admin_password;
};

/* Whether the settings turn authentication on. */
bool auth_is_on(const struct settings *settings);

/* Reads the file, if the settings name one, and what goes with it. On failure *problem is a sentence for the
 * administrator that names file and line, or the setting. */
bool auth_settings_load(const struct settings *settings, struct arena *arena, struct auth_settings *auth,
                        struct sv *problem);

/* The content of such a file; `name` is for messages. */
bool auth_settings_parse(struct sv name, struct sv text, struct arena *arena, struct auth_settings *auth,
                         struct sv *problem);

/* The path of the users' database, or FAILED with a sentence for the administrator. */
enum status auth_database(const struct settings *settings, const struct auth_settings *auth,
                          struct arena *arena, struct error *error, struct sv *path);

/* Makes the administrator that the settings name, if there is no user of that name; of several processes that
 * do this at once one is enough. *has_admin tells whether there is any then. */
enum status auth_prepare(struct store *store, const struct auth_settings *auth, struct arena *arena,
                         struct error *error, bool *has_admin);

/* What to do without an administrator; for the start. */
#define AUTH_NO_ADMIN_TEXT \
    "There is no administrator yet, so nobody can manage users. Make one: tracklight user add --admin NAME"

#endif
