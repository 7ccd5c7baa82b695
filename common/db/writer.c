#include "common/db/internal.h"

#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

/* Group commit. Writers take turns on the one write connection. The first opens a transaction, each works
 * inside a savepoint of its own, and whoever finds nobody waiting behind him commits for all: one sync to
 * disk makes the whole group durable. While it is synced, the next group queues up. */

enum { GROUP_MAX_SIZE = 64, GROUP_MAX_AGE_US = 5000 };

/* A finished member that waits for the commit; on its thread's stack. */
struct group_member {
    struct group_member *next;
    sem_t decided;
    int rc; /* SQLITE_OK: durable */
};

void writer_init(struct db *db)
{
    turns_init(&db->writer.turns, 1);
    db->writer.lock.fd = -1;
}

void writer_close(struct db *db)
{
    db_conn_close(&db->writer.conn);
    file_lock_close(&db->writer.lock);
    turns_destroy(&db->writer.turns);
}

bool writer_is_lost(const struct db_conn *conn)
{
    return sqlite3_get_autocommit(conn->handle) != 0;
}

/* Opens the transaction of a new group. */
static int open_group(struct db *db, int64_t deadline_us)
{
    struct writer *writer = &db->writer;
    int problem = file_lock_take(&writer->lock, deadline_us);
    if (problem) {
        if (problem != ETIMEDOUT)
            log_error("the lock beside %s cannot be taken: %s", db->path, strerror(problem));
        return problem == ETIMEDOUT ? SQLITE_BUSY : SQLITE_IOERR_LOCK;
    }
    writer->conn.deadline_us = deadline_us;
    int rc = db_control(&writer->conn, CONTROL_BEGIN_WRITE);
    if (rc != SQLITE_OK) {
        if ((rc & 0xff) != SQLITE_BUSY)
            log_error("no write transaction on %s: %s", db->path, sqlite3_errmsg(writer->conn.handle));
        file_lock_release(&writer->lock);
        return rc;
    }
    writer->group_open = true;
    writer->group_opened_us = clock_monotonic_us();
    writer->group_size = 0;
    return SQLITE_OK;
}

static int commit_transaction(struct writer *writer)
{
    struct db_conn *conn = &writer->conn;
    if (writer_is_lost(conn))
        return SQLITE_ABORT_ROLLBACK;
    int rc = db_control(conn, writer->members ? CONTROL_COMMIT : CONTROL_ROLLBACK);
    if (rc != SQLITE_OK)
        log_error("a commit on %s failed: %s", conn->db->path, sqlite3_errmsg(conn->handle));
    if (!writer_is_lost(conn))
        db_control(conn, CONTROL_ROLLBACK);
    return rc;
}

/* Ends the group's transaction. The caller still has the turn, and tells the members (announce) once he has
 * given it on. */
static struct group_member *close_group(struct writer *writer, int *rc)
{
    *rc = commit_transaction(writer);
    struct group_member *members = writer->members;
    writer->members = NULL;
    writer->group_open = false;
    file_lock_release(&writer->lock);
    return members;
}

static void announce(struct db *db, struct group_member *members, int rc)
{
    long long count = 0;
    while (members) {
        struct group_member *next = members->next;
        members->rc = rc;
        sem_post(&members->decided);
        members = next;
        count++;
    }
    if (count > 0 && rc == SQLITE_OK) {
        metrics_add("tracklight_database_commits_total", SV_ABSENT, 1);
        metrics_add("tracklight_database_grouped_writes_total", SV_ABSENT, (double)count);
        atomic_fetch_add(&db->writer.commits, 1);
        atomic_fetch_add(&db->writer.committed_members, count);
    }
}

/* The holder of the turn is done: lets the next one join the group, or ends it. */
static void leave(struct db *db)
{
    struct writer *writer = &db->writer;
    bool may_grow = writer->group_size < GROUP_MAX_SIZE && !writer_is_lost(&writer->conn) &&
                    clock_monotonic_us() - writer->group_opened_us < GROUP_MAX_AGE_US;
    if (may_grow && turns_pass(&writer->turns))
        return;
    int rc;
    struct group_member *members = close_group(writer, &rc);
    int wal_pages = writer->wal_pages;
    turns_give(&writer->turns);
    announce(db, members, rc);
    checkpointer_notify(db, wal_pages);
}

