#include "common/store/experiments.h"

#include "common/store/experiment_search.h"
#include "common/store/limits.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

static void put_experiment(struct json_writer *json, const struct experiment *experiment)
{
    json_begin_object(json);
    put_id_field(json, "experiment_id", experiment->id);
    json_put_string_field(json, "name", experiment->name);
    json_put_string_field(json, "artifact_location", experiment->artifact_location);
    json_put_string_field(json, "lifecycle_stage", sv_from(lifecycle_name(experiment->lifecycle)));
    json_put_int_field(json, "last_update_time", experiment->last_update_time);
    json_put_int_field(json, "creation_time", experiment->creation_time);
    put_key_values(json, "tags", experiment->tags, experiment->tag_count);
    json_end_object(json);
}

static enum status reply_experiment(struct request *request, const struct experiment *experiment)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "experiment");
    put_experiment(json, experiment);
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv name;
    struct sv artifact_location;
    struct list tags;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, name, STRING, .required = true),
    FIELD(struct create_in, artifact_location, STRING),
    FIELD(struct create_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status create_experiment(struct request *request, const void *input)
{
    const struct create_in *in = input;
    int64_t id;
    if (experiment_create(request_tx(request), in->name, in->artifact_location, in->tags.items,
                          in->tags.count, &id) != OK ||
        permit_grant_creator(request, PERMISSION_ON_EXPERIMENT,
                             arena_printf(request->arena, "%lld", (long long)id), SV_ABSENT) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    put_id_field(json, "experiment_id", id);
    json_end_object(json);
    return OK;
}

/* --- get, delete, restore --- */

struct id_in {
    struct sv experiment_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, experiment_id, ID, .required = true),
    FIELDS_END,
};

static enum status get_experiment(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct experiment experiment;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_load(request_tx(request), id, &experiment) != OK)
        return FAILED;
    return reply_experiment(request, &experiment);
}

static enum status delete_experiment(struct request *request, const void *input)
{
    const struct id_in *in = input;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_delete(request_tx(request), id) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status restore_experiment(struct request *request, const void *input)
{
    const struct id_in *in = input;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_restore(request_tx(request), id) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- get-by-name --- */

struct name_in {
    struct sv experiment_name;
};

static const struct field name_fields[] = {
    FIELD(struct name_in, experiment_name, STRING, .required = true),
    FIELDS_END,
};

static enum status get_experiment_by_name(struct request *request, const void *input)
{
    const struct name_in *in = input;
    struct experiment experiment;
    if (experiment_load_by_name(request_tx(request), in->experiment_name, &experiment) != OK)
        return FAILED;
    return reply_experiment(request, &experiment);
}

/* --- update --- */

struct update_in {
    struct sv experiment_id;
    struct sv new_name;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, experiment_id, ID, .required = true),
    FIELD(struct update_in, new_name, STRING, .required = true),
    FIELDS_END,
};

static enum status update_experiment(struct request *request, const void *input)
{
    const struct update_in *in = input;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_rename(request_tx(request), id, in->new_name) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- tags --- */

struct set_tag_in {
    struct sv experiment_id;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct set_tag_in, experiment_id, ID, .required = true),
    FIELD(struct set_tag_in, key, STRING, .required = true),
    FIELD(struct set_tag_in, value, STRING),
    FIELDS_END,
};

static enum status set_experiment_tag(struct request *request, const void *input)
{
    const struct set_tag_in *in = input;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_set_tag(request_tx(request), id, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv experiment_id;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, experiment_id, ID, .required = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_experiment_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    int64_t id;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &id) != OK ||
        experiment_delete_tag(request_tx(request), id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- search --- */

struct search_in {
    struct opt_int64 max_results;
    struct sv page_token;
    struct sv filter;
    struct list order_by;
    struct opt_int64 view_type;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, max_results, INT64),
    FIELD(struct search_in, page_token, STRING),
    FIELD(struct search_in, filter, STRING),
    FIELD(struct search_in, order_by, STRINGS),
    FIELD(struct search_in, view_type, ENUM, .enums = view_type_names),
    FIELDS_END,
};

static enum status put_page(struct request *request, struct json_writer *json,
                            const struct experiment_page *page)
{
    if (page->count == 0)
        return OK;
    json_key(json, "experiments");
    json_begin_array(json);
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct experiment experiment;
        if (experiment_load(request_tx(request), page->ids[i], &experiment) != OK)
            return FAILED;
        put_experiment(json, &experiment);
        arena_rewind(request->arena, mark);
    }
    json_end_array(json);
    return OK;
}

static enum status search_experiments(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct experiment_search search = {
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .view = in->view_type.set ? (enum view_type)in->view_type.value : VIEW_ACTIVE_ONLY,
        .page_token = in->page_token,
    };
    struct experiment_page page = {0};
    if (take_max_results(request, in->max_results, SEARCH_RESULTS_DEFAULT, &search.max_results) != OK)
        return FAILED;
    if (search.max_results > SEARCH_RESULTS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value %lld for parameter 'max_results' supplied. It must be at most %d",
                    (long long)search.max_results, SEARCH_RESULTS_MAX);
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search.readable) != OK ||
        experiment_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

const struct operation experiment_operations[] = {
    {
        .name = "createExperiment",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/create",
        .handler = create_experiment,
        .access = ACCESS_WRITE,
        .needs = NEEDS(ANY, NONE),
        .also = ALSO(NEEDS_IF(LOCATION, EDIT, "artifact_location")),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "getExperiment",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/get",
        .handler = get_experiment,
        .access = ACCESS_READ,
        .needs = NEEDS(EXPERIMENT, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "getExperimentByName",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/get-by-name",
        .handler = get_experiment_by_name,
        .access = ACCESS_READ,
        .needs = NEEDS(EXPERIMENT_NAME, READ),
        .input = INPUT(struct name_in, name_fields),
    },
    {
        .name = "updateExperiment",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/update",
        .handler = update_experiment,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, EDIT),
        .input = INPUT(struct update_in, update_fields),
    },
    {
        .name = "deleteExperiment",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/delete",
        .handler = delete_experiment,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "restoreExperiment",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/restore",
        .handler = restore_experiment,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "searchExperiments",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/search",
        .handler = search_experiments,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {
        .name = "searchExperiments",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/search",
        .handler = search_experiments,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {
        .name = "setExperimentTag",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/set-experiment-tag",
        .handler = set_experiment_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, EDIT),
        .input = INPUT(struct set_tag_in, set_tag_fields),
    },
    {
        .name = "deleteExperimentTag",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/experiments/delete-experiment-tag",
        .handler = delete_experiment_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, EDIT),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {.path = NULL},
};
