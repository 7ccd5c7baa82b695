#include "fcgi-bin/permit_filter.h"

#include "fcgi-bin/auth.h"

static enum status load(struct request *request, struct store_tx *users, enum permission_resource resource,
                        enum permission needed, const struct permission_filter **filter)
{
    struct permission_filter *loaded = ARENA_NEW(request->arena, struct permission_filter);
    enum permission fallback = request_auth(request)->settings.default_permission;
    if (!users ||
        permission_filter_of(users, request->identity->user_id, resource, needed, fallback, loaded) != OK)
        return FAILED;
    *filter = loaded;
    return OK;
}

enum status permit_filter(struct request *request, enum permission_resource resource, enum permission needed,
                          const struct permission_filter **filter)
{
    const struct identity *who = request->identity;
    *filter = NULL;
    request->filtered = true;
    if (!who || who->is_admin)
        return OK;
    if (request->transaction)
        return load(request, request_users_tx(request, DB_READ), resource, needed, filter);
    if (request_begin_users(request, ACCESS_READ) != OK ||
        load(request, request_tx(request), resource, needed, filter) != OK)
        return FAILED;
    return request_commit(request);
}

/* --- What happens to things --- */

enum status permit_grant_creator(struct request *request, enum permission_resource resource, struct sv id,
                                 struct sv name)
{
    const struct permission_target target = {.resource = resource, .id = id, .name = name};
    if (!request->identity)
        return OK;
    struct store_tx *users = request_users_tx(request, DB_WRITE);
    if (!users)
        return FAILED;
    /* A number that was given out before, and taken back, may have left rights behind in another database. */
    if (resource == PERMISSION_ON_EXPERIMENT && permissions_drop(users, &target) != OK)
        return FAILED;
    return permission_grant_creator(users, request->identity->user_id, &target);
}

enum status permit_drop(struct request *request, enum permission_resource resource, struct sv id,
                        struct sv name)
{
    const struct permission_target target = {.resource = resource, .id = id, .name = name};
    if (!request->identity)
        return OK;
    struct store_tx *users = request_users_tx(request, DB_WRITE);
    return users ? permissions_drop(users, &target) : FAILED;
}

enum status permit_rename_model(struct request *request, struct sv name, struct sv new_name)
{
    const struct permission_target target = {.resource = PERMISSION_ON_REGISTERED_MODEL, .id = name};
    if (!request->identity)
        return OK;
    struct store_tx *users = request_users_tx(request, DB_WRITE);
    return users ? permissions_rename(users, &target, new_name) : FAILED;
}
