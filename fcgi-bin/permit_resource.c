#include "fcgi-bin/permit_resource.h"

#include "common/artifacts/path.h"
#include "common/base/number.h"
#include "common/json/json_read.h"
#include "common/store/evaluation_datasets.h"
#include "common/store/experiments.h"
#include "common/store/gateway_route.h"
#include "common/store/jobs.h"
#include "common/store/logged_models.h"
#include "common/store/model_source.h"
#include "common/store/runs.h"
#include "common/store/scorer_model.h"
#include "common/store/scorers.h"
#include "common/store/traces.h"
#include "fcgi-bin/auth.h"

/* --- What rows of permissions are about --- */

static void require(struct check *check, enum permission permission)
{
    check->denied = check->denied || permission < check->need->permission;
}

static enum permission fallback(const struct check *check)
{
    return request_auth(check->request)->settings.default_permission;
}

static enum status check_target(struct check *check, enum permission_resource resource, struct sv id,
                                struct sv name)
{
    const struct permission_target target = {.resource = resource, .id = id, .name = name};
    enum permission permission;
    if (permission_of(check->users, check->request->identity->user_id, &target, fallback(check),
                      &permission) != OK)
        return FAILED;
    require(check, permission);
    return OK;
}

static enum status check_experiment(struct check *check, int64_t id)
{
    if (check->granted && check->experiment == id && check->granted >= check->need->permission)
        return OK;
    struct sv text = arena_printf(check->request->arena, "%lld", (long long)id);
    if (check_target(check, PERMISSION_ON_EXPERIMENT, text, SV_ABSENT) != OK)
        return FAILED;
    if (!check->denied) {
        check->experiment = id;
        check->granted = check->need->permission;
    }
    return OK;
}

/* As the handlers read it; "" is for what belongs to no experiment. */
static enum status by_experiment_id(struct check *check, struct sv text)
{
    int64_t id;
    if (!text.len) {
        require(check, fallback(check));
        return OK;
    }
    if (experiment_parse_id(check->users, text, &id) == OK)
        return check_experiment(check, id);
    if (!check->request->operation->users)
        return FAILED;
    /* Rights may be about things that are not there. */
    error_clear(&check->request->error);
    return check_target(check, PERMISSION_ON_EXPERIMENT, text, SV_ABSENT);
}

static enum status by_model_name(struct check *check, struct sv name)
{
    return check_target(check, PERMISSION_ON_REGISTERED_MODEL, name, SV_ABSENT);
}

static enum status by_secret_id(struct check *check, struct sv id)
{
    return check_target(check, PERMISSION_ON_SECRET, id, SV_ABSENT);
}

static enum status by_endpoint_id(struct check *check, struct sv id)
{
    return check_target(check, PERMISSION_ON_ENDPOINT, id, SV_ABSENT);
}

static enum status by_definition_id(struct check *check, struct sv id)
{
    return check_target(check, PERMISSION_ON_MODEL_DEFINITION, id, SV_ABSENT);
}

/* The experiment stands beside the name. */
static enum status by_scorer_name(struct check *check, struct sv name)
{
    int64_t experiment;
    struct sv text = permit_text(check->request->operation, check->in, "experiment_id");
    if (experiment_parse_id(check->users, text, &experiment) != OK)
        return FAILED;
    return check_target(check, PERMISSION_ON_SCORER,
                        arena_printf(check->request->arena, "%lld", (long long)experiment), name);
}

/* --- What belongs to an experiment --- */

/* The lookup has failed: what is not there is the handler's to tell, if it may be missing. */
static enum status missing(struct check *check)
{
    struct error *error = &check->request->error;
    if (!check->need->optional || error->code != RESOURCE_DOES_NOT_EXIST)
        return FAILED;
    error_clear(error);
    return OK;
}

static enum status by_experiment_name(struct check *check, struct sv name)
{
    struct experiment experiment;
    if (experiment_load_by_name(check->things, name, &experiment) != OK)
        return missing(check);
    return check_experiment(check, experiment.id);
}

static enum status by_run_id(struct check *check, struct sv id)
{
    struct run_ref run;
    if (run_find(check->things, id, &run) != OK)
        return missing(check);
    return check_experiment(check, run.experiment_id);
}

static enum status by_logged_model_id(struct check *check, struct sv id)
{
    struct logged_model_ref model;
    if (logged_model_find(check->things, id, &model) != OK)
        return missing(check);
    return check_experiment(check, model.experiment_id);
}

static enum status by_trace_id(struct check *check, struct sv id)
{
    struct trace_info trace;
    if (trace_find(check->things, id, &trace) != OK)
        return missing(check);
    return check_experiment(check, trace.experiment_id);
}

static enum status by_scorer_id(struct check *check, struct sv id)
{
    struct scorer_key scorer;
    if (scorer_find_id(check->things, id, &scorer) != OK)
        return missing(check);
    return check_target(check, PERMISSION_ON_SCORER,
                        arena_printf(check->request->arena, "%lld", (long long)scorer.experiment_id),
                        scorer.name);
}

static enum status by_dataset_id(struct check *check, struct sv id)
{
    struct evaluation_dataset dataset;
    const int64_t *experiments;
    size_t count;
    if (evaluation_dataset_load(check->things, id, &dataset) != OK)
        return missing(check);
    if (evaluation_dataset_experiments(check->things, id, &experiments, &count) != OK)
        return FAILED;
    if (!count)
        return by_experiment_id(check, SV(""));
    for (size_t i = 0; i < count; i++)
        if (check_experiment(check, experiments[i]) != OK)
            return FAILED;
    return OK;
}

