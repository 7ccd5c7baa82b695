#include "fcgi-bin/tracking/graphql.h"

#include "common/base/clock.h"
#include "common/graphql/execute.h"
#include "common/http/error.h"
#include "fcgi-bin/permit_filter.h"

#define BODY_MAX   (4L * 1024 * 1024)
#define ANSWER_MAX (64UL * 1024 * 1024)

struct graphql_in {
    struct sv query;
    struct sv operation_name;
    struct json_object *variables;
};

static const struct field graphql_fields[] = {
    FIELD(struct graphql_in, query, STRING),
    FIELD(struct graphql_in, operation_name, STRING),
    FIELD(struct graphql_in, variables, JSON),
    FIELDS_END,
};

/* --- For resolvers --- */

struct request *graphql_request_of(const struct graphql_call *call)
{
    const struct graphql_context *context = call->context;
    return context->request;
}

struct store_tx *graphql_tracking(const struct graphql_call *call)
{
    return request_tracking_tx(graphql_request_of(call), DB_READ);
}

struct store_tx *graphql_registry(const struct graphql_call *call)
{
    return request_tx(graphql_request_of(call));
}

enum graphql_outcome graphql_denied(void)
{
    return GRAPHQL_REFUSED;
}

enum graphql_outcome graphql_failed(struct graphql_call *call)
{
    const struct graphql_context *context = call->context;
    struct error *error = &context->request->error;
    if (error->code == ERROR_NONE || error_http_status(error->code) >= 500)
        return GRAPHQL_STOPPED;
    if (!context->experiments || error->code != RESOURCE_DOES_NOT_EXIST)
        call->message = error->message;
    error_clear(error);
    return GRAPHQL_REFUSED;
}

/* NULL if it is not there, or null. */
static const struct graphql_value *input_field(const struct graphql_call *call, const char *name)
{
    const struct graphql_value *input = graphql_item(call->arguments, SV("input"));
    const struct graphql_value *field =
        input && input->kind == GRAPHQL_OBJECT ? graphql_item(input->items, sv_from(name)) : NULL;
    return field && field->kind != GRAPHQL_NULL ? field : NULL;
}

struct sv graphql_text(const struct graphql_call *call, const char *name)
{
    const struct graphql_value *value = input_field(call, name);
    return value ? value->text : SV_ABSENT;
}

struct opt_int64 graphql_number(const struct graphql_call *call, const char *name)
{
    const struct graphql_value *value = input_field(call, name);
    return (struct opt_int64){.set = value != NULL, .value = value ? value->number : 0};
}

const struct sv *graphql_texts(const struct graphql_call *call, const char *name, size_t *count)
{
    const struct graphql_value *value = input_field(call, name);
    *count = 0;
    for (const struct graphql_value *item = value ? value->items : NULL; item; item = item->next)
        ++*count;
    struct sv *texts = ARENA_ARRAY(call->arena, struct sv, *count);
    size_t used = 0;
    for (const struct graphql_value *item = value ? value->items : NULL; item; item = item->next)
        texts[used++] = item->kind == GRAPHQL_NULL ? SV("") : item->text;
    return texts;
}

enum status graphql_missing(const struct graphql_call *call, const char *name)
{
    return fail(graphql_request_of(call), INVALID_PARAMETER_VALUE,
                "Missing value for required parameter '%s'." API_DOCS_TAIL, name);
}

/* --- The request --- */

static bool goes_on(void *data)
{
    const struct graphql_context *context = data;
    if (clock_monotonic_us() < context->deadline_us)
        return true;
    fail(context->request, TEMPORARILY_UNAVAILABLE,
         "The query took longer than %lld ms. Ask for less at a time.",
         (long long)request_service(context->request)->settings->read_timeout_ms);
    return false;
}

/* Rights are asked for even where MLflow's switch turns them off, so that nothing is shown if that fails. */
static enum status load_filters(struct request *request, struct graphql_context *context)
{
    if (!request_tracking_tx(request, DB_READ) ||
        permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &context->experiments) != OK ||
        permit_filter(request, PERMISSION_ON_REGISTERED_MODEL, PERMISSION_READ, &context->models) != OK)
        return FAILED;
    if (!request_service(request)->settings->graphql_auth)
        context->experiments = context->models = NULL;
    return OK;
}

static enum status answer(struct request *request, const void *input)
{
    const struct graphql_in *in = input;
    const struct settings *settings = request_service(request)->settings;
    struct graphql_context context = {
        .request = request,
        .deadline_us = clock_monotonic_us() + settings->read_timeout_ms * 1000,
    };
    const struct graphql_request asked = {
        .query = in->query,
        .operation_name = in->operation_name,
        .variables = in->variables,
        .schema = &mlflow_schema,
        .limits = {.root_fields = settings->graphql_max_root_fields,
                   .aliases = settings->graphql_max_aliases},
        .answer_max = ANSWER_MAX,
        .context = &context,
        .goes_on = goes_on,
    };
    if (load_filters(request, &context) != OK)
        return FAILED;
    enum graphql_answer outcome = graphql_execute(request->arena, &asked, reply_json(request));
    if (outcome == GRAPHQL_UNREADABLE)
        request->reply.status = 400;
    return outcome == GRAPHQL_BROKEN_OFF ? FAILED : OK;
}

/* One snapshot for all fields, but for lists of artifacts: they are read outside of one. A stream's row may
 * do that; the answer is sent when it is whole all the same. */
#define GRAPHQL_ROW(method_)                                                                                 \
    {                                                                                                        \
        .name = "graphql", .area = "server", .method = (method_), .root = ROOT_PREFIXED, .path = "/graphql", \
        .handler = answer, .access = ACCESS_STREAM_READ, .needs = NEEDS(FILTERED, READ),                     \
        .input = INPUT(struct graphql_in, graphql_fields), .body_limit = BODY_MAX, .registry = true,         \
    }

const struct operation graphql_operations[] = {
    GRAPHQL_ROW(METHOD_GET),
    GRAPHQL_ROW(METHOD_POST),
    {.path = NULL},
};
