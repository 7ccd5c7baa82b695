#include "cli/job_worker_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/id.h"

#define HOST_MAX 64

struct sv job_worker_host(struct arena *arena)
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
        return SV("localhost");
    return arena_copy(arena, sv_first(sv_from(host), HOST_MAX));
}

/* The machine, since its start, and this network namespace: ":BOOT:NAMESPACE:". */
static struct sv place(struct arena *arena)
{
    char boot[40] = "";
    struct stat space = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, boot, sizeof(boot) - 1);
        close(fd);
        boot[len > 0 ? len : 0] = '\0';
    }
    if (!boot[0] || stat("/proc/self/ns/net", &space) != 0)
        return SV_ABSENT;
    return arena_printf(arena, ":%.8s:%llu:", boot, (unsigned long long)space.st_ino);
}

/* The socket of a name; -1 with errno EADDRINUSE while somebody has it. */
static int bind_name(struct arena *arena, struct sv name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sv id = arena_printf(arena, "tracklight-worker-%.32s", sha256_hex(arena, name).data);
    memcpy(address.sun_path + 1, id.data, id.len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + id.len);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, len) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

struct sv job_worker_name_new(struct arena *arena, struct sv host, int *alive)
{
    struct sv here = place(arena);
    struct sv name = arena_printf(arena, "%.*s%.*s%d:%.*s", SV_ARG(host), SV_ARG(here.data ? here : SV(":")),
                                  (int)getpid(), SV_ARG(sv_first(id_new(arena), 8)));
    *alive = here.data ? bind_name(arena, name) : -1;
    return name;
}

bool job_worker_is_dead(struct arena *arena, struct sv name)
{
    struct sv here = place(arena);
    struct sv beginning = arena_printf(arena, "%.*s%.*s", SV_ARG(job_worker_host(arena)), SV_ARG(here));
    if (!here.data || !sv_starts_with(name, beginning))
        return false;
    int fd = bind_name(arena, name);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}
