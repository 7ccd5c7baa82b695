#include "common/store/scorers.h"

#include "common/store/experiments.h"
#include "fcgi-bin/permit_filter.h"
#include "fcgi-bin/tracking/tracking.h"

/* --- Input --- */

/* A version, or 0 for none. */
static enum status take_version(struct request *request, struct opt_int64 given, int64_t *version)
{
    *version = given.set ? given.value : 0;
    if (!given.set || given.value > 0)
        return OK;
    return fail(request, INVALID_PARAMETER_VALUE, "'version' must be a positive integer, but was %lld.",
                (long long)given.value);
}

struct experiment_in {
    struct sv experiment_id;
};

static const struct field experiment_fields[] = {
    FIELD(struct experiment_in, experiment_id, ID, .required = true),
    FIELDS_END,
};

struct name_in {
    struct sv experiment_id;
    struct sv name;
};

static const struct field name_fields[] = {
    FIELD(struct name_in, experiment_id, ID, .required = true),
    FIELD(struct name_in, name, STRING, .required = true),
    FIELDS_END,
};

struct version_in {
    struct sv experiment_id;
    struct sv name;
    struct opt_int64 version;
};

static const struct field version_fields[] = {
    FIELD(struct version_in, experiment_id, ID, .required = true),
    FIELD(struct version_in, name, STRING, .required = true),
    FIELD(struct version_in, version, INT32),
    FIELDS_END,
};

/* --- Output --- */

/* Here the experiment is a number; in the answer to a registration it is a text. */
static void put_scorer(struct json_writer *json, const struct scorer_version *scorer)
{
    json_begin_object(json);
    json_put_int_field(json, "experiment_id", scorer->experiment_id);
    json_put_string_field(json, "scorer_name", scorer->name);
    json_put_int_field(json, "scorer_version", scorer->version);
    json_put_string_field(json, "serialized_scorer", scorer->serialized);
    json_put_int_field(json, "creation_time", scorer->creation_time);
    json_put_string_field(json, "scorer_id", scorer->scorer_id);
    json_end_object(json);
}

static enum status reply_scorers(struct request *request, const struct scorer_list *list)
{
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    if (list->count) {
        json_key(json, "scorers");
        json_begin_array(json);
        for (size_t i = 0; i < list->count; i++)
            put_scorer(json, &list->items[i]);
        json_end_array(json);
    }
    json_end_object(json);
    return OK;
}

static void put_config(struct json_writer *json, const struct online_config *config)
{
    json_begin_object(json);
    json_put_string_field(json, "online_scoring_config_id", config->config_id);
    json_put_string_field(json, "scorer_id", config->scorer_id);
    json_put_double_field(json, "sample_rate", config->sample_rate);
    put_id_field(json, "experiment_id", config->experiment_id);
    json_put_string_field_if_set(json, "filter_string", config->filter);
    json_end_object(json);
}

/* --- register --- */

struct register_in {
    struct sv experiment_id;
    struct sv name;
    struct sv serialized_scorer;
};

static const struct field register_fields[] = {
    FIELD(struct register_in, experiment_id, ID, .required = true),
    FIELD(struct register_in, name, STRING, .required = true),
    FIELD(struct register_in, serialized_scorer, STRING, .required = true),
    FIELDS_END,
};

static enum status register_scorer(struct request *request, const void *input)
{
    const struct register_in *in = input;
    struct scorer_version made;
    struct json_object *object;
    int64_t experiment;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        take_json_text(request, in->serialized_scorer, "serialized_scorer", &object) != OK ||
        scorer_register(request_tx(request), experiment, in->name, in->serialized_scorer, object, &made) !=
            OK ||
        permit_grant_creator(request, PERMISSION_ON_SCORER, in->experiment_id, in->name) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_int_field(json, "version", made.version);
    json_put_string_field(json, "scorer_id", made.scorer_id);
    put_id_field(json, "experiment_id", made.experiment_id);
    json_put_string_field(json, "name", made.name);
    json_put_string_field(json, "serialized_scorer", made.serialized);
    json_put_int_field(json, "creation_time", made.creation_time);
    json_end_object(json);
    return OK;
}

/* --- list, versions, get, delete --- */

static enum status list_scorers(struct request *request, const void *input)
{
    const struct experiment_in *in = input;
    struct scorer_list list;
    int64_t experiment;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        scorer_list_latest(request_tx(request), experiment, &list) != OK)
        return FAILED;
    return reply_scorers(request, &list);
}

static enum status list_versions(struct request *request, const void *input)
{
    const struct name_in *in = input;
    struct scorer_list list;
    int64_t experiment;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        scorer_list_versions(request_tx(request), experiment, in->name, &list) != OK)
        return FAILED;
    return reply_scorers(request, &list);
}

static enum status get_scorer(struct request *request, const void *input)
{
    const struct version_in *in = input;
    struct scorer_version found;
    int64_t experiment, version;
    if (take_version(request, in->version, &version) != OK ||
        experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        scorer_get(request_tx(request), experiment, in->name, version, &found) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "scorer");
    put_scorer(json, &found);
    json_end_object(json);
    return OK;
}

