#include "fcgi-bin/permit.h"

#include <string.h>

#include "common/store/permissions.h"
#include "fcgi-bin/auth.h"

enum status permit_refuse(struct request *request, const char *why)
{
    auth_audit_refusal(request, request->identity->username, why);
    reply_text(request, 403, "text/html", SV(PERMISSION_DENIED_TEXT));
    return FAILED;
}

/* Whether the operation changes something, or costs something. */
static bool is_write(const struct operation *operation)
{
    bool reads_store = operation->access == ACCESS_READ || operation->access == ACCESS_STREAM_READ;
    bool gets = operation->access == ACCESS_NONE && operation->method == METHOD_GET;
    return operation->needs.permission > PERMISSION_USE || !(reads_store || gets);
}

static bool is_administration(const struct operation *operation)
{
    return operation->needs.resource == RESOURCE_ADMIN ||
           (operation->users && operation->needs.permission > PERMISSION_READ);
}

/* What the token is good for, whoever its owner is. */
static enum status check_scope(struct request *request)
{
    const struct identity *who = request->identity;
    if (!who->may_write && is_write(request->operation))
        return permit_refuse(request, "the token is for reading");
    if (!who->may_administer && is_administration(request->operation))
        return permit_refuse(request, "the token is not for users and permissions");
    return OK;
}

/* A text of the input by its field's name; absent if the row has no such field. */
static struct sv input_text(const struct request *request, const void *in, const char *name)
{
    const struct input *input = request->operation->input;
    for (const struct field *field = input ? input->fields : NULL; field && field->name; field++) {
        if ((field->type == FIELD_STRING || field->type == FIELD_ID) && strcmp(field->name, name) == 0)
            return *(const struct sv *)((const char *)in + field->offset);
    }
    return SV_ABSENT;
}

/* The thing that the input names itself. */
static bool named_target(const struct request *request, const void *in, struct permission_target *target)
{
    static const struct {
        enum resource needed;
        enum permission_resource resource;
        const char *id, *name;
    } kinds[] = {
        {RESOURCE_EXPERIMENT, PERMISSION_ON_EXPERIMENT, "experiment_id", NULL},
        {RESOURCE_REGISTERED_MODEL, PERMISSION_ON_REGISTERED_MODEL, "name", NULL},
        {RESOURCE_SCORER, PERMISSION_ON_SCORER, "experiment_id", "scorer_name"},
        {RESOURCE_SECRET, PERMISSION_ON_SECRET, "secret_id", NULL},
        {RESOURCE_ENDPOINT, PERMISSION_ON_ENDPOINT, "endpoint_id", NULL},
        {RESOURCE_MODEL_DEFINITION, PERMISSION_ON_MODEL_DEFINITION, "model_definition_id", NULL},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].needed != request->operation->needs.resource)
            continue;
        *target = (struct permission_target){.resource = kinds[i].resource,
                                             .id = input_text(request, in, kinds[i].id)};
        if (kinds[i].name)
            target->name = input_text(request, in, kinds[i].name);
        return target->id.len && (!kinds[i].name || target->name.len);
    }
    return false;
}

static enum status permit_named(struct request *request, const void *in)
{
    struct permission_target target;
    enum permission permission = PERMISSION_NONE;
    if (!named_target(request, in, &target))
        return permit_refuse(request, "not allowed");
    struct store_tx *tx = request_users_read(request);
    if (!tx ||
        permission_of(tx, request->identity->user_id, &target,
                      request_auth(request)->settings.default_permission, &permission) != OK ||
        request_users_read_end(request) != OK)
        return FAILED;
    return permission >= request->operation->needs.permission ? OK : permit_refuse(request, "not allowed");
}

static enum status permit_user(struct request *request, const void *in)
{
    struct sv username = input_text(request, in, "username");
    if (username.len && sv_equal(username, request->identity->username))
        return OK;
    return permit_refuse(request, "not allowed");
}

enum status permit(void *context, struct request *request, const void *in)
{
    (void)context;
    const struct operation *operation = request->operation;
    if (operation->needs.resource == RESOURCE_PUBLIC)
        return OK;
    if (auth_confirm(request) != OK || check_scope(request) != OK)
        return FAILED;
    if (request->identity->is_admin)
        return OK;
    switch (operation->needs.resource) {
    case RESOURCE_ANY:
        /* What is read without naming anything is others' as well. */
        return operation->access == ACCESS_READ ? permit_refuse(request, "not allowed") : OK;
    case RESOURCE_USER:
        return permit_user(request, in);
    default:
        return operation->users ? permit_named(request, in) : permit_refuse(request, "not allowed");
    }
}
