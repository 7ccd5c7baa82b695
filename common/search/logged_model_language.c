#include "common/search/languages.h"

#define TEXT   SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS, SEARCH_FILTER_AND_ORDER
#define NUMBER SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER

/* Columns of MLflow's table, and its aliases for them. */
static const struct search_key attributes[] = {
    {"name", LOGGED_MODEL_KEY_NAME, TEXT},
    {"model_id", LOGGED_MODEL_KEY_MODEL_ID, TEXT},
    {"model_type", LOGGED_MODEL_KEY_MODEL_TYPE, TEXT},
    {"source_run_id", LOGGED_MODEL_KEY_SOURCE_RUN_ID, TEXT},
    {"status", LOGGED_MODEL_KEY_STATUS, TEXT, .may_be_bare = true},
    {"status_message", LOGGED_MODEL_KEY_STATUS_MESSAGE, TEXT},
    {"artifact_location", LOGGED_MODEL_KEY_ARTIFACT_LOCATION, TEXT},
    {"experiment_id", LOGGED_MODEL_KEY_EXPERIMENT_ID, TEXT, .may_be_bare = true},
    {"lifecycle_stage", LOGGED_MODEL_KEY_LIFECYCLE_STAGE, TEXT},
    {"creation_time", LOGGED_MODEL_KEY_CREATION_TIME, NUMBER},
    {"creation_timestamp", LOGGED_MODEL_KEY_CREATION_TIME, NUMBER},
    {"creation_timestamp_ms", LOGGED_MODEL_KEY_CREATION_TIME, NUMBER},
    {"last_updated_timestamp", LOGGED_MODEL_KEY_LAST_UPDATE_TIME, NUMBER},
    {"last_updated_timestamp_ms", LOGGED_MODEL_KEY_LAST_UPDATE_TIME, NUMBER},
    {0},
};

static const struct search_entity entities[] = {
    {
        .id = LOGGED_MODEL_ATTRIBUTE,
        .prefixes = (const char *const[]){"attributes", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = attributes,
    },
    {
        .id = LOGGED_MODEL_METRIC,
        .prefixes = (const char *const[]){"metrics", NULL},
        .label = "metric",
        .type = SEARCH_NUMBER,
        .operators = SEARCH_COMPARE_NUMBERS,
    },
    {
        .id = LOGGED_MODEL_PARAM,
        .prefixes = (const char *const[]){"params", NULL},
        .label = "parameter",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS,
    },
    {
        .id = LOGGED_MODEL_TAG,
        .prefixes = (const char *const[]){"tags", NULL},
        .label = "tag",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS,
    },
    {0},
};

const struct search_language logged_model_language = {
    .entities = entities,
    .unprefixed = &entities[LOGGED_MODEL_ATTRIBUTE],
    .lacks_null_tests = true,
    .expected_entities = "['attributes', 'metrics', 'params', 'tags']",
    .expected_operators = "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')",
    .expected_clauses = "Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 AND "
                        "params.lr = 0.01').",
};

const struct search_key *logged_model_attribute(struct sv name)
{
    for (const struct search_key *key = attributes; key->name; key++)
        if (sv_equal(name, sv_from(key->name)))
            return key;
    return NULL;
}
