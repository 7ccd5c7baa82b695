#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/job_supervisor.h"

#define MAX_DEPTH 200

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
