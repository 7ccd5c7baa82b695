#include "common/base/job_signal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX "-jobs"

struct job_signal {
    int fd;
    int watch; /* inotify's number of the file that is watched; -1: none */
    char database[PATH_MAX];
    char path[PATH_MAX];
};

static bool signal_path(struct sv database, char path[PATH_MAX])
{
    return (size_t)snprintf(path, PATH_MAX, "%.*s" SUFFIX, SV_ARG(database)) < PATH_MAX;
}

/* With the owner and the mode of the database, so that everybody who may write to that may signal. */
static int make_file(struct sv database, const char *path)
{
    char model_path[PATH_MAX];
    struct stat model;
    snprintf(model_path, sizeof(model_path), "%.*s", SV_ARG(database));
    if (stat(model_path, &model) != 0)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, model.st_mode & 0666);
    if (fd < 0)
        return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if ((geteuid() == 0 && fchown(fd, model.st_uid, model.st_gid) != 0) ||
        fchmod(fd, model.st_mode & 0666) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_file(struct sv database, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        fd = make_file(database, path);
    return fd;
}

void job_signal_send(struct sv database)
{
    char path[PATH_MAX];
    struct stat file;
    if (!signal_path(database, path))
        return;
    int fd = open_file(database, path);
    if (fd < 0)
        return;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && pwrite(fd, "\n", 1, 0) != 1)
        (void)futimens(fd, NULL); /* a full disk still takes the time */
    close(fd);
}

/* The file that goes by the name now: another one, if somebody has removed or moved the one that was watched.
 */
static bool watch(struct job_signal *signal)
{
    int file = open_file(sv_from(signal->database), signal->path);
    if (file < 0)
        return false;
    close(file);
    int number = inotify_add_watch(signal->fd, signal->path,
                                   IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_DONT_FOLLOW);
    if (number >= 0 && signal->watch >= 0 && number != signal->watch)
        inotify_rm_watch(signal->fd, signal->watch);
    signal->watch = number;
    return number >= 0;
}

struct job_signal *job_signal_open(struct sv database)
{
    struct job_signal *signal = calloc(1, sizeof(*signal));
    if (!signal)
        return NULL;
    signal->watch = -1;
    signal->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (signal->fd >= 0 && signal_path(database, signal->path)) {
        memcpy(signal->database, database.data, database.len);
        if (watch(signal))
            return signal;
    }
    job_signal_close(signal);
    return NULL;
}

void job_signal_close(struct job_signal *signal)
{
    if (signal && signal->fd >= 0)
        close(signal->fd);
    free(signal);
}

int job_signal_fd(const struct job_signal *signal)
{
    return signal->fd;
}

bool job_signal_take(struct job_signal *signal)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any = false, changed = signal->watch < 0;
    ssize_t len;
    while ((len = read(signal->fd, events, sizeof(events))) > 0) {
        any = true;
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);
            changed = changed || (event->wd == signal->watch && (event->mask & ~(uint32_t)IN_MODIFY) != 0);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    if (changed)
        watch(signal);
    return any;
}
