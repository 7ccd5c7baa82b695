#include "common/search/languages.h"

static const struct search_key run_attributes[] = {
    {"run_id", RUN_KEY_RUN_ID, SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS, SEARCH_FILTER_AND_ORDER},
    {"run_name", RUN_KEY_RUN_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"run name", RUN_KEY_RUN_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {"Run name", RUN_KEY_RUN_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {"Run Name", RUN_KEY_RUN_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {"user_id", RUN_KEY_USER_ID, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"status", RUN_KEY_STATUS, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"artifact_uri", RUN_KEY_ARTIFACT_URI, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"start_time", RUN_KEY_START_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER},
    {"created", RUN_KEY_START_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER},
    {"Created", RUN_KEY_START_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER},
    {"end_time", RUN_KEY_END_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS, SEARCH_FILTER_AND_ORDER},
    {0},
};

static const struct search_key run_datasets[] = {
    {"name", RUN_KEY_DATASET_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS, SEARCH_FILTER},
    {"digest", RUN_KEY_DATASET_DIGEST, SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS, SEARCH_FILTER},
    {"context", RUN_KEY_DATASET_CONTEXT, SEARCH_TEXT, SEARCH_COMPARE_TEXTS | SEARCH_IN_LISTS, SEARCH_FILTER},
    {0},
};

static const struct search_entity run_entities[] = {
    {
        .id = RUN_METRIC,
        .prefixes = (const char *const[]){"metric", "metrics", NULL},
        .label = "metric",
        .type = SEARCH_NUMBER,
        .operators = SEARCH_COMPARE_NUMBERS,
        .order = true,
    },
    {
        .id = RUN_PARAM,
        .prefixes = (const char *const[]){"parameter", "parameters", "param", "params", NULL},
        .label = "parameter",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS | SEARCH_NULL_TESTS,
        .order = true,
    },
    {
        .id = RUN_TAG,
        .prefixes = (const char *const[]){"tag", "tags", NULL},
        .label = "tag",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS | SEARCH_NULL_TESTS,
        .order = true,
    },
    {
        .id = RUN_ATTRIBUTE,
        .prefixes = (const char *const[]){"attribute", "attributes", "attr", "run", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = run_attributes,
        .order = true,
    },
    {
        .id = RUN_DATASET,
        .prefixes = (const char *const[]){"dataset", "datasets", NULL},
        .label = "dataset",
        .value_label = "dataset attributes",
        .keys = run_datasets,
    },
    {0},
};

const struct search_language run_language = {
    .entities = run_entities,
    .unprefixed = &run_entities[RUN_ATTRIBUTE],
    .invalid_entity = "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    .list_refused = "Only the 'run_id' attribute supports comparison with a list of quoted string values.",
    .refused_order = "Invalid identifier type '",
    .refused_order_end = "'",
    .quotes_clauses = true,
    .names_comparators = true,
    .refuses_duplicates = true,
};

static const struct search_key experiment_attributes[] = {
    {"name", EXPERIMENT_KEY_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"creation_time", EXPERIMENT_KEY_CREATION_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS,
     SEARCH_FILTER_AND_ORDER},
    {"last_update_time", EXPERIMENT_KEY_LAST_UPDATE_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS,
     SEARCH_FILTER_AND_ORDER},
    {"experiment_id", EXPERIMENT_KEY_ID, SEARCH_NUMBER, 0, SEARCH_ORDER},
    {0},
};

static const struct search_entity experiment_entities[] = {
    {
        .id = EXPERIMENT_ATTRIBUTE,
        .prefixes = (const char *const[]){"attribute", NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = experiment_attributes,
        .order = true,
    },
    {
        .id = EXPERIMENT_TAG,
        .prefixes = (const char *const[]){"tag", "tags", NULL},
        .label = "tag",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS | SEARCH_NULL_TESTS,
    },
    {0},
};

const struct search_language experiment_language = {
    .entities = experiment_entities,
    .unprefixed = &experiment_entities[EXPERIMENT_ATTRIBUTE],
    .invalid_entity = "Valid entity types are ('attribute', 'tag', 'tags')",
    .list_refused = "Only the 'run_id' attribute supports comparison with a list of quoted string values.",
    .refused_order = "Invalid order_by entity: ",
    .refused_order_end = "",
};
