#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/job_supervisor.h"

#define MAX_DEPTH 200

/* --- Making --- */

static bool write_given(const struct job_command *command)
{
    int fd = open(command->given_file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    size_t done = 0;
    ssize_t len = 1;
    while (done < command->given.len && len > 0) {
        len = write(fd, command->given.data + done, command->given.len - done);
        done += len > 0 ? (size_t)len : 0;
    }
    int error = errno;
    close(fd);
    errno = error;
    return done == command->given.len;
}

bool job_make_folder(const struct job_command *command)
{
    const struct job_user *user = command->user;
    return mkdir(command->temporary, 0700) == 0 && (!command->given_file || write_given(command)) &&
           (!user || lchown(command->temporary, user->uid, user->gid) == 0);
}

/* --- Removing --- */

static void empty(int folder, int depth);

static void remove_entry(int folder, const char *name, int depth)
{
    if (unlinkat(folder, name, 0) == 0)
        return;
    int inner =
        depth < MAX_DEPTH ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (inner < 0)
        return;
    empty(inner, depth + 1);
    close(inner);
    unlinkat(folder, name, AT_REMOVEDIR);
}

/* A folder that is read while entries go may show some of them late, so it is read until it is empty, or
 * nothing more can be removed. */
static void empty(int folder, int depth)
{
    char entries[2048] __attribute__((aligned(8)));
    for (int round = 0; round < 3; round++) {
        bool any = false;
        ssize_t len;
        lseek(folder, 0, SEEK_SET);
        while ((len = getdents64(folder, entries, sizeof(entries))) > 0) {
            for (ssize_t at = 0; at < len;) {
                const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
                at += entry->d_reclen;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                    continue;
                any = true;
                remove_entry(folder, entry->d_name, depth);
            }
        }
        if (!any)
            return;
    }
}

void job_remove_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0) {
        empty(folder, 0);
        close(folder);
    }
    rmdir(path);
}
