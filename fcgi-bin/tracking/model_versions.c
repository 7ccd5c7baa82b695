#include "common/store/model_versions.h"

#include "common/store/limits.h"
#include "common/store/model_source.h"
#include "common/store/registry_search.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

static void put_model_version(struct json_writer *json, const struct model_version *version)
{
    json_begin_object(json);
    json_put_string_field(json, "name", version->name);
    put_id_field(json, "version", version->version);
    json_put_int_field(json, "creation_timestamp", version->creation_time);
    json_put_int_field(json, "last_updated_timestamp", version->last_update_time);
    json_put_string_field(json, "current_stage", sv_from(model_stage_name(version->stage)));
    json_put_string_field_if_set(json, "description", version->description);
    json_put_string_field(json, "source", version->source);
    json_put_string_field(json, "run_id", version->run_id);
    json_put_string_field(json, "status", SV("READY"));
    put_key_values(json, "tags", version->tags, version->tag_count);
    json_put_string_field(json, "run_link", version->run_link);
    if (version->alias_count) {
        json_key(json, "aliases");
        json_begin_array(json);
        for (size_t i = 0; i < version->alias_count; i++)
            json_put_string(json, version->aliases[i]);
        json_end_array(json);
    }
    json_end_object(json);
}

void put_model_versions(struct json_writer *json, const char *name, const struct model_version *versions,
                        size_t count)
{
    if (count == 0)
        return;
    json_key(json, name);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        put_model_version(json, &versions[i]);
    json_end_array(json);
}

enum status reply_model_version(struct request *request, const struct model_version *version)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "model_version");
    put_model_version(json, version);
    json_end_object(json);
    return OK;
}

static enum status load_and_reply(struct request *request, struct sv name, struct sv number)
{
    struct model_version version;
    if (model_version_load(request_tx(request), name, number, &version) != OK)
        return FAILED;
    return reply_model_version(request, &version);
}

/* --- create --- */

struct create_in {
    struct sv name;
    struct sv source;
    struct sv run_id;
    struct list tags;
    struct sv run_link;
    struct sv description;
    struct sv model_id;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, name, STRING, .required = true),
    FIELD(struct create_in, source, STRING, .required = true),
    FIELD(struct create_in, run_id, STRING),
    FIELD(struct create_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct create_in, run_link, STRING),
    FIELD(struct create_in, description, STRING),
    FIELD(struct create_in, model_id, STRING),
    FIELDS_END,
};

static enum status create_model_version(struct request *request, const void *input)
{
    const struct create_in *in = input;
    struct model_version_create create = {
        .name = in->name,
        .source = in->source,
        .run_id = in->run_id,
        .run_link = in->run_link,
        .description = in->description,
        .model_id = in->model_id,
        .tags = in->tags.items,
        .tag_count = in->tags.count,
    };
    struct model_version version;
    struct store_tx *tracking = request_tracking_tx(request, in->model_id.len ? DB_WRITE : DB_READ);
    if (!tracking || model_version_create(request_tx(request), tracking, &create, &version) != OK)
        return FAILED;
    return reply_model_version(request, &version);
}

/* --- get, delete, get-download-uri --- */

struct version_in {
    struct sv name;
    struct sv version;
};

static const struct field version_fields[] = {
    FIELD(struct version_in, name, STRING, .required = true),
    FIELD(struct version_in, version, STRING, .required = true),
    FIELDS_END,
};

static enum status get_model_version(struct request *request, const void *input)
{
    const struct version_in *in = input;
    return load_and_reply(request, in->name, in->version);
}

static enum status delete_model_version(struct request *request, const void *input)
{
    const struct version_in *in = input;
    if (model_version_delete(request_tx(request), in->name, in->version) != OK)
        return FAILED;
    return reply_empty(request);
}

static const struct field download_uri_fields[] = {
    FIELD(struct version_in, name, STRING),
    FIELD(struct version_in, version, STRING),
    FIELDS_END,
};

static enum status get_download_uri(struct request *request, const void *input)
{
    const struct version_in *in = input;
    struct model_version version;
    if (!in->name.len)
        return fail(request, INVALID_PARAMETER_VALUE, "Missing value for required parameter 'name'.");
    if (model_version_load(request_tx(request), in->name, in->version, &version) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "artifact_uri", model_location_shown(version.location));
    json_end_object(json);
    return OK;
}

/* --- update --- */

struct update_in {
    struct sv name;
    struct sv version;
    struct sv description;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, name, STRING, .required = true),
    FIELD(struct update_in, version, STRING, .required = true),
    FIELD(struct update_in, description, STRING),
    FIELDS_END,
};

static enum status update_model_version(struct request *request, const void *input)
{
    const struct update_in *in = input;
    if (model_version_update(request_tx(request), in->name, in->version, in->description) != OK)
        return FAILED;
    return load_and_reply(request, in->name, in->version);
}

/* --- transition-stage --- */

struct transition_in {
    struct sv name;
    struct sv version;
    struct sv stage;
    struct opt_bool archive_existing_versions;
};

