#include "common/db/internal.h"

#include <inttypes.h>

#include "common/base/log.h"

static enum status unreadable(struct db_conn *conn, int rc, struct arena *arena, struct error *error)
{
    const char *path = conn->db->path;
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return error_set(error, arena, INVALID_STATE, "%s is not a database. Name another file.", path);
    case SQLITE_CORRUPT:
        return error_set(error, arena, DATA_LOSS, "The database %s is damaged: restore it from a backup.",
                         path);
    case SQLITE_BUSY:
        return error_set(error, arena, TEMPORARILY_UNAVAILABLE,
                         "Another program keeps the database %s locked. Stop it, or try again later.", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return error_set(error, arena, PERMISSION_DENIED,
                         "The database %s cannot be written: the user that the server runs as needs read and "
                         "write permission on the file and on its folder.",
                         path);
    default:
        return error_set(error, arena, INTERNAL_ERROR, "The database %s cannot be read: %s (%d).", path,
                         sqlite3_errmsg(conn->handle), rc);
    }
}

struct identity {
    int64_t application_id;
    int64_t version;
    int64_t objects; /* tables, indexes, … */
    int64_t is_mlflow;
};

static int read_identity(sqlite3 *handle, struct identity *identity)
{
    int rc = db_select_int(handle, "PRAGMA application_id", &identity->application_id);
    if (rc == SQLITE_OK)
        rc = db_select_int(handle, "PRAGMA user_version", &identity->version);
    if (rc == SQLITE_OK)
        rc = db_select_int(handle, "SELECT count(*) FROM sqlite_schema", &identity->objects);
    if (rc == SQLITE_OK)
        rc = db_select_int(handle,
                           "SELECT EXISTS (SELECT 1 FROM sqlite_schema"
                           " WHERE type = 'table' AND name = 'alembic_version')",
                           &identity->is_mlflow);
    return rc;
}

enum status db_identify(struct db_conn *conn, bool create, int64_t newest, struct arena *arena,
                        struct error *error)
{
    /* One snapshot: another process may be making the file right now. */
    struct identity identity;
    int rc = db_control(conn, CONTROL_BEGIN_READ);
    if (rc == SQLITE_OK) {
        rc = read_identity(conn->handle, &identity);
        db_control(conn, CONTROL_ROLLBACK);
    }
    if (rc != SQLITE_OK)
        return unreadable(conn, rc, arena, error);

    const char *path = conn->db->path;
    if (identity.application_id == DB_APPLICATION_ID) {
        if (identity.version <= newest)
            return OK;
        return error_set(error, arena, INVALID_STATE,
                         "The database %s has schema version %" PRId64
                         ", but this program knows none newer than "
                         "%" PRId64 ". Install the Tracklight that wrote it, or a later one.",
                         path, identity.version, newest);
    }
    if (identity.is_mlflow)
        return error_set(
            error, arena, INVALID_STATE,
            "%s is MLflow's own database, which Tracklight does not open. Name another file, and "
            "import this one with 'tracklight import'.",
            path);
    if (identity.application_id != 0 || identity.version != 0 || identity.objects != 0)
        return error_set(error, arena, INVALID_STATE,
                         "%s belongs to another program: it is a SQLite database, but not Tracklight's. Name "
                         "another file.",
                         path);
    if (create)
        return OK;
    return error_set(error, arena, INVALID_STATE, "%s is empty: it is not a database of Tracklight yet.",
                     path);
}

/* Foreign keys are off while a migration runs, because rebuilding a table needs that. */
static int check_foreign_keys(sqlite3 *handle)
{
    int64_t violations;
    int rc = db_select_int(handle, "SELECT count(*) FROM pragma_foreign_key_check", &violations);
    return rc != SQLITE_OK || violations == 0 ? rc : SQLITE_CONSTRAINT_FOREIGNKEY;
}

static int set_version(sqlite3 *handle, int64_t version)
{
    char sql[128];
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
                     DB_APPLICATION_ID, (long long)version);
    return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

static enum status apply(struct db_conn *conn, const struct db_migration *migration, struct arena *arena,
                         struct error *error)
{
    int rc = db_control(conn, CONTROL_BEGIN_WRITE);
    if (rc != SQLITE_OK)
        return unreadable(conn, rc, arena, error);
    rc = sqlite3_exec(conn->handle, migration->sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = check_foreign_keys(conn->handle);
    if (rc == SQLITE_OK)
        rc = set_version(conn->handle, migration->version);
    if (rc == SQLITE_OK)
        rc = db_control(conn, CONTROL_COMMIT);
    if (rc == SQLITE_OK) {
        log_info("schema %s applied to %s", migration->name, conn->db->path);
        return OK;
    }
    struct sv reason = arena_copy(arena, sv_from(sqlite3_errmsg(conn->handle)));
    if (!sqlite3_get_autocommit(conn->handle))
        db_control(conn, CONTROL_ROLLBACK);
    return error_set(error, arena, INTERNAL_ERROR,
                     "Upgrading the database %s with %s failed and was undone: %.*s (%d).", conn->db->path,
                     migration->name, SV_ARG(reason), rc);
}

enum status db_migrate(struct db_conn *conn, const struct db_migration *migrations, size_t count,
                       struct arena *arena, struct error *error)
{
    int64_t version;
    int rc = sqlite3_exec(conn->handle, "PRAGMA foreign_keys = OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = db_select_int(conn->handle, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return unreadable(conn, rc, arena, error);
    enum status status = OK;
    for (size_t i = 0; i < count && status == OK; i++)
        if (migrations[i].version > version)
            status = apply(conn, &migrations[i], arena, error);
    sqlite3_exec(conn->handle, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
    return status;
}
