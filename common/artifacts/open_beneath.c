#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/artifacts/local_internal.h"

bool local_leads_downwards(struct sv path)
{
    struct sv rest = path;
    while (path.len && rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        if (segment.len == 0 || sv_equal(segment, SV(".")) || sv_equal(segment, SV("..")) ||
            sv_find(segment, '\0') < segment.len)
            return false;
    }
    return true;
}

int open_beneath_by_steps(struct arena *arena, int directory, struct sv path, int flags)
{
    if (!local_leads_downwards(path)) {
        errno = EXDEV;
        return -1;
    }
    int at = openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sv rest = path;
    while (at >= 0 && rest.len) {
        struct sv segment = sv_cut(&rest, '/');
        int step = rest.len ? O_PATH | O_DIRECTORY : flags;
        int next = openat(at, arena_cstr(arena, segment), step | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
    }
    if (at < 0 || path.len)
        return at;
    int opened = openat(at, ".", flags | O_CLOEXEC);
    int saved = errno;
    close(at);
    errno = saved;
    return opened;
}

int open_beneath(struct arena *arena, int directory, struct sv path, int flags)
{
    if (!local_leads_downwards(path)) {
        errno = EXDEV;
        return -1;
    }
    const struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const char *name = path.len ? arena_cstr(arena, path) : ".";
    long opened = syscall(SYS_openat2, directory, name, &how, sizeof(how));
    /* EPERM is what sandboxes that do not know the call answer. */
    if (opened >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)opened;
    return open_beneath_by_steps(arena, directory, path, flags);
}
