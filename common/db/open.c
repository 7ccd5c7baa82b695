#include "common/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { PATH_LIMIT = 500 }; /* SQLite takes 512 bytes, "-journal" included */
enum { DEFAULT_WRITE_TIMEOUT_MS = 10000, DEFAULT_READ_TIMEOUT_MS = 30000, RETRY_US = 1000 };

/* --- The file --- */

static enum status path_failed(const char *path, int problem, struct arena *arena, struct error *error)
{
    enum error_code code = problem == ENOENT || problem == ENOTDIR ? RESOURCE_DOES_NOT_EXIST
                           : problem == EACCES || problem == EPERM || problem == EROFS ? PERMISSION_DENIED
                                                                                       : INVALID_STATE;
    return error_set(error, arena, code, "The database %s cannot be opened: %s.", path, strerror(problem));
}

char *db_resolve(const char *path, struct arena *arena)
{
    char *whole = realpath(path, NULL);
    if (whole || errno != ENOENT)
        return whole;
    struct sv text = sv_from(path);
    size_t end = text.len;
    while (end > 0 && path[end - 1] != '/')
        end--;
    if (end == text.len) {
        errno = EISDIR;
        return NULL;
    }
    char *folder = realpath(end > 0 ? arena_cstr(arena, sv_first(text, end)) : ".", NULL);
    if (!folder)
        return NULL;
    struct sv joined = arena_printf(arena, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path + end);
    free(folder);
    return strndup(joined.data, joined.len);
}

/* Makes an empty file that only its owner may read, for it will hold password hashes and secrets. */
static int create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : errno;
    close(fd);
    return 0;
}

static enum status find_file(struct db *db, const struct db_options *options, struct arena *arena,
                             struct error *error)
{
    if (!options->path.data || options->path.len == 0 || memchr(options->path.data, '\0', options->path.len))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "The database needs a file name.");
    const char *path = arena_cstr(arena, options->path);
    db->path = db_resolve(path, arena);
    if (!db->path)
        return path_failed(path, errno, arena, error);
    if (strlen(db->path) > PATH_LIMIT)
        return path_failed(path, ENAMETOOLONG, arena, error);

    struct stat found;
    if (stat(db->path, &found) != 0) {
        int problem = errno;
        if (problem == ENOENT && !options->create)
            return error_set(error, arena, RESOURCE_DOES_NOT_EXIST, "There is no database %s.", db->path);
        if (problem == ENOENT)
            problem = create_file(db->path);
        return problem == 0 ? OK : path_failed(db->path, problem, arena, error);
    }
    if (S_ISDIR(found.st_mode))
        return error_set(error, arena, INVALID_STATE, "%s is a folder: name a file in it.", db->path);
    if (!S_ISREG(found.st_mode))
        return error_set(error, arena, INVALID_STATE, "%s is not a regular file.", db->path);
    return faccessat(AT_FDCWD, db->path, R_OK | W_OK, AT_EACCESS) == 0
               ? OK
               : path_failed(db->path, errno, arena, error);
}

/* --- Preparing it --- */

static enum status cannot_open(struct db_conn *conn, int rc, struct arena *arena, struct error *error)
{
    return error_set(error, arena, INTERNAL_ERROR, "The database %s cannot be opened: %s (%d).",
                     conn->db->path, conn->handle ? sqlite3_errmsg(conn->handle) : sqlite3_errstr(rc), rc);
}

