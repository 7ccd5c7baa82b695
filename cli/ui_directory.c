#include "cli/ui_directory.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool is_plain_path(struct sv path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (!c || !strchr("/._-~+,@= ", c)))
            return false;
    }
    return true;
}

bool ui_directory_find(const struct settings *settings, struct arena *arena, struct sv *path,
                       struct sv *problem)
{
    char resolved[PATH_MAX];
    struct stat info;
    *path = SV_ABSENT;
    if (!settings->ui_dir.len)
        return true;
    if (!realpath(arena_cstr(arena, settings->ui_dir), resolved)) {
        *problem = arena_printf(arena, "--ui-dir: the folder %.*s cannot be read: %s.",
                                SV_ARG(settings->ui_dir), strerror(errno));
        return false;
    }
    struct sv index = arena_printf(arena, "%s/index.html", resolved);
    if (lstat(index.data, &info) != 0 || !S_ISREG(info.st_mode)) {
        *problem =
            arena_printf(arena,
                         "--ui-dir: there is no index.html in %s. Name the folder of a built MLflow web "
                         "page, as mlflow/server/js/build of an installed MLflow.",
                         resolved);
        return false;
    }
    *path = arena_copy(arena, sv_from(resolved));
    if (is_plain_path(*path))
        return true;
    *problem = arena_printf(arena,
                            "--ui-dir: the path %s has characters that the web server's configuration cannot "
                            "hold. Use letters, digits and ._-~+,@=.",
                            resolved);
    return false;
}