/* Named by its id, or by the parameters of one that is to be made. */
static enum status by_job(struct check *check, struct sv text)
{
    struct sv experiment = text;
    if (permit_text(check->request->operation, check->in, "job_id").data &&
        job_experiment(check->things, text, &experiment) != OK)
        return FAILED;
    if (experiment.len)
        return by_experiment_id(check, experiment);
    check->denied = true;
    return OK;
}

/* --- Places of artifacts --- */

/* The path as the handlers read it, which say themselves what is wrong with one. */
static enum status by_artifact_path(struct check *check, struct sv path)
{
    struct sv clean;
    struct error problem = {.code = ERROR_NONE};
    int64_t experiment;
    if (artifact_path_check(check->request->arena, &problem, path, &clean) != OK)
        return OK;
    if (parse_int64(sv_cut(&clean, '/'), 0, INT64_MAX, &experiment))
        return check_experiment(check, experiment);
    return by_experiment_id(check, SV(""));
}

/* The place as one text; false for one that this server does not read. */
static bool locate(struct check *check, struct sv uri, struct sv *where)
{
    struct artifact_place place;
    struct error problem = {.code = ERROR_NONE};
    struct arena *arena = check->request->arena;
    if (artifact_locate(request_artifacts(check->request), arena, &problem, uri, &place) != OK)
        return false;
    *where = arena_printf(arena, "%.*s/%.*s/", SV_ARG(place.root), SV_ARG(place.prefix));
    return true;
}

static struct sv without_double_slashes(struct arena *arena, struct sv text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '/' || !len || copy[len - 1] != '/')
            copy[len++] = text.data[i];
    return (struct sv){copy, len};
}

/* Every experiment in whose folder the place is, or whose folder is in the place. */
static enum status by_location(struct check *check, struct sv uri)
{
    struct arena *arena = check->request->arena;
    const struct experiment_location *rows;
    size_t count;
    struct sv wanted, there;
    if (!locate(check, uri, &wanted))
        return OK;
    wanted = without_double_slashes(arena, wanted);
    if (experiment_locations(check->things, &rows, &count) != OK)
        return FAILED;
    for (size_t i = 0; i < count; i++) {
        struct arena_mark mark = arena_mark(arena);
        bool touches = false;
        if (locate(check, rows[i].artifact_location, &there)) {
            there = without_double_slashes(arena, there);
            touches = sv_starts_with(wanted, there) || sv_starts_with(there, wanted);
        }
        arena_rewind(arena, mark);
        if (touches && check_experiment(check, rows[i].id) != OK)
            return FAILED;
    }
    return OK;
}

static enum status by_model_source(struct check *check, struct sv source)
{
    struct model_source_name named;
    switch (model_source_names(source, &named)) {
    case MODEL_SOURCE_REGISTERED_MODEL:
        return by_model_name(check, named.name);
    case MODEL_SOURCE_LOGGED_MODEL:
        return by_logged_model_id(check, named.name);
    case MODEL_SOURCE_RUN:
        return by_run_id(check, named.name);
    default:
        return by_location(check, source);
    }
}

/* --- The gateway --- */

/* Who may not use an endpoint is not told whether it is there. */
static enum status by_endpoint_name(struct check *check, struct sv name)
{
    struct sv id;
    if (gateway_endpoint_id(check->things, name, &id) != OK)
        return FAILED;
    if (id.len)
        return by_endpoint_id(check, id);
    check->denied = true;
    return OK;
}

static enum status by_scorer_model(struct check *check, struct sv serialized)
{
    struct json_object *scorer;
    struct sv problem, endpoint = SV_ABSENT;
    if (json_parse(check->request->arena, serialized, &scorer, &problem) != JSON_OK)
        return OK;
    enum status status = scorer_model_endpoint(check->things, scorer, &endpoint);
    json_object_put(scorer);
    if (status != OK)
        return FAILED;
    return endpoint.len ? by_endpoint_id(check, endpoint) : OK;
}

/* --- All of them --- */

static const struct rule {
    enum status (*check)(struct check *check, struct sv name);
    bool looks_up;
} rules[RESOURCE_COUNT] = {
    [RESOURCE_EXPERIMENT] = {by_experiment_id, false},
    [RESOURCE_EXPERIMENT_NAME] = {by_experiment_name, true},
    [RESOURCE_RUN] = {by_run_id, true},
    [RESOURCE_LOGGED_MODEL] = {by_logged_model_id, true},
    [RESOURCE_REGISTERED_MODEL] = {by_model_name, false},
    [RESOURCE_MODEL_SOURCE] = {by_model_source, true},
    [RESOURCE_TRACE] = {by_trace_id, true},
    [RESOURCE_SCORER] = {by_scorer_name, false},
    [RESOURCE_SCORER_ID] = {by_scorer_id, true},
    [RESOURCE_SCORER_MODEL] = {by_scorer_model, true},
    [RESOURCE_EVALUATION_DATASET] = {by_dataset_id, true},
    [RESOURCE_ARTIFACT_PATH] = {by_artifact_path, false},
    [RESOURCE_LOCATION] = {by_location, true},
    [RESOURCE_SECRET] = {by_secret_id, false},
    [RESOURCE_ENDPOINT] = {by_endpoint_id, false},
    [RESOURCE_ENDPOINT_NAME] = {by_endpoint_name, true},
    [RESOURCE_MODEL_DEFINITION] = {by_definition_id, false},
    [RESOURCE_JOB] = {by_job, true},
};

bool permit_looks_up(enum resource resource)
{
    return rules[resource].looks_up;
}

bool permit_has_rights(enum resource resource)
{
    return rules[resource].check != NULL;
}

enum status permit_check_named(struct check *check, const struct named *named)
{
    for (size_t i = 0; i < named->count && !check->denied; i++)
        if (rules[check->need->resource].check(check, named->items[i]) != OK)
            return FAILED;
    return OK;
}
