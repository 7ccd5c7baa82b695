#include "common/store/runs.h"

#include "common/store/experiments.h"
#include "common/store/limits.h"
#include "common/store/run_search.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

static const struct enum_name run_status_names[] = {
    {"RUNNING", RUN_RUNNING}, {"SCHEDULED", RUN_SCHEDULED}, {"FINISHED", RUN_FINISHED},
    {"FAILED", RUN_FAILED},   {"KILLED", RUN_KILLED},       {NULL, 0},
};

static enum status reply_run(struct request *request, int64_t id, enum run_parts parts)
{
    struct run run;
    if (run_load(request_tx(request), id, &run) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "run");
    put_run(json, &run, parts);
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv experiment_id;
    struct sv user_id;
    struct opt_int64 start_time;
    struct sv run_name;
    struct list tags;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, experiment_id, ID),
    FIELD(struct create_in, user_id, STRING),
    FIELD(struct create_in, start_time, INT64),
    FIELD(struct create_in, run_name, STRING),
    FIELD(struct create_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELDS_END,
};

static enum status create_run(struct request *request, const void *input)
{
    const struct create_in *in = input;
    struct run_create create = {
        .user_id = in->user_id,
        .start_time = in->start_time.value,
        .name = in->run_name,
        .tags = in->tags.items,
        .tag_count = in->tags.count,
    };
    int64_t id;
    if (in->experiment_id.len &&
        experiment_parse_id(request_tx(request), in->experiment_id, &create.experiment_id) != OK)
        return FAILED;
    if (run_create(request_tx(request), &create, &id) != OK)
        return FAILED;
    return reply_run(request, id, RUN_CREATED);
}

/* --- get, delete, restore --- */

struct id_in {
    struct sv run_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELDS_END,
};

static enum status get_run(struct request *request, const void *input)
{
    const struct id_in *in = input;
    struct run_ref ref;
    if (run_find(request_tx(request), in->run_id, &ref) != OK)
        return FAILED;
    return reply_run(request, ref.id, RUN_WHOLE);
}

static enum status delete_run(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return run_delete(request_tx(request), in->run_id) == OK ? reply_empty(request) : FAILED;
}

static enum status restore_run(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return run_restore(request_tx(request), in->run_id) == OK ? reply_empty(request) : FAILED;
}

/* --- update --- */

struct update_in {
    struct sv run_id;
    struct opt_int64 status;
    struct opt_int64 end_time;
    struct sv run_name;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct update_in, status, ENUM, .enums = run_status_names),
    FIELD(struct update_in, end_time, INT64),
    FIELD(struct update_in, run_name, STRING),
    FIELDS_END,
};

static enum status update_run(struct request *request, const void *input)
{
    const struct update_in *in = input;
    struct run_update update = {
        .has_status = in->status.set,
        .status = (enum run_status)in->status.value,
        .has_end_time = in->end_time.set,
        .end_time = in->end_time.value,
        .name = in->run_name,
    };
    struct run_info info;
    if (run_update(request_tx(request), in->run_id, &update, &info) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "run_info");
    put_run_info(json, &info);
    json_end_object(json);
    return OK;
}

/* --- search --- */

struct search_in {
    struct list experiment_ids;
    struct sv filter;
    struct opt_int64 run_view_type;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, experiment_ids, IDS),
    FIELD(struct search_in, filter, STRING),
    FIELD(struct search_in, run_view_type, ENUM, .enums = view_type_names),
    FIELD(struct search_in, max_results, INT32),
    FIELD(struct search_in, order_by, STRINGS),
    FIELD(struct search_in, page_token, STRING),
    FIELDS_END,
};

/* Writes the runs one by one and keeps none, so that a page of any size takes little memory. A run that
 * vanished since the search is left out. */
static enum status put_page(struct request *request, struct json_writer *json, const struct run_page *page)
{
    bool any = false;
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct run run;
        if (run_load(request_tx(request), page->ids[i], &run) == OK) {
            if (!any) {
                json_key(json, "runs");
                json_begin_array(json);
            }
            any = true;
            put_run(json, &run, RUN_FOUND);
        } else if (request->error.code != RESOURCE_DOES_NOT_EXIST) {
            return FAILED;
        }
        error_clear(&request->error);
        arena_rewind(request->arena, mark);
        if (reply_drain(request, false) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    return OK;
}

enum status take_run_search_results(struct request *request, struct opt_int64 given, int64_t *value)
{
    if (take_max_results(request, given, SEARCH_RESULTS_DEFAULT, value) != OK)
        return FAILED;
    if (*value > SEARCH_RESULTS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value %lld for parameter 'max_results' supplied:  Hint: Value was of type "
                    "'int'." API_DOCS_TAIL,
                    (long long)*value);
    return OK;
}

static enum status search_runs(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct run_search search = {
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .view = in->run_view_type.set ? (enum view_type)in->run_view_type.value : VIEW_ACTIVE_ONLY,
        .page_token = in->page_token,
    };
    struct run_page page = {0};
    if (take_run_search_results(request, in->max_results, &search.max_results) != OK ||
        permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search.readable) != OK ||
        run_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

const struct operation run_operations[] = {
    {
        .name = "createRun",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/create",
        .handler = create_run,
        .access = ACCESS_WRITE,
        .needs = NEEDS_OR(EXPERIMENT, EDIT, "experiment_id", "0"),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "getRun",
        .area = "tracking",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/get",
        .handler = get_run,
        .access = ACCESS_READ,
        .needs = NEEDS(RUN, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "updateRun",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/update",
        .handler = update_run,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, EDIT),
        .input = INPUT(struct update_in, update_fields),
    },
    {
        .name = "deleteRun",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/delete",
        .handler = delete_run,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "restoreRun",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/restore",
        .handler = restore_run,
        .access = ACCESS_WRITE,
        .needs = NEEDS(RUN, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "searchRuns",
        .area = "tracking",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/runs/search",
        .handler = search_runs,
        .access = ACCESS_STREAM_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {.path = NULL},
};