enum status writer_begin(struct db *db, struct arena *arena, struct error *error, struct db_conn **conn)
{
    struct writer *writer = &db->writer;
    int64_t deadline_us = clock_monotonic_us() + db->write_timeout_us;
    if (!turns_take(&writer->turns, deadline_us))
        return db_unavailable(error, DB_BUSY_TEXT, "waited for other writers of this process");
    int rc = writer->group_open ? SQLITE_OK : open_group(db, deadline_us);
    if (rc != SQLITE_OK) {
        turns_give(&writer->turns);
        return db_unavailable(error, (rc & 0xff) == SQLITE_BUSY ? DB_BUSY_TEXT : db_not_stored_text(rc),
                              sqlite3_errstr(rc));
    }
    writer->group_size++;
    rc = db_control(&writer->conn, CONTROL_MEMBER_BEGIN);
    if (rc != SQLITE_OK) {
        leave(db);
        return db_unavailable(error, db_not_stored_text(rc), sqlite3_errstr(rc));
    }
    writer->conn.arena = arena;
    writer->conn.error = error;
    writer->conn.failure = SQLITE_OK;
    *conn = &writer->conn;
    return OK;
}

/* Undoes one member; if even that fails, the group's transaction goes with it. */
static int undo_member(struct db_conn *conn)
{
    db_reset_statements(conn);
    int rc = writer_is_lost(conn) ? SQLITE_ABORT_ROLLBACK : db_control(conn, CONTROL_MEMBER_UNDO);
    if (rc != SQLITE_OK && !writer_is_lost(conn))
        db_control(conn, CONTROL_ROLLBACK);
    return rc;
}

void writer_rollback(struct db_conn *conn)
{
    if (undo_member(conn) == SQLITE_OK && db_control(conn, CONTROL_MEMBER_KEEP) != SQLITE_OK &&
        !writer_is_lost(conn))
        db_control(conn, CONTROL_ROLLBACK);
    leave(conn->db);
}

enum status writer_undo(struct db_conn *conn)
{
    int rc = undo_member(conn);
    return rc == SQLITE_OK ? OK : db_unavailable(conn->error, db_not_stored_text(rc), sqlite3_errstr(rc));
}

enum status writer_commit(struct db_conn *conn)
{
    struct db *db = conn->db;
    struct error *error = conn->error;
    db_reset_statements(conn);
    int rc = writer_is_lost(conn) ? SQLITE_ABORT_ROLLBACK : db_control(conn, CONTROL_MEMBER_KEEP);
    if (rc != SQLITE_OK) {
        writer_rollback(conn);
        return db_unavailable(error, db_not_stored_text(rc), sqlite3_errstr(rc));
    }
    /* From the moment the turn is passed on, the connection belongs to the next member. */
    struct group_member self = {.next = db->writer.members};
    sem_init(&self.decided, 0, 0);
    db->writer.members = &self;
    leave(db);
    int waited;
    do
        waited = sem_wait(&self.decided);
    while (waited != 0);
    sem_destroy(&self.decided);
    if (self.rc == SQLITE_OK)
        return OK;
    return db_unavailable(error, db_not_stored_text(self.rc), sqlite3_errstr(self.rc));
}

bool writer_pause(struct db *db, int64_t deadline_us)
{
    struct writer *writer = &db->writer;
    if (!turns_take(&writer->turns, deadline_us))
        return false;
    if (writer->group_open) {
        int rc;
        struct group_member *members = close_group(writer, &rc);
        announce(db, members, rc);
    }
    if (file_lock_take(&writer->lock, deadline_us) == 0)
        return true;
    turns_give(&writer->turns);
    return false;
}

void writer_resume(struct db *db)
{
    file_lock_release(&db->writer.lock);
    turns_give(&db->writer.turns);
}
