#include "common/graphql/execute.h"

#include <math.h>
#include <stdio.h>

#include "common/graphql/parser.h"
#include "common/graphql/plan.h"

struct execution {
    struct arena *arena;
    const struct graphql_request *request;
    struct graphql_errors *errors;
    struct json_writer *json;
    bool too_large;
};

/* --- Writing --- */

static bool put_object(struct execution *execution, const struct graphql_plan *plan,
                       const struct graphql_type *type, const void *object);

static struct graphql_call new_call(const struct execution *execution, const struct graphql_plan *plan)
{
    return (struct graphql_call){
        .context = execution->request->context,
        .arena = execution->arena,
        .arguments = plan->arguments,
        .message = SV_ABSENT,
    };
}

static bool goes_on(struct execution *execution)
{
    execution->too_large = execution->json->out->len > execution->request->answer_max;
    return !execution->too_large && execution->request->goes_on(execution->request->context);
}

/* An item's memory is given up, unless it has left an error. */
static bool put_item(struct execution *execution, const struct graphql_plan *plan,
                     const struct graphql_result *list, size_t index)
{
    struct arena_mark mark = arena_mark(execution->arena);
    size_t errors = execution->errors->count;
    struct graphql_call call = new_call(execution, plan);
    const void *object = list->load ? NULL : (const char *)list->items + index * list->size;
    enum graphql_outcome outcome = list->load ? list->load(&call, list, index, &object) : GRAPHQL_DONE;
    if (outcome == GRAPHQL_STOPPED || !goes_on(execution))
        return false;
    if (outcome == GRAPHQL_REFUSED && call.message.data)
        graphql_error(execution->errors, "%.*s", SV_ARG(call.message));
    if (outcome == GRAPHQL_DONE && object &&
        !put_object(execution, plan->children, plan->field->type, object))
        return false;
    if (execution->errors->count == errors)
        arena_rewind(execution->arena, mark);
    return true;
}

static bool put_list(struct execution *execution, const struct graphql_plan *plan,
                     const struct graphql_result *list)
{
    json_begin_array(execution->json);
    for (size_t i = 0; i < list->count; i++) {
        if (plan->field->shape == GRAPHQL_TEXTS)
            json_put_string(execution->json, list->texts[i]);
        else if (!put_item(execution, plan, list, i))
            return false;
    }
    json_end_array(execution->json);
    return true;
}

static void put_long(struct json_writer *json, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)number);
    json_put_string(json, (struct sv){text, (size_t)len});
}

static bool put_result(struct execution *execution, const struct graphql_plan *plan,
                       const struct graphql_result *result)
{
    struct json_writer *json = execution->json;
    switch (plan->field->shape) {
    case GRAPHQL_TEXT:
        json_put_string(json, result->text);
        break;
    case GRAPHQL_LONG:
        put_long(json, result->number);
        break;
    case GRAPHQL_REAL:
        if (isfinite(result->real))
            json_put_double(json, result->real);
        else
            json_put_null(json);
        break;
    case GRAPHQL_TRUTH:
        json_put_bool(json, result->truth);
        break;
    case GRAPHQL_ONE:
        return put_object(execution, plan->children, plan->field->type, result->object);
    case GRAPHQL_TEXTS:
    case GRAPHQL_MANY:
        return put_list(execution, plan, result);
    }
    return true;
}

/* --- What fields are --- */

static void read_member(const struct graphql_field *field, const void *parent, struct graphql_result *result)
{
    const void *member = (const char *)parent + field->offset;
    switch (field->shape) {
    case GRAPHQL_TEXT:
        result->text = *(const struct sv *)member;
        break;
    case GRAPHQL_LONG:
        result->number = *(const int64_t *)member;
        break;
    case GRAPHQL_REAL:
        result->real = *(const double *)member;
        break;
    case GRAPHQL_TRUTH:
        result->truth = *(const bool *)member;
        break;
    case GRAPHQL_ONE:
        result->object = member;
        break;
    case GRAPHQL_TEXTS:
        result->texts = *(const struct sv *const *)member;
        result->count = *(const size_t *)(const void *)((const char *)parent + field->count_offset);
        break;
    case GRAPHQL_MANY:
        result->items = *(const void *const *)member;
        result->size = field->size;
        result->count = *(const size_t *)(const void *)((const char *)parent + field->count_offset);
        break;
    }
}

static enum graphql_outcome resolve(struct execution *execution, const struct graphql_plan *plan,
                                    const void *parent, struct graphql_result *result)
{
    const struct graphql_field *field = plan->field;
    struct graphql_call call = new_call(execution, plan);
    if (field->resolve) {
        enum graphql_outcome outcome = field->resolve(&call, parent, result);
        if (outcome == GRAPHQL_REFUSED && call.message.data)
            graphql_error(execution->errors, "%.*s", SV_ARG(call.message));
        return outcome;
    }
    if (field->fixed)
        result->text = sv_from(field->fixed);
    else
        read_member(field, parent, result);
    return GRAPHQL_DONE;
}

static bool put_field(struct execution *execution, const struct graphql_plan *plan, const void *parent)
{
    struct graphql_result result = {.is_null = false};
    enum graphql_outcome outcome = resolve(execution, plan, parent, &result);
    if (outcome == GRAPHQL_STOPPED)
        return false;
    if (outcome == GRAPHQL_DONE && !result.is_null)
        return put_result(execution, plan, &result);
    json_put_null(execution->json);
    return true;
}

static bool put_object(struct execution *execution, const struct graphql_plan *plan,
                       const struct graphql_type *type, const void *object)
{
    json_begin_object(execution->json);
    for (; plan; plan = plan->next) {
        json_key_sv(execution->json, plan->key);
        if (!plan->field)
            json_put_string(execution->json, sv_from(type->name));
        else if (!put_field(execution, plan, object))
            return false;
    }
    json_end_object(execution->json);
    return true;
}

