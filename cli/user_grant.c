#include <stdio.h>
#include <string.h>

#include "cli/user.h"
#include "common/store/permissions.h"
#include "common/store/users.h"

static int set_admin(struct user_call *call)
{
    if (!user_operands(call, 1, 1, "the NAME of the user"))
        return EXIT_USAGE;
    struct sv name = sv_from(call->operands[0]);
    struct store_tx *tx = user_begin(call, DB_WRITE);
    if (!tx || user_end(call, tx, user_set_admin(tx, name, call->admin)) != OK)
        return EXIT_FAILED;
    user_audit(call, "updateUserAdmin", name);
    printf("%.*s is %s administrator.\n", SV_ARG(name), call->admin ? "an" : "no");
    return EXIT_OK;
}

static bool find_target(const struct user_call *call, struct permission_target *target)
{
    static const struct {
        const char *name;
        enum permission_resource resource;
    } kinds[] = {
        {"experiment", PERMISSION_ON_EXPERIMENT}, {"model", PERMISSION_ON_REGISTERED_MODEL},
        {"scorer", PERMISSION_ON_SCORER},         {"secret", PERMISSION_ON_SECRET},
        {"endpoint", PERMISSION_ON_ENDPOINT},     {"model-definition", PERMISSION_ON_MODEL_DEFINITION},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(call->operands[2], kinds[i].name) != 0)
            continue;
        *target = (struct permission_target){.resource = kinds[i].resource,
                                             .id = sv_from(call->operands[3]),
                                             .name = sv_from(call->operands[4])};
        return (kinds[i].resource == PERMISSION_ON_SCORER) == (call->operand_count == 5);
    }
    return false;
}

/* Changes the row if there is one, else makes it. */
static enum status set_level(struct store_tx *tx, struct sv name, const struct permission_target *target,
                             enum permission level)
{
    int64_t user_id;
    enum permission before;
    enum status status = permission_get(tx, name, target, &before, &user_id);
    if (status == OK)
        return permission_update(tx, name, target, level);
    /* Without such a user, creating fails for the same reason. */
    if (tx->error->code != RESOURCE_DOES_NOT_EXIST)
        return FAILED;
    error_clear(tx->error);
    return permission_create(tx, name, target, level, &user_id);
}

int user_grant(struct user_call *call)
{
    struct permission_target target;
    enum permission level = PERMISSION_NONE;
    if (call->admin && call->no_admin)
        return usage_error(USER_USAGE, "Options '--admin' and '--no-admin' exclude each other.");
    if (call->admin || call->no_admin)
        return set_admin(call);
    if (!user_operands(call, 4, 5, "NAME LEVEL KIND ID, and for a scorer its name"))
        return EXIT_USAGE;
    struct sv name = sv_from(call->operands[0]), text = sv_from(call->operands[1]);
    bool take_back = sv_equal(text, SV("default"));
    if (!take_back && !permission_parse(text, &level))
        return usage_error(USER_USAGE, "'%s' is none of READ, USE, EDIT, MANAGE, NO_PERMISSIONS and default.",
                           text.data);
    if (!find_target(call, &target))
        return usage_error(USER_USAGE,
                           "KIND is experiment, model, secret, endpoint or model-definition, with an "
                           "ID; or scorer, with the ID of its experiment and its name.");
    struct store_tx *tx = user_begin(call, DB_WRITE);
    if (!tx || user_end(call, tx,
                        take_back ? permission_delete(tx, name, &target)
                                  : set_level(tx, name, &target, level)) != OK)
        return EXIT_FAILED;
    user_audit(call, "grantPermission",
               arena_printf(call->arena, "%.*s: %.*s on %s %.*s %.*s", SV_ARG(name), SV_ARG(text),
                            call->operands[2], SV_ARG(target.id), SV_ARG(target.name)));
    printf("%.*s: %.*s on %s %.*s%s%.*s.\n", SV_ARG(name), SV_ARG(text), call->operands[2], SV_ARG(target.id),
           target.name.data ? " " : "", SV_ARG(target.name));
    return EXIT_OK;
}
