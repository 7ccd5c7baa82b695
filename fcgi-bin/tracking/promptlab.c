#include <json-c/json.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/experiments.h"
#include "common/store/run_data.h"
#include "fcgi-bin/tracking/promptlab.h"
#include "fcgi-bin/tracking/tracking.h"

/* A run made by the page's prompt laboratory: one prompt, one answer, kept as a finished run with a table and
 * a model. */

static const struct field parameter_fields[] = {
    FIELD(struct promptlab_parameter, key, STRING, .required = true),
    FIELD(struct promptlab_parameter, value, JSON),
    FIELDS_END,
};

#define PARAMETERS(member_)                                               \
    FIELD(struct promptlab, member_, OBJECTS, .fields = parameter_fields, \
          .size = sizeof(struct promptlab_parameter))

static const struct field promptlab_fields[] = {
    FIELD(struct promptlab, experiment_id, ID),
    FIELD(struct promptlab, run_name, STRING),
    FIELD(struct promptlab, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct promptlab, prompt_template, STRING),
    PARAMETERS(prompt_parameters),
    FIELD(struct promptlab, model_route, STRING),
    PARAMETERS(model_parameters),
    FIELD(struct promptlab, model_input, STRING),
    FIELD(struct promptlab, model_output, STRING),
    PARAMETERS(model_output_parameters),
    FIELD(struct promptlab, mlflow_version, STRING),
    FIELD(struct promptlab, user_id, STRING),
    FIELD(struct promptlab, start_time, INT64),
    FIELDS_END,
};

static enum status check_required(struct request *request, const struct promptlab *in)
{
    const struct {
        const char *name;
        bool given;
    } required[] = {
        {"experiment_id", in->experiment_id.len},
        {"prompt_template", in->prompt_template.len},
        {"prompt_parameters", in->prompt_parameters.count},
        {"model_route", in->model_route.len},
        {"model_input", in->model_input.len},
        {"mlflow_version", in->mlflow_version.len},
    };
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!required[i].given)
            return fail(request, INVALID_PARAMETER_VALUE, "CreatePromptlabRun request must specify %s.",
                        required[i].name);
    }
    return OK;
}

/* The model's parameters as the run's, and how the prompt was made. */
static enum status log_params(struct request *request, const struct promptlab *in, struct sv run_id)
{
    const struct promptlab_parameter *given = in->model_parameters.items;
    size_t count = in->model_parameters.count;
    struct key_value *params = ARENA_ARRAY(request->arena, struct key_value, count + 2);
    for (size_t i = 0; i < count; i++)
        params[i] = (struct key_value){given[i].key, promptlab_text(request->arena, given[i].value)};
    params[count] = (struct key_value){SV("model_route"), in->model_route};
    params[count + 1] = (struct key_value){SV("prompt_template"), in->prompt_template};
    const struct key_value tags[] = {
        {SV("mlflow.loggedArtifacts"), SV("[{\"path\": \"" PROMPTLAB_TABLE "\", \"type\": \"table\"}]")},
        {SV("mlflow.runSourceType"), SV("PROMPT_ENGINEERING")},
    };
    struct run_batch batch = {.params = params,
                              .param_count = count + 2,
                              .tags = tags,
                              .tag_count = sizeof(tags) / sizeof(tags[0])};
    return run_log_batch(request_tx(request), run_id, &batch);
}

static enum status store_run(struct request *request, const struct promptlab *in,
                             struct promptlab_model *model, struct run_info *info)
{
    struct store_tx *tx = request_tx(request);
    struct run_create create = {
        .user_id = in->user_id.data ? in->user_id : SV("unknown"),
        .start_time = in->start_time.set ? in->start_time.value : clock_now_ms(),
        .name = in->run_name,
        .tags = in->tags.items,
        .tag_count = in->tags.count,
    };
    int64_t id;
    if (experiment_parse_id(tx, in->experiment_id, &create.experiment_id) != OK ||
        run_create(tx, &create, &id) != OK || run_info_load(tx, id, info) != OK ||
        log_params(request, in, info->run_id) != OK)
        return FAILED;
    *model = promptlab_model(request->arena, in, info->run_id);
    return run_log_model(tx, info->run_id, promptlab_description(request->arena, model));
}

/* Files are written while no transaction is open. What goes wrong is told by the run's status, as the run
 * itself is made. */
static enum run_status write_files(struct request *request, const struct promptlab *in,
                                   const struct promptlab_model *model, struct sv artifact_uri)
{
    struct error problem = {.code = ERROR_NONE};
    struct local_root root;
    if (artifact_resolve(request_artifacts(request), request->arena, &problem, artifact_uri, &root) == OK &&
        promptlab_write(request->arena, &problem, &root, in, model) == OK)
        return RUN_FINISHED;
    log_error("id=%s the artifacts of run %.*s could not be written: %.*s %.*s", request->id,
              SV_ARG(model->run_id), SV_ARG(problem.message), SV_ARG(problem.detail));
    return RUN_FAILED;
}

static enum status end_run(struct request *request, const struct run_info *info, enum run_status status,
                           struct run *run)
{
    struct run_update update = {
        .has_status = true,
        .status = status,
        .has_end_time = true,
        .end_time = clock_now_ms(),
    };
    struct run_info updated;
    if (run_update(request_tx(request), info->run_id, &update, &updated) != OK)
        return FAILED;
    return run_load(request_tx(request), info->id, run);
}

static enum status create_promptlab_run(struct request *request, const void *input)
{
    const struct promptlab *in = input;
    struct promptlab_model model;
    struct run_info info;
    struct run run;
    if (check_required(request, in) != OK || request_begin(request, ACCESS_WRITE) != OK ||
        store_run(request, in, &model, &info) != OK || request_commit(request) != OK)
        return FAILED;
    enum run_status status = write_files(request, in, &model, info.artifact_uri);
    if (request_begin(request, ACCESS_WRITE) != OK || end_run(request, &info, status, &run) != OK ||
        request_commit(request) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "run");
    put_run(json, &run, RUN_WHOLE);
    json_end_object(json);
    return OK;
}

const struct operation promptlab_operations[] = {
    {
        .name = "createPromptlabRun",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_AJAX_2,
        .path = "/mlflow/runs/create-promptlab-run",
        .handler = create_promptlab_run,
        .access = ACCESS_NONE,
        .needs = NEEDS_IF(EXPERIMENT, EDIT, "experiment_id"),
        .input = INPUT(struct promptlab, promptlab_fields),
    },
    {.path = NULL},
};
