#include "common/db/internal.h"

static enum status control(struct db_conn *conn, enum db_control control)
{
    db_reset_statements(conn);
    int rc = writer_is_lost(conn) ? SQLITE_ABORT_ROLLBACK : db_control(conn, control);
    if (rc == SQLITE_OK)
        return OK;
    conn->failure = rc;
    return db_unavailable(conn->error, db_not_stored_text(rc), sqlite3_errstr(rc));
}

enum status db_part_begin(struct db_conn *conn)
{
    return control(conn, CONTROL_PART_BEGIN);
}

enum status db_part_keep(struct db_conn *conn)
{
    return control(conn, CONTROL_PART_KEEP);
}

enum status db_part_undo(struct db_conn *conn)
{
    db_forgive(conn);
    if (control(conn, CONTROL_PART_UNDO) != OK)
        return FAILED;
    return control(conn, CONTROL_PART_KEEP);
}
