#include "common/artifacts/path.h"
#include "common/artifacts/repository.h"
#include "common/store/datasets.h"
#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/metrics.h"
#include "common/store/registry_search.h"
#include "common/store/run_search.h"
#include "fcgi-bin/tracking/graphql.h"

/* From the fields that are asked for to the store. What the user may not read is null. */

static enum status may_read(const struct graphql_call *call, int64_t experiment, bool *may)
{
    const struct graphql_context *context = call->context;
    return permission_filter_has(graphql_tracking(call), context->experiments, experiment, may);
}

/* --- Experiments --- */

static enum graphql_outcome find_experiment(struct graphql_call *call, int64_t id,
                                            struct graphql_result *result)
{
    struct experiment *experiment = ARENA_NEW(call->arena, struct experiment);
    bool may;
    if (may_read(call, id, &may) != OK)
        return graphql_failed(call);
    if (!may)
        return graphql_denied();
    if (experiment_load(graphql_tracking(call), id, experiment) != OK)
        return graphql_failed(call);
    result->object = experiment;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_get_experiment(struct graphql_call *call, const void *parent,
                                            struct graphql_result *result)
{
    struct sv text = graphql_text(call, "experimentId");
    int64_t id;
    (void)parent;
    if (!text.len && graphql_missing(call, "experiment_id") != OK)
        return graphql_failed(call);
    if (experiment_parse_id(graphql_tracking(call), text, &id) != OK)
        return graphql_failed(call);
    return find_experiment(call, id, result);
}

enum graphql_outcome graphql_experiment_of_run(struct graphql_call *call, const void *parent,
                                               struct graphql_result *result)
{
    const struct run *run = parent;
    return find_experiment(call, run->info.experiment_id, result);
}

/* --- Runs --- */

/* The run that the input names; DONE only if the user may read it. */
static enum graphql_outcome find_run(struct graphql_call *call, struct run_ref *ref)
{
    struct sv id = graphql_text(call, "runId");
    bool may;
    if (!id.len)
        id = graphql_text(call, "runUuid");
    if (!id.len && graphql_missing(call, "run_id") != OK)
        return graphql_failed(call);
    if (run_find(graphql_tracking(call), id, ref) != OK || may_read(call, ref->experiment_id, &may) != OK)
        return graphql_failed(call);
    return may ? GRAPHQL_DONE : graphql_denied();
}

enum graphql_outcome graphql_get_run(struct graphql_call *call, const void *parent,
                                     struct graphql_result *result)
{
    struct run *run = ARENA_NEW(call->arena, struct run);
    struct run_ref ref = {0};
    (void)parent;
    enum graphql_outcome outcome = find_run(call, &ref);
    if (outcome != GRAPHQL_DONE)
        return outcome;
    if (run_load(graphql_tracking(call), ref.id, run) != OK)
        return graphql_failed(call);
    result->object = run;
    return GRAPHQL_DONE;
}

/* Whether the user may read any of the experiments; those that are none are the search's to tell. */
static enum status may_read_any(const struct graphql_call *call, const struct sv *texts, size_t count,
                                bool *may)
{
    const struct graphql_context *context = call->context;
    int64_t *ids = ARENA_ARRAY(call->arena, int64_t, count);
    size_t left = count;
    for (size_t i = 0; i < count; i++)
        if (experiment_parse_id(graphql_tracking(call), texts[i], &ids[i]) != OK)
            return FAILED;
    if (permission_filter_ids(graphql_tracking(call), context->experiments, ids, &left) != OK)
        return FAILED;
    *may = left > 0 || count == 0;
    return OK;
}

static enum view_type view_of(struct sv name)
{
    for (const struct enum_name *each = view_type_names; each->name; each++)
        if (sv_equal(name, sv_from(each->name)))
            return (enum view_type)each->value;
    return VIEW_ACTIVE_ONLY;
}

enum graphql_outcome graphql_search_runs(struct graphql_call *call, const void *parent,
                                         struct graphql_result *result)
{
    const struct graphql_context *context = call->context;
    struct graphql_runs *found = ARENA_NEW(call->arena, struct graphql_runs);
    struct run_search search = {
        .filter = graphql_text(call, "filter"),
        .view = view_of(graphql_text(call, "runViewType")),
        .page_token = graphql_text(call, "pageToken"),
        .readable = context->experiments,
    };
    struct run_page page = {0};
    bool may = true;
    (void)parent;
    search.experiment_ids = graphql_texts(call, "experimentIds", &search.experiment_count);
    search.order_by = graphql_texts(call, "orderBy", &search.order_by_count);
    if (context->experiments &&
        may_read_any(call, search.experiment_ids, search.experiment_count, &may) != OK)
        return graphql_failed(call);
    if (!may)
        return graphql_denied();
    if (take_run_search_results(context->request, graphql_number(call, "maxResults"), &search.max_results) !=
            OK ||
        run_search(graphql_tracking(call), &search, &page) != OK)
        return graphql_failed(call);
    *found = (struct graphql_runs){page.ids, page.count, page.next_page_token};
    result->object = found;
    return GRAPHQL_DONE;
}

static enum graphql_outcome load_run(struct graphql_call *call, const struct graphql_result *list,
                                     size_t index, const void **object)
{
    const int64_t *ids = list->items;
    struct run *run = ARENA_NEW(call->arena, struct run);
    if (run_load(graphql_tracking(call), ids[index], run) != OK)
        return graphql_failed(call);
    *object = run;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_runs_found(struct graphql_call *call, const void *parent,
                                        struct graphql_result *result)
{
    const struct graphql_runs *found = parent;
    (void)call;
    *result = (struct graphql_result){.items = found->ids, .count = found->count, .load = load_run};
    return GRAPHQL_DONE;
}

/* --- Model versions --- */

static enum graphql_outcome load_version(struct graphql_call *call, const struct graphql_result *list,
                                         size_t index, const void **object)
{
    const int64_t *ids = list->items;
    struct model_version *version = ARENA_NEW(call->arena, struct model_version);
    if (model_version_load_by_id(graphql_registry(call), ids[index], version) != OK)
        return graphql_failed(call);
    *object = version;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_search_model_versions(struct graphql_call *call, const void *parent,
                                                   struct graphql_result *result)
{
    const struct graphql_context *context = call->context;
    struct graphql_versions *found = ARENA_NEW(call->arena, struct graphql_versions);
    struct registry_search search = {
        .filter = graphql_text(call, "filter"),
        .page_token = graphql_text(call, "pageToken"),
        .readable = context->models,
    };
    struct registry_page page = {0};
    (void)parent;
    search.order_by = graphql_texts(call, "orderBy", &search.order_by_count);
    if (take_version_search_results(context->request, graphql_number(call, "maxResults"),
                                    &search.max_results) != OK ||
        model_version_search(graphql_registry(call), &search, &page) != OK)
        return graphql_failed(call);
    *found = (struct graphql_versions){page.ids, page.count, page.next_page_token};
    result->object = found;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_versions_found(struct graphql_call *call, const void *parent,
                                            struct graphql_result *result)
{
    const struct graphql_versions *found = parent;
    (void)call;
    *result = (struct graphql_result){.items = found->ids, .count = found->count, .load = load_version};
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_versions_of_run(struct graphql_call *call, const void *parent,
                                             struct graphql_result *result)
{
    const struct graphql_context *context = call->context;
    const struct run *run = parent;
    struct registry_search search = {
        .filter = arena_printf(call->arena, "run_id='%.*s'", SV_ARG(run->info.run_id)),
        .max_results = SEARCH_VERSIONS_MAX,
        .readable = context->models,
    };
    struct registry_page page = {0};
    if (model_version_search(graphql_registry(call), &search, &page) != OK)
        return graphql_failed(call);
    *result = (struct graphql_result){.items = page.ids, .count = page.count, .load = load_version};
    return GRAPHQL_DONE;
}

/* --- Artifacts --- */

/* The snapshot ends before the folder is read, which may lie on another continent. */
static enum status read_folder(struct graphql_call *call, int64_t run, struct sv folder,
                               struct graphql_files *files)
{
    struct request *request = graphql_request_of(call);
    struct run_info info;
    struct artifact_entry *entries;
    if (run_info_load(graphql_tracking(call), run, &info) != OK || request_commit(request) != OK ||
        list_artifact_files(request, info.artifact_uri, folder, &entries, &files->count) != OK)
        return FAILED;
    files->entries = entries;
    files->root_uri = info.artifact_uri;
    files->folder = folder.len ? arena_printf(call->arena, "%.*s/", SV_ARG(folder)) : SV("");
    return OK;
}

/* The fields behind it need a snapshot again. */
static enum status begin_again(struct graphql_call *call)
{
    struct request *request = graphql_request_of(call);
    if (request->transaction)
        return OK;
    return request_begin(request, ACCESS_READ) == OK && graphql_tracking(call) ? OK : FAILED;
}

enum graphql_outcome graphql_list_artifacts(struct graphql_call *call, const void *parent,
                                            struct graphql_result *result)
{
    struct request *request = graphql_request_of(call);
    struct graphql_files *files = ARENA_NEW(call->arena, struct graphql_files);
    struct run_ref ref = {0};
    struct sv folder;
    (void)parent;
    enum graphql_outcome outcome = find_run(call, &ref);
    if (outcome != GRAPHQL_DONE)
        return outcome;
    if (artifact_path_check(call->arena, &request->error, graphql_text(call, "path"), &folder) != OK)
        return graphql_failed(call);
    outcome = read_folder(call, ref.id, folder, files) == OK ? GRAPHQL_DONE : graphql_failed(call);
    if (outcome != GRAPHQL_STOPPED && begin_again(call) != OK)
        return GRAPHQL_STOPPED;
    result->object = files;
    return outcome;
}

static enum graphql_outcome load_file(struct graphql_call *call, const struct graphql_result *list,
                                      size_t index, const void **object)
{
    const struct graphql_files *files = list->items;
    const struct artifact_entry *entry = &files->entries[index];
    struct graphql_file *file = ARENA_NEW(call->arena, struct graphql_file);
    *file = (struct graphql_file){
        .path = arena_printf(call->arena, "%.*s%.*s", SV_ARG(files->folder), SV_ARG(entry->name)),
        .is_dir = entry->is_dir,
        .size = entry->is_dir ? 0 : entry->size,
    };
    *object = file;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_files_found(struct graphql_call *call, const void *parent,
                                         struct graphql_result *result)
{
    const struct graphql_files *files = parent;
    (void)call;
    *result = (struct graphql_result){.items = files, .count = files->count, .load = load_file};
    return GRAPHQL_DONE;
}

/* --- Datasets --- */

enum graphql_outcome graphql_search_datasets(struct graphql_call *call, const void *parent,
                                             struct graphql_result *result)
{
    const struct graphql_context *context = call->context;
    struct graphql_summaries *found = ARENA_NEW(call->arena, struct graphql_summaries);
    struct dataset_summary *items;
    size_t count;
    const struct sv *texts = graphql_texts(call, "experimentIds", &count);
    int64_t *ids;
    (void)parent;
    if (take_dataset_experiments(context->request, texts, count, &ids) != OK ||
        permission_filter_ids(graphql_tracking(call), context->experiments, ids, &count) != OK)
        return graphql_failed(call);
    if (!count)
        return graphql_denied();
    if (dataset_search(graphql_tracking(call), ids, count, SEARCH_DATASETS_ROWS_MAX, &items, &found->count) !=
        OK)
        return graphql_failed(call);
    found->items = items;
    result->object = found;
    return GRAPHQL_DONE;
}

/* --- Histories of metrics --- */

/* Unknown runs have no points; but who may not see all runs is not told which there are. */
static enum graphql_outcome may_read_runs(struct graphql_call *call, const struct sv *ids, size_t count)
{
    const struct graphql_context *context = call->context;
    for (size_t i = 0; context->experiments && i < count; i++) {
        struct run_ref ref = {0};
        bool may;
        if (run_find(graphql_tracking(call), ids[i], &ref) != OK ||
            may_read(call, ref.experiment_id, &may) != OK)
            return graphql_failed(call);
        if (!may)
            return graphql_denied();
    }
    return GRAPHQL_DONE;
}

static enum status check_points(struct graphql_call *call, const struct metric_sample *sample)
{
    if (!sample->run_count)
        return graphql_missing(call, "run_ids");
    if (!sample->key.len)
        return graphql_missing(call, "metric_key");
    return check_interval(graphql_request_of(call), sample->run_count, graphql_number(call, "startStep"),
                          graphql_number(call, "endStep"), graphql_number(call, "maxResults"));
}

static enum status read_points(struct graphql_call *call, const struct metric_sample *sample,
                               struct graphql_points *found)
{
    struct metric_point **points = ARENA_ARRAY(call->arena, struct metric_point *, sample->run_count);
    size_t *ends = ARENA_ARRAY(call->arena, size_t, sample->run_count);
    int64_t *steps;
    size_t step_count, count;
    if (metric_sample_steps(graphql_tracking(call), sample, &steps, &step_count) != OK)
        return FAILED;
    for (size_t i = 0; i < sample->run_count; i++) {
        if (metric_points_at(graphql_tracking(call), sample->run_ids[i], sample->key, steps, step_count,
                             BULK_HISTORY_POINTS_MAX, &points[i], &count) != OK)
            return FAILED;
        found->count += count;
        ends[i] = found->count;
    }
    found->points = points;
    found->ends = ends;
    return OK;
}

enum graphql_outcome graphql_metric_interval(struct graphql_call *call, const void *parent,
                                             struct graphql_result *result)
{
    struct graphql_points *found = ARENA_NEW(call->arena, struct graphql_points);
    struct opt_int64 start = graphql_number(call, "startStep"), end = graphql_number(call, "endStep");
    struct opt_int64 max_results = graphql_number(call, "maxResults");
    struct metric_sample sample = {
        .key = graphql_text(call, "metricKey"),
        .has_range = start.set,
        .start_step = start.value,
        .end_step = end.value,
        .max_results = max_results.set ? (size_t)max_results.value : BULK_INTERVAL_RESULTS_MAX,
    };
    (void)parent;
    sample.run_ids = graphql_texts(call, "runIds", &sample.run_count);
    if (check_points(call, &sample) != OK)
        return graphql_failed(call);
    enum graphql_outcome outcome = may_read_runs(call, sample.run_ids, sample.run_count);
    if (outcome != GRAPHQL_DONE)
        return outcome;
    if (read_points(call, &sample, found) != OK)
        return graphql_failed(call);
    found->key = sample.key;
    found->run_ids = sample.run_ids;
    found->run_count = sample.run_count;
    result->object = found;
    return GRAPHQL_DONE;
}

static enum graphql_outcome load_point(struct graphql_call *call, const struct graphql_result *list,
                                       size_t index, const void **object)
{
    const struct graphql_points *found = list->items;
    struct graphql_point *point = ARENA_NEW(call->arena, struct graphql_point);
    size_t run = 0;
    while (found->ends[run] <= index)
        run++;
    const struct metric_point *stored = &found->points[run][index - (run ? found->ends[run - 1] : 0)];
    *point = (struct graphql_point){
        .key = found->key,
        .run_id = found->run_ids[run],
        .value = stored->value,
        .timestamp = stored->timestamp,
        .step = stored->step,
    };
    *object = point;
    return GRAPHQL_DONE;
}

enum graphql_outcome graphql_points_found(struct graphql_call *call, const void *parent,
                                          struct graphql_result *result)
{
    const struct graphql_points *found = parent;
    (void)call;
    *result = (struct graphql_result){.items = found, .count = found->count, .load = load_point};
    return GRAPHQL_DONE;
}
