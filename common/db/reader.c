#include "common/db/internal.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define READERS_BUSY_TEXT \
    "The server is busy: all its database connections are in use. Try again in a moment."

void readers_init(struct db *db, unsigned count)
{
    turns_init(&db->readers.turns, count);
    pthread_mutex_init(&db->readers.mutex, NULL);
}

static void close_reader(struct db_conn *conn)
{
    db_conn_close(conn);
    free(conn);
}

void readers_close(struct db *db)
{
    while (db->readers.idle) {
        struct db_conn *conn = db->readers.idle;
        db->readers.idle = conn->next_idle;
        close_reader(conn);
    }
    pthread_mutex_destroy(&db->readers.mutex);
    turns_destroy(&db->readers.turns);
}

/* The one that was used last: its cache is warm. */
static struct db_conn *pop_idle(struct readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    struct db_conn *conn = readers->idle;
    if (conn)
        readers->idle = conn->next_idle;
    pthread_mutex_unlock(&readers->mutex);
    return conn;
}

static struct db_conn *open_reader(struct db *db)
{
    struct db_conn *conn = malloc(sizeof(*conn));
    if (!conn)
        return NULL;
    int rc = db_conn_open(conn, db, DB_ROLE_READER);
    if (rc == SQLITE_OK)
        return conn;
    log_error("no further read connection to %s: %s", db->path, sqlite3_errstr(rc));
    close_reader(conn);
    return NULL;
}

enum status reader_begin(struct db *db, struct arena *arena, struct error *error, struct db_conn **conn)
{
    struct readers *readers = &db->readers;
    if (!turns_take(&readers->turns, clock_monotonic_us() + db->read_timeout_us))
        return db_unavailable(error, READERS_BUSY_TEXT, "no read connection in time");
    struct db_conn *reader = pop_idle(readers);
    if (!reader)
        reader = open_reader(db);
    if (!reader) {
        turns_give(&readers->turns);
        return db_unavailable(error, READERS_BUSY_TEXT, "no read connection could be opened");
    }
    reader->arena = arena;
    reader->error = error;
    reader->failure = SQLITE_OK;
    reader->deadline_us = clock_monotonic_us() + db->read_timeout_us;
    int rc = db_control(reader, CONTROL_BEGIN_READ);
    if (rc != SQLITE_OK) {
        close_reader(reader);
        turns_give(&readers->turns);
        return db_unavailable(error, READERS_BUSY_TEXT, sqlite3_errstr(rc));
    }
    *conn = reader;
    return OK;
}

void reader_end(struct db_conn *conn)
{
    struct readers *readers = &conn->db->readers;
    db_reset_statements(conn);
    conn->deadline_us =
        INT64_MAX; /* or the progress handler would stop the statement that ends the snapshot */
    if (db_control(conn, CONTROL_COMMIT) != SQLITE_OK || !sqlite3_get_autocommit(conn->handle)) {
        close_reader(conn);
    } else {
        pthread_mutex_lock(&readers->mutex);
        conn->next_idle = readers->idle;
        readers->idle = conn;
        pthread_mutex_unlock(&readers->mutex);
    }
    turns_give(&readers->turns);
}
