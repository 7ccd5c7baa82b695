#include "common/db/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* How often a query looks at the clock, in steps of SQLite's virtual machine (about 10 to 50 us). */
enum { PROGRESS_STEPS = 2000 };

enum { BUSY_POLL_US = 250 };

static const char *const control_sql[CONTROL_COUNT] = {
    [CONTROL_BEGIN_READ] = "BEGIN",
    [CONTROL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",
    [CONTROL_MEMBER_BEGIN] = "SAVEPOINT member",
    [CONTROL_MEMBER_KEEP] = "RELEASE member",
    [CONTROL_MEMBER_UNDO] = "ROLLBACK TO member",
    [CONTROL_PART_BEGIN] = "SAVEPOINT part",
    [CONTROL_PART_KEEP] = "RELEASE part",
    [CONTROL_PART_UNDO] = "ROLLBACK TO part",
};

static void configure_library(void)
{
    /* Counting every allocation under one mutex would serialise the readers. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* Most writes can be undone from memory, without a temporary file. Not larger: SQLite spills in pieces of
     * this size, and its unix layer writes at most 128 KiB - 1 at once (3.40 takes a longer piece for a full
     * disk). */
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, 127 * 1024);
    int rc = sqlite3_initialize();
    if (rc != SQLITE_OK)
        log_error("SQLite does not start: %s", sqlite3_errstr(rc));
}

static int wait_while_busy(void *context, int attempt)
{
    const struct db_conn *conn = context;
    (void)attempt;
    if (clock_monotonic_us() >= conn->deadline_us)
        return 0;
    struct timespec pause = {.tv_nsec = BUSY_POLL_US * 1000};
    nanosleep(&pause, NULL);
    return 1;
}

static int stop_when_late(void *context)
{
    const struct db_conn *conn = context;
    return clock_monotonic_us() >= conn->deadline_us;
}

static int note_wal_size(void *context, sqlite3 *handle, const char *name, int pages)
{
    struct writer *writer = context;
    (void)handle;
    (void)name;
    writer->wal_pages = pages;
    return SQLITE_OK;
}

static int configure_role(struct db_conn *conn)
{
    struct db *db = conn->db;
    int rc = SQLITE_OK;
    switch (conn->role) {
    case DB_ROLE_READER:
        sqlite3_progress_handler(conn->handle, PROGRESS_STEPS, stop_when_late, conn);
        rc = sqlite3_exec(conn->handle, "PRAGMA query_only = ON; PRAGMA cache_size = -512", NULL, NULL, NULL);
        break;
    case DB_ROLE_WRITER:
        rc = sqlite3_exec(conn->handle,
                          "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -2048;"
                          "PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = FAST",
                          NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(conn->handle,
                              db->durability == DB_DURABILITY_FULL ? "PRAGMA synchronous = FULL"
                                                                   : "PRAGMA synchronous = NORMAL",
                              NULL, NULL, NULL);
        sqlite3_wal_hook(conn->handle, note_wal_size, &db->writer);
        break;
    case DB_ROLE_TOOL:
        rc =
            sqlite3_exec(conn->handle,
                         "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -256; PRAGMA synchronous = FULL",
                         NULL, NULL, NULL);
        break;
    }
    return rc;
}

int db_conn_open(struct db_conn *conn, struct db *db, enum db_role role)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);

    *conn = (struct db_conn){.db = db, .role = role};
    conn->deadline_us = clock_monotonic_us() + db->write_timeout_us;
    int rc = sqlite3_open_v2(db->path, &conn->handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_busy_handler(conn->handle, wait_while_busy, conn);
    sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    rc = sqlite3_exec(conn->handle,
                      "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;"
                      "PRAGMA case_sensitive_like = ON",
                      NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = db_add_regexp(conn);
    if (rc == SQLITE_OK)
        rc = db_add_signature(conn);
    return rc == SQLITE_OK ? configure_role(conn) : rc;
}

void db_conn_close(struct db_conn *conn)
{
    db_finalize_statements(conn);
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        sqlite3_finalize(conn->control[i]);
    if (conn->handle && sqlite3_close(conn->handle) != SQLITE_OK)
        log_error("a database connection was closed with statements open");
    *conn = (struct db_conn){.db = NULL};
}

int db_control(struct db_conn *conn, enum db_control control)
{
    sqlite3_stmt **statement = &conn->control[control];
    if (!*statement) {
        int rc = sqlite3_prepare_v3(conn->handle, control_sql[control], -1, SQLITE_PREPARE_PERSISTENT,
                                    statement, NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    int rc = sqlite3_step(*statement);
    sqlite3_reset(*statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int db_select_int(sqlite3 *handle, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            *value = sqlite3_column_int64(statement, 0);
            rc = SQLITE_OK;
        } else if (rc == SQLITE_DONE) {
            rc = SQLITE_EMPTY;
        }
    }
    sqlite3_finalize(statement);
    return rc;
}
