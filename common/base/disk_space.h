#ifndef TRACKLIGHT_BASE_DISK_SPACE_H
#define TRACKLIGHT_BASE_DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

/* How much room there is. */

enum disk_space { DISK_SPACE_ENOUGH, DISK_SPACE_LOW, DISK_SPACE_OUT };

#define DISK_SPACE_LOW_BYTES (1024LL * 1024 * 1024)
#define DISK_SPACE_OUT_BYTES (64LL * 1024 * 1024)

/* The bytes that this user may still write on the file system of a path. False with errno. */
bool disk_space_free(const char *path, int64_t *bytes);

/* `reserved`: what has to stay free of it (0: nothing). */
enum disk_space disk_space_judge(int64_t bytes, int64_t reserved);

#endif
