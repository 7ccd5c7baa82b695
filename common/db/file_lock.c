#include "common/db/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { LOCK_BYTE = 0, TURNSTILE_BYTE = 1 };

/* There is no waiting for a lock with a deadline, so it is asked for again and again: often by the one who is
 * next, less often by those behind. */
enum { NEXT_POLL_US = 50, LINE_POLL_US = 100 };

int file_lock_open(struct file_lock *lock, const char *path, const char *beside)
{
    struct stat model;
    if (stat(beside, &model) != 0)
        return errno;
    lock->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, model.st_mode & 0666);
    if (lock->fd >= 0) {
        /* Root makes the file for whoever owns the database, who must be able to open it later. */
        if (geteuid() == 0 && fchown(lock->fd, model.st_uid, model.st_gid) != 0)
            return errno;
        return fchmod(lock->fd, model.st_mode & 0666) == 0 ? 0 : errno;
    }
    lock->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return lock->fd >= 0 ? 0 : errno;
}

void file_lock_close(struct file_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

static int set_byte(struct file_lock *lock, int byte, short type)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    while (fcntl(lock->fd, F_OFD_SETLK, &range) != 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

static int take_byte(struct file_lock *lock, int byte, int64_t poll_us, int64_t deadline_us)
{
    for (;;) {
        int problem = set_byte(lock, byte, F_WRLCK);
        if (problem != EAGAIN && problem != EACCES)
            return problem;
        if (clock_monotonic_us() >= deadline_us)
            return ETIMEDOUT;
        struct timespec pause = {.tv_nsec = poll_us * 1000};
        nanosleep(&pause, NULL);
    }
}

int file_lock_take(struct file_lock *lock, int64_t deadline_us)
{
    int problem = take_byte(lock, TURNSTILE_BYTE, LINE_POLL_US, deadline_us);
    if (problem)
        return problem;
    problem = take_byte(lock, LOCK_BYTE, NEXT_POLL_US, deadline_us);
    set_byte(lock, TURNSTILE_BYTE, F_UNLCK);
    return problem;
}

void file_lock_release(struct file_lock *lock)
{
    set_byte(lock, LOCK_BYTE, F_UNLCK);
}
