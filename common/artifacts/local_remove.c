#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"

#define DEPTH_MAX       200 /* folders in folders; each holds a descriptor */
#define REMOVE_ATTEMPTS 8   /* of a folder that others still write to */

static int remove_folder(int parent, const char *name, int depth);

/* 0, or the errno. What is a link, a FIFO or a device goes, but is neither followed nor opened. */
static int remove_entry(int folder, const char *name, int depth)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    return remove_folder(folder, name, depth);
}

/* One pass over the folder; the first errno, or 0. */
static int empty_folder(int folder, int depth)
{
    DIR *directory = fdopendir(folder);
    if (!directory) {
        int problem = errno;
        close(folder);
        return problem;
    }
    int problem = 0;
    const struct dirent *entry;
    while (!problem && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            problem = remove_entry(folder, entry->d_name, depth + 1);
    }
    closedir(directory);
    return problem;
}

static int remove_folder(int parent, const char *name, int depth)
{
    if (depth > DEPTH_MAX)
        return ENAMETOOLONG;
    for (int attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
        int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0)
            return errno == ENOENT ? 0 : errno;
        int problem = empty_folder(folder, depth);
        if (problem)
            return problem;
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return errno;
    }
    return ENOENT; /* somebody writes to it all the time: told as "try again" */
}

static int remove_from(int folder, const char *name)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || errno == ENAMETOOLONG ? 0 : errno;
    if (S_ISLNK(status.st_mode))
        return ELOOP;
    return remove_entry(folder, name, 0);
}

enum status local_remove(struct repository *repository, struct sv path)
{
    struct local_repository *local = (struct local_repository *)repository;
    struct sv parent, name;
    local_split(path, &parent, &name);
    if (name.len == 0 || !local_leads_downwards(path) || local_is_reserved(path))
        return error_set(repository->error, repository->arena, INVALID_PARAMETER_VALUE, "Invalid path");
    const char *last = arena_cstr(repository->arena, name);
    int root = local_open_root(repository->arena, local->directory);
    int folder = root < 0 ? -1 : open_beneath(repository->arena, root, parent, O_RDONLY | O_DIRECTORY);
    int problem = folder < 0 ? errno : 0;
    if (root >= 0)
        close(root);
    if (folder >= 0) {
        problem = remove_from(folder, last);
        if (!problem && local->settings->sync && fsync(folder) != 0)
            problem = errno;
        close(folder);
    } else if (problem == ENOENT || problem == ENOTDIR || problem == ENAMETOOLONG) {
        problem = 0;
    }
    return problem ? local_write_failed(repository, path, problem) : OK;
}
