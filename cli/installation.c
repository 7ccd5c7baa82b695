#include "cli/installation.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/sv.h"

static bool is_executable_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* The first of the NULL-terminated names below `base` that exists, without symlinks and dots; or NULL. */
static const char *first_existing(struct arena *arena, const char *base, const char *const *names)
{
    for (; *names; names++) {
        char resolved[PATH_MAX];
        if (realpath(arena_printf(arena, "%s/%s", base, *names).data, resolved))
            return arena_cstr(arena, sv_from(resolved));
    }
    return NULL;
}

static const char *own_path(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    return len > 0 ? arena_cstr(arena, (struct sv){path, (size_t)len}) : NULL;
}

static const char *directory_of(struct arena *arena, const char *path)
{
    struct sv directory = sv_from(path);
    while (directory.len > 0 && directory.data[directory.len - 1] != '/')
        directory.len--;
    return directory.len > 1 ? arena_cstr(arena, sv_first(directory, directory.len - 1)) : NULL;
}

/* The usual places of daemons count even where PATH is that of an ordinary user. */
static const char *find_web_server(struct arena *arena)
{
    const char *path = getenv("PATH");
    struct sv rest =
        arena_printf(arena, "%s:/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin", path ? path : "");
    while (rest.data) {
        struct sv directory = sv_cut(&rest, ':');
        if (directory.len == 0 || directory.data[0] != '/')
            continue;
        struct sv candidate = arena_printf(arena, "%.*s/lighttpd", SV_ARG(directory));
        if (is_executable_file(candidate.data))
            return candidate.data;
    }
    return NULL;
}

void installation_find(struct installation *installation, struct arena *arena)
{
    static const char *const programs[] = {"../fcgi-bin", "../lib/tracklight/fcgi-bin", NULL};
    static const char *const htdocs[] = {"../share/tracklight/htdocs", "../htdocs", "../../htdocs", NULL};
    memset(installation, 0, sizeof(*installation));
    installation->command = own_path(arena);
    const char *base = directory_of(arena, installation->command);
    if (base) {
        installation->programs = first_existing(arena, base, programs);
        installation->htdocs = first_existing(arena, base, htdocs);
    }
    installation->web_server = find_web_server(arena);
}

const char *installation_program(const struct installation *installation, struct arena *arena,
                                 const char *name)
{
    if (!installation->programs)
        return NULL;
    struct sv path = arena_printf(arena, "%s/%s", installation->programs, name);
    return is_executable_file(path.data) ? path.data : NULL;
}
