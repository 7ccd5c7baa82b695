#include "cli/run_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKE_ATTEMPTS  8
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 8, FTW_PHYS | FTW_DEPTH);
}

/* Whoever holds the lock owns the directory; a lock on one that has been removed meanwhile is worth nothing.
 */
static bool lock_directory(int fd)
{
    struct stat info;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &info) == 0 && info.st_nlink > 0 &&
           info.st_uid == geteuid();
}

/* Whether a living server's. One that a dead server left behind is removed. */
static bool is_in_use(const char *path)
{
    int fd = open(path, OPEN_DIRECTORY);
    if (fd < 0)
        return false;
    errno = 0;
    bool stale = lock_directory(fd);
    bool in_use = !stale && errno == EWOULDBLOCK;
    if (stale)
        remove_tree(path);
    close(fd);
    return in_use;
}

bool run_directory_in_use(struct sv database, struct arena *arena)
{
    struct sv prefix = arena_printf(arena, "%.*s.run-", SV_ARG(database));
    size_t slash = prefix.len;
    while (slash > 0 && prefix.data[slash - 1] != '/')
        slash--;
    struct sv directory = slash ? sv_first(prefix, slash) : SV("./");
    struct sv name_prefix = sv_from_offset(prefix, slash);
    DIR *entries = opendir(arena_cstr(arena, directory));
    if (!entries)
        return false;
    bool in_use = false;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        struct sv name = sv_from(entry->d_name);
        if (name.len == name_prefix.len + 6 && sv_starts_with(name, name_prefix))
            in_use |= is_in_use(arena_printf(arena, "%.*s%s", SV_ARG(directory), entry->d_name).data);
    }
    closedir(entries);
    return in_use;
}

bool run_directory_make(struct run_directory *run, struct sv database, struct arena *arena,
                        struct sv *problem)
{
    struct sv prefix = arena_printf(arena, "%.*s.run-", SV_ARG(database));
    run_directory_in_use(database, arena);
    for (int i = 0; i < MAKE_ATTEMPTS; i++) {
        char *path = arena_cstr(arena, arena_printf(arena, "%.*sXXXXXX", SV_ARG(prefix)));
        if (!mkdtemp(path))
            break;
        run->fd = open(path, OPEN_DIRECTORY);
        if (run->fd < 0)
            break;
        if (lock_directory(run->fd)) {
            run->path = path;
            return true;
        }
        close(run->fd);
        errno = EAGAIN;
    }
    *problem = arena_printf(arena, "the run directory %.*sXXXXXX cannot be made: %s", SV_ARG(prefix),
                            strerror(errno));
    return false;
}

void run_directory_remove(struct run_directory *run)
{
    remove_tree(run->path);
    close(run->fd);
}

bool run_directory_write(const struct run_directory *run, const char *name, struct sv content)
{
    int fd = openat(run->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool written = write(fd, content.data, content.len) == (ssize_t)content.len;
    return close(fd) == 0 && written;
}
