#include "common/artifacts/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"
#include "common/artifacts/path.h"

static bool is_nothing(int problem)
{
    return problem == ENOENT || problem == ENOTDIR || problem == ELOOP || problem == EXDEV ||
           problem == ENAMETOOLONG;
}

/* A descriptor of the folder, -1 if there is none, -2 after a failure. */
static int open_folder(struct arena *arena, struct error *error, const struct local_root *root,
                       struct sv path)
{
    int directory = local_open_root(arena, root->directory);
    int folder = -1;
    if (directory >= 0) {
        folder = open_beneath(arena, directory, artifact_path_join(arena, root->prefix, path),
                              O_RDONLY | O_DIRECTORY);
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

/* One name that clients refuse would make them refuse the whole folder, so what cannot be asked for is not
 * shown. */
static bool is_listed(struct arena *arena, const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !local_is_reserved(sv_from(name)) &&
           artifact_name_is_safe(arena, sv_from(name));
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
        if (is_listed(arena, entry->d_name))
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

/* --- The kind --- */

static enum status list(struct repository *repository, struct sv path, struct artifact_entry **entries,
                        size_t *count)
{
    const struct local_repository *local = (const struct local_repository *)repository;
    const struct local_root root = {local->directory, SV("")};
    struct local_file *files;
    if (local_list(repository->arena, repository->error, &root, path, &files, count) != OK)
        return FAILED;
    *entries = ARENA_ARRAY(repository->arena, struct artifact_entry, *count);
    for (size_t i = 0; i < *count; i++)
        (*entries)[i] = (struct artifact_entry){files[i].name, files[i].is_dir, files[i].size};
    return OK;
}

static void end(struct repository *repository)
{
    (void)repository;
}

enum status repository_open_local(const struct repository_settings *settings, struct arena *arena,
                                  struct error *error, struct sv directory, struct repository **repository)
{
    static const struct repository_kind kind = {
        .list = list,
        .stat = local_stat,
        .open = local_open,
        .read = local_read,
        .file_name = local_file_name,
        .close = local_close,
        .create = local_create,
        .write = local_sink_write,
        .finish = local_finish,
        .abandon = local_abandon,
        .remove = local_remove,
        .end = end,
    };
    struct local_repository *local = ARENA_NEW(arena, struct local_repository);
    *local = (struct local_repository){
        .base = {&kind, arena, error}, .settings = settings, .directory = directory};
    *repository = &local->base;
    return OK;
}

enum status local_write(struct arena *arena, struct error *error, const struct local_root *root,
                        struct sv path, struct sv bytes)
{
    static const struct repository_settings settings = {.sync = true};
    struct repository *repository;
    struct artifact_sink *sink;
    if (repository_open_local(&settings, arena, error, root->directory, &repository) != OK ||
        local_create(repository, artifact_path_join(arena, root->prefix, path), (int64_t)bytes.len, &sink) !=
            OK)
        return FAILED;
    if (local_sink_write(sink, bytes.data, bytes.len) == OK)
        return local_finish(sink);
    local_abandon(sink);
    return FAILED;
}
