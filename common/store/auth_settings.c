#include "common/store/auth_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ini.h"
#include "common/base/log.h"
#include "common/security/password.h"
#include "common/store/uri.h"
#include "common/store/users.h"

#define SECTION "mlflow"
/* The only function there can be: MLflow's others are written in Python. */
#define BUILT_IN_FUNCTION "mlflow.server.auth:authenticate_request_basic_auth"

bool auth_is_on(const struct settings *settings)
{
    return settings->app_name.len > 0;
}

struct reader {
    struct sv name;
    struct arena *arena;
    struct auth_settings *auth;
    struct sv *problem;
};

static bool refuse(const struct reader *reader, const struct ini_entry *entry, struct sv why)
{
    *reader->problem = arena_printf(reader->arena, "%.*s: line %d: %.*s %.*s", SV_ARG(reader->name),
                                    entry->line, SV_ARG(entry->key), SV_ARG(why));
    return false;
}

static bool take_entry(const struct reader *reader, const struct ini_entry *entry)
{
    struct auth_settings *auth = reader->auth;
    struct sv key = entry->key, value = entry->value;
    struct error error = {.code = ERROR_NONE};
    if (sv_equal(key, SV("default_permission"))) {
        if (!permission_parse(value, &auth->default_permission))
            return refuse(reader, entry, SV("is none of READ, USE, EDIT, MANAGE and NO_PERMISSIONS."));
    } else if (sv_equal(key, SV("database_uri"))) {
        if (store_uri_path(reader->arena, &error, value, &auth->database) != OK)
            return refuse(reader, entry,
                          arena_printf(reader->arena, "names no database: %.*s", SV_ARG(error.message)));
    } else if (sv_equal(key, SV("admin_username"))) {
        auth->admin_username = value;
    } else if (sv_equal(key, SV("admin_password"))) {
        auth->admin_password = value;
    } else if (sv_equal(key, SV("authorization_function"))) {
        if (!sv_equal(value, SV(BUILT_IN_FUNCTION)))
            return refuse(reader, entry,
                          SV("can only be " BUILT_IN_FUNCTION ": functions in Python cannot be called."));
    } else {
        return refuse(reader, entry, SV("is no setting of authentication."));
    }
    return true;
}

bool auth_settings_parse(struct sv name, struct sv text, struct arena *arena, struct auth_settings *auth,
                         struct sv *problem)
{
    const struct ini_entry *entries;
    size_t count;
    struct sv why;
    const struct reader reader = {.name = name, .arena = arena, .auth = auth, .problem = problem};
    if (!ini_parse(arena, text, &entries, &count, &why)) {
        *problem = arena_printf(arena, "%.*s: %.*s", SV_ARG(name), SV_ARG(why));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(entries[i].section, SV(SECTION)) && !take_entry(&reader, &entries[i]))
            return false;
    }
    return true;
}

static bool read_file(struct sv name, struct arena *arena, struct sv *text, struct sv *problem)
{
    char *bytes = ARENA_ARRAY(arena, char, INI_MAX_BYTES + 1);
    size_t len = 0;
    ssize_t got = 1;
    int file = open(arena_cstr(arena, name), O_RDONLY | O_CLOEXEC);
    while (file >= 0 && got > 0 && len <= INI_MAX_BYTES) {
        got = read(file, bytes + len, INI_MAX_BYTES + 1 - len);
        if (got > 0)
            len += (size_t)got;
    }
    int reason = errno;
    if (file >= 0)
        close(file);
    if (file < 0 || got < 0) {
        *problem = arena_printf(arena, "MLFLOW_AUTH_CONFIG_PATH: %.*s cannot be read: %s.", SV_ARG(name),
                                strerror(reason));
        return false;
    }
    *text = (struct sv){bytes, len};
    return true;
}

/* A name without a password, or the other way round, is an oversight. */
static bool check_admin(const struct auth_settings *auth, struct sv *problem)
{
    if ((auth->admin_username.len > 0) == (auth->admin_password.len > 0))
        return true;
    *problem = SV("admin_username and admin_password go together: give both, or none and make the first "
                  "administrator with `tracklight user add --admin`.");
    return false;
}

bool auth_settings_load(const struct settings *settings, struct arena *arena, struct auth_settings *auth,
                        struct sv *problem)
{
    struct sv text;
    *auth = (struct auth_settings){.default_permission = PERMISSION_READ};
    if (settings->auth_config_path.len &&
        (!read_file(settings->auth_config_path, arena, &text, problem) ||
         !auth_settings_parse(settings->auth_config_path, text, arena, auth, problem)))
        return false;
    if (settings->admin_username.len)
        auth->admin_username = settings->admin_username;
    if (settings->admin_password.len)
        auth->admin_password = settings->admin_password;
    return check_admin(auth, problem);
}

enum status auth_database(const struct settings *settings, const struct auth_settings *auth,
                          struct arena *arena, struct error *error, struct sv *path)
{
    if (auth->database.len) {
        *path = auth->database;
        return OK;
    }
    if (settings->artifacts_only)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "With --artifacts-only there is no database that could hold users: name one as "
                         "database_uri in the file of MLFLOW_AUTH_CONFIG_PATH.");
    return store_uri_path(arena, error, settings->backend_store_uri, path);
}

static enum status look(struct store *store, const struct auth_settings *auth, struct arena *arena,
                        struct error *error, bool *exists, bool *has_admin)
{
    struct user user;
    struct store_tx *tx = store_begin(store, DB_READ, arena, error);
    if (!tx)
        return FAILED;
    enum status status = users_have_admin(tx, has_admin);
    *exists = true;
    if (status == OK && auth->admin_username.len)
        status = user_find(tx, auth->admin_username, &user, exists);
    store_rollback(tx);
    return status;
}

static enum status make_admin(struct store *store, const struct auth_settings *auth, struct arena *arena,
                              struct error *error)
{
    int64_t id;
    struct sv name = auth->admin_username;
    if (username_check(arena, error, name) != OK ||
        password_check(arena, error, name, auth->admin_password) != OK)
        return FAILED;
    struct sv hash = password_hash(arena, auth->admin_password);
    if (!hash.data)
        return error_set(error, arena, TEMPORARILY_UNAVAILABLE, "There is no memory to hash the password.");
    struct store_tx *tx = store_begin(store, DB_WRITE, arena, error);
    if (!tx)
        return FAILED;
    enum status status = user_create(tx, name, hash, true, &id);
    if (status != OK && error->code == RESOURCE_ALREADY_EXISTS) {
        store_rollback(tx);
        error_clear(error);
        return OK;
    }
    if (status != OK) {
        store_rollback(tx);
        return FAILED;
    }
    status = store_commit(tx);
    if (status == OK)
        log_info("audit=true action=createUser user=- target=\"%.*s\" admin=true: made at the start, as the "
                 "settings say",
                 SV_ARG(name));
    return status;
}

enum status auth_prepare(struct store *store, const struct auth_settings *auth, struct arena *arena,
                         struct error *error, bool *has_admin)
{
    bool exists = true;
    if (look(store, auth, arena, error, &exists, has_admin) != OK)
        return FAILED;
    if (exists)
        return OK;
    if (make_admin(store, auth, arena, error) != OK) {
        error->message =
            arena_printf(arena, "The administrator '%.*s' that the settings name cannot be made: %.*s",
                         SV_ARG(auth->admin_username), SV_ARG(error->message));
        return FAILED;
    }
    return look(store, auth, arena, error, &exists, has_admin);
}
