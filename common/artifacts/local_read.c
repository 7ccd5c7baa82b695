#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"

struct local_source {
    struct local_repository *repository;
    struct sv path;
    int file;
    int64_t left; /* bytes of the range still to be read */
};

/* A regular file, or -1 and errno. Opening neither waits for a FIFO's writer nor makes a terminal ours. */
static int open_file(struct local_repository *repository, struct sv path, struct stat *status)
{
    struct arena *arena = repository->base.arena;
    if (local_is_reserved(path)) {
        errno = ENOENT;
        return -1;
    }
    int root = local_open_root(arena, repository->directory);
    if (root < 0)
        return -1;
    int file = open_beneath(arena, root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    int problem = file < 0 ? errno : 0;
    close(root);
    if (!problem && fstat(file, status) != 0)
        problem = errno;
    if (!problem && !S_ISREG(status->st_mode))
        problem = S_ISDIR(status->st_mode) ? EISDIR : ENOENT;
    if (problem && file >= 0)
        close(file);
    errno = problem;
    return problem ? -1 : file;
}

static struct artifact_info info_of(struct arena *arena, const struct stat *status)
{
    long long nanoseconds = (long long)status->st_mtim.tv_sec * 1000000000LL + status->st_mtim.tv_nsec;
    return (struct artifact_info){
        .size = status->st_size,
        .modified_s = status->st_mtim.tv_sec,
        .etag = arena_printf(arena, "%llx-%llx-%llx", (unsigned long long)status->st_ino,
                             (unsigned long long)status->st_size, (unsigned long long)nanoseconds),
    };
}

enum status local_stat(struct repository *repository, struct sv path, struct artifact_info *info)
{
    struct stat status;
    int file = open_file((struct local_repository *)repository, path, &status);
    if (file < 0)
        return local_read_failed(repository, path, errno);
    close(file);
    *info = info_of(repository->arena, &status);
    return OK;
}

enum status local_open(struct repository *repository, struct sv path, struct artifact_range range,
                       struct artifact_info *info, struct artifact_source **source)
{
    struct local_source *opened = ARENA_NEW(repository->arena, struct local_source);
    struct stat status;
    int file = open_file((struct local_repository *)repository, path, &status);
    if (file < 0)
        return local_read_failed(repository, path, errno);
    if (range.from > 0 && lseek(file, range.from, SEEK_SET) < 0) {
        int problem = errno;
        close(file);
        return local_read_failed(repository, path, problem);
    }
    int64_t end = range.to < 0 || range.to >= status.st_size ? status.st_size : range.to + 1;
    *opened = (struct local_source){
        .repository = (struct local_repository *)repository,
        .path = path,
        .file = file,
        .left = end > range.from ? end - range.from : 0,
    };
    *info = info_of(repository->arena, &status);
    *source = (struct artifact_source *)opened;
    return OK;
}

long local_read(struct artifact_source *source, char *bytes, size_t len)
{
    struct local_source *local = (struct local_source *)source;
    if ((int64_t)len > local->left)
        len = (size_t)local->left;
    for (;;) {
        ssize_t got = len ? read(local->file, bytes, len) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            (void)local_read_failed(&local->repository->base, local->path, errno);
            return -1;
        }
        local->left -= got;
        return got;
    }
}

struct sv local_file_name(struct artifact_source *source)
{
    const struct local_source *local = (const struct local_source *)source;
    return arena_printf(
        local->repository->base.arena, "%.*s/%.*s",
        SV_ARG(sv_equal(local->repository->directory, SV("/")) ? SV("") : local->repository->directory),
        SV_ARG(local->path));
}

void local_close(struct artifact_source *source)
{
    close(((struct local_source *)source)->file);
}
