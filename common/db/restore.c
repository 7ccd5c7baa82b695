#include "common/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"

/* The bytes of a database file that SQLite locks: whoever has it open in WAL mode holds a shared lock there
 * (sqlite.org/fileformat2.html, "The Lock-Byte Page"). */
#define LOCK_PAGE_START 0x40000000
#define LOCK_PAGE_BYTES 512

#define HEADER_BYTES          100 /* sqlite.org/fileformat2.html, "The Database Header" */
#define HEADER_APPLICATION_ID 68
#define LOCK_PATIENCE_US      1000000

struct restore {
    struct arena *arena;
    struct error *error;
    const char *path;   /* of the database */
    const char *backup; /* what comes in its place */
    char *partial;      /* the copy, before it has its name */
    struct stat old;
    bool exists;
    struct file_lock lock;
    int file; /* of the old database, which holds its lock page */
};

static const char *beside(struct restore *restore, const char *path, const char *suffix)
{
    return arena_cstr(restore->arena, arena_printf(restore->arena, "%s%s", path, suffix));
}

static enum status failed_on(struct restore *restore, const char *path, int problem)
{
    return error_set(restore->error, restore->arena, INVALID_STATE, "%s: %s.", path, strerror(problem));
}

static enum status in_use(struct restore *restore)
{
    return error_set(restore->error, restore->arena, INVALID_STATE,
                     "The database %s is in use. Stop the servers and commands that have it open first.",
                     restore->path);
}

/* --- What is there --- */

