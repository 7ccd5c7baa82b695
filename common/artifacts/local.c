#include "common/artifacts/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"
#include "common/base/id.h"

/* --- Listing --- */

static bool is_nothing(int problem)
{
    return problem == ENOENT || problem == ENOTDIR || problem == ELOOP || problem == EXDEV ||
           problem == ENAMETOOLONG;
}

static struct sv below_prefix(struct arena *arena, const struct local_root *root, struct sv path)
{
    if (root->prefix.len == 0)
        return path;
    if (path.len == 0)
        return root->prefix;
    return arena_printf(arena, "%.*s/%.*s", SV_ARG(root->prefix), SV_ARG(path));
}

/* A descriptor of the folder, -1 if there is none, -2 after a failure. */
static int open_folder(struct arena *arena, struct error *error, const struct local_root *root,
                       struct sv path)
{
    int directory = open(arena_cstr(arena, root->directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int folder = -1;
    if (directory >= 0) {
        folder = open_beneath(arena, directory, below_prefix(arena, root, path), O_RDONLY | O_DIRECTORY);
        int saved = errno;
        close(directory);
        errno = saved;
    }
    if (folder >= 0 || is_nothing(errno))
        return folder;
    if (errno == EACCES)
        error_set(error, arena, PERMISSION_DENIED,
                  "The server is not allowed to read this folder of artifacts.");
    else
        error_internal(error, arena, "opening an artifact folder below %.*s: %s", SV_ARG(root->directory),
                       strerror(errno));
    return -2;
}

static int compare_names(const void *left, const void *right)
{
    return sv_compare(((const struct local_file *)left)->name, ((const struct local_file *)right)->name);
}

struct listing {
    struct local_file *files;
    size_t count, capacity;
};

static void add_entry(struct arena *arena, struct listing *listing, int folder, const char *name)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
        return;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
        struct local_file *files = ARENA_ARRAY(arena, struct local_file, capacity);
        if (listing->count)
            memcpy(files, listing->files, listing->count * sizeof(*files));
        listing->files = files;
        listing->capacity = capacity;
    }
    bool is_dir = S_ISDIR(status.st_mode);
    listing->files[listing->count++] = (struct local_file){
        .name = arena_copy(arena, sv_from(name)),
        .is_dir = is_dir,
        .size = is_dir ? 0 : (int64_t)status.st_size,
    };
}

static bool is_listed(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strncmp(name, LOCAL_TEMPORARY_PREFIX, strlen(LOCAL_TEMPORARY_PREFIX)) != 0;
}

enum status local_list(struct arena *arena, struct error *error, const struct local_root *root,
                       struct sv path, struct local_file **files, size_t *count)
{
    *files = NULL;
    *count = 0;
    int folder = open_folder(arena, error, root, path);
    if (folder < 0)
        return folder == -1 ? OK : FAILED;
    DIR *directory = fdopendir(folder);
    if (!directory) {
        close(folder);
        return error_internal(error, arena, "reading an artifact folder: %s", strerror(errno));
    }
    struct listing listing = {0};
    const struct dirent *entry;
    while (listing.count <= LOCAL_LIST_MAX && (entry = readdir(directory))) {
        if (is_listed(entry->d_name))
            add_entry(arena, &listing, folder, entry->d_name);
    }
    closedir(directory);
    if (listing.count > LOCAL_LIST_MAX)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The folder holds more than %d entries, which is more than can be listed.",
                         LOCAL_LIST_MAX);
    if (listing.count)
        qsort(listing.files, listing.count, sizeof(struct local_file), compare_names);
    *files = listing.files;
    *count = listing.count;
    return OK;
}

/* --- Writing --- */

static enum status write_failed(struct arena *arena, struct error *error, struct sv path, int problem)
{
    if (problem == ENOTDIR || problem == ELOOP || problem == EXDEV || problem == EISDIR ||
        problem == ENAMETOOLONG)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Invalid path: there is no place for a file at '%.*s'", SV_ARG(path));
    if (problem == ENOSPC || problem == EDQUOT)
        return error_set(error, arena, INSUFFICIENT_STORAGE, "There is no space left for artifacts.");
    return error_internal(error, arena, "writing artifact %.*s: %s", SV_ARG(path), strerror(problem));
}

/* Opens the root and makes it, with its parents, if need be. -1 and errno on failure. */
static int open_root(struct arena *arena, struct sv directory)
{
    char *path = arena_cstr(arena, directory);
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0 || errno != ENOENT)
        return root;
    for (size_t i = 1; i <= directory.len; i++) {
        if (i < directory.len && path[i] != '/')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return -1;
        if (i < directory.len)
            path[i] = '/';
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Takes `at` and gives the folder `path` below it, made if need be. -1 and errno on failure. */
static int make_folders(struct arena *arena, int at, struct sv path)
{
    struct sv rest = path;
    while (at >= 0 && rest.len) {
        struct sv segment = sv_cut(&rest, '/');
        int next = -1;
        if (mkdirat(at, arena_cstr(arena, segment), 0777) == 0 || errno == EEXIST)
            next = open_beneath(arena, at, segment, O_RDONLY | O_DIRECTORY);
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
    }
    return at;
}

static bool write_all(int file, struct sv bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t wrote = write(file, bytes.data + done, bytes.len - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        done += (size_t)wrote;
    }
    return fsync(file) == 0;
}

/* 0, or the errno. */
static int write_in_folder(struct arena *arena, int folder, struct sv name, struct sv bytes)
{
    const char *final = arena_cstr(arena, name);
    struct sv id = id_new(arena);
    const char *temporary = arena_cstr(arena, arena_printf(arena, LOCAL_TEMPORARY_PREFIX "%.*s", SV_ARG(id)));
    int file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0)
        return errno;
    int problem = write_all(file, bytes) ? 0 : errno;
    if (close(file) != 0 && !problem)
        problem = errno;
    if (!problem && renameat(folder, temporary, folder, final) != 0)
        problem = errno;
    if (!problem && fsync(folder) != 0)
        problem = errno;
    if (problem)
        unlinkat(folder, temporary, 0);
    return problem;
}

enum status local_write(struct arena *arena, struct error *error, const struct local_root *root,
                        struct sv path, struct sv bytes)
{
    struct sv whole = below_prefix(arena, root, path);
    size_t slash = whole.len;
    while (slash > 0 && whole.data[slash - 1] != '/')
        slash--;
    struct sv name = sv_from_offset(whole, slash), parent = sv_first(whole, slash ? slash - 1 : 0);
    if (name.len == 0 || sv_starts_with(name, SV(LOCAL_TEMPORARY_PREFIX)))
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid path");
    int folder = open_root(arena, root->directory);
    if (folder >= 0)
        folder = make_folders(arena, folder, parent);
    if (folder < 0)
        return write_failed(arena, error, path, errno);
    int problem = write_in_folder(arena, folder, name, bytes);
    close(folder);
    return problem ? write_failed(arena, error, path, problem) : OK;
}
