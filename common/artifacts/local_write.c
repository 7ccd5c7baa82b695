#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"
#include "common/base/id.h"

#define CREATE_ATTEMPTS   8
#define FLUSH_BYTES       (8L * 1024 * 1024)  /* the disk begins to write after so many, while more come in */
#define SPACE_CHECK_BYTES (64L * 1024 * 1024) /* the free space is looked at again after so many */

struct local_sink {
    struct local_repository *repository;
    struct sv path;
    const char *name, *temporary;
    int folder, file;
    int64_t size; /* -1: not known */
    int64_t written, flushed, checked;
};

static enum status too_large(struct local_repository *repository)
{
    return error_set(repository->base.error, repository->base.arena, PAYLOAD_TOO_LARGE,
                     "The artifact is larger than the %lld bytes that this server takes.",
                     (long long)repository->settings->size_limit);
}

/* Whether the rest of the upload leaves as much free as it must. */
static enum status check_space(struct local_sink *sink)
{
    struct local_repository *repository = sink->repository;
    struct statvfs status;
    sink->checked = sink->written;
    if (fstatvfs(sink->folder, &status) != 0)
        return OK;
    uint64_t available = (uint64_t)status.f_bavail * status.f_frsize;
    uint64_t needed = sink->size > sink->written ? (uint64_t)(sink->size - sink->written) : 0;
    if (available >= needed && available - needed >= (uint64_t)repository->settings->free_space_limit)
        return OK;
    return error_set(repository->base.error, repository->base.arena, INSUFFICIENT_STORAGE,
                     "There is no space left for artifacts.");
}

/* 0, or the errno. Folders may be deleted between making and using them. */
static int open_temporary(struct local_sink *sink, struct sv folder)
{
    struct local_repository *repository = sink->repository;
    struct arena *arena = repository->base.arena;
    int problem = ENOENT;
    for (int attempt = 0; problem == ENOENT && attempt < CREATE_ATTEMPTS; attempt++) {
        sink->folder = local_make_folder(arena, repository->directory, folder, repository->settings->sync);
        if (sink->folder < 0) {
            problem = errno;
            continue;
        }
        struct stat status;
        if (fstatat(sink->folder, sink->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode)) {
            problem = EISDIR;
        } else {
            sink->file = openat(sink->folder, sink->temporary,
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
            if (sink->file >= 0)
                return 0;
            problem = errno;
        }
        close(sink->folder);
    }
    return problem;
}

enum status local_create(struct repository *repository, struct sv path, int64_t size,
                         struct artifact_sink **out)
{
    struct local_repository *local = (struct local_repository *)repository;
    struct sv folder, name, id = id_new(repository->arena);
    local_split(path, &folder, &name);
    if (name.len == 0 || !local_leads_downwards(path))
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE, "Invalid path");
    if (local_is_reserved(path))
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE,
                         "Invalid artifact file name: '%.*s'", SV_ARG(name));
    if (local->settings->size_limit && size > local->settings->size_limit)
        return too_large(local);
    struct local_sink *sink = ARENA_NEW(repository->arena, struct local_sink);
    *sink = (struct local_sink){
        .repository = local,
        .path = path,
        .name = arena_cstr(repository->arena, name),
        .temporary = arena_printf(repository->arena, LOCAL_TEMPORARY_PREFIX "%.*s", SV_ARG(id)).data,
        .size = size,
    };
    int problem = open_temporary(sink, folder);
    if (problem)
        return local_write_failed(repository, path, problem);
    /* Says to local_sweep, in whatever process, that somebody is at work here. */
    (void)flock(sink->file, LOCK_EX | LOCK_NB);
    local_sweep(sink->folder);
    *out = (struct artifact_sink *)sink;
    if (check_space(sink) == OK)
        return OK;
    local_abandon(*out);
    return FAILED;
}

enum status local_sink_write(struct artifact_sink *opaque, const char *bytes, size_t len)
{
    struct local_sink *sink = (struct local_sink *)opaque;
    const struct repository_settings *settings = sink->repository->settings;
    if (settings->size_limit && sink->written + (int64_t)len > settings->size_limit)
        return too_large(sink->repository);
    while (len) {
        ssize_t wrote = write(sink->file, bytes, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return local_write_failed(&sink->repository->base, sink->path, errno);
        bytes += wrote;
        len -= (size_t)wrote;
        sink->written += wrote;
    }
    if (settings->sync && sink->written - sink->flushed >= FLUSH_BYTES) {
        (void)sync_file_range(sink->file, sink->flushed, sink->written - sink->flushed,
                              SYNC_FILE_RANGE_WRITE);
        sink->flushed = sink->written;
    }
    return sink->written - sink->checked >= SPACE_CHECK_BYTES ? check_space(sink) : OK;
}

enum status local_finish(struct artifact_sink *opaque)
{
    struct local_sink *sink = (struct local_sink *)opaque;
    bool sync = sink->repository->settings->sync;
    int problem = 0;
    if (sync && fsync(sink->file) != 0)
        problem = errno;
    if (!problem && renameat(sink->folder, sink->temporary, sink->folder, sink->name) != 0)
        problem = errno;
    /* From here on the new file is what readers see, whatever comes. */
    if (!problem && sync && fsync(sink->folder) != 0)
        problem = errno;
    if (problem)
        unlinkat(sink->folder, sink->temporary, 0);
    if (close(sink->file) != 0 && !problem)
        problem = errno;
    close(sink->folder);
    return problem ? local_write_failed(&sink->repository->base, sink->path, problem) : OK;
}

void local_abandon(struct artifact_sink *opaque)
{
    struct local_sink *sink = (struct local_sink *)opaque;
    unlinkat(sink->folder, sink->temporary, 0);
    close(sink->file);
    close(sink->folder);
}
