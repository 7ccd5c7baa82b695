#include "common/base/disk_space.h"

#include <sys/statvfs.h>

bool disk_space_free(const char *path, int64_t *bytes)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0)
        return false;
    uint64_t blocks = info.f_bavail, size = info.f_frsize;
    *bytes = size && blocks > (uint64_t)INT64_MAX / size ? INT64_MAX : (int64_t)(blocks * size);
    return true;
}

enum disk_space disk_space_judge(int64_t bytes, int64_t reserved)
{
    bytes = bytes > reserved ? bytes - reserved : 0;
    return bytes < DISK_SPACE_OUT_BYTES   ? DISK_SPACE_OUT
           : bytes < DISK_SPACE_LOW_BYTES ? DISK_SPACE_LOW
                                          : DISK_SPACE_ENOUGH;
}