/* Rights on a scorer last until its last version is gone. */
static enum status drop_rights(struct request *request, const struct version_in *in, int64_t experiment)
{
    struct scorer_version left;
    if (scorer_get(request_tx(request), experiment, in->name, 0, &left) == OK)
        return OK;
    if (request->error.code != RESOURCE_DOES_NOT_EXIST)
        return FAILED;
    error_clear(&request->error);
    return permit_drop(request, PERMISSION_ON_SCORER, in->experiment_id, in->name);
}

static enum status delete_scorer(struct request *request, const void *input)
{
    const struct version_in *in = input;
    int64_t experiment, version;
    if (take_version(request, in->version, &version) != OK ||
        experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        scorer_delete(request_tx(request), experiment, in->name, version) != OK ||
        drop_rights(request, in, experiment) != OK)
        return FAILED;
    return reply_empty(request);
}

/* --- online scoring --- */

struct online_in {
    struct sv experiment_id;
    struct sv name;
    struct opt_double sample_rate;
    struct sv filter_string;
};

static const struct field online_fields[] = {
    FIELD(struct online_in, experiment_id, ID, .required = true),
    FIELD(struct online_in, name, STRING, .required = true),
    FIELD(struct online_in, sample_rate, DOUBLE, .required = true),
    FIELD(struct online_in, filter_string, STRING),
    FIELDS_END,
};

static enum status put_online_config(struct request *request, const void *input)
{
    const struct online_in *in = input;
    struct sv filter = in->filter_string.len ? in->filter_string : SV_ABSENT;
    struct online_config made;
    int64_t experiment;
    if (experiment_parse_id(request_tx(request), in->experiment_id, &experiment) != OK ||
        online_config_put(request_tx(request), experiment, in->name, in->sample_rate.value, filter, &made) !=
            OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "config");
    put_config(json, &made);
    json_end_object(json);
    return OK;
}

struct configs_in {
    struct list scorer_ids;
};

static const struct field configs_fields[] = {
    FIELD(struct configs_in, scorer_ids, STRINGS, .required = true),
    FIELDS_END,
};

static enum status list_online_configs(struct request *request, const void *input)
{
    const struct configs_in *in = input;
    struct online_config_list list;
    if (online_config_list(request_tx(request), in->scorer_ids.items, in->scorer_ids.count, &list) != OK)
        return FAILED;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "configs");
    json_begin_array(json);
    for (size_t i = 0; i < list.count; i++)
        put_config(json, &list.items[i]);
    json_end_array(json);
    json_end_object(json);
    return OK;
}

const struct operation scorer_operations[] = {
    {
        .name = "registerScorer",
        .area = "scorers",
        .method = METHOD_POST,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/register",
        .handler = register_scorer,
        .access = ACCESS_WRITE,
        .needs = NEEDS(EXPERIMENT, EDIT),
        .also = ALSO(NEEDS_IF(SCORER_MODEL, USE, "serialized_scorer")),
        .input = INPUT(struct register_in, register_fields),
    },
    {
        .name = "listScorers",
        .area = "scorers",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/list",
        .handler = list_scorers,
        .access = ACCESS_READ,
        .needs = NEEDS(EXPERIMENT, READ),
        .input = INPUT(struct experiment_in, experiment_fields),
    },
    {
        .name = "listScorerVersions",
        .area = "scorers",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/versions",
        .handler = list_versions,
        .access = ACCESS_READ,
        .needs = NEEDS(SCORER, READ),
        .input = INPUT(struct name_in, name_fields),
    },
    {
        .name = "getScorer",
        .area = "scorers",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/get",
        .handler = get_scorer,
        .access = ACCESS_READ,
        .needs = NEEDS(SCORER, READ),
        .input = INPUT(struct version_in, version_fields),
    },
    {
        .name = "deleteScorer",
        .area = "scorers",
        .method = METHOD_DELETE,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/delete",
        .handler = delete_scorer,
        .access = ACCESS_WRITE,
        .needs = NEEDS(SCORER, MANAGE),
        .input = INPUT(struct version_in, version_fields),
    },
    {
        .name = "upsertOnlineScoringConfig",
        .area = "scorers",
        .method = METHOD_PUT,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/online-config",
        .handler = put_online_config,
        .access = ACCESS_WRITE,
        .needs = NEEDS(SCORER, EDIT),
        .input = INPUT(struct online_in, online_fields),
    },
    {
        .name = "getOnlineScoringConfigs",
        .area = "scorers",
        .method = METHOD_GET,
        .root = ROOT_API_3,
        .path = "/mlflow/scorers/online-configs",
        .handler = list_online_configs,
        .access = ACCESS_READ,
        .needs = NEEDS_IF(SCORER_ID, READ, "scorer_ids"),
        .input = INPUT(struct configs_in, configs_fields),
    },
    {.path = NULL},
};
