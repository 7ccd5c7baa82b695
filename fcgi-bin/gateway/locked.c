#include "fcgi-bin/gateway/locked.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct locked *locked_new_sized(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct locked) + len + page - 1) / page * page;
    struct locked *locked = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (locked == MAP_FAILED)
        return NULL;
    (void)madvise(locked, mapped, MADV_DONTDUMP);
    (void)mlock(locked, mapped);
    atomic_init(&locked->holders, 1);
    locked->mapped = mapped;
    locked->len = len;
    return locked;
}

struct locked *locked_new(struct sv text)
{
    struct locked *locked = locked_new_sized(text.len);
    if (locked && text.len)
        memcpy(locked->bytes, text.data, text.len);
    return locked;
}

struct locked *locked_hold(struct locked *locked)
{
    atomic_fetch_add(&locked->holders, 1);
    return locked;
}

void locked_drop(struct locked *locked)
{
    if (!locked || atomic_fetch_sub(&locked->holders, 1) != 1)
        return;
    size_t mapped = locked->mapped;
    OPENSSL_cleanse(locked->bytes, locked->len);
    munmap(locked, mapped);
}

struct sv locked_sv(const struct locked *locked)
{
    return (struct sv){locked->bytes, locked->len};
}
