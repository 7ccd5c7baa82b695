#include "common/store/registered_models.h"

#include "common/store/limits.h"
#include "common/store/model_aliases.h"
#include "common/store/registry_search.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

static void put_aliases(struct json_writer *json, const struct registered_model *model)
{
    if (model->alias_count == 0)
        return;
    json_key(json, "aliases");
    json_begin_array(json);
    for (size_t i = 0; i < model->alias_count; i++) {
        json_begin_object(json);
        json_put_string_field(json, "alias", model->aliases[i].alias);
        put_id_field(json, "version", model->aliases[i].version);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_registered_model(struct json_writer *json, const struct registered_model *model)
{
    json_begin_object(json);
    json_put_string_field(json, "name", model->name);
    json_put_int_field(json, "creation_timestamp", model->creation_time);
    json_put_int_field(json, "last_updated_timestamp", model->last_update_time);
    json_put_string_field_if_set(json, "description", model->description);
    put_model_versions(json, "latest_versions", model->latest, model->latest_count);
    put_key_values(json, "tags", model->tags, model->tag_count);
    put_aliases(json, model);
    json_end_object(json);
}

static enum status reply_registered_model(struct request *request, struct sv name)
{
    struct registered_model model;
    if (registered_model_load(request_tx(request), name, &model) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "registered_model");
    put_registered_model(json, &model);
    json_end_object(json);
    return OK;
}

/* --- create --- */

struct create_in {
    struct sv name;
    struct list tags;
    struct sv description;
};

static const struct field create_fields[] = {
    FIELD(struct create_in, name, STRING, .required = true),
    FIELD(struct create_in, tags, OBJECTS, .fields = tag_fields, .size = sizeof(struct key_value)),
    FIELD(struct create_in, description, STRING),
    FIELDS_END,
};

static enum status create_registered_model(struct request *request, const void *input)
{
    const struct create_in *in = input;
    if (registered_model_create(request_tx(request), in->name, in->description, in->tags.items,
                                in->tags.count) != OK ||
        permit_grant_creator(request, PERMISSION_ON_REGISTERED_MODEL, in->name, SV_ABSENT) != OK)
        return FAILED;
    return reply_registered_model(request, in->name);
}

/* --- get, delete --- */

struct name_in {
    struct sv name;
};

static const struct field name_fields[] = {
    FIELD(struct name_in, name, STRING, .required = true),
    FIELDS_END,
};

static enum status get_registered_model(struct request *request, const void *input)
{
    const struct name_in *in = input;
    return reply_registered_model(request, in->name);
}

static enum status delete_registered_model(struct request *request, const void *input)
{
    const struct name_in *in = input;
    if (registered_model_delete(request_tx(request), in->name) != OK ||
        permit_drop(request, PERMISSION_ON_REGISTERED_MODEL, in->name, SV_ABSENT) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- update, rename --- */

struct update_in {
    struct sv name;
    struct sv description;
};

static const struct field update_fields[] = {
    FIELD(struct update_in, name, STRING, .required = true),
    FIELD(struct update_in, description, STRING),
    FIELDS_END,
};

static enum status update_registered_model(struct request *request, const void *input)
{
    const struct update_in *in = input;
    if (registered_model_update(request_tx(request), in->name, in->description) != OK)
        return FAILED;
    return reply_registered_model(request, in->name);
}

struct rename_in {
    struct sv name;
    struct sv new_name;
};

static const struct field rename_fields[] = {
    FIELD(struct rename_in, name, STRING, .required = true),
    FIELD(struct rename_in, new_name, STRING, .required = true),
    FIELDS_END,
};

static enum status rename_registered_model(struct request *request, const void *input)
{
    const struct rename_in *in = input;
    if (registered_model_rename(request_tx(request), in->name, in->new_name) != OK ||
        permit_rename_model(request, in->name, in->new_name) != OK)
        return FAILED;
    return reply_registered_model(request, in->new_name);
}

/* --- get-latest-versions --- */

struct latest_in {
    struct sv name;
    struct list stages;
};

static const struct field latest_fields[] = {
    FIELD(struct latest_in, name, STRING, .required = true),
    FIELD(struct latest_in, stages, STRINGS),
    FIELDS_END,
};

/* Which stages are asked for, as bits; without any, all. */
static enum status wanted_stages(struct request *request, const struct list *texts, unsigned *wanted)
{
    const struct sv *items = texts->items;
    *wanted = texts->count ? 0 : ~0U;
    for (size_t i = 0; i < texts->count; i++) {
        enum model_stage stage;
        if (model_stage_parse(request_tx(request), items[i], &stage) != OK)
            return FAILED;
        *wanted |= 1U << stage;
    }
    return OK;
}

static enum status get_latest_versions(struct request *request, const void *input)
{
    const struct latest_in *in = input;
    struct store_tx *tx = request_tx(request);
    const struct model_version *latest;
    unsigned wanted;
    int64_t model;
    size_t count, chosen = 0;
    if (registered_model_find(tx, in->name, &model) != OK ||
        wanted_stages(request, &in->stages, &wanted) != OK ||
        model_version_load_latest(tx, model, &latest, &count) != OK)
        return FAILED;
    struct model_version *versions = ARENA_ARRAY(request->arena, struct model_version, count);
    for (size_t i = 0; i < count; i++) {
        if (!(wanted & (1U << latest[i].stage)))
            continue;
        versions[chosen] = latest[i];
        if (model_version_load_aliases(tx, &versions[chosen++]) != OK)
            return FAILED;
    }
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    put_model_versions(json, "model_versions", versions, chosen);
    json_end_object(json);
    return OK;
}

/* --- tags --- */

struct set_tag_in {
    struct sv name;
    struct sv key;
    struct sv value;
};

static const struct field set_tag_fields[] = {
    FIELD(struct set_tag_in, name, STRING, .required = true),
    FIELD(struct set_tag_in, key, STRING, .required = true),
    FIELD(struct set_tag_in, value, STRING),
    FIELDS_END,
};

static enum status set_tag(struct request *request, const void *input)
{
    const struct set_tag_in *in = input;
    if (registered_model_set_tag(request_tx(request), in->name, in->key, in->value) != OK)
        return FAILED;
    return reply_empty(request);
}

struct delete_tag_in {
    struct sv name;
    struct sv key;
};

static const struct field delete_tag_fields[] = {
    FIELD(struct delete_tag_in, name, STRING, .required = true),
    FIELD(struct delete_tag_in, key, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_tag(struct request *request, const void *input)
{
    const struct delete_tag_in *in = input;
    if (registered_model_delete_tag(request_tx(request), in->name, in->key) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- aliases --- */

struct set_alias_in {
    struct sv name;
    struct sv alias;
    struct sv version;
};

static const struct field set_alias_fields[] = {
    FIELD(struct set_alias_in, name, STRING, .required = true),
    FIELD(struct set_alias_in, alias, STRING, .required = true),
    FIELD(struct set_alias_in, version, STRING, .required = true),
    FIELDS_END,
};

static enum status set_alias(struct request *request, const void *input)
{
    const struct set_alias_in *in = input;
    if (model_alias_set(request_tx(request), in->name, in->alias, in->version) != OK)
        return FAILED;
    return reply_empty(request);
}

struct alias_in {
    struct sv name;
    struct sv alias;
};

static const struct field alias_fields[] = {
    FIELD(struct alias_in, name, STRING, .required = true),
    FIELD(struct alias_in, alias, STRING, .required = true),
    FIELDS_END,
};

static enum status delete_alias(struct request *request, const void *input)
{
    const struct alias_in *in = input;
    if (model_alias_delete(request_tx(request), in->name, in->alias) != OK)
        return FAILED;
    return reply_empty(request);
}

static enum status get_by_alias(struct request *request, const void *input)
{
    const struct alias_in *in = input;
    struct model_version version;
    if (model_alias_load(request_tx(request), in->name, in->alias, &version) != OK)
        return FAILED;
    return reply_model_version(request, &version);
}

/* --- search --- */

static enum status put_page(struct request *request, struct json_writer *json,
                            const struct registry_page *page)
{
    bool any = false;
    for (size_t i = 0; i < page->count; i++) {
        struct arena_mark mark = arena_mark(request->arena);
        struct registered_model model;
        if (registered_model_load_by_id(request_tx(request), page->ids[i], &model) == OK) {
            if (!any) {
                json_key(json, "registered_models");
                json_begin_array(json);
            }
            any = true;
            put_registered_model(json, &model);
        } else if (request->error.code != RESOURCE_DOES_NOT_EXIST) {
            return FAILED;
        }
        error_clear(&request->error); /* it may have been deleted while the page was sent */
        arena_rewind(request->arena, mark);
        if (reply_drain(request, false) != OK)
            return FAILED;
    }
    if (any)
        json_end_array(json);
    return OK;
}

static enum status search_registered_models(struct request *request, const void *input)
{
    const struct registry_search_in *in = input;
    struct registry_search search = {
        .filter = in->filter,
        .order_by = in->order_by.items,
        .order_by_count = in->order_by.count,
        .page_token = in->page_token,
    };
    struct registry_page page = {0};
    if (take_max_results(request, in->max_results, SEARCH_MODELS_DEFAULT, &search.max_results) != OK)
        return FAILED;
    if (search.max_results > SEARCH_MODELS_MAX)
        return fail_max_results(request, search.max_results);
    if (permit_filter(request, PERMISSION_ON_REGISTERED_MODEL, PERMISSION_READ, &search.readable) != OK ||
        registered_model_search(request_tx(request), &search, &page) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (put_page(request, json, &page) != OK)
        return FAILED;
    json_put_string_field_if_set(json, "next_page_token", page.next_page_token);
    json_end_object(json);
    return OK;
}

const struct operation registered_model_operations[] = {
    {
        .name = "createRegisteredModel",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/create",
        .handler = create_registered_model,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct create_in, create_fields),
    },
    {
        .name = "getRegisteredModel",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/get",
        .handler = get_registered_model,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct name_in, name_fields),
    },
    {
        .name = "updateRegisteredModel",
        .area = "registry",
        .method = METHOD_PATCH,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/update",
        .handler = update_registered_model,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct update_in, update_fields),
    },
    {
        .name = "renameRegisteredModel",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/rename",
        .handler = rename_registered_model,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct rename_in, rename_fields),
    },
    {
        .name = "deleteRegisteredModel",
        .area = "registry",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/delete",
        .handler = delete_registered_model,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, MANAGE),
        .input = INPUT(struct name_in, name_fields),
    },
    {
        .name = "searchRegisteredModels",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/search",
        .handler = search_registered_models,
        .access = ACCESS_STREAM_READ,
        .registry = true,
        .needs = NEEDS(FILTERED, READ),
        .input = INPUT(struct registry_search_in, registry_search_fields),
    },
    {
        .name = "getLatestVersions",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/get-latest-versions",
        .handler = get_latest_versions,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct latest_in, latest_fields),
    },
    {
        .name = "getLatestVersions",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/get-latest-versions",
        .handler = get_latest_versions,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct latest_in, latest_fields),
    },
    {
        .name = "setRegisteredModelTag",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/set-tag",
        .handler = set_tag,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct set_tag_in, set_tag_fields),
    },
    {
        .name = "deleteRegisteredModelTag",
        .area = "registry",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/delete-tag",
        .handler = delete_tag,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct delete_tag_in, delete_tag_fields),
    },
    {
        .name = "setRegisteredModelAlias",
        .area = "registry",
        .method = METHOD_POST,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/alias",
        .handler = set_alias,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, EDIT),
        .input = INPUT(struct set_alias_in, set_alias_fields),
    },
    {
        .name = "deleteRegisteredModelAlias",
        .area = "registry",
        .method = METHOD_DELETE,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/alias",
        .handler = delete_alias,
        .access = ACCESS_WRITE,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, MANAGE),
        .input = INPUT(struct alias_in, alias_fields),
    },
    {
        .name = "getModelVersionByAlias",
        .area = "registry",
        .method = METHOD_GET,
        .root = ROOT_API_2,
        .path = "/mlflow/registered-models/alias",
        .handler = get_by_alias,
        .access = ACCESS_READ,
        .registry = true,
        .needs = NEEDS(REGISTERED_MODEL, READ),
        .input = INPUT(struct alias_in, alias_fields),
    },
    {.path = NULL},
};
