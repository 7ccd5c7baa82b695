#include "fcgi-bin/jobs/body.h"

#include <math.h>

#include "common/base/number.h"
#include "common/jobs/parameters.h"
#include "common/json/json_read.h"

/* --- Problems --- */

static struct sv quoted(struct request *request, struct sv text)
{
    struct json_object *string = json_object_new_string_len(text.data, sv_printf_length(text));
    struct sv json = job_json_text(string, request->arena);
    json_object_put(string);
    return json;
}

/* `place` is what stands behind "body" in the location. */
static void add_problem(struct body *body, const char *type, struct sv place, struct sv message,
                        struct sv input, struct sv more)
{
    struct arena *arena = body->request->arena;
    if (body->problems.len)
        arena_text_add(&body->problems, SV(","));
    arena_text_add(&body->problems,
                   arena_printf(arena, "{\"type\":\"%s\",\"loc\":[\"body\"%.*s],\"msg\":%.*s,\"input\":",
                                type, SV_ARG(place), SV_ARG(quoted(body->request, message))));
    arena_text_add(&body->problems, input);
    arena_text_add(&body->problems, more);
    arena_text_add(&body->problems, SV("}"));
}

void body_problem(struct body *body, const char *name, int64_t index, const char *type, struct sv message,
                  struct json_object *input, struct sv more)
{
    struct arena *arena = body->request->arena;
    struct sv place = arena_printf(arena, ",\"%s\"", name);
    if (index >= 0)
        place = arena_printf(arena, "%.*s,%lld", SV_ARG(place), (long long)index);
    add_problem(body, type, place, message, job_json_text(input, arena), more);
}

enum status body_end(struct body *body)
{
    if (!body->problems.len)
        return OK;
    reply_text(body->request, 422, "application/json", SV("{\"detail\":["));
    buffer_append_sv(&body->request->reply.body, arena_text_sv(&body->problems));
    BUFFER_LITERAL(&body->request->reply.body, "]}");
    return FAILED;
}

/* --- The body as a whole --- */

/* As FastAPI decides it: without a type it is taken for JSON. */
static bool is_json(struct sv content_type)
{
    struct sv type = sv_trim(sv_cut(&content_type, ';'));
    if (!type.len || sv_equal_ignoring_case(type, SV("application/json")))
        return true;
    struct sv prefix = sv_first(type, sizeof("application/") - 1);
    return sv_equal_ignoring_case(prefix, SV("application/")) && type.len > prefix.len + 5 &&
           sv_equal_ignoring_case(sv_from_offset(type, type.len - 5), SV("+json"));
}

static enum status refuse_body(struct body *body, struct sv input)
{
    add_problem(body, "model_attributes_type", SV_ABSENT,
                SV("Input should be a valid dictionary or object to extract fields from"), input, SV_ABSENT);
    return body_end(body);
}

enum status body_begin(struct body *body, struct request *request)
{
    struct sv problem;
    *body = (struct body){.request = request};
    arena_text_init(&body->problems, request->arena);
    if (request->body.len && !is_json(request->content_type))
        return refuse_body(body, quoted(request, request->body));
    switch (json_parse(request->arena, request->body, &request->json, &problem)) {
    case JSON_TOO_BIG:
        return fail(request, INVALID_PARAMETER_VALUE, "The request body is not accepted: %.*s.",
                    SV_ARG(problem));
    case JSON_BAD:
        return refuse_body(body, quoted(request, request->body));
    case JSON_EMPTY:
    case JSON_OK:
        break;
    }
    body->object = request->json;
    if (!body->object) {
        add_problem(body, "missing", SV_ABSENT, SV("Field required"), SV("null"), SV_ABSENT);
        return body_end(body);
    }
    if (json_object_is_type(body->object, json_type_object))
        return OK;
    return refuse_body(body, job_json_text(body->object, request->arena));
}

/* --- Members --- */

/* Whether it is there. Of those that are not required, null is as good as nothing. */
static bool find(struct body *body, const char *name, bool required, struct json_object **value)
{
    if (json_object_object_get_ex(body->object, name, value))
        return *value || required;
    if (required)
        body_problem(body, name, -1, "missing", SV("Field required"), body->object, SV_ABSENT);
    return false;
}

struct sv body_string(struct body *body, const char *name, bool required)
{
    struct json_object *value;
    if (!find(body, name, required, &value))
        return SV_ABSENT;
    if (json_object_is_type(value, json_type_string))
        return json_string_view(value);
    body_problem(body, name, -1, "string_type", SV("Input should be a valid string"), value, SV_ABSENT);
    return SV_ABSENT;
}

struct json_object *body_object(struct body *body, const char *name, bool required)
{
    struct json_object *value;
    if (!find(body, name, required, &value))
        return NULL;
    if (json_object_is_type(value, json_type_object))
        return value;
    body_problem(body, name, -1, "dict_type", SV("Input should be a valid dictionary"), value, SV_ABSENT);
    return NULL;
}

/* The reason why a number is refused; NULL if it is not. */
static const char *read_number(struct json_object *value, double *number, struct sv *message)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        if (parse_double(sv_trim(json_string_view(value)), number))
            break;
        *message = SV("Input should be a valid number, unable to parse string as a number");
        return "float_parsing";
    case json_type_boolean:
    case json_type_int:
    case json_type_double:
        *number = json_object_get_double(value);
        break;
    default:
        *message = SV("Input should be a valid number");
        return "float_type";
    }
    *message = SV("Input should be a finite number");
    return isfinite(*number) ? NULL : "finite_number";
}

struct opt_double body_seconds(struct body *body, const char *name)
{
    struct json_object *value;
    struct opt_double seconds = {0};
    struct sv message;
    if (!find(body, name, false, &value))
        return seconds;
    const char *problem = read_number(value, &seconds.value, &message);
    seconds.set = !problem && seconds.value >= 0;
    if (problem)
        body_problem(body, name, -1, problem, message, value, SV_ABSENT);
    else if (!seconds.set)
        body_problem(body, name, -1, "greater_than_equal", SV("Input should be greater than or equal to 0"),
                     value, SV(",\"ctx\":{\"ge\":0}"));
    return seconds;
}