/* The journal mode that `pragma` answers with. */
static int journal_mode(struct db_conn *conn, const char *pragma, bool *is_wal)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(conn->handle, pragma, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *is_wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Other processes only look at the file for a moment, but SQLite does not wait for them here. */
static enum status switch_to_wal(struct db_conn *conn, int64_t deadline_us, struct arena *arena,
                                 struct error *error)
{
    for (;;) {
        bool is_wal;
        int rc = journal_mode(conn, "PRAGMA journal_mode = WAL", &is_wal);
        if (rc == SQLITE_OK && is_wal)
            return OK;
        if (rc == SQLITE_OK)
            return error_set(error, arena, INVALID_STATE,
                             "The file system of %s has no shared memory between processes, as network file "
                             "systems often do not. Put the database onto a local disk.",
                             conn->db->path);
        if ((rc & 0xff) != SQLITE_BUSY || clock_monotonic_us() >= deadline_us)
            return cannot_open(conn, rc, arena, error);
        struct timespec pause = {.tv_nsec = RETRY_US * 1000};
        nanosleep(&pause, NULL);
    }
}

static bool is_up_to_date(struct db_conn *conn)
{
    bool is_wal = false;
    int64_t version = 0;
    return journal_mode(conn, "PRAGMA journal_mode", &is_wal) == SQLITE_OK && is_wal &&
           db_select_int(conn->handle, "PRAGMA user_version", &version) == SQLITE_OK &&
           version == (int64_t)db_migration_count;
}

static enum status prepare_locked(struct db_conn *conn, bool create, int64_t deadline_us, struct arena *arena,
                                  struct error *error)
{
    if (db_identify(conn, create, (int64_t)db_migration_count, arena, error) != OK ||
        switch_to_wal(conn, deadline_us, arena, error) != OK)
        return FAILED;
    return db_migrate(conn, db_migrations, db_migration_count, arena, error);
}

/* Looks before it touches anything, so that a file of another program stays as it is, without a lock beside
 * it. */
static enum status prepare_file(struct db_conn *conn, bool create, struct arena *arena, struct error *error)
{
    struct db *db = conn->db;
    if (db_identify(conn, create, (int64_t)db_migration_count, arena, error) != OK)
        return FAILED;
    if (sqlite3_db_readonly(conn->handle, "main"))
        return path_failed(db->path, EACCES, arena, error);

    struct file_lock *lock = &db->writer.lock;
    const char *lock_path = arena_cstr(arena, arena_printf(arena, "%s-lock", db->path));
    int problem = file_lock_open(lock, lock_path, db->path);
    if (problem)
        return path_failed(lock_path, problem, arena, error);
    if (is_up_to_date(conn))
        return OK;
    int64_t deadline_us = clock_monotonic_us() + db->write_timeout_us;
    problem = file_lock_take(lock, deadline_us);
    if (problem == ETIMEDOUT)
        return error_set(error, arena, TEMPORARILY_UNAVAILABLE,
                         "Another process keeps the database %s locked. Try again later.", db->path);
    if (problem)
        return path_failed(lock_path, problem, arena, error);
    conn->deadline_us = deadline_us;
    enum status status = prepare_locked(conn, create, deadline_us, arena, error);
    file_lock_release(lock);
    return status;
}

static enum status prepare(struct db *db, bool create, struct arena *arena, struct error *error)
{
    struct db_conn tool;
    int rc = db_conn_open(&tool, db, DB_ROLE_TOOL);
    enum status status =
        rc == SQLITE_OK ? prepare_file(&tool, create, arena, error) : cannot_open(&tool, rc, arena, error);
    if (status == OK) {
        /* Opened before the other is closed, or the last close would fold the log in and remove it. */
        rc = db_conn_open(&db->writer.conn, db, DB_ROLE_WRITER);
        if (rc != SQLITE_OK)
            status = cannot_open(&db->writer.conn, rc, arena, error);
    }
    db_conn_close(&tool);
    return status;
}

/* --- The whole --- */

static unsigned default_readers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 4 : cores > 64 ? 130 : 2 * (unsigned)cores + 2;
}

static void free_db(struct db *db)
{
    checkpointer_stop(db);
    readers_close(db);
    writer_close(db);
    free(db->path);
    free(db->wal_path);
    free(db);
}

static struct db *new_db(const struct db_options *options)
{
    struct db *db = calloc(1, sizeof(*db));
    if (!db)
        return NULL;
    int64_t write_ms = options->write_timeout_ms > 0 ? options->write_timeout_ms : DEFAULT_WRITE_TIMEOUT_MS;
    int64_t read_ms = options->read_timeout_ms > 0 ? options->read_timeout_ms : DEFAULT_READ_TIMEOUT_MS;
    db->durability = options->durability;
    db->write_timeout_us = write_ms * 1000;
    db->read_timeout_us = read_ms * 1000;
    writer_init(db);
    readers_init(db, options->max_readers ? options->max_readers : default_readers());
    return db;
}

struct db *db_open(const struct db_options *options, struct arena *arena, struct error *error)
{
    struct db *db = new_db(options);
    if (!db) {
        error_internal(error, arena, "no memory for the database");
        return NULL;
    }
    enum status status = find_file(db, options, arena, error);
    if (status == OK) {
        struct sv wal_path = arena_printf(arena, "%s-wal", db->path);
        db->wal_path = strndup(wal_path.data, wal_path.len);
        status = db->wal_path ? prepare(db, options->create, arena, error)
                              : error_internal(error, arena, "no memory for the database");
    }
    if (status == OK)
        status = checkpointer_start(db, arena, error);
    if (status == OK)
        return db;
    free_db(db);
    return NULL;
}

void db_close(struct db *db)
{
    if (db)
        free_db(db);
}

/* --- Transactions --- */

enum status db_begin(struct db *db, enum db_access access, struct arena *arena, struct error *error,
                     struct db_conn **conn)
{
    *conn = NULL;
    return access == DB_WRITE ? writer_begin(db, arena, error, conn) : reader_begin(db, arena, error, conn);
}

enum status db_commit(struct db_conn *conn)
{
    /* What failed and was not forgiven must not be half stored. */
    if (conn->error->code != ERROR_NONE) {
        db_rollback(conn);
        return FAILED;
    }
    if (conn->role == DB_ROLE_WRITER)
        return writer_commit(conn);
    reader_end(conn);
    return OK;
}

void db_rollback(struct db_conn *conn)
{
    if (conn->role == DB_ROLE_WRITER)
        writer_rollback(conn);
    else
        reader_end(conn);
}

enum status db_undo(struct db_conn *conn)
{
    if (conn->role == DB_ROLE_WRITER)
        return writer_undo(conn);
    db_reset_statements(conn);
    return OK;
}

struct arena *db_arena(struct db_conn *conn)
{
    return conn->arena;
}

struct error *db_error(struct db_conn *conn)
{
    return conn->error;
}