/* A file that is not ours is not overwritten, however damaged it may be. */
static enum status look_at_old(struct restore *restore)
{
    if (stat(restore->path, &restore->old) != 0)
        return errno == ENOENT ? OK : failed_on(restore, restore->path, errno);
    restore->exists = true;
    unsigned char header[HEADER_BYTES];
    restore->file = open(restore->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (restore->file < 0)
        return failed_on(restore, restore->path, errno);
    ssize_t len = S_ISREG(restore->old.st_mode) ? pread(restore->file, header, sizeof(header), 0) : -1;
    if (len == 0)
        return OK;
    const unsigned char *id = header + HEADER_APPLICATION_ID;
    bool ours =
        len == HEADER_BYTES && memcmp(header, "SQLite format 3", 16) == 0 &&
        ((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]) == DB_APPLICATION_ID;
    return ours ? OK
                : error_set(restore->error, restore->arena, INVALID_STATE,
                            "%s is not a database of Tracklight, so it stays as it is. Move it away first.",
                            restore->path);
}

/* Moves what its write-ahead log holds into the old database, which is then whole without it, should we be
 * cut off between removing the one and replacing the other. What is damaged need not come along. */
static void fold_log(struct restore *restore)
{
    sqlite3 *handle = NULL;
    int rc = sqlite3_open_v2(restore->path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        sqlite3_exec(handle, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_close(handle);
}

/* Until release(), nobody can open the old database to write it. */
static enum status hold_others_off(struct restore *restore)
{
    const char *lock_path = beside(restore, restore->path, "-lock");
    int problem = file_lock_open(&restore->lock, lock_path, restore->path);
    if (problem)
        return failed_on(restore, lock_path, problem);
    problem = file_lock_take(&restore->lock, clock_monotonic_us() + LOCK_PATIENCE_US);
    if (problem)
        return problem == ETIMEDOUT ? in_use(restore) : failed_on(restore, lock_path, problem);
    /* Of the open file, not the process: only so does it hold against SQLite in this process, too. */
    struct flock page = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_PAGE_START, .l_len = LOCK_PAGE_BYTES};
    if (fcntl(restore->file, F_OFD_SETLK, &page) != 0)
        return errno == EAGAIN || errno == EACCES ? in_use(restore)
                                                  : failed_on(restore, restore->path, errno);
    return OK;
}

static void release(struct restore *restore)
{
    if (restore->file >= 0)
        close(restore->file);
    file_lock_close(&restore->lock);
}

/* --- What comes --- */

static int copy_bytes(int from, int to)
{
    char bytes[64 * 1024];
    ssize_t got;
    while ((got = read(from, bytes, sizeof(bytes))) > 0)
        for (ssize_t at = 0; at < got;) {
            ssize_t put = write(to, bytes + at, (size_t)(got - at));
            if (put < 0)
                return errno;
            at += put;
        }
    return got < 0 ? errno : 0;
}

static int copy_into(struct restore *restore, int from, int to)
{
    int problem = copy_bytes(from, to);
    if (!problem && restore->exists && fchmod(to, restore->old.st_mode & 0666) != 0)
        problem = errno;
    if (!problem && restore->exists && geteuid() == 0 &&
        fchown(to, restore->old.st_uid, restore->old.st_gid) != 0)
        problem = errno;
    return problem;
}

static enum status copy_backup(struct restore *restore)
{
    struct stat info;
    const char *log = beside(restore, restore->backup, "-wal");
    if (stat(log, &info) == 0 && info.st_size > 0)
        return error_set(
            restore->error, restore->arena, INVALID_STATE,
            "%s is not a backup but a database in use, of which %s is a part. Make a backup of it first.",
            restore->backup, log);
    int from = open(restore->backup, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return failed_on(restore, restore->backup, errno);
    int problem = fstat(from, &info) != 0 ? errno : !S_ISREG(info.st_mode) ? EINVAL : 0;
    if (problem) {
        close(from);
        return failed_on(restore, restore->backup, problem);
    }
    char *partial =
        arena_cstr(restore->arena, arena_printf(restore->arena, "%s.restore-XXXXXX", restore->path));
    int to = mkostemp(partial, O_CLOEXEC);
    if (to < 0) {
        problem = errno;
    } else {
        restore->partial = partial;
        problem = copy_into(restore, from, to);
        if (close(to) != 0 && !problem)
            problem = errno;
    }
    close(from);
    return problem ? failed_on(restore, partial, problem) : OK;
}

/* Opening looks at the application id and the schema, and brings an older one up to date. */
static enum status check_copy(struct restore *restore, void (*report)(void *context, struct sv line),
                              void *context)
{
    const struct db_options options = {.path = sv_from(restore->partial), .max_readers = 1};
    struct db *db = db_open(&options, restore->arena, restore->error);
    if (!db) {
        struct sv reason = restore->error->message;
        error_clear(restore->error);
        return error_set(restore->error, restore->arena, INVALID_STATE,
                         "%s cannot be restored, to judge by a copy: %.*s", restore->backup, SV_ARG(reason));
    }
    enum status status = db_check(db, restore->arena, restore->error, report, context);
    db_close(db);
    if (status != OK) {
        error_clear(restore->error);
        return error_set(restore->error, restore->arena, DATA_LOSS, "%s is damaged: take another backup.",
                         restore->backup);
    }
    struct stat log;
    const char *left = beside(restore, restore->partial, "-wal");
    return stat(left, &log) == 0 && log.st_size > 0 ? failed_on(restore, left, EBUSY) : OK;
}

static void remove_beside(struct restore *restore, const char *path)
{
    unlink(beside(restore, path, "-wal"));
    unlink(beside(restore, path, "-shm"));
}

static enum status replace(struct restore *restore)
{
    /* First, for a log that is left beside another database would be played into it. */
    remove_beside(restore, restore->path);
    int problem = db_publish(restore->partial, restore->path, restore->arena);
    return problem ? failed_on(restore, restore->path, problem) : OK;
}

static enum status run_restore(struct restore *restore, void (*report)(void *context, struct sv line),
                               void *context)
{
    if (look_at_old(restore) != OK || copy_backup(restore) != OK ||
        check_copy(restore, report, context) != OK)
        return FAILED;
    if (restore->exists) {
        fold_log(restore);
        if (hold_others_off(restore) != OK)
            return FAILED;
    }
    return replace(restore);
}

enum status db_restore(struct sv path, struct sv backup, struct arena *arena, struct error *error,
                       void (*report)(void *context, struct sv line), void *context)
{
    if (!path.len || !backup.len || memchr(path.data, '\0', path.len) ||
        memchr(backup.data, '\0', backup.len))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "A restore needs two file names.");
    char *resolved = db_resolve(arena_cstr(arena, path), arena);
    struct restore restore = {.arena = arena,
                              .error = error,
                              .path = resolved ? resolved : arena_cstr(arena, path),
                              .backup = arena_cstr(arena, backup),
                              .lock = {.fd = -1},
                              .file = -1};
    enum status status =
        resolved ? run_restore(&restore, report, context) : failed_on(&restore, restore.path, errno);
    if (restore.partial) {
        remove_beside(&restore, restore.partial);
        unlink(beside(&restore, restore.partial, "-lock"));
        unlink(restore.partial);
    }
    release(&restore);
    free(resolved);
    return status;
}
