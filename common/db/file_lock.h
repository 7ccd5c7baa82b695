#ifndef TRACKLIGHT_DB_FILE_LOCK_H
#define TRACKLIGHT_DB_FILE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The lock between processes: two bytes of one file, locked with open-file-description locks (fcntl(2)),
 * which the kernel drops when a process dies. Byte 0 is the lock itself. Byte 1 is a turnstile: it is held
 * while waiting for byte 0, so that a process that has just released the lock queues behind the one that
 * waits. */
struct file_lock {
    int fd;
};

/* Makes the file if need be, with the owner and mode of `beside`. Returns 0, or an errno. */
int file_lock_open(struct file_lock *lock, const char *path, const char *beside);
void file_lock_close(struct file_lock *lock);

/* 0, ETIMEDOUT if it did not come by `deadline_us` (clock_monotonic_us), or another errno. */
int file_lock_take(struct file_lock *lock, int64_t deadline_us);
void file_lock_release(struct file_lock *lock);

#endif