static const struct field transition_fields[] = {
    FIELD(struct transition_in, name, STRING, .required = true),
    FIELD(struct transition_in, version, STRING, .required = true),
    FIELD(struct transition_in, stage, STRING, .required = true),
    FIELD(struct transition_in, archive_existing_versions, BOOL),
    FIELDS_END,
};

static enum status transition_stage(struct request *request, const void *input)
{
    const struct transition_in *in = input;
    if (model_version_transition(request_tx(request), in->name, in->version, in->stage,
                                 in->archive_existing_versions.value) != OK)
        return FAILED;
    return load_and_reply(request, in->name, in->version);
}

/* --- tags --- */

struct set_tag_in {
    struct sv name;
    struct sv version;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct set_tag_in, name, STRING, .required = true),
    FIELD(struct set_tag_in, version, STRING, .required = true),
    FIELD(struct set_tag_in, key, STRING, .required = true),
    FIELD(struct set_tag_in, value, STRING),
    FIELDS_END,
};

static enum status set_tag(struct request *request, const void *input)
{
    const struct set_tag_in *in = input;
    if (model_version_set_tag(request_tx(request), in->name, in->version, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv name;
    struct sv version;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, name, STRING, .required = true),
    FIELD(struct delete_tag_in, version, STRING, .required = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (model_version_delete_tag(request_tx(request), in->name, in->version, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- search --- */

const struct field registry_search_fields[] = {
    FIELD(struct registry_search_in, filter, STRING),
    FIELD(struct registry_search_in, max_results, INT64),
    FIELD(struct registry_search_in, order_by, STRINGS),
    FIELD(struct registry_search_in, page_token, STRING),
    FIELDS_END,
};

enum status fail_max_results(struct request *request, int64_t value)
{
    bool is_query = request->query.len > 0;
    return fail(request, INVALID_PARAMETER_VALUE,
                "Invalid value %s%lld%s for parameter 'max_results' supplied:  Hint: Value was of type "
                "'%s'." API_DOCS_TAIL,
                is_query ? "\"" : "", (long long)value, is_query ? "\"" : "", is_query ? "str" : "int");
}

/* Writes the versions one by one and keeps none, so that a page of any size takes little memory. A version
 * that vanished since the search is left out. */
static enum status put_page(struct request *request, struct json_writer *json,
                            const struct registry_page *page)
{
    bool any = false;
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct model_version version;
        if (model_version_load_by_id(request_tx(request), page->ids[i], &version) == OK) {
            if (!any) {
                json_key(json, "model_versions");
                json_begin_array(json);
            }
            any = true;
            put_model_version(json, &version);
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

enum status take_version_search_results(struct request *request, struct opt_int64 given, int64_t *value)
{
    *value = given.set ? given.value : SEARCH_VERSIONS_MAX;
    if (*value < 1)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "Invalid value for max_results. It must be a positive integer, but got %lld",
                    (long long)*value);
    return *value > SEARCH_VERSIONS_MAX ? fail_max_results(request, *value) : OK;
}

static enum status search_model_versions(struct request *request, const void *input)
{
    const struct registry_search_in *in = input;
    struct registry_search search = {
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .page_token = in->page_token,
    };
    struct registry_page page = {0};
    if (take_version_search_results(request, in->max_results, &search.max_results) != OK ||
        permit_filter(request, PERMISSION_ON_REGISTERED_MODEL, PERMISSION_READ, &search.readable) != OK ||
        model_version_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

const struct operation model_version_operations[] = {
    {
        .name = "createModelVersion",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/create",
        .handler = create_model_version,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .also = ALSO(NEEDS_IF(RUN, READ, "run_id"), NEEDS_IF(LOGGED_MODEL, READ, "model_id"),
                     NEEDS_IF(MODEL_SOURCE, READ, "source")),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "getModelVersion",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/get",
        .handler = get_model_version,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct version_in, version_fields),
    },
    {
        .name = "updateModelVersion",
        .area = "registry",
        .method = METHOD_PATCH,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/update",
        .handler = update_model_version,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct update_in, update_fields),
    },
    {
        .name = "transitionModelVersionStage",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/transition-stage",
        .handler = transition_stage,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct transition_in, transition_fields),
    },
    {
        .name = "deleteModelVersion",
        .area = "registry",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/delete",
        .handler = delete_model_version,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, MANAGE),
        .input = INPUT(struct version_in, version_fields),
    },
    {
        .name = "searchModelVersions",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/search",
        .handler = search_model_versions,
        .access = ACCESS_STREAM_READ,
        .registry = true,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct registry_search_in, registry_search_fields),
    },
    {
        .name = "getModelVersionDownloadUri",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/get-download-uri",
        .handler = get_download_uri,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS_IF(REGISTERED_MODEL, READ, "name"),
        .input = INPUT(struct version_in, download_uri_fields),
    },
    {
        .name = "setModelVersionTag",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/set-tag",
        .handler = set_tag,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct set_tag_in, set_tag_fields),
    },
    {
        .name = "deleteModelVersionTag",
        .area = "registry",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/model-versions/delete-tag",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, MANAGE),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {.path = NULL},
};
