#include "cli/job_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_text(int folder, const char *file, const char *text)
{
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t len = strlen(text);
    bool written = write(fd, text, len) == (ssize_t)len;
    close(fd);
    return written;
}

/* Not by printf, which is not async-signal-safe. */
static bool write_number(int folder, const char *file, int64_t number)
{
    char text[24];
    size_t at = sizeof(text) - 1;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return write_text(folder, file, text + at);
}

/* "0::/PATH" of /proc/self/cgroup (cgroups(7)), without the newline. */
static bool own_group(char path[4096])
{
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(path, 4096, file))
        found = strncmp(path, "0::/", 4) == 0;
    if (file)
        fclose(file);
    path[strcspn(path, "\n")] = '\0';
    return found;
}

/* Where a cgroup2 file system is mounted: the fifth field of a line in /proc/self/mountinfo that has
 * " - cgroup2 " behind its optional fields (proc(5)). */
static bool mount_point(char path[4096])
{
    char line[4096];
    bool found = false;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        struct sv rest = sv_from(line), field = SV_ABSENT;
        for (int i = 0; i < 5; i++)
            field = sv_cut(&rest, ' ');
        found = strstr(line, " - cgroup2 ") && field.len > 0;
        if (found)
            snprintf(path, 4096, "%.*s", SV_ARG(field));
    }
    if (file)
        fclose(file);
    return found;
}

static int open_own(void)
{
    char mount[4096], group[4096];
    if (!mount_point(mount) || !own_group(group))
        return -1;
    int top = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *path = group + strlen("0::/");
    int folder = top < 0 ? -1 : openat(top, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        close(top);
    return folder;
}

/* Groups can be made there, and all in them can be killed (Linux 5.14). */
static bool works(int folder)
{
    char name[64];
    snprintf(name, sizeof(name), "tracklight-try-%d", (int)getpid());
    if (mkdirat(folder, name, 0700) != 0)
        return false;
    int group = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool kills = group >= 0 && faccessat(group, "cgroup.kill", W_OK, 0) == 0;
    if (group >= 0)
        close(group);
    unlinkat(folder, name, AT_REMOVEDIR);
    return kills;
}

int job_cgroup_open(struct sv path)
{
    if (sv_equal(path, SV("none")))
        return -1;
    int folder = path.len ? open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : open_own();
    if (folder < 0)
        return -1;
    /* Refused where processes are beside the groups; then there are no limits by them. */
    write_text(folder, "cgroup.subtree_control", "+pids");
    write_text(folder, "cgroup.subtree_control", "+memory");
    if (works(folder))
        return folder;
    close(folder);
    return -1;
}

int job_cgroup_make(int folder, const char *name, const struct job_limits *limits, bool *limited)
{
    *limited = false;
    if (mkdirat(folder, name, 0700) != 0)
        return -1;
    int group = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0) {
        unlinkat(folder, name, AT_REMOVEDIR);
        return -1;
    }
    *limited = limits->processes >= 0 && write_number(group, "pids.max", limits->processes);
    if (limits->memory_bytes >= 0 && write_number(group, "memory.max", limits->memory_bytes))
        write_text(group, "memory.swap.max", "0");
    return group;
}
