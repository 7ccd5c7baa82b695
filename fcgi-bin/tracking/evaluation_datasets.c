#include "common/store/evaluation_datasets.h"

#include <stdio.h>

#include "common/base/arena_text.h"
#include "common/http/input.h"
#include "common/json/json_dump.h"
#include "common/store/dataset_records.h"
#include "common/store/evaluation_dataset_search.h"
#include "common/store/limits.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

/* --- Output --- */

static struct sv tags_text(struct arena *arena, const struct evaluation_dataset *dataset)
{
    struct arena_text text;
    arena_text_init(&text, arena);
    arena_text_add(&text, SV("{"));
    for (size_t i = 0; i < dataset->tag_count; i++) {
        if (i)
            arena_text_add(&text, SV(", "));
        json_dump_string(&text, dataset->tags[i].key);
        arena_text_add(&text, SV(": "));
        json_dump_string(&text, dataset->tags[i].value);
    }
    arena_text_add(&text, SV("}"));
    return arena_text_sv(&text);
}

static void put_id(struct json_writer *json, int64_t id)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)id);
    json_put_string(json, (struct sv){text, (size_t)len});
}

static void put_experiment_ids(struct json_writer *json, const int64_t *ids, size_t count)
{
    if (count == 0)
        return;
    json_key(json, "experiment_ids");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        put_id(json, ids[i]);
    json_end_array(json);
}

static void put_dataset_members(struct request *request, struct json_writer *json,
                                const struct evaluation_dataset *dataset)
{
    struct arena *arena = request->arena;
    json_put_string_field(json, "dataset_id", dataset->dataset_id);
    json_put_string_field(json, "name", dataset->name);
    json_put_string_field(json, "tags", tags_text(arena, dataset));
    json_put_string_field_if_set(json, "schema", dataset->schema);
    if (dataset->record_count)
        json_put_string_field(
            json, "profile",
            arena_printf(arena, "{\"num_records\": %lld}", (long long)dataset->record_count));
    json_put_string_field(json, "digest", dataset->digest);
    json_put_int_field(json, "created_time", dataset->created_time);
    json_put_int_field(json, "last_update_time", dataset->last_update_time);
    json_put_string_field_if_set(json, "created_by", dataset->created_by);
    json_put_string_field_if_set(json, "last_updated_by", dataset->last_updated_by);
}

/* Only the answer to a creation names the experiments. */
static enum status reply_dataset(struct request *request, struct sv dataset_id, bool created)
{
    struct evaluation_dataset dataset;
    const int64_t *experiments = NULL;
    size_t count = 0;
    if (evaluation_dataset_load(request_tx(request), dataset_id, &dataset) != OK ||
        (created &&
         evaluation_dataset_experiments(request_tx(request), dataset_id, &experiments, &count) != OK))
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "dataset");
    json_begin_object(json);
    put_dataset_members(request, json, &dataset);
    put_experiment_ids(json, experiments, count);
    json_end_object(json);
    json_end_object(json);
    return OK;
}

/* --- create, get, delete --- */

/* Tags come as the text of a JSON object. */
static enum status take_tags(struct request *request, struct sv text, struct json_object **tags)
{
    *tags = NULL;
    if (!text.len)
        return OK;
    if (take_json_text(request, text, "tags", tags) != OK)
        return FAILED;
    if (*tags && !json_object_is_type(*tags, json_type_object))
        return fail_invalid_value(request, *tags, "tags");
    return OK;
}

struct create_in {
    struct sv name;
    struct list experiment_ids;
    struct sv tags;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, name, STRING, .required = true),
    FIELD(struct create_in, experiment_ids, IDS),
    FIELD(struct create_in, tags, STRING),
    FIELDS_END,
};

static enum status create_dataset(struct request *request, const void *input)
{
    const struct create_in *in = input;
    struct json_object *tags;
    struct sv dataset_id;
    if (take_tags(request, in->tags, &tags) != OK ||
        evaluation_dataset_create(request_tx(request), in->name, in->experiment_ids.items,
                                  in->experiment_ids.count, tags, &dataset_id) != OK)
        return FAILED;
    return reply_dataset(request, dataset_id, true);
}

struct id_in {
    struct sv dataset_id;
};

