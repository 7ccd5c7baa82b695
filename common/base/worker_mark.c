#include "common/base/worker_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int open_mark(struct sv database, int flags)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%.*s-worker", SV_ARG(database));
    if (len < 0 || (size_t)len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int worker_mark_hold(struct sv database)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = open_mark(database, O_RDWR | O_CREAT);
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

bool worker_mark_is_held(struct sv database)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int fd = open_mark(database, O_RDONLY);
    if (fd < 0)
        return false;
    bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return held;
}
