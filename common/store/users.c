#include "common/store/users.h"

#include "common/base/utf8.h"
#include "common/store/list.h"
#include "common/store/text.h"

/* --- Rules --- */

enum status username_check(struct arena *arena, struct error *error, struct sv username)
{
    if (!username.len)
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Username cannot be empty.");
    if (utf8_length(username) > USERNAME_MAX_LENGTH)
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Username must have at most %d characters.",
                         USERNAME_MAX_LENGTH);
    for (size_t i = 0; i < username.len; i++) {
        unsigned char byte = (unsigned char)username.data[i];
        if (byte == ':' || byte < 0x20 || byte == 0x7f)
            return error_set(error, arena, INVALID_PARAMETER_VALUE,
                             "Username must not contain a colon or control characters: nobody could log in "
                             "with it.");
    }
    return OK;
}

/* Long enough, and still among the first that anybody would try. */
static const char *const common_passwords[] = {
    "password1234",   "password12345",   "password123456", "passwordpassword",     "administrator",
    "administrator1", "adminadminadmin", "admin1234567",   "admin12345678",        "changemechangeme",
    "changeme1234",   "123456789012",    "1234567890123",  "1234567890abc",        "qwertyuiop12",
    "qwertyuiop123",  "qwerty123456",    "qwertyuiopas",   "qwertyuiopasdf",       "iloveyou1234",
    "letmeinletmein", "letmein12345",    "welcome12345",   "welcome123456",        "abcdefghijkl",
    "abcdefghijklm",  "abc123abc123",    "1q2w3e4r5t6y",   "q1w2e3r4t5y6",         "mlflowmlflow",
    "mlflow123456",   "mlflowpassword",  "tracklight123",  "tracklighttracklight",
};

static bool is_one_letter(struct sv text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] != text.data[0])
            return false;
    }
    return true;
}

static bool is_common(struct sv password)
{
    for (size_t i = 0; i < sizeof(common_passwords) / sizeof(common_passwords[0]); i++) {
        if (sv_equal_ignoring_case(password, sv_from(common_passwords[i])))
            return true;
    }
    return false;
}

enum status password_check(struct arena *arena, struct error *error, struct sv username, struct sv password)
{
    if (utf8_length(password) < PASSWORD_MIN_LENGTH)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Password must be a string longer than 12 characters.");
    if (password.len > 1024)
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Password must have at most 1024 bytes.");
    if (is_one_letter(password) || is_common(password) || sv_equal_ignoring_case(password, username))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Password is one of the first that are tried. Choose another one.");
    return OK;
}

/* --- Reading --- */

static enum status not_found(struct store_tx *tx, struct sv username)
{
    struct sv shown = search_clip(username);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "User with username=%.*s not found", SV_ARG(shown));
}

static void read_user(struct db_stmt *stmt, struct user *user)
{
    *user = (struct user){
        .id = db_column_int(stmt, 0),
        .username = db_column_text_copy(stmt, 1),
        .password_hash = db_column_text_copy(stmt, 2),
        .is_admin = db_column_int(stmt, 3) != 0,
        .generation = db_column_int(stmt, 4),
        .creation_time = db_column_int(stmt, 5),
    };
}

static enum status read_one(struct db_stmt *stmt, struct user *user, bool *found)
{
    *user = (struct user){.id = 0};
    if (!stmt)
        return FAILED;
    *found = db_step(stmt) == DB_ROW;
    if (*found)
        read_user(stmt, user);
    return db_done(stmt);
}

enum status user_find(struct store_tx *tx, struct sv username, struct user *user, bool *found)
{
    return read_one(db_query(tx->db,
                             "SELECT id, username, password_hash, is_admin, generation, creation_time "
                             "FROM users WHERE username = ?",
                             db_text(username)),
                    user, found);
}

enum status user_find_id(struct store_tx *tx, int64_t id, struct user *user, bool *found)
{
    return read_one(db_query(tx->db,
                             "SELECT id, username, password_hash, is_admin, generation, creation_time "
                             "FROM users WHERE id = ?",
                             db_int(id)),
                    user, found);
}

enum status user_load(struct store_tx *tx, struct sv username, struct user *user)
{
    bool found = false;
    if (user_find(tx, username, user, &found) != OK)
        return FAILED;
    return found ? OK : not_found(tx, username);
}

enum status users_list(struct store_tx *tx, const struct user **users, size_t *count)
{
    struct row_list list = {0};
    struct db_stmt *stmt = db_query0(tx->db, "SELECT id, username, password_hash, is_admin, generation, "
                                             "creation_time FROM users ORDER BY username");
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW)
        read_user(stmt, ROW_LIST_ADD(&list, tx->arena, struct user));
    *users = list.items;
    *count = list.count;
    return db_done(stmt);
}

static enum status has_admin_besides(struct store_tx *tx, int64_t id, bool *has)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT 1 FROM users WHERE is_admin = 1 AND id <> ? LIMIT 1", db_int(id));
    if (!stmt)
        return FAILED;
    *has = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

enum status users_have_admin(struct store_tx *tx, bool *have)
{
    return has_admin_besides(tx, 0, have);
}

/* --- Writing --- */

enum status user_create(struct store_tx *tx, struct sv username, struct sv password_hash, bool is_admin,
                        int64_t *id)
{
    if (username_check(tx->arena, tx->error, username) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "INSERT INTO users (username, password_hash, is_admin, creation_time) VALUES (?, ?, ?, ?)",
                db_text(username), db_text(password_hash), db_int(is_admin), db_int(tx->now_ms)) == OK) {
        *id = db_last_insert_id(tx->db);
        return OK;
    }
    if (!db_failed_unique(tx->db))
        return FAILED;
    db_forgive(tx->db);
    return store_fail(tx, RESOURCE_ALREADY_EXISTS, "User (username=%.*s) already exists.", SV_ARG(username));
}

enum status user_set_password(struct store_tx *tx, struct sv username, struct sv password_hash)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed,
                "UPDATE users SET password_hash = ?, generation = generation + 1 WHERE username = ?",
                db_text(password_hash), db_text(username)) != OK)
        return FAILED;
    return changed ? OK : not_found(tx, username);
}

static enum status keep_an_admin(struct store_tx *tx, const struct user *user)
{
    bool others = false;
    if (!user->is_admin)
        return OK;
    if (has_admin_besides(tx, user->id, &others) != OK)
        return FAILED;
    if (others)
        return OK;
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "'%.*s' is the last administrator. Make another user an administrator first.",
                      SV_ARG(user->username));
}

enum status user_set_admin(struct store_tx *tx, struct sv username, bool is_admin)
{
    struct user user;
    if (user_load(tx, username, &user) != OK || (!is_admin && keep_an_admin(tx, &user) != OK))
        return FAILED;
    return db_exec(tx->db, NULL, "UPDATE users SET is_admin = ? WHERE id = ?", db_int(is_admin),
                   db_int(user.id));
}

enum status user_delete(struct store_tx *tx, struct sv username)
{
    struct user user;
    if (user_load(tx, username, &user) != OK || keep_an_admin(tx, &user) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM users WHERE id = ?", db_int(user.id));
}

enum status user_end_sessions(struct store_tx *tx, int64_t id)
{
    return db_exec(tx->db, NULL, "UPDATE users SET generation = generation + 1 WHERE id = ?", db_int(id));
}