static const struct field id_fields[] = {
    FIELD(struct id_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status get_dataset(struct request *request, const void *input)
{
    const struct id_in *in = input;
    return reply_dataset(request, in->dataset_id, false);
}

static enum status delete_dataset(struct request *request, const void *input)
{
    const struct id_in *in = input;
    if (evaluation_dataset_delete(request_tx(request), in->dataset_id) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- search --- */

struct search_in {
    struct list experiment_ids;
    struct sv filter_string;
    struct opt_int64 max_results;
    struct list order_by;
    struct sv page_token;
};

static const struct field search_fields[] = {
    FIELD(struct search_in, experiment_ids, IDS), FIELD(struct search_in, filter_string, STRING),
    FIELD(struct search_in, max_results, INT64),  FIELD(struct search_in, order_by, STRINGS),
    FIELD(struct search_in, page_token, STRING),  FIELDS_END,
};

static enum status put_page(struct request *request, struct json_writer *json,
                            const struct evaluation_dataset_page *page)
{
    if (page->count == 0)
        return OK;
    json_key(json, "datasets");
    json_begin_array(json);
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct evaluation_dataset dataset;
        if (evaluation_dataset_load(request_tx(request), page->dataset_ids[i], &dataset) != OK)
            return FAILED;
        json_begin_object(json);
        put_dataset_members(request, json, &dataset);
        json_end_object(json);
        arena_rewind(request->arena, mark);
    }
    json_end_array(json);
    return OK;
}

static enum status search_datasets(struct request *request, const void *input)
{
    const struct search_in *in = input;
    struct evaluation_dataset_search search = {
        .experiment_ids = in->experiment_ids.items,
        .experiment_count = in->experiment_ids.count,
        .filter = in->filter_string,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .page_token = in->page_token,
    };
    struct evaluation_dataset_page page;
    if (take_max_results(request, in->max_results, SEARCH_RESULTS_DEFAULT, &search.max_results) != OK)
        return FAILED;
    if (search.max_results > SEARCH_RESULTS_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value %lld for parameter 'max_results' supplied. It must be at most %d",
                    (long long)search.max_results, SEARCH_RESULTS_MAX);
    if (permit_filter(request, PERMISSION_ON_EXPERIMENT, PERMISSION_READ, &search.readable) != OK ||
        evaluation_dataset_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

/* --- tags --- */

struct set_tags_in {
    struct sv dataset_id;
    struct sv tags;
};

static const struct field set_tags_fields[] = {
    FIELD(struct set_tags_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELD(struct set_tags_in, tags, STRING, .required = true),
    FIELDS_END,
};

static enum status set_tags(struct request *request, const void *input)
{
    const struct set_tags_in *in = input;
    struct json_object *tags;
    if (take_tags(request, in->tags, &tags) != OK ||
        evaluation_dataset_set_tags(request_tx(request), in->dataset_id, tags) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv dataset_id;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true, .in_path = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (evaluation_dataset_delete_tag(request_tx(request), in->dataset_id, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- records --- */

struct upsert_in {
    struct sv dataset_id;
    struct sv records;
};

static const struct field upsert_fields[] = {
    FIELD(struct upsert_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELD(struct upsert_in, records, STRING, .required = true),
    FIELDS_END,
};

static enum status upsert_records(struct request *request, const void *input)
{
    const struct upsert_in *in = input;
    struct json_object *records;
    struct dataset_records_counts counts;
    if (take_json_text(request, in->records, "records", &records) != OK ||
        dataset_records_upsert(request_tx(request), in->dataset_id, records, &counts) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_int_field(json, "inserted_count", counts.inserted);
    json_put_int_field(json, "updated_count", counts.updated);
    json_end_object(json);
    return OK;
}

struct records_in {
    struct sv dataset_id;
    struct opt_int64 max_results;
    struct sv page_token;
};

static const struct field records_fields[] = {
    FIELD(struct records_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELD(struct records_in, max_results, INT64),
    FIELD(struct records_in, page_token, STRING),
    FIELDS_END,
};

static enum status get_records(struct request *request, const void *input)
{
    const struct records_in *in = input;
    struct opt_int64 given = in->max_results;
    struct dataset_records_page page;
    int64_t max_results;
    given.set = given.set && given.value != 0;
    if (take_max_results(request, given, DATASET_RECORDS_DEFAULT, &max_results) != OK ||
        dataset_records_list(request_tx(request), in->dataset_id, max_results, in->page_token, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "records", page.records);
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

/* --- experiments --- */

static enum status get_experiment_ids(struct request *request, const void *input)
{
    const struct id_in *in = input;
    const int64_t *ids;
    size_t count;
    if (evaluation_dataset_experiments(request_tx(request), in->dataset_id, &ids, &count) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    put_experiment_ids(json, ids, count);
    json_end_object(json);
    return OK;
}

struct experiments_in {
    struct sv dataset_id;
    struct list experiment_ids;
};

static const struct field experiments_fields[] = {
    FIELD(struct experiments_in, dataset_id, STRING, .required = true, .in_path = true),
    FIELD(struct experiments_in, experiment_ids, IDS, .required = true),
    FIELDS_END,
};

static enum status add_to_experiments(struct request *request, const void *input)
{
    const struct experiments_in *in = input;
    if (evaluation_dataset_add_experiments(request_tx(request), in->dataset_id, in->experiment_ids.items,
                                           in->experiment_ids.count) != OK)
        return FAILED;
    return reply_dataset(request, in->dataset_id, false);
}

static enum status remove_from_experiments(struct request *request, const void *input)
{
    const struct experiments_in *in = input;
    if (evaluation_dataset_remove_experiments(request_tx(request), in->dataset_id, in->experiment_ids.items,
                                              in->experiment_ids.count) != OK)
        return FAILED;
    return reply_dataset(request, in->dataset_id, false);
}

const struct operation evaluation_dataset_operations[] = {
    {
        .name = "createDataset",
        .area = "evaluation-datasets",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/create",
        .handler = create_dataset,
        .access = ACCESS_WRITE,
        .needs = NEEDS_OR(EXPERIMENT, EDIT, "experiment_ids", ""),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "searchEvaluationDatasets",
        .area = "evaluation-datasets",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/search",
        .handler = search_datasets,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {
        .name = "searchEvaluationDatasets",
        .area = "evaluation-datasets",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/search",
        .handler = search_datasets,
        .access = ACCESS_READ,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct search_in, search_fields),
    },
    {
        .name = "getDataset",
        .area = "evaluation-datasets",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}",
        .handler = get_dataset,
        .access = ACCESS_READ,
        .needs = NEEDS(EVALUATION_DATASET, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "deleteDataset",
        .area = "evaluation-datasets",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}",
        .handler = delete_dataset,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, MANAGE),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "setDatasetTags",
        .area = "evaluation-datasets",
        .method = METHOD_PATCH,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/tags",
        .handler = set_tags,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, EDIT),
        .input = INPUT(struct set_tags_in, set_tags_fields),
    },
    {
        .name = "deleteDatasetTag",
        .area = "evaluation-datasets",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/tags/{key}",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, EDIT),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {
        .name = "upsertDatasetRecords",
        .area = "evaluation-datasets",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/records",
        .handler = upsert_records,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, EDIT),
        .input = INPUT(struct upsert_in, upsert_fields),
    },
    {
        .name = "getDatasetRecords",
        .area = "evaluation-datasets",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/records",
        .handler = get_records,
        .access = ACCESS_READ,
        .needs = NEEDS(EVALUATION_DATASET, READ),
        .input = INPUT(struct records_in, records_fields),
    },
    {
        .name = "getDatasetExperimentIds",
        .area = "evaluation-datasets",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/experiment-ids",
        .handler = get_experiment_ids,
        .access = ACCESS_READ,
        .needs = NEEDS(EVALUATION_DATASET, READ),
        .input = INPUT(struct id_in, id_fields),
    },
    {
        .name = "addDatasetToExperiments",
        .area = "evaluation-datasets",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/add-experiments",
        .handler = add_to_experiments,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, EDIT),
        .also = ALSO(NEEDS(EXPERIMENT, EDIT)),
        .input = INPUT(struct experiments_in, experiments_fields),
    },
    {
        .name = "removeDatasetFromExperiments",
        .area = "evaluation-datasets",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/datasets/{dataset_id}/remove-experiments",
        .handler = remove_from_experiments,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EVALUATION_DATASET, EDIT),
        .also = ALSO(NEEDS(EXPERIMENT, EDIT)),
        .input = INPUT(struct experiments_in, experiments_fields),
    },
    {.path = NULL},
};
