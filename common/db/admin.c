#include "common/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Info --- */

enum status db_info(struct db *db, struct arena *arena, struct error *error, struct db_info *info)
{
    struct db_conn *conn;
    *info = (struct db_info){.newest_version = (int64_t)db_migration_count};
    if (db_begin(db, DB_READ, arena, error, &conn) != OK)
        return FAILED;
    int rc = db_select_int(conn->handle, "PRAGMA user_version", &info->schema_version);
    if (rc != SQLITE_OK)
        db_statement_failed(conn, rc, SV("PRAGMA user_version"));
    if (db_commit(conn) != OK)
        return FAILED;
    struct stat wal, database;
    info->database_bytes = stat(db->path, &database) == 0 ? database.st_size : 0;
    info->wal_bytes = stat(db->wal_path, &wal) == 0 ? wal.st_size : 0;
    info->commits = atomic_load(&db->writer.commits);
    info->group_members = atomic_load(&db->writer.committed_members);
    return OK;
}

/* --- Check --- */

struct check {
    struct arena *arena;
    void (*report)(void *context, struct sv line);
    void *context;
    unsigned problems;
};

static void report_problem(struct check *check, struct sv line)
{
    check->problems++;
    check->report(check->context, line);
}

static struct sv column(sqlite3_stmt *statement, int place)
{
    struct sv text = sv_from((const char *)sqlite3_column_text(statement, place));
    return text.data ? text : SV("?");
}

static void report_integrity(struct check *check, sqlite3_stmt *row)
{
    if (!sv_equal(column(row, 0), SV("ok")))
        report_problem(check, column(row, 0));
}

static void report_foreign_key(struct check *check, sqlite3_stmt *row)
{
    report_problem(check,
                   arena_printf(check->arena, "row %.*s of table %.*s points to a missing row of %.*s",
                                SV_ARG(column(row, 1)), SV_ARG(column(row, 0)), SV_ARG(column(row, 2))));
}

static void run_check(struct check *check, sqlite3 *handle, const char *pragma,
                      void (*report)(struct check *check, sqlite3_stmt *row))
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(handle, pragma, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
            report(check, statement);
    if (rc != SQLITE_DONE)
        report_problem(check,
                       arena_printf(check->arena, "the check cannot go on: %s", sqlite3_errmsg(handle)));
    sqlite3_finalize(statement);
}

enum status db_check(struct db *db, struct arena *arena, struct error *error,
                     void (*report)(void *context, struct sv line), void *context)
{
    struct db_conn tool;
    struct check check = {.arena = arena, .report = report, .context = context};
    int rc = db_conn_open(&tool, db, DB_ROLE_TOOL);
    if (rc == SQLITE_OK) {
        run_check(&check, tool.handle, "PRAGMA integrity_check(1000)", report_integrity);
        run_check(&check, tool.handle, "PRAGMA foreign_key_check", report_foreign_key);
    }
    db_conn_close(&tool);
    if (rc != SQLITE_OK)
        return error_set(error, arena, INTERNAL_ERROR, "The database %s cannot be opened: %s.", db->path,
                         sqlite3_errstr(rc));
    if (check.problems == 0)
        return OK;
    return error_set(error, arena, DATA_LOSS,
                     "The database %s is damaged (%u problems): restore it from a backup.", db->path,
                     check.problems);
}

/* --- Backup --- */

/* One step copies everything from one snapshot: in smaller steps, every write in between would start it over.
 * Writers go on meanwhile; only the write-ahead log cannot start over. */
static int copy(struct db_conn *source, const char *path)
{
    sqlite3 *target = NULL;
    int rc = sqlite3_open_v2(path, &target,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(target, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_backup *backup = sqlite3_backup_init(target, "main", source->handle, "main");
        if (backup) {
            sqlite3_backup_step(backup, -1);
            rc = sqlite3_backup_finish(backup);
        } else {
            rc = sqlite3_extended_errcode(target);
        }
    }
    sqlite3_close(target);
    return rc;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int problem = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return problem;
}

int db_publish(const char *partial, const char *path, struct arena *arena)
{
    int problem = sync_path(partial, O_RDWR);
    if (problem == 0 && rename(partial, path) != 0)
        problem = errno;
    if (problem == 0)
        problem = sync_path(dirname(arena_cstr(arena, sv_from(path))), O_RDONLY | O_DIRECTORY);
    return problem;
}

static enum status backup_failed(const char *path, const char *reason, struct arena *arena,
                                 struct error *error)
{
    return error_set(error, arena, INVALID_STATE, "The backup to %s failed: %s.", path, reason);
}

/* An empty file that nobody else has. */
static int reserve(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static enum status copy_and_publish(struct db *db, const char *partial, const char *path, struct arena *arena,
                                    struct error *error)
{
    struct db_conn source;
    int rc = db_conn_open(&source, db, DB_ROLE_TOOL);
    if (rc == SQLITE_OK)
        rc = copy(&source, partial);
    db_conn_close(&source);
    if (rc != SQLITE_OK)
        return backup_failed(path, sqlite3_errstr(rc), arena, error);
    int problem = db_publish(partial, path, arena);
    return problem == 0 ? OK : backup_failed(path, strerror(problem), arena, error);
}

enum status db_backup(struct db *db, struct sv path, struct arena *arena, struct error *error)
{
    if (!path.data || path.len == 0 || memchr(path.data, '\0', path.len))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "The backup needs a file name.");
    /* A leading "./" keeps SQLite from taking the name for a URI. */
    const char *prefix = path.data[0] == '/' ? "" : "./";
    const char *target = arena_cstr(arena, arena_printf(arena, "%s%.*s", prefix, SV_ARG(path)));
    const char *partial = arena_cstr(arena, arena_printf(arena, "%s.partial", target));
    int problem = reserve(target);
    if (problem == EEXIST)
        return error_set(error, arena, RESOURCE_ALREADY_EXISTS,
                         "%s exists already: a backup is written to a new file only.", target);
    if (problem)
        return backup_failed(target, strerror(problem), arena, error);
    problem = reserve(partial);
    if (problem) {
        unlink(target);
        return backup_failed(partial, strerror(problem), arena, error);
    }
    enum status status = copy_and_publish(db, partial, target, arena, error);
    if (status != OK) {
        unlink(partial);
        unlink(target);
    }
    return status;
}
