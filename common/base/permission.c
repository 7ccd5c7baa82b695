#include "common/base/permission.h"

#include <stddef.h>

static const char *const names[] = {
    [PERMISSION_NONE] = "NO_PERMISSIONS", [PERMISSION_READ] = "READ",     [PERMISSION_USE] = "USE",
    [PERMISSION_EDIT] = "EDIT",           [PERMISSION_MANAGE] = "MANAGE",
};

const char *permission_name(enum permission permission)
{
    return names[permission];
}

bool permission_parse(struct sv name, enum permission *permission)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sv_equal(name, sv_from(names[i]))) {
            *permission = (enum permission)i;
            return true;
        }
    }
    return false;
}