/* --- From the text to the plan --- */

static const struct graphql_operation *choose(const struct graphql_document *document, struct sv name,
                                              struct graphql_errors *errors)
{
    const struct graphql_operation *operation = document->operations;
    if (!operation) {
        graphql_error(errors, "Must provide an operation.");
        return NULL;
    }
    if (!name.len && operation->next) {
        graphql_error(errors, "Must provide operation name if query contains multiple operations.");
        return NULL;
    }
    while (name.len && operation && !sv_equal(operation->name, name))
        operation = operation->next;
    if (!operation)
        graphql_error(errors, "Unknown operation named '%.*s'.", SV_ARG(sv_first(name, 200)));
    else if (operation->kind == GRAPHQL_SUBSCRIPTION)
        graphql_error(errors, "Schema is not configured to execute subscription operation.");
    return operation;
}

static void check_names(const struct graphql_document *document, struct graphql_errors *errors)
{
    for (const struct graphql_operation *each = document->operations; each; each = each->next) {
        if (!each->name.data && document->operations->next)
            graphql_error(errors, "This anonymous operation must be the only defined operation.");
        for (const struct graphql_operation *other = each->next; each->name.data && other;
             other = other->next)
            if (sv_equal(each->name, other->name))
                graphql_error(errors, "There can be only one operation named '%.*s'.", SV_ARG(each->name));
    }
    for (const struct graphql_fragment *each = document->fragments; each; each = each->next)
        for (const struct graphql_fragment *other = each->next; other; other = other->next)
            if (sv_equal(each->name, other->name))
                graphql_error(errors, "There can be only one fragment named '%.*s'.", SV_ARG(each->name));
}

static void check(struct graphql_values *values, const struct graphql_document *document)
{
    check_names(document, values->errors);
    for (const struct graphql_operation *each = document->operations; each; each = each->next) {
        values->operation = each;
        if (each->kind != GRAPHQL_SUBSCRIPTION)
            graphql_plan_check(values, document);
    }
    for (const struct graphql_fragment *each = document->fragments; each; each = each->next)
        if (!each->used)
            graphql_error(values->errors, "Fragment '%.*s' is never used.", SV_ARG(each->name));
}

/* NULL once there are errors. */
static struct graphql_plan *prepare(struct graphql_values *values, const struct graphql_request *request,
                                    const struct graphql_document *document)
{
    graphql_limits_check(document, &request->limits, values->errors);
    if (!values->errors->count)
        check(values, document);
    if (!values->errors->count)
        values->operation = choose(document, request->operation_name, values->errors);
    if (!values->errors->count)
        graphql_variables_take(values, request->variables);
    struct graphql_plan *plan = values->errors->count ? NULL : graphql_plan_make(values, document);
    return values->errors->count ? NULL : plan;
}

/* --- The answer --- */

static void put_errors(struct json_writer *json, const struct graphql_errors *errors)
{
    json_key(json, "errors");
    if (!errors->count) {
        json_put_null(json);
        return;
    }
    json_begin_array(json);
    for (size_t i = 0; i < errors->count; i++)
        json_put_string(json, errors->items[i]);
    json_end_array(json);
}

static void put_nothing(struct json_writer *json, const struct graphql_errors *errors)
{
    json_begin_object(json);
    json_key(json, "data");
    json_put_null(json);
    put_errors(json, errors);
    json_end_object(json);
}

static bool put_data(struct execution *execution, const struct graphql_plan *plan,
                     const struct graphql_operation *operation)
{
    const struct graphql_schema *schema = execution->request->schema;
    bool is_mutation = operation->kind == GRAPHQL_MUTATION;
    json_begin_object(execution->json);
    json_key(execution->json, "data");
    if (!put_object(execution, plan, is_mutation ? schema->mutation : schema->query, NULL))
        return false;
    put_errors(execution->json, execution->errors);
    json_end_object(execution->json);
    return true;
}

static enum graphql_answer answer(struct execution *execution, const struct graphql_plan *plan,
                                  const struct graphql_operation *operation)
{
    const struct json_writer before = *execution->json;
    size_t length = execution->json->out->len;
    if (put_data(execution, plan, operation))
        return GRAPHQL_ANSWERED;
    if (!execution->too_large)
        return GRAPHQL_BROKEN_OFF;
    *execution->json = before;
    execution->json->out->len = length;
    execution->errors->count = 0;
    graphql_error(execution->errors, "The answer is longer than %zu bytes. Ask for less at a time.",
                  execution->request->answer_max);
    put_nothing(execution->json, execution->errors);
    return GRAPHQL_ANSWERED;
}

enum graphql_answer graphql_execute(struct arena *arena, const struct graphql_request *request,
                                    struct json_writer *json)
{
    struct graphql_errors *errors = ARENA_NEW(arena, struct graphql_errors);
    struct graphql_document document;
    struct sv problem = SV("Must provide query string.");
    errors->arena = arena;
    if (!request->query.len || !graphql_parse(arena, request->query, &document, &problem)) {
        graphql_error(errors, "%.*s", SV_ARG(problem));
        put_nothing(json, errors);
        return GRAPHQL_UNREADABLE;
    }
    struct graphql_values values = {.arena = arena, .errors = errors, .schema = request->schema};
    struct graphql_plan *plan = prepare(&values, request, &document);
    if (errors->count) {
        put_nothing(json, errors);
        return GRAPHQL_ANSWERED;
    }
    struct execution execution = {.arena = arena, .request = request, .errors = errors, .json = json};
    return answer(&execution, plan, values.operation);
}
