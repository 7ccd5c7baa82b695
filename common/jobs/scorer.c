#include "common/jobs/scorer.h"

#include <json-c/json.h>

#include "common/json/json_read.h"

static enum status refuse(struct arena *arena, struct error *error, struct sv reason)
{
    return error_set(error, arena, INVALID_PARAMETER_VALUE, "Failed to validate scorer: %.*s",
                     SV_ARG(reason));
}

/* NULL if it is absent or null. */
static struct json_object *member(struct json_object *object, const char *name)
{
    return json_object_object_get(object, name);
}

/* Whether the instructions hold the variable "{{ conversation }}". */
static bool mentions_conversation(struct sv text)
{
    while (text.len) {
        text = sv_from_offset(text, sv_find(text, '{'));
        if (!sv_starts_with(text, SV("{{"))) {
            text = sv_from_offset(text, 1);
            continue;
        }
        struct sv inner = sv_from_offset(text, 2);
        struct sv name = sv_first(inner, sv_find(inner, '}'));
        if (sv_equal(sv_trim(name), SV("conversation")) &&
            sv_starts_with(sv_from_offset(inner, name.len), SV("}}")))
            return true;
        text = sv_from_offset(text, 1);
    }
    return false;
}

static enum status check_judge(struct json_object *scorer, struct json_object *data, struct arena *arena,
                               struct error *error, bool *session_level)
{
    static const char *const fields[] = {"instructions", "model"};
    struct sv problems = SV_ABSENT;
    for (size_t i = 0; i < 2; i++) {
        struct json_object *value = NULL;
        const char *separator = problems.len ? "; " : "";
        if (!json_object_object_get_ex(data, fields[i], &value))
            problems = arena_printf(arena, "%.*s%smissing required field '%s'", SV_ARG(problems), separator,
                                    fields[i]);
        else if (!json_object_is_type(value, json_type_string))
            problems = arena_printf(arena, "%.*s%sfield '%s' must be str, got %s", SV_ARG(problems),
                                    separator, fields[i], json_python_type(value));
    }
    if (problems.len)
        return refuse(arena, error,
                      arena_printf(arena, "Failed to deserialize InstructionsJudge scorer '%s': %.*s",
                                   json_object_get_string(member(scorer, "name")), SV_ARG(problems)));
    *session_level = mentions_conversation(json_string_view(member(data, "instructions")));
    return OK;
}

/* MLflow's own scorers say it by their class; later versions may have more, which say it themselves. */
static bool is_session_class(struct json_object *scorer, struct sv class)
{
    static const char *const classes[] = {
        "ConversationCompleteness", "ConversationalGuidelines",         "ConversationalRoleAdherence",
        "ConversationalSafety",     "ConversationalToolCallEfficiency", "KnowledgeRetention",
        "UserFrustration",
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (sv_equal(class, sv_from(classes[i])))
            return true;
    return json_object_get_boolean(member(scorer, "is_session_level_scorer"));
}

static enum status check_kind(struct json_object *scorer, struct arena *arena, struct error *error,
                              bool *session_level)
{
    struct json_object *class = member(scorer, "builtin_scorer_class");
    struct json_object *source = member(scorer, "call_source");
    struct json_object *judge = member(scorer, "instructions_judge_pydantic_data");
    int kinds = (class != NULL) + (source != NULL) + (judge != NULL);
    if (!json_object_is_type(member(scorer, "name"), json_type_string))
        return refuse(arena, error, SV("it has no name."));
    if (kinds == 0)
        return refuse(arena, error,
                      SV("it has none of builtin_scorer_class, call_source and "
                         "instructions_judge_pydantic_data."));
    if (kinds > 1)
        return refuse(arena, error, SV("it has fields of several kinds of scorers."));
    if (source)
        return refuse(
            arena, error,
            arena_printf(arena,
                         "Loading custom scorer '%s' is not supported outside of Databricks runtime "
                         "environments due to security concerns.",
                         json_object_get_string(member(scorer, "name"))));
    if (judge && json_object_is_type(judge, json_type_object))
        return check_judge(scorer, judge, arena, error, session_level);
    if (judge || !json_object_is_type(class, json_type_string))
        return refuse(arena, error, SV("the field that says its kind is of a wrong type."));
    *session_level = is_session_class(scorer, json_string_view(class));
    return OK;
}

enum status job_scorer_check(struct sv serialized, struct arena *arena, struct error *error,
                             bool *session_level)
{
    struct json_object *scorer = NULL;
    struct sv problem = SV("it is empty");
    if (json_parse(arena, serialized, &scorer, &problem) != JSON_OK)
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid JSON in serialized scorer: %.*s",
                         SV_ARG(problem));
    enum status status =
        json_object_is_type(scorer, json_type_object)
            ? check_kind(scorer, arena, error, session_level)
            : refuse(arena, error,
                     arena_printf(arena, "it must be a JSON object, not %s.", json_python_type(scorer)));
    json_object_put(scorer);
    return status;
}
