#include "common/base/permission.h"
#include "common/db/foreign.h"
#include "common/import/import.h"
#include "common/import/import_text.h"
#include "common/security/password.h"
#include "common/store/permissions.h"

/* Users and permissions of `mlflow server --app-name basic-auth`, which keeps them in a database of their
 * own. Passwords stay as they are, but for the one that every such server begins with. */

struct target {
    struct import *import;
    struct store_tx *tx;
    struct sv old_id; /* of the user, there */
    int64_t user, rows;
};

/* The tables of permissions: all have a row for a user and a thing. Those for scorers and the gateway came
 * later. */
static const struct {
    const char *table, *sql;
    enum permission_resource resource;
} kinds[] = {
    {"experiment_permissions",
     "SELECT experiment_id AS id, permission FROM experiment_permissions WHERE user_id = CAST(? AS INTEGER)",
     PERMISSION_ON_EXPERIMENT},
    {"registered_model_permissions",
     "SELECT name AS id, permission FROM registered_model_permissions WHERE user_id = CAST(? AS INTEGER)",
     PERMISSION_ON_REGISTERED_MODEL},
    {"scorer_permissions",
     "SELECT experiment_id AS id, scorer_name AS name, permission FROM scorer_permissions "
     "WHERE user_id = CAST(? AS INTEGER)",
     PERMISSION_ON_SCORER},
    {"gateway_secret_permissions",
     "SELECT secret_id AS id, permission FROM gateway_secret_permissions WHERE user_id = CAST(? AS INTEGER)",
     PERMISSION_ON_SECRET},
    {"gateway_endpoint_permissions",
     "SELECT endpoint_id AS id, permission FROM gateway_endpoint_permissions WHERE user_id = CAST(? AS "
     "INTEGER)",
     PERMISSION_ON_ENDPOINT},
    {"gateway_model_definition_permissions",
     "SELECT model_definition_id AS id, permission FROM gateway_model_definition_permissions "
     "WHERE user_id = CAST(? AS INTEGER)",
     PERMISSION_ON_MODEL_DEFINITION},
};

static enum status put_permission(struct target *target, enum permission_resource resource,
                                  struct foreign_rows *rows)
{
    enum permission permission;
    struct sv name = import_text(rows, "permission");
    if (!permission_parse(name, &permission)) {
        import_remark(target->import, "A permission '%.*s' is not known here and was left out.",
                      SV_ARG(name));
        return OK;
    }
    target->rows++;
    return db_exec(
        target->tx->db, NULL,
        "INSERT INTO permissions (user, resource, resource_id, name, permission) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        db_int(target->user), db_int(resource), db_text(import_text(rows, "id")),
        db_text(import_text(rows, "name")), db_int(permission));
}

static enum status put_permissions(struct target *target)
{
    enum status status = OK;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == OK; i++) {
        if (!foreign_has_table(target->import->from, kinds[i].table))
            continue;
        struct foreign_rows *rows =
            foreign_query(target->import->from, kinds[i].sql, target->old_id, SV_ABSENT, target->tx->error);
        status = rows ? OK : FAILED;
        while (status == OK && foreign_next(rows))
            status = put_permission(target, kinds[i].resource, rows);
        if (foreign_done(rows) != OK)
            status = FAILED;
    }
    return status;
}

static enum status put_user(struct target *target, struct foreign_rows *rows, struct sv username)
{
    struct sv hash = foreign_text(rows, "password_hash");
    if (hash.data && password_verify(hash, SV("password1234"))) {
        import_remark(
            target->import,
            "User '%.*s' has the password that every MLflow server begins with: here nobody gets in with "
            "it. Set another: tracklight user passwd %.*s",
            SV_ARG(username), SV_ARG(username));
        hash = SV_ABSENT;
    }
    if (db_exec(target->tx->db, NULL,
                "INSERT INTO users (username, password_hash, is_admin, creation_time) VALUES (?, ?, ?, ?)",
                db_text(username), db_text(hash), db_int(foreign_int(rows, "is_admin", 0) != 0),
                db_int(target->tx->now_ms)) != OK)
        return FAILED;
    target->user = db_last_insert_id(target->tx->db);
    return OK;
}

static enum status user_exists(struct store_tx *tx, struct sv username, bool *exists)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT 1 FROM users WHERE username = ?", db_text(username));
    if (!stmt)
        return FAILED;
    *exists = db_step(stmt) == DB_ROW;
    return db_done(stmt);
}

static enum status take_user(struct import *import, struct foreign_rows *rows)
{
    struct store_tx *tx = import_unit(import);
    struct target target = {.import = import, .tx = tx, .rows = 1};
    bool exists;
    if (!tx)
        return FAILED;
    struct sv username = arena_copy(tx->arena, import_text(rows, "username"));
    target.old_id = arena_copy(tx->arena, import_text(rows, "id"));
    if (user_exists(tx, username, &exists) != OK)
        return FAILED;
    if (exists) {
        import_present(import);
        return OK;
    }
    if (put_user(&target, rows, username) != OK || put_permissions(&target) != OK)
        return FAILED;
    import_taken(import, target.rows);
    return OK;
}

enum status import_users(struct import *import)
{
    return import_rows(import, IMPORT_USERS, import->users, "SELECT count(*) AS total FROM users",
                       "SELECT * FROM users ORDER BY id", take_user);
}
