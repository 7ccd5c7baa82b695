#include "fcgi-bin/permit.h"

#include "fcgi-bin/auth.h"
#include "fcgi-bin/permit_resource.h"

enum status permit_refuse(struct request *request, const char *why)
{
    auth_audit_refusal(request, request->identity->username, why);
    reply_text(request, 403, "text/html", SV(PERMISSION_DENIED_TEXT));
    return FAILED;
}

/* --- Tokens --- */

static bool reads_store(const struct operation *operation)
{
    return operation->access == ACCESS_READ || operation->access == ACCESS_STREAM_READ;
}

/* Whether the operation changes something, or costs something. */
static bool is_write(const struct operation *operation)
{
    bool gets = operation->access == ACCESS_NONE && operation->method == METHOD_GET;
    return operation->needs.permission > PERMISSION_USE || !(reads_store(operation) || gets);
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

/* --- Rights --- */

static enum status fail_missing(struct request *request, const char *place)
{
    return fail(request, INVALID_PARAMETER_VALUE, "Missing value for required parameter '%s'." API_DOCS_TAIL,
                place);
}

static enum status check_need(struct check *check)
{
    const struct need *need = check->need;
    struct request *request = check->request;
    const char *place = permit_place(request->operation, need);
    struct named named;
    if (need->resource == RESOURCE_UNDECLARED || !permit_has_rights(need->resource))
        return OK;
    permit_named(request, check->in, place, &named);
    if (named.is_junk) {
        check->denied = true;
        return OK;
    }
    if (!named.count && need->otherwise) {
        struct sv meant = sv_from(need->otherwise);
        named = (struct named){.items = &meant, .count = 1};
        return permit_check_named(check, &named);
    }
    if (named.count || need->optional)
        return permit_check_named(check, &named);
    /* A job without an experiment, and an artifact of no folder: their rules know what that means. */
    if (need->resource == RESOURCE_JOB || need->resource == RESOURCE_ARTIFACT_PATH) {
        struct sv nothing = SV("");
        named = (struct named){.items = &nothing, .count = 1};
        return permit_check_named(check, &named);
    }
    return fail_missing(request, place);
}

static bool row_looks_up(const struct operation *operation)
{
    if (permit_looks_up(operation->needs.resource))
        return true;
    for (const struct need *need = operation->also; need && need->resource; need++)
        if (permit_looks_up(need->resource))
            return true;
    return false;
}

static enum status check_all(struct check *check)
{
    const struct operation *operation = check->request->operation;
    check->need = &operation->needs;
    if (check_need(check) != OK)
        return FAILED;
    for (const struct need *need = operation->also; need && need->resource && !check->denied; need++) {
        check->need = need;
        if (check_need(check) != OK)
            return FAILED;
    }
    return OK;
}

static enum status check_rights(struct request *request, const void *in)
{
    struct check check = {.request = request, .in = in};
    if (row_looks_up(request->operation)) {
        check.things = request_tracking_read(request);
        if (!check.things)
            return FAILED;
    }
    check.users = request_users_read(request);
    if (!check.users || check_all(&check) != OK || request_users_read_end(request) != OK)
        return FAILED;
    return check.denied ? permit_refuse(request, "not allowed") : OK;
}

static bool has_rights_to_check(const struct operation *operation)
{
    return operation->also || permit_has_rights(operation->needs.resource);
}

static enum status permit_user(struct request *request, const void *in)
{
    struct sv username = permit_text(request->operation, in, "username");
    if (username.len && sv_equal(username, request->identity->username))
        return OK;
    return permit_refuse(request, "not allowed");
}

enum status permit(void *context, struct request *request, const void *in)
{
    (void)context;
    const struct operation *operation = request->operation;
    enum resource resource = operation->needs.resource;
    if (resource == RESOURCE_PUBLIC)
        return OK;
    if (auth_confirm(request) != OK || check_scope(request) != OK)
        return FAILED;
    if (request->identity->is_admin)
        return OK;
    if (resource == RESOURCE_ADMIN || resource == RESOURCE_UNDECLARED)
        return permit_refuse(request, "not allowed");
    if (resource == RESOURCE_USER && permit_user(request, in) != OK)
        return FAILED;
    return has_rights_to_check(operation) ? check_rights(request, in) : OK;
}

/* --- When the program starts --- */

static const char *fault_of_need(const struct operation *operation, const struct need *need)
{
    if (need->resource == RESOURCE_UNDECLARED)
        return "does not say what it needs";
    if (need->resource == RESOURCE_USER || permit_has_rights(need->resource))
        return permit_place(operation, need) ? NULL : "has no input that names what it needs";
    return need->in ? "names something that nobody has rights on" : NULL;
}

static const char *fault_of_row(const struct operation *operation)
{
    bool anybody = operation->needs.resource == RESOURCE_PUBLIC || operation->needs.resource == RESOURCE_ANY;
    const char *fault = fault_of_need(operation, &operation->needs);
    for (const struct need *need = operation->also; need && need->resource && !fault; need++)
        fault = fault_of_need(operation, need);
    if (!fault && operation->needs.resource == RESOURCE_SCORER &&
        !permit_text_place(operation, "experiment_id"))
        fault = "names a scorer without its experiment";
    if (!fault && anybody && reads_store(operation))
        fault = "shows what is stored to anybody";
    return fault;
}

bool permit_check_rows(const struct program *program, struct arena *arena, struct sv *problem)
{
    for (const struct operation *const *table = program->tables; *table; table++) {
        for (const struct operation *row = *table; row->path; row++) {
            const char *fault = fault_of_row(row);
            if (!fault)
                continue;
            *problem = arena_printf(arena, "the operation %s of %s %s", row->name, row->path, fault);
            return false;
        }
    }
    return true;
}
