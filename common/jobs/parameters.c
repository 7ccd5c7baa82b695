#include "common/jobs/parameters.h"

#include <math.h>
#include <string.h>

#include "common/base/arena_text.h"
#include "common/base/digest.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

#define LOCK_DIGEST_DIGITS 16

/* MLflow's messages name the Python function: "invoke_scorer_job" of mlflow.genai.scorers.job. */
static struct sv function_name(const struct job_type *type)
{
    struct sv rest = type->function.len ? type->function : type->name, name = rest;
    while (rest.data)
        name = sv_cut(&rest, '.');
    return name;
}

static bool has_member(struct json_object *params, struct sv name)
{
    return json_object_object_get_ex(params, name.data, NULL);
}

static void add_name(struct arena_text *list, struct sv name)
{
    arena_text_add(list, list->len ? SV(", '") : SV("'"));
    arena_text_add(list, name);
    arena_text_add(list, SV("'"));
}

static enum status check_required(const struct job_type *type, struct json_object *params,
                                  struct arena *arena, struct error *error)
{
    struct arena_text missing, expected;
    arena_text_init(&missing, arena);
    arena_text_init(&expected, arena);
    for (size_t i = 0; i < type->parameter_count; i++) {
        add_name(&expected, type->parameters[i].name);
        if (type->parameters[i].required && !has_member(params, type->parameters[i].name))
            add_name(&missing, type->parameters[i].name);
    }
    if (!missing.len)
        return OK;
    return error_set(error, arena, INVALID_PARAMETER_VALUE,
                     "Missing required parameters for function '%.*s': [%.*s]. Expected parameters: [%.*s]",
                     SV_ARG(function_name(type)), SV_ARG(arena_text_sv(&missing)),
                     SV_ARG(arena_text_sv(&expected)));
}

static bool has_type(struct json_object *value, enum job_parameter_type type)
{
    enum json_type found = json_object_get_type(value);
    switch (type) {
    case JOB_STRING:
        return found == json_type_string;
    case JOB_INTEGER:
        return json_is_integer(value);
    case JOB_NUMBER:
        return found == json_type_int || found == json_type_double;
    case JOB_BOOLEAN:
        return found == json_type_boolean;
    case JOB_OBJECT:
        return found == json_type_object;
    case JOB_ARRAY:
        return found == json_type_array;
    case JOB_ANY:
        break;
    }
    return true;
}

static enum status check_types(const struct job_type *type, struct json_object *params, struct arena *arena,
                               struct error *error)
{
    static const char *const names[] = {
        [JOB_ANY] = "any value",   [JOB_STRING] = "a string",       [JOB_INTEGER] = "an integer",
        [JOB_NUMBER] = "a number", [JOB_BOOLEAN] = "true or false", [JOB_OBJECT] = "an object",
        [JOB_ARRAY] = "an array",
    };
    for (size_t i = 0; i < type->parameter_count; i++) {
        const struct job_parameter *parameter = &type->parameters[i];
        struct json_object *value;
        if (!json_object_object_get_ex(params, parameter->name.data, &value) ||
            (!value && !parameter->required) || has_type(value, parameter->type))
            continue;
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The parameter '%.*s' of a job '%.*s' must be %s.", SV_ARG(parameter->name),
                         SV_ARG(type->name), names[parameter->type]);
    }
    return OK;
}

enum status job_check_params(const struct job_type *type, struct json_object *params, struct arena *arena,
                             struct error *error)
{
    struct sv function = type->function.len ? type->function : type->name;
    if (!type->enabled)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "The function %.*s is not in the allowed job function list", SV_ARG(function));
    if (check_required(type, params, arena, error) != OK)
        return FAILED;
    return check_types(type, params, arena, error);
}

struct sv job_lock_key(const struct job_type *type, struct json_object *params, struct arena *arena)
{
    if (type->exclusive == JOB_SHARED)
        return SV_ABSENT;
    struct json_object *counted = params;
    if (type->exclusive == JOB_EXCLUSIVE_BY_KEY) {
        counted = json_object_new_object();
        for (size_t i = 0; i < type->exclusive_key_count; i++) {
            const char *key = type->exclusive_keys[i].data;
            struct json_object *value;
            if (json_object_object_get_ex(params, key, &value))
                json_object_object_add(counted, key, json_object_get(value));
        }
    }
    struct sv digest = sha256_hex(arena, json_dump(arena, counted, true));
    if (counted != params)
        json_object_put(counted);
    return arena_printf(arena, "%.*s:%.*s", SV_ARG(type->name), LOCK_DIGEST_DIGITS, digest.data);
}

/* --- Values --- */

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double) ||
           json_object_is_type(value, json_type_boolean);
}

static bool numbers_equal(struct json_object *a, struct json_object *b)
{
    if (json_object_is_type(a, json_type_double) || json_object_is_type(b, json_type_double))
        return json_object_get_double(a) == json_object_get_double(b);
    return json_object_get_int64(a) == json_object_get_int64(b);
}

static bool objects_equal(struct json_object *a, struct json_object *b)
{
    if (json_object_object_length(a) != json_object_object_length(b))
        return false;
    json_object_object_foreach(a, name, value)
    {
        struct json_object *other;
        if (!json_object_object_get_ex(b, name, &other) || !job_json_equal(value, other))
            return false;
    }
    return true;
}

static bool arrays_equal(struct json_object *a, struct json_object *b)
{
    size_t count = json_object_array_length(a);
    bool equal = json_object_array_length(b) == count;
    for (size_t i = 0; equal && i < count; i++)
        equal = job_json_equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i));
    return equal;
}

/* The parser bounds the depth. */
bool job_json_equal(struct json_object *a, struct json_object *b)
{
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (json_object_get_type(a) != json_object_get_type(b))
        return false;
    switch (json_object_get_type(a)) {
    case json_type_string:
        return sv_equal(json_string_view(a), json_string_view(b));
    case json_type_object:
        return objects_equal(a, b);
    case json_type_array:
        return arrays_equal(a, b);
    default:
        return true;
    }
}

/* The string to be put in the place of a number that JSON does not know, or NULL. */
static struct json_object *instead_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_double))
        return NULL;
    double number = json_object_get_double(value);
    if (isnan(number))
        return json_object_new_string("NaN");
    /* An integer of very many digits is infinite as a double only, and its text is JSON. */
    if (!isinf(number) || !strchr(json_object_to_json_string(value), 'I'))
        return NULL;
    return json_object_new_string(number > 0 ? "Infinity" : "-Infinity");
}

static void make_plain(struct json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            struct json_object *instead = instead_of(member);
            if (instead)
                json_object_object_add(value, name, instead);
            else
                make_plain(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            struct json_object *item = json_object_array_get_idx(value, i), *instead = instead_of(item);
            if (instead)
                json_object_array_put_idx(value, i, instead);
            else
                make_plain(item);
        }
    }
}

struct sv job_json_text(struct json_object *value, struct arena *arena)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    struct json_object *instead = instead_of(value);
    if (!instead)
        make_plain(value);
    struct sv text = sv_from(json_object_to_json_string_ext(instead ? instead : value, flags));
    text = arena_copy(arena, text);
    json_object_put(instead);
    return text;
}
