#include "common/http/input.h"

#include "common/http/input_value.h"
#include "common/json/json_read.h"

static bool is_json_type(struct sv content_type)
{
    struct sv type = sv_trim(sv_cut(&content_type, ';'));
    return sv_equal_ignoring_case(type, SV("application/json"));
}

static bool reads_query(const struct request *request)
{
    bool get = request->method == METHOD_GET || request->method == METHOD_HEAD;
    return request->operation->raw_body || (get && request->query.len) ||
           (request->operation->query_or_body && !is_json_type(request->content_type));
}

/* The types that a browser sends across sites without asking first (Fetch standard, CORS-safelisted). */
static bool is_form_type(struct sv type)
{
    return sv_equal_ignoring_case(type, SV("application/x-www-form-urlencoded")) ||
           sv_equal_ignoring_case(type, SV("multipart/form-data")) ||
           sv_equal_ignoring_case(type, SV("text/plain"));
}

static enum status check_content_type(struct request *request)
{
    if (request->operation->any_content_type)
        return OK;
    struct sv rest = request->content_type;
    struct sv type = sv_trim(sv_cut(&rest, ';'));
    bool refused = false;
    switch (request->method) {
    case METHOD_POST:
    case METHOD_PUT:
        if (!type.len)
            return fail(request, INVALID_PARAMETER_VALUE, "Bad Request. Content-Type header is missing.");
        refused = !sv_equal_ignoring_case(type, SV("application/json"));
        break;
    case METHOD_PATCH:
    case METHOD_DELETE:
        refused = is_form_type(type);
        break;
    default:
        break;
    }
    if (refused)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Bad Request. Content-Type must be one of ['application/json'].");
    return OK;
}

static enum status fail_bad_json(struct request *request, struct sv problem)
{
    return fail(request, INVALID_PARAMETER_VALUE, "Bad Request. The request body is not valid JSON: %.*s.",
                SV_ARG(problem));
}

/* MLflow reads a broken body as an empty object, so a required field is reported first. Where nothing is
 * required that would pass for a request, which helps nobody. */
static enum status fail_broken_json(struct request *request, struct sv problem)
{
    if (input_fill_json(request, request->operation->input->fields, NULL, request->input, NULL) != OK)
        return FAILED;
    return fail_bad_json(request, problem);
}

/* Old clients encode the object twice: the body is a JSON string that holds JSON. */
static enum status decode_again(struct request *request)
{
    struct json_object *inner;
    struct sv problem;
    switch (json_parse(request->arena, json_string_view(request->json), &inner, &problem)) {
    case JSON_OK:
        json_object_put(request->json);
        request->json = inner;
        return OK;
    case JSON_EMPTY:
        return fail_bad_json(request, SV("a string that holds nothing"));
    default:
        return fail_bad_json(request, problem);
    }
}

/* On OK request->json is an object, or NULL for a body that says nothing. */
static enum status parse_body(struct request *request)
{
    struct sv problem;
    switch (json_parse(request->arena, request->body, &request->json, &problem)) {
    case JSON_OK:
        break;
    case JSON_EMPTY:
        return OK;
    case JSON_BAD:
        return fail_broken_json(request, problem);
    default:
        return fail_bad_json(request, problem);
    }
    if (json_object_is_type(request->json, json_type_string) && decode_again(request) != OK)
        return FAILED;
    if (!request->json || json_object_is_type(request->json, json_type_object))
        return OK;
    return fail(request, INVALID_PARAMETER_VALUE,
                "Bad Request. The request body must be a JSON object, but was of type '%s'.",
                json_python_type(request->json));
}

enum status input_check(struct request *request)
{
    const struct input *input = request->operation->input;
    if (request->operation->fill_input) {
        request->input = arena_alloc(request->arena, input->size);
        return request->operation->fill_input(request, request->input);
    }
    if (check_content_type(request) != OK)
        return FAILED;
    if (!input)
        return OK;
    request->input = arena_alloc(request->arena, input->size);
    if (reads_query(request))
        return input_fill_query(request, input->fields, request->input);
    if (parse_body(request) != OK)
        return FAILED;
    return input_fill_json(request, input->fields, request->json, request->input, NULL);
}
