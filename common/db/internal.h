#ifndef TRACKLIGHT_DB_INTERNAL_H
#define TRACKLIGHT_DB_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "common/db/db.h"
#include "common/db/file_lock.h"
#include "common/db/migrations.h"
#include "common/db/turns.h"

/* What the files of this folder share. Nothing outside includes it. */

#define DB_TEXT_CACHE_SIZE 64 /* of about 9 KiB each, for each connection that has seen as many */

struct db_stmt {
    sqlite3_stmt *handle;
    struct db_conn *conn;
    struct db_stmt *next_open, *previous_open;
    bool open;     /* from db_query to db_done */
    bool finished; /* no more rows */
    bool failed;
    /* Of statements in the text cache. */
    char *text;
    size_t text_len;
    uint64_t last_use;
};

/* The statements that frame transactions. */
enum db_control {
    CONTROL_BEGIN_READ,
    CONTROL_BEGIN_WRITE,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_MEMBER_BEGIN,
    CONTROL_MEMBER_KEEP,
    CONTROL_MEMBER_UNDO,
    CONTROL_PART_BEGIN,
    CONTROL_PART_KEEP,
    CONTROL_PART_UNDO,
    CONTROL_COUNT,
};

enum db_role {
    DB_ROLE_READER,
    DB_ROLE_WRITER,
    DB_ROLE_TOOL, /* start-up, checkpoints, check, backup */
};

struct db_conn {
    struct db *db;
    sqlite3 *handle;
    enum db_role role;
    struct arena *arena; /* of the transaction */
    struct error *error;
    int failure;               /* extended result code of the last failed statement */
    int64_t deadline_us;       /* waiting for a lock of SQLite's ends then, and a reader's query too */
    struct db_stmt **literals; /* by place in the section db_literals */
    struct db_stmt *texts[DB_TEXT_CACHE_SIZE];
    uint64_t text_uses;
    struct db_stmt *open;
    sqlite3_stmt *control[CONTROL_COUNT];
    struct db_conn *next_idle;
};

struct group_member; /* writer.c */

struct writer {
    struct turns turns;
    struct file_lock lock; /* held while a group is open, or while writers are paused */
    struct db_conn conn;
    /* The open group; only the holder of the turn touches it. */
    bool group_open;
    int64_t group_opened_us;
    unsigned group_size;
    struct group_member *members; /* those that have finished and wait for the commit */
    int wal_pages;                /* after the last commit */
    atomic_llong commits, committed_members;
};

struct readers {
    struct turns turns;
    pthread_mutex_t mutex; /* guards `idle` */
    struct db_conn *idle;
};

struct checkpointer {
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool stop;
    int wal_pages; /* after the last commit of this process */
    int wake_at;   /* pages at which the thread has work */
};

struct db {
    char *path; /* absolute */
    char *wal_path;
    enum db_durability durability;
    int64_t write_timeout_us, read_timeout_us;
    struct writer writer;
    struct readers readers;
    struct checkpointer checkpointer;
};

/* --- open.c --- */

/* The path of the file, which need not exist, absolute and free of symbolic links, so that every process
 * derives the same name for the lock beside it, and a later chdir changes nothing. NULL with errno; free it.
 */
char *db_resolve(const char *path, struct arena *arena);

/* --- admin.c --- */

/* Makes the file `partial` durable, and only then gives it its name. 0, or an errno. */
int db_publish(const char *partial, const char *path, struct arena *arena);

/* --- connection.c --- */

/* Opens and configures; an SQLite result code. db_conn_close must be called in any case. */
int db_conn_open(struct db_conn *conn, struct db *db, enum db_role role);

/* Lets the connection understand "value REGEXP pattern" (common/base/pattern.h). */
int db_add_regexp(struct db_conn *conn);

/* Lets it understand "signature_has(packed, hashes)" (common/base/signature.h). */
int db_add_signature(struct db_conn *conn);

void db_conn_close(struct db_conn *conn);

/* Runs a framing statement; an SQLite result code. */
int db_control(struct db_conn *conn, enum db_control control);

/* The one integer that `sql` selects; an SQLite result code. */
int db_select_int(sqlite3 *handle, const char *sql, int64_t *value);

/* --- statement.c --- */

/* Resets every statement that is still open: a handler may have been left in the middle of one. */
void db_reset_statements(struct db_conn *conn);
void db_finalize_statements(struct db_conn *conn);

/* --- errors.c --- */

/* Sets the transaction's error for a failed statement; may leave through the arena's escape. */
enum status db_statement_failed(struct db_conn *conn, int rc, struct sv sql);

/* Sets an error without touching an arena, for places where a jump out would lose a lock or a commit. Both
 * texts are static. */
enum status db_unavailable(struct error *error, const char *message, const char *detail);

#define DB_DISK_FULL_TEXT \
    "The disk of the database is full. Nothing was stored. Free some space and try again."
#define DB_NOT_STORED_TEXT "The write could not be stored, and nothing of it was kept. Try again in a moment."
#define DB_BUSY_TEXT       "The database is busy: the write did not get its turn in time. Try again in a moment."

/* What a client is told when a transaction fails with this result code. */
const char *db_not_stored_text(int rc);

/* --- writer.c --- */

void writer_init(struct db *db);
void writer_close(struct db *db);
enum status writer_begin(struct db *db, struct arena *arena, struct error *error, struct db_conn **conn);
enum status writer_commit(struct db_conn *conn);
void writer_rollback(struct db_conn *conn);
enum status writer_undo(struct db_conn *conn);
/* Whether the transaction has gone from under the writer; a statement would then commit by itself. */
bool writer_is_lost(const struct db_conn *conn);
/* Keeps all writers, of other processes too, from writing until writer_resume. False if that takes too long.
 */
bool writer_pause(struct db *db, int64_t deadline_us);
void writer_resume(struct db *db);

/* --- reader.c --- */

void readers_init(struct db *db, unsigned count);
void readers_close(struct db *db);
enum status reader_begin(struct db *db, struct arena *arena, struct error *error, struct db_conn **conn);
void reader_end(struct db_conn *conn);

/* --- checkpoint.c --- */

enum status checkpointer_start(struct db *db, struct arena *arena, struct error *error);
void checkpointer_stop(struct db *db);
void checkpointer_notify(struct db *db, int wal_pages);

/* --- migrate.c --- */

/* Brings the file up to the last of `migrations`. The caller holds the lock between processes. Errors are for
 * the administrator. */
enum status db_migrate(struct db_conn *conn, const struct db_migration *migrations, size_t count,
                       struct arena *arena, struct error *error);

/* Refuses a file that is not ours, or newer than `newest`. A file without content passes if `create`. */
enum status db_identify(struct db_conn *conn, bool create, int64_t newest, struct arena *arena,
                        struct error *error);

#endif
