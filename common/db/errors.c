#include "common/db/internal.h"

const char *db_not_stored_text(int rc)
{
    return (rc & 0xff) == SQLITE_FULL ? DB_DISK_FULL_TEXT : DB_NOT_STORED_TEXT;
}

enum status db_unavailable(struct error *error, const char *message, const char *detail)
{
    if (error->code == ERROR_NONE) {
        error->message = sv_from(message);
        error->detail = sv_from(detail);
        error->code = TEMPORARILY_UNAVAILABLE;
    }
    return FAILED;
}

static enum status read_failed(struct db_conn *conn, int rc)
{
    if ((rc & 0xff) != SQLITE_INTERRUPT)
        return db_unavailable(conn->error, "The database could not be read. Try again in a moment.",
                              sqlite3_errstr(rc));
    return error_set(
        conn->error, conn->arena, TEMPORARILY_UNAVAILABLE,
        "The query took longer than the %.1f seconds that one may take. Narrow it down, or ask for "
        "fewer results at a time.",
        (double)conn->db->read_timeout_us / 1e6);
}

enum status db_statement_failed(struct db_conn *conn, int rc, struct sv sql)
{
    conn->failure = rc;
    switch (rc & 0xff) {
    case SQLITE_INTERRUPT:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_CANTOPEN:
        if (conn->role == DB_ROLE_READER)
            return read_failed(conn, rc);
        return db_unavailable(conn->error, db_not_stored_text(rc), sqlite3_errstr(rc));
    default:
        return error_internal(conn->error, conn->arena, "%s (%d) in: %.*s", sqlite3_errmsg(conn->handle), rc,
                              SV_ARG(sql));
    }
}

bool db_failed_unique(struct db_conn *conn)
{
    return conn->failure == SQLITE_CONSTRAINT_UNIQUE || conn->failure == SQLITE_CONSTRAINT_PRIMARYKEY ||
           conn->failure == SQLITE_CONSTRAINT_ROWID;
}

bool db_failed_foreign_key(struct db_conn *conn)
{
    return conn->failure == SQLITE_CONSTRAINT_FOREIGNKEY;
}

void db_forgive(struct db_conn *conn)
{
    conn->failure = SQLITE_OK;
    error_clear(conn->error);
}
