#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"

int local_open_root(struct arena *arena, struct sv directory)
{
    return open(arena_cstr(arena, directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_keeping_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

/* Makes one folder if need be and opens it. A folder survives power loss once the one that holds it is
 * synced. */
static int step_down(struct arena *arena, int at, struct sv segment, bool sync)
{
    bool made = mkdirat(at, arena_cstr(arena, segment), 0777) == 0;
    if (!made && errno != EEXIST)
        return -1;
    if (made && sync && fsync(at) != 0)
        return -1;
    return open_beneath(arena, at, segment, O_RDONLY | O_DIRECTORY);
}

/* The root is the administrator's: links on the way to it are followed. */
static int make_root(struct arena *arena, struct sv directory, bool sync)
{
    int at = local_open_root(arena, directory);
    if (at >= 0 || errno != ENOENT)
        return at;
    char *path = arena_cstr(arena, directory);
    at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 1; at >= 0 && i <= directory.len; i++) {
        if (i < directory.len && path[i] != '/')
            continue;
        path[i] = '\0';
        bool made = mkdir(path, 0777) == 0;
        int next = made || errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (next >= 0 && made && sync && fsync(at) != 0) {
            close_keeping_errno(next);
            next = -1;
        }
        close_keeping_errno(at);
        at = next;
        if (i < directory.len)
            path[i] = '/';
    }
    return at;
}

int local_make_folder(struct arena *arena, struct sv directory, struct sv path, bool sync)
{
    int at = make_root(arena, directory, sync);
    struct sv rest = path;
    while (at >= 0 && rest.len) {
        int next = step_down(arena, at, sv_cut(&rest, '/'), sync);
        close_keeping_errno(at);
        at = next;
    }
    return at;
}

void local_split(struct sv path, struct sv *folder, struct sv *name)
{
    size_t slash = path.len;
    while (slash > 0 && path.data[slash - 1] != '/')
        slash--;
    *name = sv_from_offset(path, slash);
    *folder = sv_first(path, slash ? slash - 1 : 0);
}

bool local_is_reserved(struct sv path)
{
    while (path.data) {
        if (sv_starts_with(sv_cut(&path, '/'), SV(LOCAL_TEMPORARY_PREFIX)))
            return true;
    }
    return false;
}

/* --- Errors --- */

static bool is_link_in_the_way(int problem)
{
    return problem == ELOOP || problem == EXDEV;
}

enum status local_read_failed(struct repository *repository, struct sv path, int problem)
{
    if (is_link_in_the_way(problem))
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Invalid path: '%.*s' leads through a symbolic link", SV_ARG(path));
    if (problem == ENOENT || problem == ENOTDIR || problem == ENAMETOOLONG || problem == ENXIO)
        return error_set(repository->error, repository->arena, RESOURCE_DOES_NOT_EXIST,
                         "No such artifact: '%.*s'", SV_ARG(path));
    if (problem == EISDIR)
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Artifact path refers to a directory, not a file: '%.*s'", SV_ARG(path));
    if (problem == EACCES || problem == EPERM)
        return error_set(repository->error, repository->arena, PERMISSION_DENIED,
                         "The server is not allowed to read the artifact '%.*s'.", SV_ARG(path));
    return error_internal(repository->error, repository->arena, "reading artifact %.*s: %s", SV_ARG(path),
                          strerror(problem));
}

enum status local_write_failed(struct repository *repository, struct sv path, int problem)
{
    if (is_link_in_the_way(problem))
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Invalid path: '%.*s' leads through a symbolic link", SV_ARG(path));
    if (problem == EISDIR)
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Artifact path refers to a directory, not a file: '%.*s'", SV_ARG(path));
    if (problem == ENOTDIR || problem == ENAMETOOLONG || problem == EINVAL || problem == EILSEQ)
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Invalid path: there is no place for a file at '%.*s'", SV_ARG(path));
    if (problem == ENOSPC || problem == EDQUOT || problem == EFBIG)
        return error_set(repository->error, repository->arena, INSUFFICIENT_STORAGE,
                         "There is no space left for artifacts.");
    if (problem == EACCES || problem == EPERM || problem == EROFS)
        return error_set(repository->error, repository->arena, PERMISSION_DENIED,
                         "The server is not allowed to change the artifact '%.*s'.", SV_ARG(path));
    if (problem == ENOENT)
        return error_set(repository->error, repository->arena, TEMPORARILY_UNAVAILABLE,
                         "The folder of '%.*s' was deleted meanwhile. Try again.", SV_ARG(path));
    return error_internal(repository->error, repository->arena, "writing artifact %.*s: %s", SV_ARG(path),
                          strerror(problem));
}

/* --- What crashes leave behind --- */

#define SWEEP_MEMORY    1024 /* folders */
#define SWEEP_SECONDS   3600
#define ABANDONED_AFTER 60 /* seconds in which an upload has surely locked its file */

struct swept {
    dev_t device;
    ino_t inode;
    time_t when;
};
static struct swept swept[SWEEP_MEMORY];
static pthread_mutex_t swept_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_due(int folder)
{
    struct stat status;
    if (fstat(folder, &status) != 0)
        return false;
    time_t now = time(NULL);
    struct swept *slot = &swept[(status.st_ino ^ status.st_dev) % SWEEP_MEMORY];
    pthread_mutex_lock(&swept_lock);
    bool due = slot->device != status.st_dev || slot->inode != status.st_ino ||
               now - slot->when > SWEEP_SECONDS || now < slot->when;
    if (due)
        *slot = (struct swept){status.st_dev, status.st_ino, now};
    pthread_mutex_unlock(&swept_lock);
    return due;
}

/* An upload under way holds a lock on its file, in whatever process it is. */
static void remove_abandoned(int folder, const char *name)
{
    struct stat status;
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
        time(NULL) - status.st_mtime > ABANDONED_AFTER && flock(file, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(file);
}

void local_sweep(int folder)
{
    if (!is_due(folder))
        return;
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    if (!directory) {
        if (again >= 0)
            close(again);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (strncmp(entry->d_name, LOCAL_TEMPORARY_PREFIX, strlen(LOCAL_TEMPORARY_PREFIX)) == 0)
            remove_abandoned(folder, entry->d_name);
    }
    closedir(directory);
}
