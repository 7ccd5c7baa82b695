#include "common/search/languages.h"

static const struct search_key attributes[] = {
    {"name", EVALUATION_DATASET_KEY_NAME, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER_AND_ORDER},
    {"created_by", EVALUATION_DATASET_KEY_CREATED_BY, SEARCH_TEXT, SEARCH_COMPARE_TEXTS, SEARCH_FILTER},
    {"last_updated_by", EVALUATION_DATASET_KEY_LAST_UPDATED_BY, SEARCH_TEXT, SEARCH_COMPARE_TEXTS,
     SEARCH_FILTER},
    {"created_time", EVALUATION_DATASET_KEY_CREATED_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS,
     SEARCH_FILTER_AND_ORDER},
    {"last_update_time", EVALUATION_DATASET_KEY_LAST_UPDATE_TIME, SEARCH_NUMBER, SEARCH_COMPARE_NUMBERS,
     SEARCH_FILTER_AND_ORDER},
    {0},
};

static const struct search_entity entities[] = {
    {
        .id = EVALUATION_DATASET_ATTRIBUTE,
        .prefixes = (const char *const[]){NULL},
        .label = "attribute",
        .value_label = "attributes",
        .keys = attributes,
        .order = true,
    },
    {
        .id = EVALUATION_DATASET_TAG,
        .prefixes = (const char *const[]){"tags", NULL},
        .label = "tag",
        .type = SEARCH_TEXT,
        .operators = SEARCH_COMPARE_TEXTS,
    },
    {0},
};

const struct search_language evaluation_dataset_language = {
    .entities = entities,
    .unprefixed = &entities[EVALUATION_DATASET_ATTRIBUTE],
    .invalid_entity = "Only tags have a prefix, 'tags'",
    .list_refused = "No attribute of a dataset can be compared with a list.",
    .refused_order = "Invalid order_by entity: ",
    .refused_order_end = "",
    .ignores_spare_ands = true,
    .lacks_null_tests = true,
};
